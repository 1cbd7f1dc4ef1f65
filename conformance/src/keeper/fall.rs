//! What befell a target, with the evidence.

use std::time::Duration;

use super::{cause::normalised, stack};
use crate::target::{Address, Flown, Keys};

/// How long before a fall what ended without an answer counts as on its way.
pub(super) const MOMENTS: Duration = Duration::from_secs(15);
/// How many requests and messages are shown.
const MOST: usize = 16;
/// How much of a message is shown, in characters.
const SHOWN: usize = 200;

/// How a target fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It ended though nobody had asked for it.
    Crash,
    /// It lives and does not answer.
    Hang,
    /// It answers, and takes ever longer.
    Slow,
    /// It does not know its keys any more.
    Forgot,
    /// It does not start any more with the data that it had.
    NoStart,
    /// Something in it panicked, and it went on.
    Panic,
    /// It ended connections without an answer.
    Dropped,
}

impl Kind {
    /// The name in ids.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Forgot => "forgets-settings",
            Self::NoStart => "start",
            Self::Panic => "panic",
            Self::Dropped => "dropped-connections",
        }
    }

    /// What should have been.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Crash => "The target does not end unless it is told to.",
            Self::Hang => "The target answers as long as it lives.",
            Self::Slow => "The target answers as fast as at its beginning.",
            Self::Forgot => "The target knows its settings after a restart.",
            Self::NoStart => "The target starts again with the data that it had.",
            Self::Panic => "Nothing in the target panics.",
            Self::Dropped => "The target ends no connection without an answer.",
        }
    }
}

/// What befell a target.
#[derive(Clone, Debug)]
pub(crate) struct Fall {
    pub(crate) kind: Kind,
    /// In one line.
    pub(crate) headline: String,
    /// What tells its cause from others: frames.
    pub(crate) frames: Vec<String>,
    /// What the target or the machine says of it.
    pub(crate) lines: Vec<String>,
    /// What was on its way.
    pub(crate) flying: Vec<Flown>,
    /// What was answered just before, the last of each connection.
    pub(crate) before: Vec<Flown>,
}

impl Fall {
    /// A fall of which nothing else is known yet.
    pub(crate) fn new(kind: Kind, headline: impl Into<String>) -> Self {
        let (frames, lines, flying, before) = (vec![], vec![], vec![], vec![]);
        Self { kind, headline: headline.into(), frames, lines, flying, before }
    }

    /// Adds the panic in what the process printed, if there is one, and where its goroutines wait.
    pub(crate) fn with_words(mut self, words: &[String]) -> Self {
        if let Some(panic) = stack::panic(words) {
            self.headline = format!("{}: {}", self.headline, panic.text);
            self.lines.extend(panic.frames.iter().map(|frame| format!("  at {frame}")));
            self.frames = panic.frames.into_iter().take(4).collect();
        }
        self
    }

    /// Adds where goroutines wait.
    pub(super) fn with_waits(mut self, text: &str) -> Self {
        let waits = stack::fold(text);
        if !waits.is_empty() {
            self.frames = stack::cause(&waits);
            self.lines.push("goroutines by where they wait:".to_owned());
            self.lines.extend(stack::table(&waits));
        }
        self
    }

    /// Adds the last lines of the log.
    pub(crate) fn with_log(mut self, tail: &[String]) -> Self {
        if !tail.is_empty() {
            self.lines.push("the last of its log:".to_owned());
            self.lines.extend(tail.iter().map(|line| format!("  {}", short(line))));
        }
        self
    }

    /// What tells its cause from others.
    pub(crate) fn cause(&self) -> String {
        match self.frames.is_empty() {
            false => format!("{}: {}", self.kind.name(), self.frames.join(" < ")),
            true => format!("{}: {}", self.kind.name(), normalised(&self.headline)),
        }
    }

    /// All of it in lines, for people.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut lines = vec![self.headline.clone()];
        lines.extend(self.lines.iter().cloned());
        let mut group = |title: &str, all: &[Flown]| {
            if !all.is_empty() {
                lines.push(title.to_owned());
            }
            let shown = all.iter().take(MOST);
            lines.extend(shown.map(|one| format!("  connection {}: {}", one.connection, short(&one.what))));
            if all.len() > MOST {
                lines.push(format!("  and {} more", all.len() - MOST));
            }
        };
        group("on its way:", &self.flying);
        group("answered just before:", &self.before);
        lines
    }

    /// As a report shows it.
    pub(crate) fn shown(&self, keys: &Keys) -> String {
        keys.redact(&self.told().join("\n"))
    }

    /// Lines for a shell that send what was on its way, or else what was answered last.
    pub(crate) fn sent(&self, address: &Address, keys: &Keys) -> String {
        let last = self.before.len().saturating_sub(3);
        let sent = if self.flying.is_empty() { &self.before[last..] } else { &self.flying[..] };
        let lines: Vec<String> = sent.iter().take(MOST).map(|one| line(address, one)).collect();
        keys.redact_quoted(&lines.join("\n"))
    }
}

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A line for a shell that sends the like.
fn line(address: &Address, flown: &Flown) -> String {
    let quoted = |text: &str| shlex::try_quote(text).map(|text| text.into_owned()).unwrap_or_default();
    if flown.message {
        let url = format!("ws://{}/api/database/v1", address.authority());
        return format!(
            "printf '%s\\n' {} | websocat -n -H \"Authorization: Bearer $ADMIN_KEY\" {url}",
            quoted(&flown.what)
        );
    }
    let (method, target) = flown.what.split_once(' ').unwrap_or(("GET", "/"));
    format!(
        "curl -i -X {} -H \"Authorization: Bearer $ADMIN_KEY\" {}",
        quoted(method),
        quoted(&format!("{address}{target}"))
    )
}
