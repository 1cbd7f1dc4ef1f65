//! What may stand behind many failures, in words: reports say them, and two failures with the same words have the same cause.

use super::endpoint::endpoint_asked;

/// The family of what befell a target, which is no check's doing.
pub(crate) const TARGET: &str = "target";
/// How a check is called that shows whether an endpoint exists.
pub(super) const EXISTS: &str = "catalogue/exists/";
/// How it is called that there is no such endpoint.
const MISSING: &str = "no endpoint ";

/// That there is no such endpoint.
pub(super) fn missing(endpoint: &str) -> String {
    format!("{MISSING}{endpoint}")
}

/// The endpoint that is missing, if that is a cause.
pub(super) fn endpoint_missing(cause: &str) -> Option<&str> {
    cause.strip_prefix(MISSING)
}

/// That there is none where the request went to which nobody answered.
pub(super) fn unrouted(target: &str) -> Option<String> {
    endpoint_asked(target).map(missing)
}

/// The check that shows such a cause best.
pub(super) fn shown_best(cause: &str) -> Option<String> {
    Some(format!("{EXISTS}{}", endpoint_missing(cause)?))
}
