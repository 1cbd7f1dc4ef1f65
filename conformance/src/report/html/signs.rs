//! Verdicts by a sign each.

use crate::suite::Record;

/// The names of verdicts with a sign each, so that nothing depends on colour alone, and a word for people.
pub(super) const SIGNS: [(&str, &str, &str); 7] = [
    ("fail", "✗", "failed"),
    ("error", "⊘", "in error"),
    ("stale", "↻", "stale"),
    ("warn", "!", "warned"),
    ("expected-failure", "≈", "expected"),
    ("pass", "✓", "passed"),
    ("skip", "–", "skipped"),
];

/// The place of a verdict among [`SIGNS`]: what needs most attention is first.
pub(super) fn rank(record: &Record) -> usize {
    SIGNS.iter().position(|(name, ..)| *name == record.verdict.name()).unwrap_or_default()
}

/// The place of those that pass: all before it is told.
pub(super) const PASS: usize = 5;
