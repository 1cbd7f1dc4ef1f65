//! Patterns of names: `*` stands for any text, `?` for one character. Matched in the product of both lengths at worst,
//! whatever the number of stars.

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Char(char),
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard(Vec<Piece>);

impl Wildcard {
    /// Reads a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().map(piece).collect())
    }

    /// The same, where a backslash makes the next character stand for itself. One at the end fits nothing, so it is `None`.
    pub fn escaped(pattern: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            pieces.push(if char == '\\' { Piece::Char(chars.next()?) } else { piece(char) });
        }
        Some(Self(pieces))
    }

    /// The number of pieces.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: only the empty name fits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        let mut at = 0;
        let mut rest = name;
        // Behind the latest star, and the name from where that star ends so far: the only place to come back to.
        let mut star: Option<(usize, &str)> = None;
        loop {
            let mut chars = rest.chars();
            match (self.0.get(at), chars.next()) {
                (Some(Piece::Any), _) => {
                    at += 1;
                    star = Some((at, rest));
                }
                (Some(Piece::One), Some(_)) => {
                    at += 1;
                    rest = chars.as_str();
                }
                (Some(Piece::Char(wanted)), Some(found)) if *wanted == found => {
                    at += 1;
                    rest = chars.as_str();
                }
                (None, None) => return true,
                _ => {
                    let Some((behind, from)) = star else { return false };
                    let mut longer = from.chars();
                    if longer.next().is_none() {
                        return false;
                    }
                    at = behind;
                    rest = longer.as_str();
                    star = Some((behind, rest));
                }
            }
        }
    }
}

fn piece(char: char) -> Piece {
    match char {
        '*' => Piece::Any,
        '?' => Piece::One,
        other => Piece::Char(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_stars_cost_no_more_than_one() {
        let name = "a".repeat(20_000);
        assert!(!Wildcard::new(&format!("{}b", "*a".repeat(200))).fits(&name));
        assert!(Wildcard::new(&"*a".repeat(200)).fits(&name));
    }

    #[test]
    fn a_backslash_makes_the_next_character_plain() {
        assert!(Wildcard::escaped(r"a\*b").unwrap().fits("a*b"));
        assert!(!Wildcard::escaped(r"a\*b").unwrap().fits("axb"));
        assert_eq!(Wildcard::escaped(r"a\"), None);
    }

    proptest! {
        #[test]
        fn names_fit_as_a_regular_expression_says(pattern in "[ab*?é]{0,8}", name in "[abé]{0,8}") {
            let expression = format!("(?s)^{}$", pattern.replace('*', ".*").replace('?', "."));
            let expected = regex::Regex::new(&expression).unwrap().is_match(&name);
            prop_assert_eq!(Wildcard::new(&pattern).fits(&name), expected);
        }
    }
}
