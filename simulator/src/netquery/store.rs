//! The tables: the live connections, the history, the traffic samples.

use std::{
    borrow::Borrow,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::{Timestamp, civil, tz::Offset};
use portmaster_fixtures::{
    Rules,
    scenario::{Bandwidth, ConnectionRow, RowsFile},
};
use rusqlite::{CachedStatement, Connection, OpenFlags, Statement, Transaction, params};

use super::{
    columns::{INSERT_BANDWIDTH, fields, named},
    dialect::{Column, Dialect, Shown},
    dump::{self, Tables as Kept},
    failure::StoreError,
    folder::Folder,
    statement::DOMAIN_KEY,
};

/// Connections that are gone before the samples of such are looked for, and one more for so many samples.
const GONE_AT_LEAST: usize = 1_000;
const SAMPLES_FOR_EACH: usize = 4;
/// Connections to the database that are kept for the next reader.
const IDLE_READERS: usize = 4;
/// How much of a table a connection looks at where it lies, bytes; it counts as resident memory. The rest is read into a cache.
const MAPPED: u64 = 128 << 20;

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
    opened: OnceLock<Opened>,
    /// What the tables are to hold once somebody asks for them. Locked while they are made.
    kept: Mutex<Option<Kept>>,
}

/// The files.
#[derive(Debug)]
struct Opened {
    writer: Mutex<Writer>,
    /// Set when the tables were made ready for readers.
    prepared: OnceLock<()>,
    idle: Mutex<Vec<Connection>>,
    // Dropped last: the connections above have the files in it open.
    folder: Folder,
}

/// What writes.
#[derive(Debug)]
struct Writer {
    /// The connection.
    connection: Connection,
    /// How many samples there are.
    samples: usize,
    /// How many connections went since the samples were last looked through.
    gone: usize,
}

/// How long the history keeps connections: days, 0 for ever (netquery §6).
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Days by profile, `<source>/<id>`; 0 is for ever. The history of profiles that are not here is left alone, as the
    /// recordings show it of profiles that a core does not know.
    pub days: std::collections::BTreeMap<String, u32>,
}

/// The tables while they are changed.
pub(crate) struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    main: CachedStatement<'a>,
    history: CachedStatement<'a>,
    sample: CachedStatement<'a>,
    samples: &'a mut usize,
    gone: &'a mut usize,
    has_history: bool,
}

