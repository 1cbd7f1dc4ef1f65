//! What differs between contracts in the query language, as data (netquery §4).

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

/// Whether a text can stand in a statement as a name: letters, digits and underscores of ASCII.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
