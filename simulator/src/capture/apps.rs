//! Programs with their profiles and processes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{filled, source::Source, text};
use crate::world::settings;

/// The profile of the core itself.
const CORE: &str = "_portmaster";

/// `apps`, and `client` with the place of the core's own program.
pub(super) async fn apps(source: &mut Source) -> (Value, Value) {
    let mut processes = processes(source).await;
    let mut apps = Vec::new();
    let mut client = Map::new();
    let mut noted = Noted::default();
    for (_, profile) in source.records("core:profiles/").await {
        if text(&profile, "ID") == CORE {
            client = filled([("authorized_root", text(&profile, "PresentationPath").into())]);
        }
        if text(&profile, "Source") == "local" && !text(&profile, "ID").is_empty() {
            apps.extend(noted.app(&profile, &mut processes, source.start));
        }
    }
    for line in noted.lines() {
        source.miss(line);
    }
    (apps.into(), client.into())
}

/// What profiles have and no app of a scenario.
#[derive(Default)]
pub(super) struct Noted {
    cut: usize,
    poor: usize,
}

impl Noted {
    /// A profile as an app; nothing of those that a core has for itself.
    pub(super) fn app(
        &mut self,
        profile: &Value,
        processes: &mut BTreeMap<String, Vec<Value>>,
        start: Timestamp,
    ) -> Option<Value> {
        if profile.get("Internal").and_then(Value::as_bool).unwrap_or_default() {
            return None;
        }
        let prints = profile.get("Fingerprints").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let path = path(profile, prints);
        let says_more = |print: &Value| text(print, "Type") != "path" || text(print, "Value") != path;
        self.poor += usize::from(path.is_empty());
        let pictured = ["Icon", "Warning"].iter().any(|part| !text(profile, part).is_empty());
        self.cut += usize::from(pictured || prints.iter().any(says_more));
        Some(Value::Object(app(profile, path, processes, start)))
    }

    /// The same in words.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let cut = format!("icons, warnings and fingerprints other than the path of {} profiles", self.cut);
        let poor = format!("the paths of {} profiles", self.poor);
        [(self.cut, cut), (self.poor, poor)].into_iter().filter(|(count, _)| *count > 0).map(|(_, line)| line)
    }
}

/// Where a profile's program is, as far as it says so.
fn path<'p>(profile: &'p Value, prints: &'p [Value]) -> &'p str {
    let print = prints.iter().find(|print| text(print, "Type") == "path").map(|print| text(print, "Value"));
    let all = [text(profile, "PresentationPath"), print.unwrap_or_default(), text(profile, "LinkedPath")];
    all.into_iter().find(|path| !path.is_empty()).unwrap_or_default()
}

fn app(
    profile: &Value,
    path: &str,
    processes: &mut BTreeMap<String, Vec<Value>>,
    start: Timestamp,
) -> Map<String, Value> {
    let instant = |name: &str| {
        let seconds = profile.get(name).and_then(Value::as_i64).filter(|seconds| *seconds > 0)?;
        let at = Timestamp::from_second(seconds).ok()?;
        Some(at)
    };
    let config = profile.get("Config").and_then(Value::as_object).map(settings::flatten).unwrap_or_default();
    let id = text(profile, "ID");
    let created = instant("Created").filter(|at| *at != start).map(|at| at.to_string());
    filled([
        ("name", text(profile, "Name").into()),
        ("path", path.into()),
        ("id", id.into()),
        ("description", text(profile, "Description").into()),
        ("homepage", text(profile, "Homepage").into()),
        ("config", config.into_iter().collect::<Map<String, Value>>().into()),
        ("created", created.into()),
        ("edited", instant("LastEdited").map(|at| at.to_string()).into()),
        ("processes", processes.remove(&format!("local/{id}")).unwrap_or_default().into()),
    ])
}

/// The running processes, by their profiles.
async fn processes(source: &mut Source) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (_, one) in source.records("network:tree/").await {
        let (Some(pid), profile) = (one.get("Pid").and_then(Value::as_i64), text(&one, "PrimaryProfileID"))
        else {
            // A connection.
            continue;
        };
        let created = one.get("CreatedAt").and_then(Value::as_i64).unwrap_or_default();
        // Early cores count seconds.
        let at = match created {
            0 => None,
            ..100_000_000_000 => Timestamp::from_second(created).ok(),
            _ => Timestamp::from_millisecond(created).ok(),
        };
        let parent = one.get("ParentPid").and_then(Value::as_i64).filter(|parent| *parent > 1);
        let line = Some(text(&one, "CmdLine")).filter(|line| *line != text(&one, "Path"));
        let process = filled([
            ("pid", pid.into()),
            ("parent", parent.into()),
            ("cmd_line", line.unwrap_or_default().into()),
            ("started", at.filter(|at| *at != source.start).map(|at| at.to_string()).into()),
        ]);
        all.entry(profile.to_owned()).or_default().push(Value::Object(process));
    }
    all
}
