//! The language of database queries: `query core:profiles/ where Name sameas Firefox` (websocket §4).

mod condition;
mod connection;
mod error;
mod fields;
mod parse;
pub mod scope;
mod token;

pub use condition::Condition;
pub use connection::Connection;
pub use error::QueryError;
pub use fields::{Fields, Json, Value};
pub use parse::{Grammar, Query};

use condition::Operator;

/// The words that have a meaning in a query, for whoever completes what is typed.
#[cfg(feature = "control")]
pub const WORDS: [&str; 27] = [
    "query", "where", "and", "or", "not", "orderby", "limit", "offset", "==", ">", ">=", "<", "<=", "f==",
    "f>", "f>=", "f<", "f<=", "sameas", "contains", "startswith", "endswith", "in", "matches", "is",
    "exists", "(",
];

#[cfg(all(test, feature = "control"))]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_meaning() {
        let grammar = Grammar { group_may_end: true, cuts_last_letter: false };
        for word in WORDS {
            let text = match word {
                "query" => "query config:".to_owned(),
                "where" => "query config: where a exists".to_owned(),
                "and" | "or" => format!("query config: where a exists {word} b exists"),
                "not" => "query config: where not a exists".to_owned(),
                "(" => "query config: where ( a exists ) and b exists".to_owned(),
                "orderby" | "limit" | "offset" => format!("query config: {word} 1"),
                "exists" => "query config: where a exists".to_owned(),
                "in" => "query config: where a in 1,2".to_owned(),
                operator => format!("query config: where a {operator} 1"),
            };
            assert!(Query::parse(&text, grammar).is_ok(), "{text}");
        }
    }
}
