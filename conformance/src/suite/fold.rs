//! One cause, one failure: an endpoint that is missing, or a target that fell, is told once, and what follows from it is folded
//! under it. Nobody else decides what follows from what; reports show it.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_wire::percent;

use super::{
    cause::{EXISTS, TARGET, endpoint_missing, missing, shown_best},
    endpoint::endpoint_of,
    outcome::{Record, SkipReason, Verdict},
    runner::Run,
};

impl Run {
    /// Finds what stands behind failures, as far as each of them alone does not tell.
    pub(crate) fn find_causes(&mut self) {
        let records = &mut self.records;
        // An endpoint that one check finds is not missing, whatever others make of it.
        let exists = |record: &&Record| record.verdict == Verdict::Pass && record.id.starts_with(EXISTS);
        let there: BTreeSet<_> =
            records.iter().filter(exists).filter_map(|one| endpoint_of(&one.id)).collect();
        let there: BTreeSet<_> = there.into_iter().map(missing).collect();
        for record in records.iter_mut() {
            record.cause.take_if(|cause| there.contains(cause));
        }
        let known: BTreeSet<_> = records.iter().filter_map(|record| record.cause.clone()).collect();
        for record in records.iter_mut().filter(|record| record.cause.is_none() && shows(record).is_some()) {
            let named = endpoint_of(&record.id).map(missing).filter(|cause| known.contains(cause));
            record.cause = named.or_else(|| known.iter().find(|cause| asks_in_vain(record, cause)).cloned());
        }
        // What was not asked because the target went follows from that by which it went.
        let fell = |record: &&Record| record.family() == TARGET && matches!(record.verdict, Verdict::Fail(_));
        let last = records.iter().rev().find(fell).and_then(|record| record.cause.clone());
        let gone = |record: &&mut Record| {
            record.cause.is_none() && record.verdict == Verdict::Skip(SkipReason::TargetGone)
        };
        records.iter_mut().filter(gone).for_each(|record| record.cause.clone_from(&last));
    }

    /// Leaves one failure a cause: what else has it is skipped for that reason.
    pub(crate) fn fold(&mut self) {
        let mut shown: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate() {
            let (Some(cause), Some(rank)) = (record.cause.as_deref(), shows(record)) else { continue };
            let best = shown.entry(cause).or_insert((rank, at));
            *best = (*best).min((rank, at));
        }
        let shown: BTreeSet<usize> = shown.into_values().map(|(_, at)| at).collect();
        for (at, record) in self.records.iter_mut().enumerate() {
            if record.cause.is_some() && shows(record).is_some() && !shown.contains(&at) {
                record.verdict = Verdict::Skip(SkipReason::SameCause);
            }
        }
    }
}

/// Whether a check was told 404 by an endpoint that is missing, which it asked for under another guise: with another spelling of its
/// path, or over the websocket.
fn asks_in_vain(record: &Record, cause: &str) -> bool {
    let (Verdict::Fail(evidence) | Verdict::Warn(evidence) | Verdict::Expected(evidence, _)) =
        &record.verdict
    else {
        return false;
    };
    let Some(endpoint) = endpoint_missing(cause).filter(|_| evidence.got.contains("404")) else {
        return false;
    };
    let asked = String::from_utf8_lossy(&percent::decoded_leniently(&evidence.curl)).into_owned();
    ["api/v1/", "api:"].iter().any(|before| {
        let name = format!("{before}{endpoint}");
        let ends = |at: usize| {
            !asked[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || "/-_".contains(c))
        };
        asked.match_indices(&name).any(|(at, _)| ends(at))
    })
}

/// How well a record shows its cause, the best first; nothing if it does not.
fn shows(record: &Record) -> Option<usize> {
    let best = || record.cause.as_deref().and_then(shown_best).is_some_and(|best| best == record.id);
    match record.verdict {
        // The others are as well known then.
        Verdict::Expected(..) => Some(0),
        Verdict::Fail(_) | Verdict::Warn(_) if best() => Some(1),
        Verdict::Fail(_) => Some(2),
        Verdict::Warn(_) => Some(3),
        _ => None,
    }
}
