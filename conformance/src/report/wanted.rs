//! Reports that go to files, and every format that they can have.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf, absolute},
    str::FromStr,
};

use super::{about::Report, format::Format, html, jsonl, junit, markdown, tap, text};

/// The formats, in the order in which they are listed.
const FORMATS: &[Format] =
    &[jsonl::FORMAT, junit::FORMAT, tap::FORMAT, markdown::FORMAT, html::FORMAT, text::FORMAT];

/// The formats that a report can have, each with what it is.
pub fn formats() -> String {
    listed(|one| format!("{} ({})", one.name, one.about))
}

fn listed(word: impl Fn(&Format) -> String) -> String {
    let words: Vec<_> = FORMATS.iter().map(word).collect();
    match words.as_slice() {
        [some @ .., last] => format!("{} or {last}", some.join(", ")),
        [] => String::new(),
    }
}

/// A report to write to a file: `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub struct Wanted {
    format: Format,
    file: PathBuf,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) =
            text.split_once('=').ok_or("expected FORMAT=FILE, for example json=report.jsonl")?;
        let format = FORMATS.iter().find(|one| one.name == name).ok_or_else(|| {
            format!("unknown report format \"{name}\", expected {}", listed(|one| one.name.to_owned()))
        })?;
        if file.is_empty() {
            return Err("the report's file has no name".to_owned());
        }
        if file == "-" {
            return Err("standard output has the text already, expected a file".to_owned());
        }
        Ok(Self { format: *format, file: PathBuf::from(file) })
    }
}

/// The first file that two outputs would be written to, of which only one would be left. A device takes any number.
pub fn written_twice<'a>(files: impl IntoIterator<Item = &'a Path>) -> Option<&'a Path> {
    let mut had = Vec::new();
    files.into_iter().filter(|file| file.metadata().map_or(true, |found| found.is_file())).find(|file| {
        let place = absolute(file).unwrap_or_else(|_| file.to_path_buf());
        let twice = had.contains(&place);
        had.push(place);
        twice
    })
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report {}: {source}", .file.display())]
pub struct ReportError {
    file: PathBuf,
    source: io::Error,
}

/// A report's file, opened before the run so that a wrong name is known at once.
#[derive(Debug)]
pub struct Opened {
    wanted: Wanted,
    file: File,
}

impl Wanted {
    /// A report in JSON Lines.
    pub fn json(file: PathBuf) -> Self {
        Self { format: jsonl::FORMAT, file }
    }

    /// Where it goes.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Creates the file.
    pub fn open(self) -> Result<Opened, ReportError> {
        match File::create(&self.file) {
            Ok(file) => Ok(Opened { wanted: self, file }),
            Err(source) => Err(ReportError { file: self.file, source }),
        }
    }
}

impl Opened {
    /// Writes the report.
    pub fn write(self, report: &Report) -> Result<(), ReportError> {
        let mut out = BufWriter::new(self.file);
        let written = (self.wanted.format.write)(&mut out, report);
        written.and_then(|()| out.flush()).map_err(|source| ReportError { file: self.wanted.file, source })
    }
}