impl<'a> Tables<'a> {
    /// `over`: a row of an id that is there takes the earlier one's place.
    fn new(
        transaction: &'a Transaction<'a>,
        (samples, gone): (&'a mut usize, &'a mut usize),
        dialect: &Dialect,
        over: bool,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            samples,
            gone,
            transaction,
            main: transaction.prepare_cached(&write_text("main", dialect, over))?,
            history: transaction.prepare_cached(&write_text("history", dialect, over))?,
            sample: transaction.prepare_cached(INSERT_BANDWIDTH)?,
            has_history: dialect.rules.databases,
        })
    }

    /// Writes a connection that is new or has changed: into the live table, into the history, or into both.
    pub(crate) fn write(&mut self, row: &ConnectionRow) -> rusqlite::Result<()> {
        if row.live {
            bind_row(&mut self.main, row, row.bytes_received, row.bytes_sent)?;
            self.main.raw_execute()?;
        }
        if row.history && self.has_history {
            let received = row.history_bytes_received.unwrap_or(row.bytes_received);
            let sent = row.history_bytes_sent.unwrap_or(row.bytes_sent);
            bind_row(&mut self.history, row, received, sent)?;
            self.history.raw_execute()?;
        }
        Ok(())
    }

    /// Writes a traffic sample, whose bytes are counted in its connection already.
    pub(crate) fn measure(&mut self, sample: &Bandwidth) -> rusqlite::Result<()> {
        let Bandwidth { conn_id, time, incoming, outgoing } = sample;
        *self.samples += self.sample.execute(params![conn_id, time, incoming, outgoing])?;
        Ok(())
    }

    /// Removes live rows. Samples of connections that are not there count for nothing; they go when there are many.
    pub(crate) fn remove<'b>(&mut self, ids: impl IntoIterator<Item = &'b str>) -> rusqlite::Result<()> {
        let mut remove = self.transaction.prepare_cached("DELETE FROM main.connections WHERE id = ?1")?;
        for id in ids {
            *self.gone += remove.execute([id])?;
        }
        if *self.gone > GONE_AT_LEAST + *self.samples / SAMPLES_FOR_EACH {
            let mut prune = self.transaction.prepare_cached(
                "DELETE FROM main.bandwidth WHERE conn_id NOT IN (SELECT id FROM main.connections)",
            )?;
            *self.samples = self.samples.saturating_sub(prune.execute([])?);
            *self.gone = 0;
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves the connection usable: its transaction was rolled back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Empty tables in the language of a contract, with the defects of some rules.
    pub fn new(rules: &'static Rules) -> Result<Self, StoreError> {
        let dialect = Dialect::of(rules);
        let opened = OnceLock::from(Opened::new(&dialect)?);
        Ok(Self(Arc::new(Inner { dialect, opened, kept: Mutex::default() })))
    }

    /// Tables that hold what was taken out of others. They are only made when somebody asks for them: many a fork of a
    /// world is never asked for its connections.
    pub(crate) fn holding(kept: &Kept, rules: &'static Rules) -> Self {
        let dialect = Dialect::of(rules);
        Self(Arc::new(Inner { dialect, opened: OnceLock::new(), kept: Mutex::new(Some(kept.clone())) }))
    }

    /// Makes the tables now, should they not be there yet.
    pub(crate) fn open(&self) -> Result<(), StoreError> {
        self.opened().map(drop)
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        if let Some(opened) = self.0.opened.get() {
            return Ok(opened);
        }
        let mut kept = locked(&self.0.kept);
        if self.0.opened.get().is_none() {
            let opened = Opened::new(&self.0.dialect)?;
            if let Some(tables) = &*kept {
                let mut writer = locked(&opened.writer);
                writer.samples = tables.fill(&self.0.dialect, &mut writer.connection)?;
            }
            *kept = None;
            // Nobody else can have set it while what is kept is locked.
            let _ = self.0.opened.set(opened);
        }
        drop(kept);
        Ok(self.0.opened.get().expect("it was set, and stays"))
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    /// Writes the connections and traffic samples of a file, into empty tables.
    pub fn load(&self, file: &RowsFile) -> Result<(), StoreError> {
        self.load_rows(file.rows.iter())?;
        self.measure(&file.bandwidth)
    }

    /// Writes traffic samples, whose bytes are counted in their connections already.
    pub fn measure(&self, samples: &[Bandwidth]) -> Result<(), StoreError> {
        self.change(|tables| samples.iter().try_for_each(|sample| tables.measure(sample)))
    }

    /// Writes many connections into empty tables, each with an id of its own, taken as they come.
    pub fn load_rows<R: Borrow<ConnectionRow>>(
        &self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), StoreError> {
        self.fill(|tables| rows.into_iter().try_for_each(|row| tables.write(row.borrow())))
    }

    /// Fills empty tables with connections, each with an id of its own.
    pub(super) fn fill(
        &self,
        write: impl FnOnce(&mut Tables<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        {
            let mut writer = locked(&self.opened()?.writer);
            let Writer { connection, samples, gone } = &mut *writer;
            let transaction = connection.transaction()?;
            let mut tables = Tables::new(&transaction, (samples, gone), &self.0.dialect, false)?;
            write(&mut tables)?;
            drop(tables);
            transaction.commit()?;
        }
        // It takes a while; better now than when the first reader comes.
        self.opened()?.prepare()?;
        Ok(())
    }

    /// Changes the tables: all of it or, should that fail, nothing.
    pub(crate) fn change(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let opened = self.opened()?;
        opened.prepare()?;
        let mut writer = locked(&opened.writer);
        let Writer { connection, samples, gone } = &mut *writer;
        let transaction = connection.transaction()?;
        let mut tables = Tables::new(&transaction, (samples, gone), &self.0.dialect, true)?;
        work(&mut tables)?;
        drop(tables);
        transaction.commit()?;
        Ok(())
    }

    /// Takes everything out of the tables.
    pub(crate) fn tables(&self) -> Result<Kept, StoreError> {
        Ok(self.read(|database| dump::taken(database, &self.0.dialect))??)
    }

    /// Removes everything, as a reset of the world does.
    pub fn clear(&self) -> Result<(), StoreError> {
        locked(&self.opened()?.writer).connection.execute_batch(
            "BEGIN; DELETE FROM main.connections; DELETE FROM main.bandwidth; \
             DELETE FROM history.connections; COMMIT",
        )?;
        Ok(())
    }

    /// Removes the history of these profiles, or all of it if none is named.
    pub(crate) fn clear_history(&self, profiles: &[String]) -> Result<(), StoreError> {
        let mut writer = locked(&self.opened()?.writer);
        if profiles.is_empty() {
            writer.connection.execute("DELETE FROM history.connections", [])?;
            return Ok(());
        }
        let transaction = writer.connection.transaction()?;
        for profile in profiles {
            transaction
                .prepare_cached("DELETE FROM history.connections WHERE profile = ?1")?
                .execute([profile])?;
        }
        Ok(transaction.commit()?)
    }

    /// Removes what the history need not keep: ended connections that began too long ago.
    pub(crate) fn clean_history(&self, now: Timestamp, retention: &Retention) -> Result<(), StoreError> {
        let mut writer = locked(&self.opened()?.writer);
        let transaction = writer.connection.transaction()?;
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
        Ok(transaction.commit()?)
    }

    /// Runs something on a connection of its own, which sees the state of this moment.
    pub(crate) fn read<T>(&self, run: impl FnOnce(&Connection) -> T) -> Result<T, StoreError> {
        let opened = self.opened()?;
        opened.prepare()?;
        let idle = locked(&opened.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open(opened.folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        let result = run(&connection);
        let mut idle = locked(&opened.idle);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(result)
    }
}

impl Opened {
    /// Empty tables.
    fn new(dialect: &Dialect) -> Result<Self, StoreError> {
        let folder = Folder::new()?;
        let writer = open(folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // Until somebody reads there is no log.
        writer.execute_batch("PRAGMA main.journal_mode = MEMORY; PRAGMA history.journal_mode = MEMORY")?;
        writer.execute_batch(&schema(dialect))?;
        Ok(Self {
            writer: Mutex::new(Writer { connection: writer, samples: 0, gone: 0 }),
            prepared: OnceLock::new(),
            idle: Mutex::default(),
            folder,
        })
    }

    /// Makes the tables ready for readers: indexes, which are quicker made at once than row by row, and the log.
    fn prepare(&self) -> rusqlite::Result<()> {
        if self.prepared.get().is_some() {
            return Ok(());
        }
        let writer = locked(&self.writer);
        if self.prepared.get().is_none() {
            // What does not fit into the cache is sorted in temporary files, by two more threads.
            writer.connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA threads = 2")?;
            writer.connection.execute_batch(&indexes())?;
            writer.connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA threads = 0")?;
            writer
                .connection
                .execute_batch("PRAGMA main.journal_mode = WAL; PRAGMA history.journal_mode = WAL")?;
            // Nobody else can have set it while the writer is locked.
            let _ = self.prepared.set(());
        }
        Ok(())
    }
}

/// A connection to both databases. A reader too opens for writing: the log's index needs it.
fn open(folder: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(folder.join("main.db"), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let history = folder.join("history.db");
    // SQLite's names are texts: a folder that is none would be another one.
    let history = history.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(history.clone()))?;
    connection.execute("ATTACH ?1 AS history", [history])?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.execute_batch(&format!(
        "PRAGMA main.page_size = 8192; PRAGMA main.synchronous = OFF; PRAGMA history.synchronous = OFF; \
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = {MAPPED}; PRAGMA main.cache_size = -16000;"
    ))?;
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
            // Ids are unique by an index, which is quicker made at once than row by row.
            let declared = column.declared.replace("PRIMARY KEY ", "");
            _ = write!(text, ", {} {declared}", column.name);
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
    let mut text = String::from("BEGIN;");
    for database in ["main", "history"] {
        _ = write!(
            text,
            "CREATE UNIQUE INDEX {database}.by_id ON connections (id); \
             CREATE INDEX {database}.by_profile ON connections (profile); \
             CREATE INDEX {database}.by_start ON connections (started_unix); \
             CREATE INDEX {database}.by_span ON connections (started_unix, ended_unix) WHERE ended IS NOT NULL;"
        );
    }
    _ = write!(text, "CREATE INDEX main.by_domain ON connections ({DOMAIN_KEY}); COMMIT");
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

/// The statement that writes a row. Its parameters are numbered by [`fields`]. Whether it writes over an earlier one.
fn write_text(database: &str, dialect: &Dialect, over: bool) -> String {
    let mut names = String::new();
    let mut values = String::new();
    let mut updates = String::new();
    for (number, name) in (1..).zip(fields()) {
        if !named(dialect, name) {
            continue;
        }
        let comma = if names.is_empty() { "" } else { ", " };
        _ = write!(names, "{comma}{name}");
        _ = write!(values, "{comma}?{number}");
        if name != "id" {
            let comma = if updates.is_empty() { "" } else { ", " };
            _ = write!(updates, "{comma}{name} = excluded.{name}");
        }
    }
    let over = if over { format!(" ON CONFLICT (id) DO UPDATE SET {updates}") } else { String::new() };
    format!("INSERT INTO {database}.connections ({names}) VALUES ({values}){over}")
}

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
