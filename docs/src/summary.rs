//! `SUMMARY.md`: the list of chapters, as far as our book uses what mdBook knows.

use crate::error::BookError;

/// A chapter as the summary names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The part of the book that begins with it.
    pub(crate) part: Option<String>,
    pub(crate) title: String,
    /// Its file, from the summary on.
    pub(crate) file: String,
}

/// Reads a summary: its title, then headings of parts and lists of chapters.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>, BookError> {
    let mut entries = Vec::new();
    let mut part = None;
    for (at, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(heading) = line.strip_prefix("# ") {
            part = Some(heading.trim().to_owned());
            continue;
        }
        let entry = entry(line).ok_or_else(|| BookError::Summary { line: at + 1, found: line.to_owned() })?;
        entries.push(Entry { part: part.take(), ..entry });
    }
    Ok(entries)
}

/// A line `- [Title](file.md)`; before the first part it needs no hyphen.
fn entry(line: &str) -> Option<Entry> {
    let link = line.strip_prefix("- ").unwrap_or(line).strip_prefix('[')?.strip_suffix(')')?;
    let (title, file) = link.split_once("](")?;
    Some(Entry { part: None, title: title.to_owned(), file: file.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_begin_with_their_first_chapter() {
        let read =
            read("# Summary\n\n[Welcome](index.md)\n\n# How\n\n- [A](a.md)\n- [B, too](b/c.md)\n").unwrap();
        let read: Vec<_> = read.iter().map(|one| (one.part.as_deref(), &*one.title, &*one.file)).collect();
        assert_eq!(
            read,
            [(None, "Welcome", "index.md"), (Some("How"), "A", "a.md"), (None, "B, too", "b/c.md")]
        );
    }

    #[test]
    fn a_line_that_is_none_is_shown_with_its_number() {
        let error = read("# Summary\n\n- [A](a.md)\n- A chapter\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "SUMMARY.md:4: expected a heading of a part or `- [Title](file.md)`, found \"- A chapter\""
        );
    }
}
