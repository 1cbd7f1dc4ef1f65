//! Regular expressions in Go's syntax. It is nearly that of the crate `regex`; where it is not, an expression is translated.

use regex::Regex;

use crate::limits;

/// Compiles an expression as Go's `regexp.Compile`; its error's text if it is none.
pub fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(&translated(text)).size_limit(limits::REGEX).build().map_err(|error| {
        let (what, part) = described(text, &error.to_string());
        format!("error parsing regexp: {what}: `{part}`")
    })
}

/// The expression in the crate's syntax: Go's `\w`, `\d`, `\s` and `\b` know ASCII only, its classes do not nest, and a brace
/// that begins no repetition is itself.
fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    // Where the content of the present class begins in the text.
    let mut class: Option<usize> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let rest = &text[at..];
        match char {
            '\\' => {
                let Some((_, escaped)) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match escaped {
                    'd' => out.push_str("[0-9]"),
                    'D' => out.push_str("[^0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    's' => out.push_str(r"[\t\n\f\r ]"),
                    'S' => out.push_str(r"[^\t\n\f\r ]"),
                    'b' if class.is_none() => out.push_str(r"(?-u:\b)"),
                    other => out.extend(['\\', other]),
                }
            }
            '[' if class.is_none() => {
                let negated = rest[1..].starts_with('^');
                out.push('[');
                if negated {
                    chars.next();
                    out.push('^');
                }
                class = Some(at + 1 + usize::from(negated));
            }
            '[' if rest.starts_with("[:") && rest.contains(":]") => {
                let end = rest.find(":]").map_or(rest.len(), |end| end + 2);
                out.push_str(&rest[..end]);
                while chars.next_if(|(next, _)| *next < at + end).is_some() {}
            }
            // A bracket that comes first in a class is a member of it.
            ']' if class.is_some_and(|start| start != at) => {
                class = None;
                out.push(']');
            }
            '[' | ']' | '&' | '~' if class.is_some() => out.extend(['\\', char]),
            '{' if class.is_none() && !is_repetition(rest) => out.push_str(r"\{"),
            other => out.push(other),
        }
    }
    out
}

/// Whether a text begins with `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(text: &str) -> bool {
    let Some((inside, _)) = text[1..].split_once('}') else { return false };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && digits(least) && digits(most)
}

/// What Go calls the error, and the part of the expression that it shows.
fn described<'a>(text: &'a str, error: &str) -> (&'static str, &'a str) {
    let said = |words: &str| error.contains(words);
    if said("incomplete escape") || (text.ends_with('\\') && said("escape")) {
        ("trailing backslash at end of expression", "")
    } else if said("unclosed character class") {
        ("missing closing ]", text.find('[').map_or(text, |at| &text[at..]))
    } else if said("unclosed group") {
        ("missing closing )", text)
    } else if said("unopened group") {
        ("unexpected )", text)
    } else if said("repetition operator missing expression") {
        let at = text.find(['*', '+', '?']).unwrap_or(0);
        ("missing argument to repetition operator", text.get(at..=at).unwrap_or(text))
    } else if said("invalid character class range") {
        ("invalid character class range", text)
    } else if said("escape sequence") || said("backreferences") {
        let at = text.find('\\').unwrap_or(0);
        let end = text[at..].char_indices().nth(2).map_or(text.len(), |(length, _)| at + length);
        ("invalid escape sequence", &text[at..end])
    } else if said("repetition") || said("size limit") {
        ("expression too large", "")
    } else {
        ("invalid or unsupported Perl syntax", text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_worded_as_go_does() {
        for (text, error) in [
            ("[a", "missing closing ]: `[a`"),
            ("x[a", "missing closing ]: `[a`"),
            ("a(b", "missing closing ): `a(b`"),
            ("a)b", "unexpected ): `a)b`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("(a)\\1", "invalid escape sequence: `\\1`"),
        ] {
            let got = compile(text).map(|_| ());
            assert_eq!(got, Err(format!("error parsing regexp: {error}")));
        }
    }

    #[test]
    fn expressions_match_as_in_go() {
        for (text, matching, other) in [
            ("(?i)^c", "Cherry", "apple"),
            (r"^\w+$", "word_1", "wörd"),
            (r"^[\w-]+$", "a-b", "a b"),
            (r"^\d$", "7", "٧"),
            ("^[[a]$", "[", "b"),
            ("^[]a]$", "]", "b"),
            ("^[a&&b]$", "&", "c"),
            ("^[[:digit:]x]+$", "1x", "y"),
            ("^a{,2}$", "a{,2}", "aa"),
            ("^a{2}$", "aa", "a"),
            (r"\bcore\b", "the core", "score"),
        ] {
            let expression = compile(text).unwrap();
            assert!(expression.is_match(matching), "{text} {matching}");
            assert!(!expression.is_match(other), "{text} {other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in r"[\[\](){}\\^$*+?.:|&~,a-cwdsbBP<>é0-9-]{0,16}") {
            let _ = compile(&text);
        }
    }
}
