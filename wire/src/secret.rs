//! Where a text gives a secret away.

/// How long the shortest key is that a core takes, in bytes. What is shorter is hidden only where keys are sent or listed.
pub const SHORTEST: usize = 4;
/// From how many bytes on a secret is no word of any text, and is found anywhere.
pub const LONG: usize = 8;

/// Whether the bytes of a secret that stand at this place of a text give it away: of a long one wherever they stand, of a short one
/// only as a whole word, and of one that is no key to any core only behind what says that it is one.
pub fn is_told(text: &[u8], at: usize, length: usize) -> bool {
    let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + length..).unwrap_or_default());
    match length {
        0 => false,
        LONG.. => true,
        SHORTEST.. => is_edge(before) && !begins_word(after),
        _ => {
            let bearer = before.len() >= 7 && before[before.len() - 7..].eq_ignore_ascii_case(b"bearer ");
            (bearer && !begins_word(after)) || (before.ends_with(b"\"") && after.starts_with(b"?"))
        }
    }
}

/// The text with something else wherever the secret is told.
pub fn hidden(text: &str, secret: &str, shown: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices(secret) {
        if is_told(text.as_bytes(), at, secret.len()) {
            out += &text[rest..at];
            out += shown;
            rest = at + secret.len();
        }
    }
    out + &text[rest..]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn begins_word(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| is_word(*byte))
}

/// Whether a word can begin behind this: nothing of one is there, or only what stands for another character.
fn is_edge(before: &[u8]) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match before {
        [] | [.., b'\\', _] => true,
        [.., b'%', a, b] if hex(&[*a, *b]) => true,
        [.., b'\\', b'u', a, b, c, d] if hex(&[*a, *b, *c, *d]) => true,
        [.., last] => !is_word(*last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_secret_is_hidden_anywhere_and_a_short_one_as_a_word() {
        for (text, secret, expected) in [
            ("xconformance-1x", "conformance-1", "x*x"),
            ("demo, demonstration, my-demo", "demo", "*, demonstration, my-demo"),
            (
                r#"["demo?read=user"] Bearer%20demo \ndemo \u0022demo"#,
                "demo",
                r#"["*?read=user"] Bearer%20* \n* \u0022*"#,
            ),
            ("/a?key=demo&x demo:", "demo", "/a?key=*&x *:"),
            (
                r#"a word {"a":1} Bearer a, bearer ab ["a?read=user"]"#,
                "a",
                r#"a word {"a":1} Bearer *, bearer ab ["*?read=user"]"#,
            ),
            ("nothing", "", "nothing"),
        ] {
            assert_eq!(hidden(text, secret, "*"), expected);
        }
    }
}
