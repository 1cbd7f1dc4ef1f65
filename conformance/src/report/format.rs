//! What a format of reports is.

use std::{
    fmt,
    io::{self, Write},
};

use super::about::Report;

/// A format that a report can be written in. Each is described in the file that writes it.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// The name on the command line.
    pub(super) name: &'static str,
    /// What it is, in a few words.
    pub(super) about: &'static str,
    /// Writes a report.
    pub(super) write: fn(&mut dyn Write, &Report) -> io::Result<()>,
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
