//! What tells one cause from another in a text.

/// How much of a text tells causes apart, in characters.
const TELLING: usize = 100;

/// A text without what varies: numbers, what is quoted, long words that look drawn.
pub(crate) fn normalised(text: &str) -> String {
    // A status in front tells a lot.
    let (status, rest) =
        text.split_once(' ').filter(|(one, _)| one.len() == 3 && one.parse::<u16>().is_ok()).unzip();
    let mut out = status.map(|status| format!("{status} ")).unwrap_or_default();
    let mut chars = rest.unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '`' => {
                while chars.next_if(|&next| next != c).is_some() {}
                chars.next();
                out.push_str("\"…\"");
            }
            c if c.is_ascii_digit() => {
                while chars.next_if(|next| next.is_ascii_alphanumeric()).is_some() {}
                out.push('0');
            }
            c if c.is_whitespace() => {
                while chars.next_if(|next| next.is_whitespace()).is_some() {}
                out.push(' ');
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
        if out.len() > TELLING {
            break;
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart_and_values_are_not() {
        let cause = |got: &str| normalised(got);
        assert_eq!(cause("500 column \"abc\" is 17 long"), "500 column \"…\" is 0 long");
        assert_eq!(cause("500 column \"x\" is 9 long"), "500 column \"…\" is 0 long");
        assert_ne!(cause("500 x"), cause("501 x"));
        assert_eq!(cause("open 4a5eb717.png"), cause("open 0c0ffee.png"));
        assert_ne!(cause("database entry not found"), cause("map not found"));
        assert_eq!(cause("unclosed \"quote"), "unclosed \"…\"");
    }
}
