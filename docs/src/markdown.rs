//! Markdown becomes HTML: headings get anchors, links lead to pages of the book, and what is wide can be scrolled by keyboard.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::source::{Chapter, Part, beside};

/// A chapter's text as HTML.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) html: String,
    /// Its sections: anchor and title.
    pub(crate) sections: Vec<(String, String)>,
}

/// A heading of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 1 for the title, 2 for a section, and so on.
    pub level: u8,
    /// What it says.
    pub text: String,
    /// Its anchor, unique in the text.
    pub anchor: String,
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// The headings of a text, with the anchors that mdBook and code hosts give them.
pub fn headings(text: &str) -> Vec<Heading> {
    let mut all: Vec<Heading> = Vec::new();
    let mut said: Option<(HeadingLevel, String)> = None;
    for event in parser(text) {
        match (event, &mut said) {
            (Event::Start(Tag::Heading { level, .. }), _) => said = Some((level, String::new())),
            (Event::Text(text) | Event::Code(text), Some((_, said))) => said.push_str(&text),
            (Event::End(TagEnd::Heading(_)), said) => {
                let Some((level, text)) = said.take() else { continue };
                let stem = anchor(&text);
                let before = all.iter().filter(|one| anchor(&one.text) == stem).count();
                let anchor = if before == 0 { stem } else { format!("{stem}-{before}") };
                all.push(Heading { level: level as u8, text, anchor });
            }
            _ => {}
        }
    }
    all
}

/// A heading in small letters, hyphens for spaces, and nothing else but letters, digits, hyphens and underscores.
fn anchor(text: &str) -> String {
    let kept = text.trim().to_lowercase();
    let kept = kept.chars().filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where the links and pictures of a text lead.
pub fn links(text: &str) -> Vec<String> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    parser(text).filter_map(target).collect()
}

/// What a text has of HTML itself: a browser would take it for markup, where a person meant to say it.
pub fn markup(text: &str) -> Vec<String> {
    let found = |event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(html.into_string()),
        _ => None,
    };
    parser(text).filter_map(found).collect()
}

/// A chapter as HTML. `places` says where in the book a file is.
pub(crate) fn body(chapter: &Chapter, places: &HashMap<PathBuf, String>) -> Body {
    let mut body = Body { html: String::new(), sections: Vec::new() };
    for part in &chapter.parts {
        let mut headings = headings(&part.text).into_iter();
        let sections = headings.clone().filter(|heading| heading.level == 2);
        body.sections.extend(sections.map(|heading| (heading.anchor, heading.text)));
        let mut outside = Vec::new();
        let events = parser(&part.text).flat_map(|event| match event {
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let id = headings.next().map(|heading| CowStr::from(heading.anchor));
                vec![Event::Start(Tag::Heading { level, id, classes, attrs })]
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                match target(&dest_url, part, &chapter.path, places) {
                    Some(url) => {
                        outside.push(None);
                        vec![Event::Start(Tag::Link { link_type, dest_url: url.into(), title, id })]
                    }
                    None => {
                        outside.push(Some(dest_url.trim_start_matches("../").to_owned()));
                        vec![]
                    }
                }
            }
            Event::End(TagEnd::Link) => match outside.pop().flatten() {
                // A file of the repository that the book does not have.
                Some(file) => {
                    vec![Event::Text(" (".into()), Event::Code(file.into()), Event::Text(")".into())]
                }
                None => vec![Event::End(TagEnd::Link)],
            },
            Event::Start(Tag::Table(alignment)) => {
                vec![
                    Event::Html("<div class=\"wide\" tabindex=\"0\">".into()),
                    Event::Start(Tag::Table(alignment)),
                ]
            }
            Event::End(TagEnd::Table) => vec![Event::End(TagEnd::Table), Event::Html("</div>\n".into())],
            other => vec![other],
        });
        html::push_html(&mut body.html, events);
    }
    body.html = body.html.replace("<pre>", "<pre tabindex=\"0\">");
    body
}

/// Where a link of a part leads from a page: somewhere else in the book or the world; nowhere for a file outside the book.
fn target(url: &str, part: &Part, from: &str, places: &HashMap<PathBuf, String>) -> Option<String> {
    if url.contains("://") || url.starts_with('#') {
        return Some(url.to_owned());
    }
    let (file, anchor) = url.split_once('#').map_or((url, None), |(file, anchor)| (file, Some(anchor)));
    let to = places.get(&beside(&part.file, file))?;
    let up = "../".repeat(Path::new(from).components().count() - 1);
    Some(format!("{up}{to}{}", anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_anchors_of_code_hosts() {
        let found =
            headings("# `a` and *B*, c\n\n## What's `x_y`?\n\n```\n# none\n```\n\n## What's `x_y`?\n");
        let found: Vec<_> = found.iter().map(|one| (one.level, &*one.anchor)).collect();
        assert_eq!(found, [(1, "a-and-b-c"), (2, "whats-x_y"), (2, "whats-x_y-1")]);
    }

    #[test]
    fn links_lead_through_the_book_and_files_outside_it_are_named() {
        let part = |file: &str, text: &str| Part { file: file.into(), text: text.to_owned() };
        let chapter = Chapter {
            part: None,
            title: "T".to_owned(),
            file: "/d/guide/src/tutorials/t.md".into(),
            path: "tutorials/t.html".to_owned(),
            parts: vec![
                part("/d/guide/src/tutorials/t.md", "[a](../limits.md#http) [b](https://b.example/)"),
                part("/d/fuzz.md", "[c](limits.md) [d](../clients/README.md)"),
            ],
        };
        let places = HashMap::from([
            ("/d/limits.md".into(), "limits.html".to_owned()),
            ("/d/guide/src/limits.md".into(), "limits.html".to_owned()),
        ]);
        let html = body(&chapter, &places).html;
        assert_eq!(
            html,
            "<p><a href=\"../limits.html#http\">a</a> <a href=\"https://b.example/\">b</a></p>\n\
             <p><a href=\"../limits.html\">c</a> d (<code>clients/README.md</code>)</p>\n"
        );
    }
}
