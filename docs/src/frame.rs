//! What is around a chapter: the list of all, the way on and back. No script is needed.

use std::fmt::Write;

use pulldown_cmark::{Event, html};

use crate::{markdown::Body, source::Chapter};

const BOOK: &str = "Portmaster, simulated and checked";

/// A page with everything on it.
pub(crate) fn page(chapters: &[Chapter], at: usize, body: &Body) -> String {
    let here = &chapters[at];
    let up = "../".repeat(here.path.matches('/').count());
    let title = escaped(&here.title);
    let home = &chapters[0].path;
    format!(
        "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · {BOOK}</title>\n\
         <link rel=\"stylesheet\" href=\"{up}style.css\">\n<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#text\">To the text</a>\n<a class=\"skip\" href=\"#chapters\">To the chapters</a>\n\
         <header><a href=\"{up}{home}\">{BOOK}</a> <a class=\"narrow\" href=\"#chapters\">Chapters</a></header>\n\
         <main id=\"text\" tabindex=\"-1\">\n{}{}</main>\n\
         <nav id=\"chapters\" aria-label=\"Chapters\" tabindex=\"-1\">\n{}</nav>\n</body>\n</html>\n",
        body.html,
        way(chapters, at, &up),
        list(chapters, at, body, &up),
    )
}

/// The chapters before and after.
fn way(chapters: &[Chapter], at: usize, up: &str) -> String {
    let link = |at: Option<usize>, rel: &str, says: &str| {
        let Some(chapter) = at.and_then(|at| chapters.get(at)) else { return String::new() };
        format!("<a rel=\"{rel}\" href=\"{up}{}\">{says}{}</a>\n", chapter.path, escaped(&chapter.title))
    };
    let back = link(at.checked_sub(1), "prev", "Before: ");
    format!(
        "<nav class=\"way\" aria-label=\"Before and next\">\n{back}{}</nav>\n",
        link(Some(at + 1), "next", "Next: ")
    )
}

/// All chapters, and the sections of this one.
fn list(chapters: &[Chapter], at: usize, body: &Body, up: &str) -> String {
    let mut list = "<ul>\n".to_owned();
    for (number, chapter) in chapters.iter().enumerate() {
        // Writing to a text cannot fail.
        if let Some(part) = &chapter.part {
            let _ = write!(list, "</ul>\n<h2>{}</h2>\n<ul>\n", escaped(part));
        }
        let current = if number == at { " aria-current=\"page\"" } else { "" };
        let _ = write!(list, "<li><a href=\"{up}{}\"{current}>{}</a>", chapter.path, escaped(&chapter.title));
        if number == at && body.sections.len() > 1 {
            let sections = body.sections.iter();
            let sections = sections
                .map(|(anchor, title)| format!("<li><a href=\"#{anchor}\">{}</a></li>\n", escaped(title)));
            let _ = write!(list, "\n<ul>\n{}</ul>\n", sections.collect::<String>());
        }
        list += "</li>\n";
    }
    list + "</ul>\n"
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    html::push_html(&mut escaped, [Event::Text(text.into())].into_iter());
    escaped
}
