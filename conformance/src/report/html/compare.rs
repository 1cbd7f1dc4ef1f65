//! What differs between two reports, as a part of a page.

use maud::html;

use crate::report::{
    compare::{Change, Comparison},
    words::harmless,
};

impl Comparison {
    /// The lists, what matters most first.
    pub(crate) fn lists_in_html(&self) -> String {
        let lists = html! {
            dl.facts {
                div { dt { "Older" } dd { (harmless(&self.old.line())) } }
                div { dt { "Newer" } dd { (harmless(&self.new.line())) } }
            }
            @for (name, about, _, list) in self.lists().into_iter().rev() {
                @if !list.is_empty() {
                    details open[matches!(name, "broken" | "fixed")] {
                        summary { h2 { (name) ": " (list.len()) } " " span.of { (about) } }
                        ul.changes { @for change in list { (told(change)) } }
                    }
                }
            }
        };
        lists.into_string()
    }
}

fn told(change: &Change) -> maud::Markup {
    html! {
        li {
            code { (change.id) } " " (change.level) " " (change.verdicts())
            p { (change.sentence) }
            @let lines: Vec<_> = change.told().into_iter().filter(|line| *line != change.sentence).collect();
            @if !lines.is_empty() { pre { (harmless(&lines.join("\n"))) } }
        }
    }
}
