//! How many checks ended how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::suite::{Record, SkipReason, Verdict};

/// How many checks were skipped for each reason.
pub(super) fn skips(records: &[Record]) -> BTreeMap<SkipReason, usize> {
    let mut reasons = BTreeMap::new();
    for record in records {
        if let Verdict::Skip(reason) = record.verdict {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    reasons
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// The sentence holds.
    pub pass: usize,
    /// It does not hold, and it is binding.
    pub fail: usize,
    /// It does not hold, and it is not binding.
    pub warn: usize,
    /// It does not hold, as the baseline says.
    pub expected_failure: usize,
    /// It holds, though the baseline says that it does not.
    pub stale: usize,
    /// It was not checked.
    pub skip: usize,
    /// It could not be checked.
    pub error: usize,
}

impl Tally {
    /// Counts verdicts.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut tally = Self::default();
        for record in records {
            let count = match record.verdict {
                Verdict::Pass => &mut tally.pass,
                Verdict::Fail(_) => &mut tally.fail,
                Verdict::Warn(_) => &mut tally.warn,
                Verdict::Expected(..) => &mut tally.expected_failure,
                Verdict::Stale(_) => &mut tally.stale,
                Verdict::Skip(_) => &mut tally.skip,
                Verdict::Error(_) => &mut tally.error,
            };
            *count += 1;
        }
        tally
    }

    /// The counts with the heads of their columns.
    pub(super) fn columns(self) -> [(&'static str, usize); 7] {
        [
            ("pass", self.pass),
            ("fail", self.fail),
            ("warn", self.warn),
            ("expected", self.expected_failure),
            ("stale", self.stale),
            ("skip", self.skip),
            ("error", self.error),
        ]
    }

    /// How many checks there are.
    pub fn total(self) -> usize {
        self.columns().iter().map(|(_, count)| count).sum()
    }

    /// How many of them make a run fail.
    pub fn bad(self) -> usize {
        self.fail + self.stale + self.error
    }

    /// What came out, in a line.
    pub(crate) fn outcome(self) -> String {
        format!("{} of {} checks", self.verdict(), self.total())
    }

    /// What came out, in a few words.
    pub(super) fn verdict(self) -> String {
        let of = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {more}")),
        };
        if self.total() == self.skip {
            return "nothing ran".to_owned();
        }
        let parts = [
            of(self.fail, "failed", "failed"),
            of(self.error, "error", "errors"),
            of(self.stale, "stale baseline entry", "stale baseline entries"),
            Some(format!("{} passed", self.pass)),
            of(self.expected_failure, "failed as expected", "failed as expected"),
            of(self.warn, "warning", "warnings"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
