//! IP protocols by name, as prompts and debug reports say them.

use std::borrow::Cow;

/// The name of a protocol by its number; a number that nobody names says so (reports of cores 0.8 to 2.0).
pub fn name(number: i64) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        58 => "ICMPv6",
        136 => "UDPLite",
        other => return Cow::Owned(format!("<unknown protocol, {other}>")),
    })
}
