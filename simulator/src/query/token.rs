//! The words of a query text.

use super::QueryError;
use crate::limits;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// The word without its quotes and escapes.
    pub(super) text: String,
    /// Where it begins in the query text: bytes, from 1.
    pub(super) position: usize,
}

/// Cuts a query text into words (websocket §4.1), as many as a query may have and one more.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut found = Vec::new();
    // Where the present word began, and whether it did with a quote.
    let mut word: Option<(usize, bool)> = None;
    let mut escaped = false;
    let finish = |found: &mut Vec<Token>, word: &mut Option<(usize, bool)>, end: usize| {
        if let Some((start, _)) = word.take() {
            found.push(Token { text: unescaped(&text[start..end]), position: start + 1 });
        }
    };
    for (at, char) in text.char_indices() {
        if found.len() > limits::WORDS {
            return Ok(found);
        }
        if escaped {
            escaped = false;
            continue;
        }
        if char == '\\' {
            escaped = true;
            word.get_or_insert((at, false));
            continue;
        }
        let quoted = word.is_some_and(|(_, quoted)| quoted);
        match char {
            '"' if quoted => finish(&mut found, &mut word, at + 1),
            _ if quoted => {}
            '"' if word.is_some() => return Err(QueryError::QuoteInWord(at + 1)),
            '"' => word = Some((at, true)),
            ' ' | '\t' | '\r' | '\n' => finish(&mut found, &mut word, at),
            '(' | ')' => {
                finish(&mut found, &mut word, at);
                finish(&mut found, &mut Some((at, false)), at + 1);
            }
            _ => {
                word.get_or_insert((at, false));
            }
        }
    }
    finish(&mut found, &mut word, text.len());
    Ok(found)
}

/// Takes the quotes around a word away, and every backslash that no other follows.
fn unescaped(raw: &str) -> String {
    let inner = raw.trim_matches('"');
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\\' || chars.peek().is_none_or(|next| *next == '\\') {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, usize)> {
        tokens(text).unwrap().into_iter().map(|token| (token.text, token.position)).collect()
    }

    #[test]
    fn words_end_at_blanks_and_parentheses() {
        let expected = [("a", 1), ("(", 3), ("b", 4), (")", 5), ("c", 6)];
        assert_eq!(words("a (b)c"), expected.map(|(text, at)| (text.to_owned(), at)));
    }

    #[test]
    fn quotes_and_backslashes_go() {
        for (raw, text) in [
            (r#""apple pie""#, "apple pie"),
            (r"apple\ pie", "apple pie"),
            (r#""qu\"ote""#, "qu\"ote"),
            (r#"qu\"ote"#, "qu\"ote"),
            (r#""a\\.b""#, r"a\.b"),
            (r#""\\w+ \\w+""#, r"\w+ \w+"),
            (r#""unclosed to the end"#, "unclosed to the end"),
            (r#""""#, ""),
            ("'single", "'single"),
        ] {
            assert_eq!(words(raw), [(text.to_owned(), 1)], "{raw}");
        }
    }

    #[test]
    fn a_quote_within_a_word_is_refused() {
        assert_eq!(
            tokens(r#"ab"c"#).unwrap_err().to_string(),
            "parenthesis ('\"') may not be used within words, please escape with '\\' (position: 3)"
        );
        assert_eq!(words(r#""a"b"#), [("a".to_owned(), 1), ("b".to_owned(), 4)]);
    }
}
