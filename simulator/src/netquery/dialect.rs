//! What differs between contracts in the query language, as data (netquery §4).

use portmaster_fixtures::{Columns, Defect, Netquery, Rules};

/// A column of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// The name in queries and answers.
    pub(crate) name: &'static str,
    /// The declared type and constraints.
    pub(crate) declared: &'static str,
    /// How answers show its values.
    pub(crate) shown: Shown,
    /// Whether NULL is shown as `null`; elsewhere it is shown as the zero value.
    pub(crate) nullable: bool,
}

/// How the values of a column are shown in typed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number, wrapped to the core's type: its bits, whether it has a sign, its name.
    Int(u8, bool, &'static str),
    /// A number.
    Float,
    /// An RFC 3339 time.
    Time,
    /// Embedded JSON.
    Json,
}

impl Shown {
    /// The core's name of the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Bool => "bool",
            Self::Int(_, _, name) => name,
            Self::Float => "float64",
            Self::Time => "time.Time",
            Self::Json => "json.RawMessage",
        }
    }
}

const fn column(name: &'static str, declared: &'static str, shown: Shown) -> Column {
    Column { name, declared, shown, nullable: false }
}

const fn nullable(name: &'static str, declared: &'static str, shown: Shown) -> Column {
    Column { name, declared, shown, nullable: true }
}

const UINT16: Shown = Shown::Int(16, false, "uint16");
const VERDICT: Shown = Shown::Int(8, true, "network.Verdict");

/// The columns of newer cores, in their order.
const COLUMNS: [Column; 35] = [
    column("id", "TEXT PRIMARY KEY NOT NULL", Shown::Text),
    column("profile", "TEXT NOT NULL", Shown::Text),
    column("path", "TEXT NOT NULL", Shown::Text),
    column("type", "VARCHAR(8) NOT NULL", Shown::Text),
    column("external", "NOT NULL", Shown::Bool),
    column("ip_version", "INTEGER NOT NULL", Shown::Int(8, false, "packet.IPVersion")),
    column("ip_protocol", "INTEGER NOT NULL", Shown::Int(8, false, "packet.IPProtocol")),
    column("local_ip", "TEXT NOT NULL", Shown::Text),
    column("local_port", "INTEGER NOT NULL", UINT16),
    column("remote_ip", "TEXT NOT NULL", Shown::Text),
    column("remote_port", "INTEGER NOT NULL", UINT16),
    column("domain", "TEXT NOT NULL", Shown::Text),
    column("country", "VARCHAR(2) NOT NULL", Shown::Text),
    column("asn", "INTEGER NOT NULL", Shown::Int(64, false, "uint")),
    column("as_owner", "TEXT NOT NULL", Shown::Text),
    column("latitude", "REAL NOT NULL", Shown::Float),
    column("longitude", "REAL NOT NULL", Shown::Float),
    column("scope", "INTEGER NOT NULL", Shown::Int(8, true, "netutils.IPScope")),
    column("worst_verdict", "INTEGER NOT NULL", VERDICT),
    column("verdict", "INTEGER NOT NULL", VERDICT),
    column("firewall_verdict", "INTEGER NOT NULL", VERDICT),
    nullable("started", "TEXT NOT NULL", Shown::Time),
    nullable("ended", "TEXT", Shown::Time),
    column("tunneled", "NOT NULL", Shown::Bool),
    column("encrypted", "NOT NULL", Shown::Bool),
    column("internal", "NOT NULL", Shown::Bool),
    column("direction", "TEXT NOT NULL", Shown::Text),
    nullable("extra_data", "BLOB NOT NULL", Shown::Json),
    nullable("allowed", "", Shown::Bool),
    column("profile_revision", "INTEGER NOT NULL", Shown::Int(64, true, "int")),
    nullable("exit_node", "TEXT", Shown::Text),
    column("bytes_received", "INTEGER DEFAULT 0 NOT NULL", Shown::Int(64, false, "uint64")),
    column("bytes_sent", "INTEGER DEFAULT 0 NOT NULL", Shown::Int(64, false, "uint64")),
    column("active", "NOT NULL", Shown::Bool),
    column("profile_name", "TEXT NOT NULL", Shown::Text),
];

/// Columns that older cores don't have.
const NEWER: [&str; 4] = ["worst_verdict", "firewall_verdict", "bytes_received", "bytes_sent"];
/// Columns that have no declared type in older cores, so that a string never equals their numbers.
const UNTYPED_BEFORE: [&str; 5] = ["ip_version", "ip_protocol", "local_port", "remote_port", "asn"];

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
    pub(crate) rules: &'static Netquery,
    /// Whether `null` in a list is a handler's panic; else it is the column's zero value.
    pub(crate) null_panics: bool,
    /// Whether a text search in an unknown column is a handler's panic; else a 400.
    pub(crate) search_panics: bool,
    /// Whether only the last of several `$sum` keeps its parameters, so that the statement fails.
    pub(crate) several_sums_fail: bool,
}

impl Dialect {
    /// The language of a contract's rules, with their defects.
    pub(crate) fn of(rules: &'static Rules) -> Self {
        Self {
            columns: columns(rules.netquery.columns),
            operators: rules.netquery.operators.iter().map(String::as_str).collect(),
            selects: rules.netquery.selects.iter().map(String::as_str).collect(),
            rules: &rules.netquery,
            null_panics: rules.has(Defect::NullCrashes),
            search_panics: rules.has(Defect::SearchCrashes),
            several_sums_fail: rules.has(Defect::SeveralSumsFail),
        }
    }

    /// The column of a name, matched exactly.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

fn columns(which: Columns) -> Vec<Column> {
    match which {
        Columns::Late => COLUMNS.to_vec(),
        Columns::Early => COLUMNS
            .into_iter()
            .filter(|column| !NEWER.contains(&column.name))
            .map(|mut column| {
                if UNTYPED_BEFORE.contains(&column.name) {
                    column.declared = "NOT NULL";
                }
                column
            })
            .collect(),
    }
}

/// Whether a text can stand in a statement as a name: letters, digits and underscores of ASCII.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
