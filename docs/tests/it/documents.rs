//! Every link of every document leads somewhere, and every document is in the book.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use portmaster_guide::{FOLDER, book, headings, links, markup};

fn root() -> PathBuf {
    Path::new(FOLDER).parent().expect("the repository").to_owned()
}

/// Every document of the repository.
fn documents() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let skipped = |name: &str| name.starts_with('.') || matches!(name, "target" | "node_modules");
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
            if entry.is_dir() && !skipped(&name) {
                walk(&entry, found);
            } else if name.ends_with(".md") {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    assert!(found.len() > 30, "{found:?}");
    found
}

/// A document with what it includes.
fn whole(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a document");
    let line = |line: &str| match line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
        Some(other) => whole(&file.parent().expect("a folder").join(other)),
        None => line.to_owned() + "\n",
    };
    text.lines().map(line).collect()
}

/// Why a link leads nowhere.
fn broken(from: &Path, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (name, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = if name.is_empty() { from.to_owned() } else { from.parent()?.join(name) };
    if !file.exists() {
        return Some("there is no such file");
    }
    let found = anchor.is_empty() || headings(&whole(&file)).iter().any(|heading| heading.anchor == anchor);
    (!found).then_some("the file has no such heading")
}

#[test]
fn every_link_of_every_document_leads_somewhere() {
    let mut errors = String::new();
    for file in documents() {
        // The links of what is included are looked at where they stand.
        for link in links(&fs::read_to_string(&file).expect("a document")) {
            if let Some(why) = broken(&file, &link) {
                let name = file.strip_prefix(root()).expect("a file of ours").display();
                writeln!(errors, "{name}: {link}: {why}").expect("a text");
            }
        }
    }
    assert!(errors.is_empty(), "\n{errors}");
}

#[test]
fn a_broken_link_is_found() {
    let readme = root().join("README.md");
    assert_eq!(broken(&readme, "docs/limits.md#http"), None);
    assert_eq!(broken(&readme, "docs/limits.md#htpp"), Some("the file has no such heading"));
    assert_eq!(broken(&readme, "docs/limit.md"), Some("there is no such file"));
}

#[test]
fn no_document_has_markup_that_hides_what_it_says() {
    for file in documents().into_iter().filter(|file| file.starts_with(FOLDER)) {
        let found = markup(&fs::read_to_string(&file).expect("a document"));
        assert!(found.is_empty(), "{}: {found:?}: write \\< or code", file.display());
    }
    assert_eq!(markup("a <b> `<c>` \\<d>"), ["<b>"]);
}

/// The values of an attribute in the tags of a page.
fn attributes<'a>(html: &'a str, name: &str) -> BTreeSet<&'a str> {
    let tags = html.split('<').filter_map(|rest| rest.split('>').next());
    let begin = format!(" {name}=\"");
    tags.filter_map(|tag| tag.split(&begin).nth(1)?.split('"').next()).collect()
}

#[test]
fn every_link_of_every_page_leads_to_a_page_and_an_anchor() {
    let pages = book().expect("a book");
    let known: BTreeMap<&str, BTreeSet<&str>> =
        pages.iter().map(|page| (&*page.path, attributes(&page.html, "id"))).collect();
    let mut errors = String::new();
    for page in &pages {
        for link in attributes(&page.html, "href") {
            if link.contains("://") || link.starts_with("data:") || link.ends_with("style.css") {
                continue;
            }
            let (name, anchor) = link.split_once('#').unwrap_or((link, ""));
            let mut to: Vec<&str> = page.path.split('/').collect();
            if !name.is_empty() {
                to.pop();
                for step in name.split('/') {
                    if step == ".." { _ = to.pop() } else { to.push(step) }
                }
            }
            let there = known.get(&*to.join("/"));
            if there.is_none_or(|ids| !anchor.is_empty() && !ids.contains(anchor)) {
                writeln!(errors, "{}: {link}", page.path).expect("a text");
            }
        }
    }
    assert!(errors.is_empty(), "\n{errors}");
    assert_eq!(pages[0].path, "index.html");
}

#[test]
fn every_document_of_the_folder_is_a_chapter() {
    let book = Path::new(FOLDER).join("guide/src");
    let chapters = fs::read_to_string(book.join("SUMMARY.md")).expect("the summary");
    for file in
        documents().into_iter().filter(|file| file.starts_with(FOLDER) && !file.ends_with("SUMMARY.md"))
    {
        let name = file.strip_prefix(&book).or_else(|_| file.strip_prefix(FOLDER)).expect("it is below");
        let listed = chapters.contains(&format!("]({})", name.display()));
        assert!(listed || name == Path::new("README.md"), "SUMMARY.md does not have {}", name.display());
    }
}

#[test]
fn pages_are_named_and_need_no_script() {
    for page in book().expect("a book") {
        let title = page.html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        assert!(title.is_some_and(|title| !title.starts_with(' ')), "{}", page.path);
        assert_eq!(page.html.matches("<h1").count(), 1, "{} has one title", page.path);
        assert_eq!(page.html.matches(" aria-current=\"page\"").count(), 1, "{}", page.path);
        assert!(!page.html.contains("<script"), "{}", page.path);
        assert!(!page.html.contains("<th></th>"), "{}: every column says what is in it", page.path);
        assert!(!page.html.contains("{{#"), "{}: something is not included", page.path);
    }
}
