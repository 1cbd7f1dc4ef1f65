//! From words to a query.

use portmaster_fixtures::{Behaviour, Defect};

use super::{
    Condition, Operator, QueryError,
    condition::Test,
    token::{Token, tokens},
};
use crate::limits;

/// The greatest limit and offset.
const MOST: u32 = i32::MAX as u32;

/// A query: which records, and which of them.
#[derive(Clone, Debug)]
pub struct Query {
    /// The database and the beginning of the keys, as in `core:profiles/`.
    pub prefix: String,
    /// What records must be like.
    pub condition: Option<Condition>,
    /// The field to order by. No storage does (websocket §4.5).
    pub order_by: Option<String>,
    /// The greatest number of records; 0 is unset. No storage heeds it.
    pub limit: u32,
    /// How many records to skip. No storage does.
    pub offset: u32,
}

/// What differs between contracts.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    /// Whether a group may end a `where` clause. The cores' parsers want a plain condition after it (websocket §4.2).
    pub group_may_end: bool,
    /// Whether the last letter of a query is cut where it has several bytes (websocket §4.1).
    pub cuts_last_letter: bool,
}

impl Grammar {
    /// The grammar of a contract.
    pub fn of(behaviour: &Behaviour) -> Self {
        Self {
            group_may_end: !behaviour.has(Defect::QueryTrailingGroup),
            cuts_last_letter: behaviour.has(Defect::QueryCutsLastLetter),
        }
    }
}

impl Query {
    /// Parses a query text that begins with `query`.
    ///
    /// # Errors
    /// In the words of the cores.
    pub fn parse(text: &str, grammar: Grammar) -> Result<Self, QueryError> {
        let mut tokens = tokens(text)?;
        let cut = if grammar.cuts_last_letter { cut(&mut tokens, text) } else { None };
        let mut parser = Parser { tokens, next: 0, end: text.len(), grammar, cut, comparisons: 0 };
        parser.query()
    }
}

/// Cuts the last letter of the last word, where it has several bytes. What is left is no letter: U+FFFD in the word, and the
/// byte.
fn cut(tokens: &mut [Token], text: &str) -> Option<u8> {
    let letter = text.chars().next_back().filter(|letter| !letter.is_ascii())?;
    let last = &mut tokens.last_mut()?.text;
    last.pop();
    last.push(char::REPLACEMENT_CHARACTER);
    letter.encode_utf8(&mut [0; 4]).bytes().next()
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    grammar: Grammar,
    cut: Option<u8>,
    /// How many comparisons there are so far.
    comparisons: usize,
}

impl Parser {
    fn take(&mut self) -> Result<Token, QueryError> {
        let token = self.tokens.get(self.next).cloned().ok_or(QueryError::End(self.end))?;
        if self.next >= limits::WORDS {
            return Err(QueryError::TooLong(token.position));
        }
        self.next += 1;
        Ok(token)
    }

    fn at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    fn query(&mut self) -> Result<Query, QueryError> {
        if self.take()?.text != "query" {
            return Err(QueryError::NoQuery);
        }
        let prefix = self.take()?.text;
        let mut query = Query { prefix, condition: None, order_by: None, limit: 0, offset: 0 };
        let once = |name, unset: bool, at| if unset { Ok(()) } else { Err(QueryError::Duplicate(name, at)) };
        while !self.at_end() {
            let Token { text, position } = self.take()?;
            match text.as_str() {
                "where" => {
                    once("where", query.condition.is_none(), position)?;
                    query.condition = Some(self.condition(0)?);
                }
                "orderby" => {
                    once("orderby", query.order_by.is_none(), position)?;
                    query.order_by = Some(self.take()?.text).filter(|key| !key.is_empty());
                }
                "limit" => {
                    once("limit", query.limit == 0, position)?;
                    query.limit = self.number()?;
                }
                "offset" => {
                    once("offset", query.offset == 0, position)?;
                    query.offset = self.number()?;
                }
                _ => return Err(QueryError::Clause(text, position)),
            }
        }
        if let Some(condition) = &query.condition {
            condition.check()?;
        }
        Ok(query)
    }

