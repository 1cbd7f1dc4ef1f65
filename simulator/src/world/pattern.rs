//! Patterns of names: `*` stands for any text, `?` for one character.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// A pattern.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        let mut regex = String::from("(?s)^");
        for char in text.chars() {
            match char {
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push('$');
        // Only one that is longer than any name fails; it matches nothing then.
        let regex = Regex::new(&regex);
        Self {
            text: text.to_owned(),
            regex: regex.unwrap_or_else(|_| Regex::new("[^\\s\\S]").expect("a regular expression")),
        }
    }

    /// A pattern of whole paths: one without a slash at its beginning is below the endpoints' prefix.
    pub fn path(text: &str) -> Self {
        Self::new(&Self::whole(text))
    }

    /// The text of such a pattern, with the prefix.
    pub fn whole(path: &str) -> String {
        if path.starts_with('/') || path.starts_with('*') {
            path.to_owned()
        } else {
            format!("/api/v1/{path}")
        }
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_others() {
        for (pattern, name, fits) in [
            ("netquery/*", "netquery/query", true),
            ("netquery/*", "netquery", false),
            ("*", "", true),
            ("dns/cache/?.A", "dns/cache/x.A", true),
            ("dns/cache/?.A", "dns/cache/xxA", false),
            ("spn", "spn/enable", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }
}
