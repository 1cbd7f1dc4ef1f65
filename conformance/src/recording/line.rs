//! Reads recordings: JSON Lines, one exchange or one script of the websocket a line, perhaps compressed.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{
    exchange::{Asked, Exchange, Setup},
    script::{Script, Step},
};
use crate::contrast::Answered;

/// The longest line that is read, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    /// The file cannot be opened.
    #[error("cannot read {}: {source}", .file.display())]
    Open { file: PathBuf, source: io::Error },
    /// The file breaks off, or its compression is broken.
    #[error("{}:{line}: the recording breaks off: {source}", .file.display())]
    Broken { file: PathBuf, line: usize, source: io::Error },
    /// A line is no exchange and no script.
    #[error("{}:{line}: not a line of a recording: {why}", .file.display())]
    Line { file: PathBuf, line: usize, why: String },
    /// There is nothing in it.
    #[error("{}: the recording is empty", .file.display())]
    Empty { file: PathBuf },
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Exchange(Box<Exchange>),
    Script(Box<Script>),
}

impl Line {
    pub(crate) fn setup(&self) -> &Setup {
        match self {
            Self::Exchange(one) => &one.setup,
            Self::Script(one) => &one.setup,
        }
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Exchange(one) => &one.id,
            Self::Script(one) => &one.id,
        }
    }
}

/// A line as it is written. Members that are not named here say nothing that replaying needs.
#[derive(Deserialize)]
struct Written {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    setup: WrittenSetup,
    request: Option<Asked>,
    response: Option<Answered>,
    steps: Option<Vec<Step>>,
    recorded_on: Option<String>,
    #[serde(default)]
    continues: bool,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    volatile: bool,
    #[serde(default)]
    context: bool,
    #[serde(default)]
    headers_unrecorded: bool,
    #[serde(default)]
    body_unrecorded: bool,
}

/// The setup, and what a script's setup says about the script.
#[derive(Default, Deserialize)]
struct WrittenSetup {
    #[serde(flatten)]
    setup: Setup,
    ws_headers: Option<serde_json::Map<String, serde_json::Value>>,
    env_specific: Option<serde_json::Value>,
    destructive: Option<serde_json::Value>,
}

impl Written {
    fn line(self) -> Result<Line, String> {
        let WrittenSetup { setup, ws_headers, env_specific, destructive } = self.setup;
        match (self.request, self.response, self.steps) {
            (Some(request), Some(response), None) => Ok(Line::Exchange(Box::new(Exchange {
                id: self.id,
                setup,
                request,
                response,
                recorded_on: self.recorded_on,
                exact: self.exact,
                volatile: self.volatile,
                context: self.context,
                headers_unrecorded: self.headers_unrecorded,
                body_unrecorded: self.body_unrecorded,
            }))),
            (None, None, Some(steps)) => Ok(Line::Script(Box::new(Script {
                id: self.id,
                name: self.name,
                setup,
                headers: ws_headers,
                bound_to_its_machine: env_specific.is_some_and(|value| is_said(&value)),
                breaks_its_target: destructive.is_some_and(|value| is_said(&value)),
                context: self.context,
                recorded_on: self.recorded_on,
                continues: self.continues,
                steps,
            }))),
            _ => Err("expected `request` and `response`, or `steps`".to_owned()),
        }
    }
}

/// Whether a remark is there and says something.
fn is_said(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(several) => !several.is_empty(),
        _ => true,
    }
}

/// A recording.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Where it was read.
    pub(crate) file: PathBuf,
    /// Its lines, in order.
    pub(crate) lines: Vec<Line>,
}

impl Recording {
    /// Reads a whole recording.
    pub(crate) fn open(file: &Path) -> Result<Self, RecordingError> {
        let opened = portmaster_fixtures::scenario::file::open(file);
        let opened = opened.map_err(|source| RecordingError::Open { file: file.to_owned(), source })?;
        let mut reader = BufReader::new(opened);
        let start =
            reader.fill_buf().map_err(|source| RecordingError::Open { file: file.to_owned(), source })?;
        let lines = if start.starts_with(&[0x1f, 0x8b]) {
            read(file, BufReader::new(MultiGzDecoder::new(reader)))?
        } else {
            read(file, reader)?
        };
        Ok(Self { file: file.to_owned(), lines })
    }

    /// Its exchanges, in order.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.lines.iter().filter_map(|line| match line {
            Line::Exchange(one) => Some(one.as_ref()),
            Line::Script(_) => None,
        })
    }

    /// Its scripts, in order.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.lines.iter().filter_map(|line| match line {
            Line::Exchange(_) => None,
            Line::Script(one) => Some(one.as_ref()),
        })
    }

    /// The lines by the target that they need, in the order in which such targets are first needed.
    pub(crate) fn by_setup(&self) -> Vec<(&Setup, Vec<&Line>)> {
        let mut groups: Vec<(&Setup, Vec<&Line>)> = vec![];
        let mut last = 0;
        for line in &self.lines {
            if groups.get(last).is_none_or(|(setup, _)| *setup != line.setup()) {
                last = groups.iter().position(|(setup, _)| *setup == line.setup()).unwrap_or(groups.len());
            }
            if last == groups.len() {
                groups.push((line.setup(), vec![]));
            }
            groups[last].1.push(line);
        }
        groups
    }
}

fn read(file: &Path, mut reader: impl BufRead) -> Result<Vec<Line>, RecordingError> {
    let mut lines = vec![];
    let mut text = vec![];
    for number in 1.. {
        text.clear();
        let count = reader.by_ref().take(LONGEST).read_until(b'\n', &mut text);
        let count =
            count.map_err(|source| RecordingError::Broken { file: file.to_owned(), line: number, source })?;
        let wrong = |why: String| RecordingError::Line { file: file.to_owned(), line: number, why };
        if count as u64 == LONGEST {
            return Err(wrong(format!("longer than {LONGEST} bytes")));
        }
        if count == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let written: Written = serde_json::from_slice(&text).map_err(|error| wrong(in_line(&error)))?;
        lines.push(written.line().map_err(wrong)?);
    }
    if lines.is_empty() {
        return Err(RecordingError::Empty { file: file.to_owned() });
    }
    Ok(lines)
}

/// The reader's message without its own line number, which is always 1.
fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("{what} at column {column}"),
        None => text,
    }
}
