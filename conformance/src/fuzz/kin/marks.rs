//! What tells where a difference comes from.

use std::collections::BTreeSet;

use super::{
    AT, ENOUGH,
    asked::asked,
    looks::{exchanged, forms, instead, leads_out, lengths, looks},
};
use crate::{
    contrast::LOST,
    fuzz::{
        bucket::{Bucket, EVERYWHERE},
        case::{Case, Step},
        catalogue::Catalogue,
    },
    suite::Mode,
};

/// What tells where a difference comes from.
pub(super) fn marks(bucket: &Bucket, catalogue: &Catalogue) -> BTreeSet<String> {
    let mut each = bucket.cases.iter().map(|(case, step, _)| asked(case, *step, catalogue));
    let first = each.next().unwrap_or_default();
    let mut marks = each.fold(first, |all, one| all.intersection(&one).cloned().collect());
    // Questions in a language of their own differ by what they ask, and not by where.
    let asks = marks.iter().any(|mark| mark.starts_with("member ") || mark.starts_with("operator "));
    if asks {
        marks.retain(|mark| !mark.starts_with(AT));
    }
    // Most that write do so with POST; what still takes another method when it is small needs it.
    let method = |(case, step, _): &(Case, usize, Mode)| match case.steps.get(*step) {
        Some(Step::Ask(ask)) => Some(ask.method.clone()),
        _ => None,
    };
    let methods: BTreeSet<_> = bucket.cases.iter().map(method).collect();
    if let (Some(Some(one)), true) = (methods.first(), methods.len() == 1 && bucket.cases.len() >= ENOUGH) {
        marks.extend(matches!(one.as_str(), "PUT" | "DELETE").then(|| format!("method {one}")));
    }
    let mut modes = bucket.cases.iter().map(|(_, _, mode)| *mode);
    if bucket.cases.len() >= ENOUGH && modes.all(|mode| mode == Mode::Development) {
        marks.insert("in Development Mode".to_owned());
    }
    marks.extend(looks(&bucket.cause));
    marks.extend(exchanged(&bucket.cause, &bucket.small.finding));
    marks.extend(instead(&bucket.cause));
    if bucket.cause.ends_with("of another value") {
        marks.extend(forms(&bucket.small.finding));
    }
    if bucket.cause.ends_with("of another length") {
        marks.extend(lengths(&bucket.small.finding));
    }
    if bucket.cause == LOST && bucket.endpoints.len() >= EVERYWHERE
        || bucket.cause == "header location another one" && leads_out(&bucket.small.finding)
    {
        marks.insert("no way to the endpoints".to_owned());
    }
    marks
}
