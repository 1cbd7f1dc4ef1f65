//! Checks for tests, whose errors say what was wrong with what came.

use std::{
    fmt::{self, Write},
    ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive},
};

use super::{
    entry::Entry,
    filter::{Filter, Kind},
    handle::Journal,
};

/// How many entries a report lists.
const MOST_LISTED: usize = 5;

/// How often something is expected: a number, or a range such as `1..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    least: usize,
    most: usize,
}

impl Times {
    fn holds(self, found: usize) -> bool {
        (self.least..=self.most).contains(&found)
    }
}

impl From<usize> for Times {
    fn from(exactly: usize) -> Self {
        Self { least: exactly, most: exactly }
    }
}

impl From<RangeFull> for Times {
    fn from(_: RangeFull) -> Self {
        Self { least: 0, most: usize::MAX }
    }
}

impl From<RangeFrom<usize>> for Times {
    fn from(range: RangeFrom<usize>) -> Self {
        Self { least: range.start, most: usize::MAX }
    }
}

impl From<RangeTo<usize>> for Times {
    fn from(range: RangeTo<usize>) -> Self {
        Self { least: 0, most: range.end.saturating_sub(1) }
    }
}

impl From<RangeToInclusive<usize>> for Times {
    fn from(range: RangeToInclusive<usize>) -> Self {
        Self { least: 0, most: range.end }
    }
}

impl From<Range<usize>> for Times {
    fn from(range: Range<usize>) -> Self {
        Self { least: range.start, most: range.end.saturating_sub(1) }
    }
}

impl From<RangeInclusive<usize>> for Times {
    fn from(range: RangeInclusive<usize>) -> Self {
        Self { least: *range.start(), most: *range.end() }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, most) if least == most => write!(f, "{least}"),
            (least, usize::MAX) => write!(f, "at least {least}"),
            (0, most) => write!(f, "at most {most}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// Something was recorded more or less often than expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}\n{report}")]
pub struct NotAsExpected {
    /// How often it was expected.
    pub expected: Times,
    /// How often it was recorded.
    pub found: usize,
    report: String,
}

impl Journal {
    /// Checks how often something was recorded.
    ///
    /// # Errors
    /// When it was more or less often. The error says which matchers failed and shows the nearest miss.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Simulator, journal::Filter};
    ///
    /// let simulator = Simulator::builder().journal(100).start().await?;
    /// let journal = simulator.journal();
    /// journal.verify(&Filter::default().path("dns/clear"), 0)?;
    /// let error = journal.verify(&Filter::default().path("dns/clear"), 1..).expect_err("nothing was asked");
    /// assert!(error.to_string().starts_with("expected at least 1, found 0"));
    /// # Ok(()) }
    /// ```
    pub fn verify(&self, expected: &Filter, times: impl Into<Times>) -> Result<(), NotAsExpected> {
        let times = times.into();
        let found = self.entries(expected);
        if times.holds(found.len()) && self.is_on() {
            return Ok(());
        }
        let report = if !self.is_on() {
            "the journal is off; Builder::journal turns it on".to_owned()
        } else if found.len() > times.most {
            format!("{}\nfound:\n{}", wanted(expected), list(&found))
        } else {
            report(self, expected)
        };
        Err(NotAsExpected { expected: times, found: found.len(), report })
    }
}

/// What was expected, and what came nearest.
pub(super) fn report(journal: &Journal, filter: &Filter) -> String {
    let mut text = wanted(filter);
    if matches!(filter.subject(), None | Some(Kind::Http))
        && let Some(nearest) = journal.near_misses(filter).first()
    {
        let _ = write!(text, "\nnearest: {}", line(&nearest.entry));
        for difference in &nearest.differences {
            let _ = write!(text, "\n  {difference}");
        }
        return text;
    }
    let all = journal.page(&Filter { kind: filter.subject(), ..Filter::default() });
    if all.entries.is_empty() {
        text.push_str("\nnothing of the kind was recorded");
    } else {
        let _ = write!(text, "\nrecorded:\n{}", list(&all.entries));
    }
    if all.dropped > 0 {
        let _ = write!(text, "\n{} earlier entries were dropped to make room", all.dropped);
    }
    text
}

/// What a filter asks for, a line each.
fn wanted(filter: &Filter) -> String {
    let value = serde_json::to_value(filter).unwrap_or_default();
    let members = value.as_object().into_iter().flatten();
    let mut text = String::from("wanted:");
    for (name, value) in members {
        let _ = match value {
            serde_json::Value::String(value) => write!(text, "\n  {name}: {value}"),
            value => write!(text, "\n  {name}: {value}"),
        };
    }
    if value.as_object().is_none_or(serde_json::Map::is_empty) {
        text.push_str(" anything");
    }
    text
}

/// The last of some entries, a line each.
fn list(entries: &[Entry]) -> String {
    let mut lines = Vec::new();
    if entries.len() > MOST_LISTED {
        lines.push(format!("  … {} more", entries.len() - MOST_LISTED));
    }
    lines.extend(
        entries[entries.len().saturating_sub(MOST_LISTED)..].iter().map(|entry| format!("  {}", line(entry))),
    );
    lines.join("\n")
}

/// An entry in a line, with its number.
fn line(entry: &Entry) -> String {
    format!("#{} {}", entry.seq, entry.summary())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_worded() {
        for (times, text) in [
            (Times::from(2), "2"),
            (Times::from(1..), "at least 1"),
            (Times::from(..=3), "at most 3"),
            (Times::from(..3), "at most 2"),
            (Times::from(1..=3), "1 to 3"),
            (Times::from(1..3), "1 to 2"),
            (Times::from(..), "at least 0"),
        ] {
            assert_eq!(times.to_string(), text);
        }
    }
}
