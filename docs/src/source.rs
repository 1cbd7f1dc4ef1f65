//! The book's files: the chapters of the summary, with what they include.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{error::BookError, summary};

/// A chapter with its text.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// The part of the book that begins with it.
    pub(crate) part: Option<String>,
    pub(crate) title: String,
    /// Its file.
    pub(crate) file: PathBuf,
    /// Its page, such as `tutorials/fuzz.html`.
    pub(crate) path: String,
    /// Its text, and what it includes, in turn.
    pub(crate) parts: Vec<Part>,
}

/// A text, and the file in which it stands: links lead on from there.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

/// Reads the book whose summary lies in a folder.
pub(crate) fn read(folder: &Path) -> Result<Vec<Chapter>, BookError> {
    let folder = &plain(folder);
    let entries = summary::read(&text(&folder.join("SUMMARY.md"), None)?)?;
    let chapter = |entry: summary::Entry| {
        let file = folder.join(&entry.file);
        let parts = parts(&file, &text(&file, None)?)?;
        let path = Path::new(&entry.file).with_extension("html").to_string_lossy().into_owned();
        Ok(Chapter { part: entry.part, title: entry.title, file, path, parts })
    };
    entries.into_iter().map(chapter).collect()
}

fn text(file: &Path, by: Option<&Path>) -> Result<String, BookError> {
    let unread = |source| BookError::Unread { file: file.to_owned(), by: by.map(Path::to_owned), source };
    fs::read_to_string(file).map_err(unread)
}

/// A text, cut where a line `{{#include file.md}}` brings another.
fn parts(file: &Path, own: &str) -> Result<Vec<Part>, BookError> {
    let mut parts = vec![Part { file: file.to_owned(), text: String::new() }];
    for line in own.split_inclusive('\n') {
        let included = line.trim().strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(name) = included {
            let other = beside(file, name);
            let text = text(&other, Some(file))?;
            parts.push(Part { file: other, text });
            parts.push(Part { file: file.to_owned(), text: String::new() });
        } else if let Some(part) = parts.last_mut() {
            part.text += line;
        }
    }
    parts.retain(|part| !part.text.trim().is_empty());
    Ok(parts)
}

/// The file that a relative path in a file means.
pub(crate) fn beside(file: &Path, name: &str) -> PathBuf {
    plain(&file.parent().unwrap_or(file).join(name))
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for one in path.components() {
        match one {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_who_wants_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let error =
            parts(&folder.join("guide/src/x.md"), "# X\n{{#include ../../nothing.md}}\n").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("docs/nothing.md cannot be read") && error.contains("x.md includes it"),
            "{error}"
        );
    }
}