    fn number(&mut self) -> Result<u32, QueryError> {
        let Token { text, position } = self.take()?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && *number <= MOST);
        number.ok_or(QueryError::Integer(text, position))
    }

    /// One level of conditions, at the root (0) or in a group.
    fn condition(&mut self, depth: usize) -> Result<Condition, QueryError> {
        let root = depth == 0;
        let mut items = Vec::new();
        let mut any = None;
        // As in the cores, only a plain condition lets the clause end and makes the clauses' words count as such.
        let mut may_end = false;
        loop {
            if root && may_end && self.at_end() {
                break;
            }
            let mut token = self.take()?;
            let mut negated = false;
            match token.text.as_str() {
                ")" => {
                    // At the root it is left for the clauses, where it is none.
                    self.next -= usize::from(root);
                    break;
                }
                "orderby" | "limit" | "offset" if root && may_end => {
                    self.next -= 1;
                    break;
                }
                word @ ("and" | "or") => {
                    let or = word == "or";
                    if any.is_some_and(|any| any != or) {
                        return Err(QueryError::Mixed(token.position));
                    }
                    any = Some(or);
                    may_end = false;
                    continue;
                }
                _ => {}
            }
            while token.text == "not" {
                negated = true;
                token = self.take()?;
            }
            let item = if token.text == "(" {
                if depth == limits::GROUP_DEPTH {
                    return Err(QueryError::TooDeep(token.position));
                }
                may_end = self.grammar.group_may_end;
                self.condition(depth + 1)?
            } else {
                may_end = true;
                self.test(token.text, &mut negated)?
            };
            items.push(if negated { Condition::Not(Box::new(item)) } else { item });
        }
        Ok(if any == Some(true) { Condition::Any(items) } else { Condition::All(items) })
    }

    /// A plain condition, from the word after its key on.
    fn test(&mut self, key: String, negated: &mut bool) -> Result<Condition, QueryError> {
        let mut token = self.take()?;
        self.comparisons += 1;
        if self.comparisons > limits::COMPARISONS {
            return Err(QueryError::TooMany(token.position));
        }
        if token.text == "not" {
            *negated = true;
            token = self.take()?;
        }
        let operator = Operator::named(&token.text).ok_or(QueryError::Operator(token.position))?;
        let value = if operator == Operator::Exists { String::new() } else { self.take()?.text };
        let cut = self.cut.filter(|_| self.at_end() && operator != Operator::Exists);
        Ok(Condition::Test(Test::new(key, operator, &value, cut)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        Query::parse(text, Grammar { group_may_end: false, cuts_last_letter: false })
            .map(|_| "none".to_owned())
            .unwrap_or_else(|f| f.to_string())
    }

    #[test]
    fn errors_are_worded_and_placed_as_the_cores_do() {
        for (text, expected) in [
            ("", "unexpected end at position 0"),
            ("query", "unexpected end at position 5"),
            ("Query a:", "queries must start with \"query\""),
            ("query a:", "none"),
            ("query a: where", "unexpected end at position 14"),
            ("query a: where x", "unexpected end at position 16"),
            ("query a: where x ==", "unexpected end at position 19"),
            ("query a: where x not", "unexpected end at position 20"),
            ("query a: where x nope 1", "unknown operator at position 18"),
            ("query a: where x not nope 1", "unknown operator at position 22"),
            ("query a: where x exists or", "unexpected end at position 26"),
            ("query a: where x exists)", "unknown clause \")\" at position 24"),
            ("query a: where )", "unknown clause \")\" at position 16"),
            ("query a: where x == 1 where y == 2", "unknown operator at position 29"),
            ("query a: where x ex and y ex or z ex", "you may not mix \"and\" and \"or\" (position: 30)"),
            ("query a: foo", "unknown clause \"foo\" at position 10"),
            ("query a: limit", "unexpected end at position 14"),
            ("query a: limit -1", "could not parse integer (-1) at position 16"),
            ("query a: offset 2147483648", "could not parse integer (2147483648) at position 17"),
            ("query a: limit 1 limit 2", "duplicate \"limit\" clause found at position 18"),
            ("query a: limit 0 limit 1", "none"),
            ("query a: where x ex limit 1 where y ex", "duplicate \"where\" clause found at position 29"),
            ("query a: orderby x where limit exists offset 3", "none"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_query_is_bounded_in_depth_and_length() {
        let nested = |depth| format!("query a: where {}x ex{} y ex", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(error(&nested(100)), "none");
        assert_eq!(error(&nested(101)), "groups nest deeper than 100 at position 116");
        assert_eq!(error(&nested(1_000_000)), "groups nest deeper than 100 at position 116");
        assert_eq!(error(&format!("query a: where {}", "not ".repeat(5_000) + "x ex")), "none");
        assert_eq!(
            error(&format!("query a: where {}", "not ".repeat(100_000))),
            "more than 10000 words at position 40004"
        );
        let long = |count| format!("query a: where {}", "x ex ".repeat(count));
        assert_eq!(error(&long(1000)), "none");
        assert_eq!(error(&long(1001)), "more than 1000 comparisons at position 5018");
    }

    #[test]
    fn a_group_may_end_a_clause_only_where_the_grammar_says_so() {
        for (text, length) in [
            ("query a: where (x == 1)", 23),
            ("query a: where x ex and (y ex)", 30),
            ("query a: where not (x ex)", 25),
            ("query a: where ((x ex))", 23),
            ("query a: where (x ex)(y ex)", 27),
        ] {
            assert_eq!(error(text), format!("unexpected end at position {length}"));
            assert!(
                Query::parse(text, Grammar { group_may_end: true, cuts_last_letter: false }).is_ok(),
                "{text}"
            );
        }
        assert_eq!(error("query a: where (x ex or y ex) and z ex limit 4"), "none");
        assert!(
            Query::parse(
                "query a: where (x ex) limit 4",
                Grammar { group_may_end: true, cuts_last_letter: false }
            )
            .is_ok()
        );
        for grammar in [false, true] {
            let unclosed = Query::parse(
                "query a: where (x ex",
                Grammar { group_may_end: grammar, cuts_last_letter: false },
            );
            assert_eq!(unclosed.unwrap_err(), QueryError::End(20));
        }
    }

    #[test]
    fn the_last_letter_is_cut_only_where_the_grammar_says_so() {
        let said = |text: &str, cuts_last_letter| {
            let query = Query::parse(text, Grammar { group_may_end: true, cuts_last_letter });
            query.map(|_| String::new()).unwrap_or_else(|error| error.to_string())
        };
        let text = "query a: where n matches é";
        assert_eq!(said(text, false), "");
        assert_eq!(
            said(text, true),
            "could not compile regex \"\\xc3\": error parsing regexp: invalid UTF-8: `\u{fffd}`"
        );
        for whole in [
            "query a: where n matches \"é\"",
            "query a: where n matches é limit 1",
            "query a: where n matches e",
        ] {
            assert_eq!(said(whole, true), "", "{whole}");
        }
        assert_eq!(said("query a: where n in é", true), "could not parse \"\\xc3\" to []string");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(
            words in prop::collection::vec(r#"where|and|or|not|\(|\)|limit|==|f<|exists|in|re|[a-c"\\ é1]{1,4}"#, 0..12),
            group_may_end in any::<bool>(),
            cuts_last_letter in any::<bool>(),
        ) {
            let text = format!("query a: where {}", words.join(" "));
            if let Err(QueryError::End(at) | QueryError::Operator(at)) = Query::parse(&text, Grammar { group_may_end, cuts_last_letter }) {
                prop_assert!(at <= text.len());
            }
        }
    }
}
