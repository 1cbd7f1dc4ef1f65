//! Rules for connections, such as `+ .example.com TCP/443 # why`: who is meant, and over which protocol and ports.

use std::net::IpAddr;

use portmaster_fixtures::ValueChecks;

/// The protocols that have names in rules, as IANA has them.
const PROTOCOLS: &[(&str, u8)] =
    &[("ICMP", 1), ("IGMP", 2), ("TCP", 6), ("UDP", 17), ("RDP", 27), ("DCCP", 33)];

/// The ports that have names in rules, as IANA has them.
const PORTS: &[(&str, u16)] = &[
    ("FTP", 21),
    ("SSH", 22),
    ("TELNET", 23),
    ("SMTP", 25),
    ("WHOIS", 43),
    ("DNS", 53),
    ("TFTP", 69),
    ("HTTP", 80),
    ("POP3", 110),
    ("NTP", 123),
    ("IMAP", 143),
    ("SNMP", 161),
    ("BGP", 179),
    ("IRC", 194),
    ("LDAP", 389),
    ("HTTPS", 443),
];

/// The scopes of networks, which several of may be named.
const SCOPES: &[&str] = &["localhost", "lan", "internet"];

/// The longest domain, and the longest part of one (RFC 1035).
const LONGEST: (usize, usize) = (254, 63);

/// Checks a rule.
///
/// # Errors
/// The cores' words for what is wrong with it.
pub(super) fn check(rule: &str, checks: &ValueChecks) -> Result<(), String> {
    let words: Vec<&str> = rule.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
    // The first word says what becomes of the connection; the option's pattern has looked at it.
    let unknown = || format!("unknown endpoint definition: \"{rule}\"");
    let who = words.get(1).ok_or_else(unknown)?;
    if !is_endpoint(who, checks) {
        return Err(unknown());
    }
    let invalid = |reason: &str| format!("invalid endpoint definition: \"{rule}\" - {reason}");
    match words.get(2..).unwrap_or_default() {
        [] => Ok(()),
        [over] => protocol_and_ports(over).map_err(invalid),
        _ => Err(invalid("there should be only 2 or 3 segments")),
    }
}

/// Whether a word is an address, a network, a domain, or what else connections can be told by.
fn is_endpoint(who: &str, checks: &ValueChecks) -> bool {
    who == "*"
        || who.starts_with("L:")
        || who.parse::<IpAddr>().is_ok()
        || is_network(who)
        || (checks.continents && is_continent(who))
        || is_scopes(who)
        // Countries and autonomous systems look like domains of one part.
        || is_domain(who, checks)
}

