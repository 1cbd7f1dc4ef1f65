//! The columns of connections, each described once: schema, insertion, dump and answers follow from this list.

use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::Offset};
use portmaster_fixtures::{Columns, scenario::ConnectionRow};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// Writes a traffic sample.
pub(super) const INSERT_BANDWIDTH: &str =
    "INSERT INTO main.bandwidth (conn_id, time, incoming, outgoing) VALUES (?1, ?2, ?3, ?4)";

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
    /// Whether few values are shared by many connections, so that it is a column of their kinds, too.
    pub(crate) of_kind: bool,
    /// What is written of a row.
    pub(super) cell: Cell,
}

/// What is written of a row into the live table or, if the flag is set, into the history.
type Cell = for<'a> fn(&'a ConnectionRow, bool) -> ToSqlOutput<'a>;

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

const fn column(name: &'static str, declared: &'static str, shown: Shown, cell: Cell) -> Column {
    Column { name, declared, shown, nullable: false, of_kind: false, cell }
}

const fn nullable(name: &'static str, declared: &'static str, shown: Shown, cell: Cell) -> Column {
    Column { nullable: true, ..column(name, declared, shown, cell) }
}

impl Column {
    const fn of_kind(self) -> Self {
        Self { of_kind: true, ..self }
    }
}

const UINT16: Shown = Shown::Int(16, false, "uint16");
const VERDICT: Shown = Shown::Int(8, true, "network.Verdict");
const INT: Shown = Shown::Int(64, true, "int");
const UINT: Shown = Shown::Int(64, false, "uint");
const UINT64: Shown = Shown::Int(64, false, "uint64");

/// The columns of newer cores, in their order.
const COLUMNS: [Column; 35] = [
    column("id", "TEXT PRIMARY KEY NOT NULL", Shown::Text, |row, _| text(&row.id)),
    column("profile", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.profile)).of_kind(),
    column("path", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.path)).of_kind(),
    column("type", "VARCHAR(8) NOT NULL", Shown::Text, |row, _| text(&row.kind)).of_kind(),
    column("external", "NOT NULL", Shown::Bool, |row, _| row.external.into()).of_kind(),
    column("ip_version", "INTEGER NOT NULL", Shown::Int(8, false, "packet.IPVersion"), |row, _| {
        row.ip_version.into()
    })
    .of_kind(),
    column("ip_protocol", "INTEGER NOT NULL", Shown::Int(8, false, "packet.IPProtocol"), |row, _| {
        row.ip_protocol.into()
    })
    .of_kind(),
    column("local_ip", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.local_ip)),
    column("local_port", "INTEGER NOT NULL", UINT16, |row, _| row.local_port.into()),
    column("remote_ip", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.remote_ip)),
    column("remote_port", "INTEGER NOT NULL", UINT16, |row, _| row.remote_port.into()),
    column("domain", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.domain)).of_kind(),
    column("country", "VARCHAR(2) NOT NULL", Shown::Text, |row, _| text(&row.country)).of_kind(),
    column("asn", "INTEGER NOT NULL", UINT, |row, _| row.asn.into()).of_kind(),
    column("as_owner", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.as_owner)).of_kind(),
    column("latitude", "REAL NOT NULL", Shown::Float, |row, _| row.latitude.into()),
    column("longitude", "REAL NOT NULL", Shown::Float, |row, _| row.longitude.into()),
    column("scope", "INTEGER NOT NULL", Shown::Int(8, true, "netutils.IPScope"), |row, _| row.scope.into())
        .of_kind(),
    column("worst_verdict", "INTEGER NOT NULL", VERDICT, |row, _| row.worst_verdict.into()).of_kind(),
    column("verdict", "INTEGER NOT NULL", VERDICT, |row, _| row.verdict.into()).of_kind(),
    column("firewall_verdict", "INTEGER NOT NULL", VERDICT, |row, _| row.firewall_verdict.into()).of_kind(),
    nullable("started", "TEXT NOT NULL", Shown::Time, |row, _| stored_time(row.started).into()),
    nullable("ended", "TEXT", Shown::Time, |row, _| option(row.ended.map(stored_time))),
    column("tunneled", "NOT NULL", Shown::Bool, |row, _| row.tunneled.into()).of_kind(),
    column("encrypted", "NOT NULL", Shown::Bool, |row, _| row.encrypted.into()).of_kind(),
    column("internal", "NOT NULL", Shown::Bool, |row, _| row.internal.into()).of_kind(),
    column("direction", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.direction)).of_kind(),
    nullable("extra_data", "BLOB NOT NULL", Shown::Json, |row, _| match row.extra_data_text() {
        Cow::Borrowed(text) => ToSqlOutput::Borrowed(ValueRef::Blob(text.as_bytes())),
        Cow::Owned(text) => text.into_bytes().into(),
    }),
    nullable("allowed", "", Shown::Bool, |row, _| option(row.allowed())).of_kind(),
    column("profile_revision", "INTEGER NOT NULL", INT, |row, _| row.profile_revision.into()),
    nullable("exit_node", "TEXT", Shown::Text, |row, _| {
        row.exit_node.as_deref().map_or(ToSqlOutput::Borrowed(ValueRef::Null), text)
    }),
    column("bytes_received", "INTEGER DEFAULT 0 NOT NULL", UINT64, |row, history| {
        row.history_bytes_received.filter(|_| history).unwrap_or(row.bytes_received).into()
    }),
    column("bytes_sent", "INTEGER DEFAULT 0 NOT NULL", UINT64, |row, history| {
        row.history_bytes_sent.filter(|_| history).unwrap_or(row.bytes_sent).into()
    }),
    column("active", "NOT NULL", Shown::Bool, |row, _| row.active.into()),
    column("profile_name", "TEXT NOT NULL", Shown::Text, |row, _| text(&row.profile_name)).of_kind(),
];

/// The times as Unix seconds, beside the columns that requests know, so that nothing has to be computed from texts; the
/// core has expression indexes for that.
pub(super) const SECONDS: [Column; 2] = [
    column("started_unix", "INTEGER NOT NULL", INT, |row, _| row.started.as_second().into()),
    nullable("ended_unix", "INTEGER", INT, |row, _| option(row.ended.map(Timestamp::as_second))),
];

/// Columns that older cores don't have.
const NEWER: [&str; 4] = ["worst_verdict", "firewall_verdict", "bytes_received", "bytes_sent"];
/// Columns that have no declared type in older cores, so that a string never equals their numbers.
const UNTYPED_BEFORE: [&str; 5] = ["ip_version", "ip_protocol", "local_port", "remote_port", "asn"];

/// The columns of some cores.
pub(super) fn columns(which: Columns) -> Vec<Column> {
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

/// What a table would have of a cell that is written.
pub(super) fn value<'a>(cell: &'a ToSqlOutput<'_>) -> ValueRef<'a> {
    match cell {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => value.into(),
        _ => ValueRef::Null,
    }
}

fn text(text: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
}

fn option<'a>(value: Option<impl Into<Value>>) -> ToSqlOutput<'a> {
    ToSqlOutput::Owned(value.map_or(Value::Null, Into::into))
}

/// A time as the tables store it, `YYYY-MM-DD HH:MM:SS` in UTC.
fn stored_time(time: Timestamp) -> String {
    use std::fmt::Write as _;
    let time: civil::DateTime = Offset::UTC.to_datetime(time);
    let mut text = String::with_capacity(19);
    _ = write!(
        text,
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    text
}
