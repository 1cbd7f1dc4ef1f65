//! `process/tags`: the tags by which programs are told apart.

use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[Handler::new("process/tags", tags)];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    tags: Vec<Tag>,
}

#[derive(Serialize)]
struct Tag {
    #[serde(rename = "ID")]
    id: &'static str,
    #[serde(rename = "Name")]
    name: &'static str,
    #[serde(rename = "Description")]
    description: &'static str,
}

/// Id, name and what the tag holds.
const TAGS: &[(&str, &str, &str)] = &[
    ("app-image-path", "App Image Path", "Where the AppImage file lies."),
    ("python-script", "Python Script", ""),
    ("shell-script", "Shell Script", ""),
    ("perl-script", "Perl Script", ""),
    ("ruby-script", "Ruby Script", ""),
    ("nodejs-script", "NodeJS Script", ""),
    ("ip", "IP Address", "The address of another device that asks, where that is allowed."),
];

fn tags(_: &mut World, call: &Call) -> Reply {
    let tags = TAGS.iter().map(|&(id, name, description)| Tag { id, name, description }).collect();
    call.structured(&Tags { tags })
}
