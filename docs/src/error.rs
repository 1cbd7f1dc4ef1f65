//! Why there is no book.

use std::{io, path::PathBuf};

/// Why there is no book.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}{}", file.display(), by.as_ref().map(|by| format!(" ({} includes it)", by.display())).unwrap_or_default())]
    Unread {
        /// The file.
        file: PathBuf,
        /// The chapter that includes it.
        by: Option<PathBuf>,
        /// Why.
        source: io::Error,
    },
    /// A line of the summary is none.
    #[error("SUMMARY.md:{line}: expected a heading of a part or `- [Title](file.md)`, found {found:?}")]
    Summary {
        /// Its number.
        line: usize,
        /// The line.
        found: String,
    },
}
