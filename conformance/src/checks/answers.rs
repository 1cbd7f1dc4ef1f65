//! When an endpoint that answers JSON has nothing to show (core-1.x §7).

use portmaster_fixtures::Answer;

use crate::suite::SkipReason;

pub(super) const NO_MAP: &[(u16, SkipReason)] = &[(500, SkipReason::NoMap), (503, SkipReason::NoMap)];
pub(super) const NO_SUCCESS: &[(u16, SkipReason)] =
    &[(500, SkipReason::NoSuccess), (503, SkipReason::NoSuccess)];
const NO_ACCOUNT: &[(u16, SkipReason)] = &[(401, SkipReason::NoAccount), (503, SkipReason::NoAccount)];

/// Statuses that say that there is nothing to show, and the reason that they stand for.
pub(super) fn nothing(answer: &Answer) -> &'static [(u16, SkipReason)] {
    match answer.id {
        "app/profile" | "debug/network/state" => NO_SUCCESS,
        "spn/account/user/profile" => NO_ACCOUNT,
        id if id.starts_with("network/") => NO_SUCCESS,
        id if id.starts_with("spn/map/") => NO_MAP,
        _ => &[],
    }
}
