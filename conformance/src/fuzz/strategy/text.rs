//! Texts at the edges of what somebody thought of.

use portmaster_wire::percent;
use proptest::{prelude::*, sample::select, string::string_regex};

/// Numbers, instants, spans, truths and names, in and out of their ranges.
const EDGES: [&str; 59] = [
    "", "0", "1", "-1", "00", "1.5", "1e3", "1e400", "-0", "NaN", "inf", "255", "256", "65535", "65536",
    "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "99999999999999999999999", "0x10", "1_000", "true", "false", "TRUE", "t", "null", "nil", "undefined",
    "bogus", "10s", "-10s", "1h30m", "0s", "1", "1ns", "9999999h", "2562048h", "1.5h", "5 s", "user",
    "admin", "anyone", "self", "root", "global", "github", "local/none", "special/global-config",
    "../../etc/passwd", "%", "%00", "%zz", "'", "\"", "{}", "[]", "*",
];

/// One of the edges.
pub(super) fn edge() -> impl Strategy<Value = String> {
    select(&EDGES[..]).prop_map(str::to_owned)
}

thread_local! {
    // Their patterns are compiled once, and not for each of the hundreds of places where one stands.
    static WORD: BoxedStrategy<String> = string_regex("[a-z]{1,8}").expect("a plain pattern").boxed();
    static TEXT: BoxedStrategy<String> = one_of![
        4 => word(),
        4 => edge(),
        3 => string_regex("[ -~]{0,16}").expect("a plain pattern"),
        2 => string_regex("\\PC{0,8}").expect("a plain pattern"),
        1 => (word(), 50_usize..3000).prop_map(|(word, times)| word.repeat(times / word.len() + 1)),
    ]
    .boxed();
}

/// A short word.
pub(super) fn word() -> BoxedStrategy<String> {
    WORD.with(Clone::clone)
}

/// Any text, mostly short.
pub(super) fn text() -> BoxedStrategy<String> {
    TEXT.with(Clone::clone)
}

/// Percent-encodes whatever cannot stand in a part of a target as it is.
pub(super) fn encoded(text: &str) -> String {
    encoded_but(text, b"-._~")
}

/// The same, but these bytes stay.
pub(super) fn encoded_but(text: &str, kept: &[u8]) -> String {
    percent::encoded(text, |byte| byte.is_ascii_alphanumeric() || kept.contains(&byte))
}
