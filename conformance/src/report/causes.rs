//! Which failure shows the cause of others, and how many they are.

use std::collections::BTreeMap;

use crate::suite::{Record, Run, SkipReason, Verdict};

/// The causes in a report that more than one check has.
#[derive(Debug, Default)]
pub(super) struct Causes<'a>(BTreeMap<&'a str, Shown<'a>>);

#[derive(Debug, Default)]
struct Shown<'a> {
    by: Option<&'a str>,
    more: usize,
}

impl<'a> Causes<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let mut causes = Self::default();
        for record in &run.records {
            let Some(cause) = record.cause.as_deref() else { continue };
            let shown = causes.0.entry(cause).or_default();
            match record.verdict {
                Verdict::Skip(SkipReason::SameCause | SkipReason::TargetGone) => shown.more += 1,
                _ => shown.by = shown.by.or(Some(&record.id)),
            }
        }
        causes
    }

    fn shown(&self, record: &'a Record) -> Option<(&'a str, &Shown<'a>)> {
        let cause = record.cause.as_deref()?;
        Some((cause, self.0.get(cause)?))
    }

    /// What follows from the failure that a record tells, in a line.
    pub(super) fn more(&self, record: &'a Record) -> Option<String> {
        let (cause, shown) = self.shown(record).filter(|(_, shown)| shown.by == Some(&record.id))?;
        match shown.more {
            0 => None,
            1 => Some(format!("and 1 check more for this cause: {cause}")),
            more => Some(format!("and {more} checks more for this cause: {cause}")),
        }
    }

    /// The record that tells the failure from which a skipped one follows.
    pub(super) fn shown_by(&self, record: &'a Record) -> Option<&'a str> {
        self.shown(record)?.1.by.filter(|by| *by != record.id)
    }

    /// Why a check was skipped, in a sentence's part.
    pub(super) fn reason(&self, record: &'a Record, reason: SkipReason) -> String {
        match (self.shown_by(record), record.cause.as_deref()) {
            (Some(by), Some(cause)) => format!("{cause}, as {by} shows"),
            _ => reason.sentence().to_owned(),
        }
    }
}
