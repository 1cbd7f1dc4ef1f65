//! Regular expressions. Go and we share their syntax but for rare forms; the faults' texts are Go's.

use regex::Regex;

/// The largest compiled expression, so that a query cannot fill the memory.
const LARGEST: usize = 1 << 20;

/// Compiles an expression as Go's `regexp.Compile`; its fault's text if it is none.
pub fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|fault| {
        let (what, part) = described(text, &fault.to_string());
        format!("error parsing regexp: {what}: `{part}`")
    })
}

/// What Go calls the fault, and the part of the expression that it shows.
fn described<'a>(text: &'a str, fault: &str) -> (&'static str, &'a str) {
    let said = |words: &str| fault.contains(words);
    if text.ends_with('\\') && said("incomplete escape") {
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
    use super::*;

    #[test]
    fn faults_are_worded_as_go_does() {
        for (text, fault) in [
            ("[a", "missing closing ]: `[a`"),
            ("x[a", "missing closing ]: `[a`"),
            ("a(b", "missing closing ): `a(b`"),
            ("a)b", "unexpected ): `a)b`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a\\", "trailing backslash at end of expression: ``"),
        ] {
            let got = compile(text).map(|_| ());
            assert_eq!(got, Err(format!("error parsing regexp: {fault}")));
        }
        assert!(compile("(?i)^c").unwrap().is_match("Cherry"));
    }
}
