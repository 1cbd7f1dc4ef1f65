//! Patterns of names: `*` stands for any text, `?` for one character.

use portmaster_wire::wildcard::Wildcard;
use serde::{Deserialize, Serialize};

use crate::limits;

/// A pattern.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern {
    text: String,
    wildcard: Wildcard,
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
        Self { text: text.to_owned(), wildcard: Wildcard::new(text) }
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

    /// Whether a name fits. None does where finding out would take long.
    pub fn fits(&self, name: &str) -> bool {
        self.wildcard.len().saturating_mul(name.len()) <= limits::PATTERN_WORK && self.wildcard.fits(name)
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
