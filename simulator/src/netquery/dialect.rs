//! What differs between contracts in the query language, as data (netquery §4).

use std::ops::Range;

use portmaster_fixtures::{Behaviour, Defect, Netquery};

use super::columns::{Column, SECONDS, columns};

/// The query language of one contract.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    /// The columns, in their order.
    pub(crate) columns: Vec<Column>,
    /// The operators of a matcher.
    pub(crate) operators: Vec<&'static str>,
    /// The members of a selection's element.
    pub(crate) selects: Vec<&'static str>,
    /// What else differs between contracts.
    pub(crate) behaviour: &'static Netquery,
    /// Whether `null` in a list is a handler's panic; else it is the column's zero value.
    pub(crate) null_panics: bool,
    /// Whether a text search in an unknown column is a handler's panic; else a 400.
    pub(crate) search_panics: bool,
    /// Whether only the last of several `$sum` keeps its parameters, so that the statement fails.
    pub(crate) several_sums_fail: bool,
}

impl Dialect {
    /// The language of a contract, with the defects of its behaviour.
    pub(crate) fn of(behaviour: &'static Behaviour) -> Self {
        Self {
            columns: columns(behaviour.netquery.columns),
            operators: behaviour.netquery.operators.iter().map(String::as_str).collect(),
            selects: behaviour.netquery.selects.iter().map(String::as_str).collect(),
            behaviour: &behaviour.netquery,
            null_panics: behaviour.has(Defect::NullCrashes),
            search_panics: behaviour.has(Defect::SearchCrashes),
            several_sums_fail: behaviour.has(Defect::SeveralSumsFail),
        }
    }

    /// The column of a name, matched exactly.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What a stored row has: the columns, and the times as seconds.
    pub(super) fn stored(&self) -> impl Iterator<Item = &Column> + Clone {
        self.columns.iter().chain(&SECONDS)
    }

    /// What connections of a kind have in common.
    pub(super) fn of_kind(&self) -> impl Iterator<Item = &Column> + Clone {
        self.columns.iter().filter(|column| column.of_kind)
    }

    /// Whether connections of a kind have the same value in a column.
    pub(super) fn is_of_kind(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| column.of_kind)
    }
}

/// Whether SQLite takes a byte within a name.
fn of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Whether a text can stand in a statement as a name, so that nothing in it is read as SQL.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().all(of_name)
}

/// With these words a statement goes on behind the name of a result.
const GOES_ON: [&str; 10] =
    ["FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT"];

/// The token at which SQLite refuses a text that stands for the name of a result, whatever is written behind it. None if it
/// might read on there: a list goes on, a comment or a quoted text begins.
pub(crate) fn refused_token(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let behind = |from: usize, wanted: fn(u8) -> bool| {
        from + bytes[from..].iter().take_while(|byte| wanted(**byte)).count()
    };
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0c | b'\r');
    let first = behind(0, blank);
    if bytes.get(first).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let at = behind(behind(first, of_name), blank);
    let end = behind(at, of_name);
    let rest = text.get(at..)?;
    let length = match rest.bytes().next()? {
        b'0'..=b'9' | b'$' => return None,
        _ if end > at => {
            return (!GOES_ON.iter().any(|word| word.eq_ignore_ascii_case(&text[at..end])))
                .then_some(at..end);
        }
        b'-' if rest.starts_with("--") => return None,
        b'/' if rest.starts_with("/*") => return None,
        b'.' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => return None,
        b'-' | b'+' | b'*' | b'/' | b'%' | b'=' | b'<' | b'>' | b'|' | b'&' | b'~' | b'.' | b'(' | b')' => {
            let long = ["->>", "->", "==", "<=", "<>", "<<", ">=", ">>", "||"];
            long.iter().find(|token| rest.starts_with(**token)).map_or(1, |token| token.len())
        }
        _ => return None,
    };
    Some(at..at + length)
}
