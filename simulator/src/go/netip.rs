//! Addresses as Go's package `net/netip` reads them, with its errors.

use std::net::IpAddr;

use super::quote::quote;

/// Parses an address as `netip.ParseAddr`; its zone is left out.
///
/// # Errors
/// Go's words for why it is none.
pub fn parse_addr(text: &str) -> Result<IpAddr, String> {
    let wrong = |(what, at): Fault<'_>| {
        let at = if at.is_empty() { String::new() } else { format!(" (at {})", quote(at)) };
        format!("ParseAddr({}): {what}{at}", quote(text))
    };
    match text.find(['.', ':', '%']).map(|at| text.as_bytes()[at]) {
        Some(b'.') => fields_of_v4(text).map_err(wrong)?,
        Some(b':') => {
            let (address, zone) =
                text.split_once('%').map_or((text, None), |(before, zone)| (before, Some(zone)));
            if zone == Some("") {
                return Err(wrong(("zone must be a non-empty string", "")));
            }
            groups_of_v6(address).map_err(wrong)?;
            return address.parse().map_err(|_| wrong(("unable to parse IP", "")));
        }
        Some(_) => return Err(wrong(("missing IPv6 address", ""))),
        None => return Err(wrong(("unable to parse IP", ""))),
    }
    text.parse().map_err(|_| wrong(("unable to parse IP", "")))
}

/// What is wrong, and where that begins, if Go shows it.
type Fault<'a> = (&'static str, &'a str);

fn fields_of_v4(text: &str) -> Result<(), Fault<'_>> {
    let (mut value, mut digits, mut dots, mut last) = (0, 0, 0, '.');
    for (at, char) in text.char_indices() {
        match char {
            '0'..='9' if digits == 1 && value == 0 => {
                return Err(("IPv4 field has octet with leading zero", ""));
            }
            '0'..='9' => {
                (value, digits) = (value * 10 + char.to_digit(10).unwrap_or_default(), digits + 1);
                if value > 255 {
                    return Err(("IPv4 field has value >255", ""));
                }
            }
            '.' if last == '.' || at + 1 == text.len() => {
                return Err(("IPv4 field must have at least one digit", &text[at..]));
            }
            '.' if dots == 3 => return Err(("IPv4 address too long", "")),
            '.' => (value, digits, dots) = (0, 0, dots + 1),
            _ => return Err(("unexpected character", &text[at..])),
        }
        last = char;
    }
    if dots < 3 { Err(("IPv4 address too short", "")) } else { Ok(()) }
}

fn groups_of_v6(text: &str) -> Result<(), Fault<'_>> {
    let after = text.strip_prefix("::");
    let (mut rest, mut shortened) = (after.unwrap_or(text), after.is_some());
    let mut bytes = 0;
    while bytes < 16 && !(shortened && rest.is_empty()) {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        match digits {
            0 => return Err(("each colon-separated field must have at least one digit", rest)),
            1..=4 => {}
            _ => return Err(("each group must have 4 or less digits", rest)),
        }
        if rest[digits..].starts_with('.') {
            if !shortened && bytes != 12 {
                return Err(("embedded IPv4 address must replace the final 2 fields of the address", rest));
            }
            if bytes > 12 {
                let what = "too many hex fields to fit an embedded IPv4 at the end of the address";
                return Err((what, rest));
            }
            fields_of_v4(rest)?;
            (bytes, rest) = (bytes + 4, "");
            break;
        }
        (bytes, rest) = (bytes + 2, &rest[digits..]);
        if rest.is_empty() {
            break;
        }
        let next = rest.strip_prefix(':').ok_or(("unexpected character, want colon", rest))?;
        if next.is_empty() {
            return Err(("colon must be followed by more characters", rest));
        }
        rest = next;
        if let Some(after) = rest.strip_prefix(':') {
            if shortened {
                return Err(("multiple :: in address", rest));
            }
            (rest, shortened) = (after, true);
        }
    }
    match (rest.is_empty(), bytes < 16) {
        (false, _) => Err(("trailing garbage after address", rest)),
        (true, true) if !shortened => Err(("address string too short", "")),
        (true, false) if shortened => Err(("the :: must expand to at least one field of zeros", "")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_addr;

    #[test]
    fn errors_are_gos() {
        for (text, error) in [
            ("x", "unable to parse IP"),
            ("%x", "missing IPv6 address"),
            ("1.2.3", "IPv4 address too short"),
            ("1.2.3.4.5", "IPv4 address too long"),
            ("1..2.3", "IPv4 field must have at least one digit (at \".2.3\")"),
            ("1.2.3.", "IPv4 field must have at least one digit (at \".\")"),
            ("01.2.3.4", "IPv4 field has octet with leading zero"),
            ("256.2.3.4", "IPv4 field has value >255"),
            ("1.2.3.x", "unexpected character (at \"x\")"),
            ("::1%", "zone must be a non-empty string"),
            ("::1!", "unexpected character, want colon (at \"!\")"),
            ("g::", "each colon-separated field must have at least one digit (at \"g::\")"),
            (":::", "each colon-separated field must have at least one digit (at \":\")"),
            ("12345::", "each group must have 4 or less digits (at \"12345::\")"),
            ("1::2::3", "multiple :: in address (at \":3\")"),
            ("1:2:", "colon must be followed by more characters (at \":\")"),
            ("1:2", "address string too short"),
            ("1:2:3:4:5:6:7:8:9", "trailing garbage after address (at \"9\")"),
            ("1:2:3:4::5:6:7:8", "the :: must expand to at least one field of zeros"),
            (
                "1:1.2.3.4",
                "embedded IPv4 address must replace the final 2 fields of the address (at \"1.2.3.4\")",
            ),
            ("::1.2.3", "IPv4 address too short"),
        ] {
            assert_eq!(parse_addr(text), Err(format!("ParseAddr({text:?}): {error}")));
        }
        for text in ["1.2.3.4", "::", "::1", "1::", "fe80::1%eth0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"] {
            assert!(parse_addr(text).is_ok(), "{text}");
        }
    }
}