fn is_network(who: &str) -> bool {
    let Some((ip, bits)) = who.split_once('/') else { return false };
    let most = match ip.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    digits && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn is_continent(who: &str) -> bool {
    let code = who.strip_prefix("C:").unwrap_or_default();
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_scopes(who: &str) -> bool {
    who.split(',').all(|scope| SCOPES.iter().any(|known| known.eq_ignore_ascii_case(scope)))
}

/// A domain, one with all below it (`.example.com`), or with `*` at its beginning, its end or both.
fn is_domain(who: &str, checks: &ValueChecks) -> bool {
    let numeric = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b':';
    if !checks.numeric_domains && who.bytes().all(numeric) {
        return false;
    }
    let name = match who.strip_prefix('.') {
        Some(below) => below,
        None => who.strip_suffix('*').filter(|open| !open.is_empty()).unwrap_or(who),
    };
    // What follows a `*` may begin in the middle of a name, or at the dot before one.
    let (name, is_open) = name.strip_prefix('*').map_or((name, false), |rest| (rest, true));
    let parts = if is_open { name.strip_prefix('.').unwrap_or(name) } else { name };
    let parts = parts.strip_suffix('.').unwrap_or(parts);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let is_part = |part: &str| !part.is_empty() && part.len() <= LONGEST.1;
    let is_mixed = who.starts_with('.') && is_open;
    !(name.is_empty() || is_mixed)
        && name.bytes().all(allowed)
        && name.len() <= LONGEST.0
        && (parts.is_empty() || parts.split('.').all(is_part))
}

/// `TCP`, `6/443`, `*/1-1024`, `UDP/DNS`.
fn protocol_and_ports(over: &str) -> Result<(), &'static str> {
    let (protocol, ports) = match over.split_once('/') {
        Some((protocol, ports)) => (protocol, Some(ports)),
        None => (over, None),
    };
    let named = PROTOCOLS.iter().any(|(name, _)| name.eq_ignore_ascii_case(protocol));
    if protocol != "*" && !named && number::<u8>(protocol).is_none() {
        return Err("protocol number parsing error");
    }
    let Some(ports) = ports else { return Ok(()) };
    if ports == "*" {
        return Err("omit port if should match any");
    }
    if ports.matches('-').count() > 1 {
        return Err("ports must be in format from-to");
    }
    let is_port = |port: &str| {
        PORTS.iter().any(|(name, _)| name.eq_ignore_ascii_case(port)) || number::<u16>(port).is_some()
    };
    if ports.split('-').all(is_port) { Ok(()) } else { Err("port number parsing error") }
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;
    use proptest::prelude::*;

    use super::*;

    fn error(rule: &str, contract: Contract) -> String {
        check(rule, &contract.behaviour().value_checks).err().unwrap_or_default()
    }

    #[test]
    fn who_is_meant() {
        for who in [
            "*", "example.com", "EXAMPLE.com.", ".example.com", "*.example.com", "*example*", "example.*",
            "*.", "*.*", "-example.com", "xn--mnchen-3ya.example", "com", "AT", "AS64500", "L:MAL,BAD", "L:",
            "192.0.2.1", "10.0.0.1/8", "2001:db8::1", "2001:db8::/32", "LAN,Internet", "localhost", "C:EU",
        ] {
            assert_eq!(error(&format!("+ {who}"), Contract::V2_2), "", "{who}");
        }
        let long = "a".repeat(64);
        for who in [
            "**", ".*", "exa*ple.com", "example..com", "münchen.example", "example.com:80",
            "example.com/path", "http://example.com", "[2001:db8::1]", "10.0.0.0/33", "2001:db8::/129",
            "1.1.1", "1.1.1.256", ".", "..", "LAN,", "C:EU,AF", "!", &long,
        ] {
            let rule = format!("+ {who}");
            assert_eq!(error(&rule, Contract::V2_2), format!("unknown endpoint definition: \"{rule}\""));
        }
    }

    #[test]
    fn early_cores_know_no_continents_and_numeric_domains() {
        assert!(error("+ C:EU", Contract::V1_0).starts_with("unknown"));
        assert_eq!(error("+ 1.1.1.256", Contract::V1_0), "");
        assert_eq!(error("+ ..", Contract::V1_0), "");
    }

    #[test]
    fn over_what() {
        for over in
            ["TCP", "tcp", "6/443", "*/443", "*/HTTPS", "TCP/80-90", "TCP/90-80", "UDP/dns", "ICMP/8", "0/1"]
        {
            assert_eq!(error(&format!("- example.com {over} # why"), Contract::V2_2), "", "{over}");
        }
        for (over, reason) in [
            ("FOO", "protocol number parsing error"),
            ("ICMPv6", "protocol number parsing error"),
            ("256/1", "protocol number parsing error"),
            ("*/*", "omit port if should match any"),
            ("TCP/65536", "port number parsing error"),
            ("TCP/-80", "port number parsing error"),
            ("TCP/80-", "port number parsing error"),
            ("TCP/a", "port number parsing error"),
            ("TCP/80-90-100", "ports must be in format from-to"),
            ("TCP/80 more", "there should be only 2 or 3 segments"),
        ] {
            let rule = format!("+ example.com {over}");
            let expected = format!("invalid endpoint definition: \"{rule}\" - {reason}");
            assert_eq!(error(&rule, Contract::V2_2), expected);
        }
    }

    proptest! {
        #[test]
        fn a_comment_changes_nothing(rule in "[+-] [a-zA-Z0-9.*:/,-]{1,12}( [a-zA-Z0-9*/-]{1,8})?", why in "[ -~]{0,12}") {
            let (bare, told) = (error(&rule, Contract::V2_2), error(&format!("{rule} #{why}"), Contract::V2_2));
            prop_assert_eq!(bare.is_empty(), told.is_empty());
        }

        #[test]
        fn any_port_and_protocol_by_number(protocol in any::<u8>(), from in any::<u16>(), to in any::<u16>()) {
            prop_assert_eq!(error(&format!("+ * {protocol}/{from}-{to}"), Contract::V2_2), "");
        }

        #[test]
        fn no_rule_is_too_odd(rule in ".{0,40}") {
            error(&rule, Contract::V1_0);
        }
    }
}
