//! The tables: the live connections, the history, the traffic samples.

use std::{
    borrow::Borrow,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::{Timestamp, civil, tz::Offset};
use portmaster_fixtures::{
    Contract, Rules,
    scenario::{Bandwidth, ConnectionRow, RowsFile},
};
use rusqlite::{Connection, OpenFlags, Statement, params};

use super::{
    dialect::{Column, Dialect, Shown},
    statement::DOMAIN_KEY,
};

/// How long a live row stays after its end, in seconds (netquery §6).
const KEPT_AFTER_END: i64 = 600;
/// Rows that are written in one transaction while many are loaded.
const BATCH: usize = 20_000;
/// Connections to the database that are kept for the next reader.
const IDLE_READERS: usize = 4;

/// Why the tables cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no place for the files.
    #[error("no temporary folder for the connection database: {0}")]
    Folder(#[from] std::io::Error),
    /// SQLite failed.
    #[error("the connection database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// Rows that were kept are no JSON.
    #[error("kept rows cannot be read: {0}")]
    Rows(#[from] serde_json::Error),
}

/// The connection database of one simulator. Clones share it.
///
/// The tables are SQLite files in write-ahead-log mode, in a temporary folder that goes with the last clone. In this
/// mode every reader sees the state of the moment in which it began, waits for nobody and blocks nobody; a database in
/// memory cannot do that: with a shared cache one statement runs at a time, and the memory VFS knows no such log, so
/// that a long query would keep writers out, and they everybody else. Nothing is ever synchronised to the disk.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dialect: Dialect,
    writer: Mutex<Connection>,
    /// Set when the tables were made ready for readers.
    prepared: OnceLock<()>,
    idle: Mutex<Vec<Connection>>,
    // Dropped last: the connections above have the files in it open.
    folder: tempfile::TempDir,
}

/// How long the history keeps connections: days, 0 for ever (netquery §6).
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Days by profile, `<source>/<id>`; 0 is for ever. The history of profiles that are not here is left alone, as the
    /// recordings show it of profiles that a core does not know.
    pub days: std::collections::BTreeMap<String, u32>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves the connection usable: its transaction was rolled back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Empty tables in the language of a contract, with the defects of some rules.
    pub fn new(contract: Contract, rules: &Rules) -> Result<Self, StoreError> {
        let dialect = Dialect::of(contract, rules);
        let folder = tempfile::Builder::new().prefix("portmaster-simulator-").tempdir()?;
        let writer = open(folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // Until somebody reads there is no log.
        writer.execute_batch("PRAGMA main.journal_mode = MEMORY; PRAGMA history.journal_mode = MEMORY")?;
        writer.execute_batch(&schema(&dialect))?;
        Ok(Self(Arc::new(Inner {
            dialect,
            writer: Mutex::new(writer),
            prepared: OnceLock::new(),
            idle: Mutex::default(),
            folder,
        })))
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    /// The connection that writes.
    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        locked(&self.0.writer)
    }

    /// Writes connections that are new or have changed: rows that are `live` into the live table, rows of the
    /// `history` there too. The bytes of a row that is there already stay as they are.
    pub fn upsert(&self, rows: &[Arc<ConnectionRow>]) -> Result<(), StoreError> {
        self.load_rows(rows.iter().map(|row| &**row))
    }

    /// Writes the connections and traffic samples of a file. The samples are not added to the connections' bytes.
    pub fn load(&self, file: &RowsFile) -> Result<(), StoreError> {
        self.load_rows(file.rows.iter())?;
        self.load_bandwidth(file.bandwidth.iter())
    }

    /// Writes many connections, taken as they come.
    pub fn load_rows<R: Borrow<ConnectionRow>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), StoreError> {
        let dialect = &self.0.dialect;
        let mut rows = rows.into_iter().peekable();
        let mut batches = 0;
        let mut writer = locked(&self.0.writer);
        while rows.peek().is_some() {
            let transaction = writer.transaction()?;
            {
                let mut main = transaction.prepare_cached(&upsert_text("main", dialect))?;
                let mut history = transaction.prepare_cached(&upsert_text("history", dialect))?;
                for row in rows.by_ref().take(BATCH) {
                    let row = row.borrow();
                    if row.live {
                        bind_row(&mut main, row, row.bytes_received, row.bytes_sent)?;
                        main.raw_execute()?;
                    }
                    if row.history && dialect.databases {
                        let received = row.history_bytes_received.unwrap_or(row.bytes_received);
                        let sent = row.history_bytes_sent.unwrap_or(row.bytes_sent);
                        bind_row(&mut history, row, received, sent)?;
                        history.raw_execute()?;
                    }
                }
            }
            transaction.commit()?;
            batches += 1;
        }
        drop(writer);
        if batches > 1 {
            // It takes a while; better now than when the first reader comes.
            self.prepare()?;
        }
        Ok(())
    }

    /// Makes the tables ready for readers: indexes, which are quicker made at once than row by row, and the log.
    fn prepare(&self) -> rusqlite::Result<()> {
        if self.0.prepared.get().is_some() {
            return Ok(());
        }
        let writer = locked(&self.0.writer);
        if self.0.prepared.get().is_none() {
            writer.execute_batch(&indexes())?;
            writer.execute_batch("PRAGMA main.journal_mode = WAL; PRAGMA history.journal_mode = WAL")?;
            // Nobody else can have set it while the writer is locked.
            let _ = self.0.prepared.set(());
        }
        Ok(())
    }

    /// Writes many traffic samples without adding them to the connections' bytes.
    pub fn load_bandwidth<B: Borrow<Bandwidth>>(
        &self,
        samples: impl IntoIterator<Item = B>,
    ) -> Result<(), StoreError> {
        let mut writer = locked(&self.0.writer);
        let transaction = writer.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT_BANDWIDTH)?;
            for sample in samples {
                let Bandwidth { conn_id, time, incoming, outgoing } = sample.borrow();
                insert.execute(params![conn_id, time, incoming, outgoing])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Adds traffic: a sample each, and its bytes to the connection's, in the history too.
    pub fn add_bandwidth(&self, samples: &[Bandwidth]) -> Result<(), StoreError> {
        let mut writer = locked(&self.0.writer);
        let transaction = writer.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT_BANDWIDTH)?;
            for Bandwidth { conn_id, time, incoming, outgoing } in samples {
                insert.execute(params![conn_id, time, incoming, outgoing])?;
            }
            if self.0.dialect.databases {
                for database in ["main", "history"] {
                    let mut add = transaction.prepare_cached(&format!(
                        "UPDATE {database}.connections SET bytes_received = bytes_received + ?2, \
                         bytes_sent = bytes_sent + ?3 WHERE id = ?1"
                    ))?;
                    for Bandwidth { conn_id, incoming, outgoing, .. } in samples {
                        add.execute(params![conn_id, incoming, outgoing])?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Removes live rows that ended more than ten minutes before `now`, and their samples; says how many.
    pub fn expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        let before = now.as_second() - KEPT_AFTER_END;
        let mut writer = locked(&self.0.writer);
        let old = "ended IS NOT NULL AND ended_unix < ?1";
        let any: bool = writer
            .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM main.connections WHERE {old})"))?
            .query_row([before], |row| row.get(0))?;
        if !any {
            return Ok(0);
        }
        let transaction = writer.transaction()?;
        transaction
            .prepare_cached(&format!(
                "DELETE FROM main.bandwidth WHERE conn_id IN (SELECT id FROM main.connections WHERE {old})"
            ))?
            .execute([before])?;
        let removed = transaction
            .prepare_cached(&format!("DELETE FROM main.connections WHERE {old}"))?
            .execute([before])?;
        transaction.commit()?;
        Ok(removed)
    }

    /// Removes everything, as a reset of the world does.
    pub fn clear(&self) -> Result<(), StoreError> {
        locked(&self.0.writer).execute_batch(
            "BEGIN; DELETE FROM main.connections; DELETE FROM main.bandwidth; \
             DELETE FROM history.connections; COMMIT",
        )?;
        Ok(())
    }

    /// Removes the history of these profiles, or all of it if none is named.
    pub(crate) fn clear_history(&self, profiles: &[String]) -> rusqlite::Result<()> {
        let mut writer = locked(&self.0.writer);
        if profiles.is_empty() {
            writer.execute("DELETE FROM history.connections", [])?;
            return Ok(());
        }
        let transaction = writer.transaction()?;
        for profile in profiles {
            transaction
                .prepare_cached("DELETE FROM history.connections WHERE profile = ?1")?
                .execute([profile])?;
        }
        transaction.commit()
    }

    /// Removes what the history need not keep: ended connections that began too long ago.
    pub(crate) fn clean_history(&self, now: Timestamp, retention: &Retention) -> rusqlite::Result<()> {
        let mut writer = locked(&self.0.writer);
        let transaction = writer.transaction()?;
        {
            let mut profiles =
                transaction.prepare_cached("SELECT DISTINCT profile FROM history.connections")?;
            let profiles: Vec<String> =
                profiles.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let mut remove = transaction.prepare_cached(
                "DELETE FROM history.connections WHERE profile = ?1 AND NOT active AND started_unix < ?2",
            )?;
            for profile in profiles {
                let days = retention.days.get(&profile).copied().unwrap_or(0);
                if days > 0 {
                    remove.execute(params![profile, now.as_second() - i64::from(days) * 86_400])?;
                }
            }
        }
        transaction.commit()
    }

    /// Runs something on a connection of its own, which sees the state of this moment.
    pub(crate) fn read<T>(&self, run: impl FnOnce(&Connection) -> T) -> rusqlite::Result<T> {
        self.prepare()?;
        let idle = locked(&self.0.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open(self.0.folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        let result = run(&connection);
        let mut idle = locked(&self.0.idle);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(result)
    }
}

/// A connection to both databases. A reader too opens for writing: the log's index needs it.
fn open(folder: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(folder.join("main.db"), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute("ATTACH ?1 AS history", [folder.join("history.db").to_string_lossy()])?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(
        "PRAGMA main.page_size = 8192; PRAGMA main.synchronous = OFF; PRAGMA history.synchronous = OFF; \
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 4294967296; PRAGMA main.cache_size = -16000;",
    )?;
    Ok(connection)
}

/// The tables. Beside the columns that requests know, a row has its times as Unix seconds, so that nothing has to be
/// computed from texts; the core has expression indexes for that.
fn schema(dialect: &Dialect) -> String {
    let mut text = String::from("BEGIN;");
    for database in ["main", "history"] {
        _ = write!(
            text,
            "CREATE TABLE {database}.connections (started_unix INTEGER NOT NULL, ended_unix INTEGER"
        );
        let place = |column: &&Column| match OFTEN_READ.iter().position(|name| *name == column.name) {
            Some(place) => place,
            None if column.shown == Shown::Json => usize::MAX,
            None => OFTEN_READ.len(),
        };
        let mut columns: Vec<&Column> = dialect.columns.iter().collect();
        columns.sort_by_key(place);
        for column in columns {
            _ = write!(text, ", {} {}", column.name, column.declared);
        }
        text.push_str(");");
    }
    text.push_str(
        "CREATE TABLE main.bandwidth (conn_id TEXT NOT NULL, time INTEGER NOT NULL, incoming INTEGER NOT NULL, \
         outgoing INTEGER NOT NULL); COMMIT",
    );
    text
}

/// The indexes: the core's, because rows without an order come as the index that is used has them; and one to count
/// domains, which is used for that only.
fn indexes() -> String {
    let mut text = format!("BEGIN; CREATE INDEX main.by_domain ON connections ({DOMAIN_KEY});");
    for database in ["main", "history"] {
        _ = write!(
            text,
            "CREATE INDEX {database}.by_profile ON connections (profile); \
             CREATE INDEX {database}.by_start ON connections (started_unix); \
             CREATE INDEX {database}.by_span ON connections (started_unix, ended_unix) WHERE ended IS NOT NULL;"
        );
    }
    text.push_str("COMMIT");
    text
}

/// Columns that stand first in a stored row, because those before a column have to be stepped over to read it.
const OFTEN_READ: [&str; 10] = [
    "verdict",
    "domain",
    "as_owner",
    "path",
    "started",
    "id",
    "profile",
    "active",
    "country",
    "profile_name",
];

pub(super) const INSERT_BANDWIDTH: &str =
    "INSERT INTO main.bandwidth (conn_id, time, incoming, outgoing) VALUES (?1, ?2, ?3, ?4)";

/// Whether connections have a column of one of [`FIELDS`] in a contract.
pub(super) fn named(dialect: &Dialect, name: &str) -> bool {
    dialect.column(name).is_some() || name.ends_with("_unix")
}

/// The statement that writes a row. Its parameters are numbered by [`FIELDS`].
fn upsert_text(database: &str, dialect: &Dialect) -> String {
    let mut names = String::new();
    let mut values = String::new();
    let mut updates = String::new();
    for (number, name) in (1..).zip(FIELDS) {
        if !named(dialect, name) {
            continue;
        }
        let comma = if names.is_empty() { "" } else { ", " };
        _ = write!(names, "{comma}{name}");
        _ = write!(values, "{comma}?{number}");
        if !["id", "bytes_received", "bytes_sent"].contains(&name) {
            let comma = if updates.is_empty() { "" } else { ", " };
            _ = write!(updates, "{comma}{name} = excluded.{name}");
        }
    }
    format!(
        "INSERT INTO {database}.connections ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {updates}"
    )
}

/// The order in which [`bind_row`] binds.
pub(super) const FIELDS: [&str; 37] = [
    "id",
    "profile",
    "path",
    "type",
    "external",
    "ip_version",
    "ip_protocol",
    "local_ip",
    "local_port",
    "remote_ip",
    "remote_port",
    "domain",
    "country",
    "asn",
    "as_owner",
    "latitude",
    "longitude",
    "scope",
    "worst_verdict",
    "verdict",
    "firewall_verdict",
    "started",
    "ended",
    "tunneled",
    "encrypted",
    "internal",
    "direction",
    "extra_data",
    "allowed",
    "profile_revision",
    "exit_node",
    "bytes_received",
    "bytes_sent",
    "active",
    "profile_name",
    "started_unix",
    "ended_unix",
];

fn bind_row(
    statement: &mut Statement<'_>,
    row: &ConnectionRow,
    received: i64,
    sent: i64,
) -> rusqlite::Result<()> {
    let extra_data = row.extra_data_text();
    let values = params![
        row.id,
        row.profile,
        row.path,
        row.kind,
        row.external,
        row.ip_version,
        row.ip_protocol,
        row.local_ip,
        row.local_port,
        row.remote_ip,
        row.remote_port,
        row.domain,
        row.country,
        row.asn,
        row.as_owner,
        row.latitude,
        row.longitude,
        row.scope,
        row.worst_verdict,
        row.verdict,
        row.firewall_verdict,
        stored_time(row.started),
        row.ended.map(stored_time),
        row.tunneled,
        row.encrypted,
        row.internal,
        row.direction,
        extra_data.as_bytes(),
        row.allowed,
        row.profile_revision,
        row.exit_node,
        received,
        sent,
        row.active,
        row.profile_name,
        row.started.as_second(),
        row.ended.map(Timestamp::as_second),
    ];
    for (number, value) in (1..).zip(values) {
        statement.raw_bind_parameter(number, value)?;
    }
    Ok(())
}

/// A time as the tables store it, `YYYY-MM-DD HH:MM:SS` in UTC.
fn stored_time(time: Timestamp) -> String {
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
