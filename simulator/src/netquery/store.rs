//! The tables: the live connections, the history, the traffic samples.

use std::{
    borrow::Borrow,
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use jiff::Timestamp;
use portmaster_fixtures::{
    Behaviour,
    scenario::{Bandwidth, ConnectionRow, RowsFile},
};
use portmaster_wire::folder::Folder;
use rusqlite::{
    CachedStatement, Connection, OpenFlags, Transaction,
    config::DbConfig,
    params,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    columns::{self, Column, INSERT_BANDWIDTH},
    counts::{self, COUNTED, Counted},
    dialect::Dialect,
    dump::{self, Kept},
    failure::StoreError,
    kinds::Kinds,
    pending::{Pending, Step},
    schema,
};
use crate::world::{Event, World};

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
    /// What has happened since and is not in them. Never locked while something is written.
    pending: Mutex<Pending>,
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
    connection: Connection,
    known: Known,
}

/// What is known of the tables without asking them.
#[derive(Debug, Default)]
struct Known {
    /// How many samples there are.
    samples: usize,
    /// How many connections went since what is left of such was last looked for.
    gone: usize,
    /// The kinds of connections that are there.
    kinds: HashSet<i64>,
    /// What was counted of the connections while the tables were filled; then it stands in tables.
    counted: Option<Counted>,
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
    dialect: &'a Dialect,
    transaction: &'a Transaction<'a>,
    main: CachedStatement<'a>,
    history: CachedStatement<'a>,
    sample: CachedStatement<'a>,
    kinds: Kinds<'a>,
    counted: Option<&'a mut Counted>,
    /// The columns by which it is counted, with their places.
    counting: Vec<(usize, &'a Column)>,
    samples: &'a mut usize,
    gone: &'a mut usize,
}

impl<'a> Tables<'a> {
    /// `over`: a row of an id that is there takes the earlier one's place.
    fn new(
        transaction: &'a Transaction<'a>,
        Known { samples, gone, kinds, counted }: &'a mut Known,
        dialect: &'a Dialect,
        over: bool,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            dialect,
            main: transaction.prepare_cached(&schema::write("main", dialect, over))?,
            history: transaction.prepare_cached(&schema::write("history", dialect, over))?,
            sample: transaction.prepare_cached(INSERT_BANDWIDTH)?,
            kinds: Kinds::new(transaction, dialect, kinds)?,
            counted: counted.as_mut(),
            counting: COUNTED
                .iter()
                .filter_map(|name| dialect.stored().enumerate().find(|(_, column)| column.name == *name))
                .collect(),
            transaction,
            samples,
            gone,
        })
    }

    /// Writes what happened to connections.
    fn follow(&mut self, step: &Step) -> rusqlite::Result<()> {
        match step {
            Step::Row(row) => self.write(row),
            Step::HandedOver { from, to, name } => self.hand_over(from, to, name),
            Step::Sample(sample) => self.measure(sample),
            Step::Made(traffic) => traffic
                .iter()
                .try_for_each(|one| self.measured(one.of.id(), [one.time, one.incoming, one.outgoing])),
            Step::Gone(id) => self.remove([&**id]),
        }
    }

    /// Writes a connection that is new or has changed: into the live table, into the history, or into both.
    pub(crate) fn write(&mut self, row: &ConnectionRow) -> rusqlite::Result<()> {
        if row.live {
            self.put(false, |_, column| (column.cell)(row, false))?;
        }
        if row.history && self.dialect.behaviour.databases {
            self.put(true, |_, column| (column.cell)(row, true))?;
        }
        Ok(())
    }

    /// Writes what a stored row has into the live table or into the history.
    fn put<'v>(
        &mut self,
        history: bool,
        value: impl Fn(usize, &Column) -> ToSqlOutput<'v>,
    ) -> rusqlite::Result<()> {
        let values = || self.dialect.stored().enumerate();
        let row = if history { &mut self.history } else { &mut self.main };
        let mut last = 0;
        for (at, column) in values() {
            last = at + 1;
            row.raw_bind_parameter(last, value(at, column))?;
        }
        if !history {
            let common = values().filter(|(_, column)| column.of_kind).map(|(at, column)| value(at, column));
            let kind = self.kinds.of(common)?;
            row.raw_bind_parameter(last + 1, kind)?;
            if let Some(counted) = &mut self.counted {
                let number = |(at, column): &(usize, &Column)| {
                    columns::value(&value(*at, column)).as_i64_or_null().ok().flatten()
                };
                let mut numbers = [None; 3];
                numbers.iter_mut().zip(&self.counting).for_each(|(place, one)| *place = number(one));
                counted.add(kind, numbers);
            }
        }
        row.raw_execute()?;
        Ok(())
    }

    /// Writes a traffic sample, whose bytes are counted in its connection already.
    pub(crate) fn measure(&mut self, sample: &Bandwidth) -> rusqlite::Result<()> {
        self.measured(&sample.conn_id, [sample.time, sample.incoming, sample.outgoing])
    }

    /// The same in parts: of which connection, the second, what it received and sent.
    pub(crate) fn measured(
        &mut self,
        id: &str,
        [time, incoming, outgoing]: [i64; 3],
    ) -> rusqlite::Result<()> {
        *self.samples += self.sample.execute(params![id, time, incoming, outgoing])?;
        Ok(())
    }

    /// Lets the history of a profile be another's, which has this name.
    pub(crate) fn hand_over(&mut self, from: &str, to: &str, name: &str) -> rusqlite::Result<()> {
        if self.dialect.behaviour.databases {
            let text = "UPDATE history.connections SET profile = ?2, profile_name = ?3 WHERE profile = ?1";
            self.transaction.prepare_cached(text)?.execute([from, to, name])?;
        }
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
            self.kinds.prune(self.transaction)?;
            self.transaction.execute("DELETE FROM main.seconds WHERE change = 0", [])?;
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
    /// Empty tables in the language of a contract, with the defects of some behaviour.
    pub fn new(behaviour: &'static Behaviour) -> Result<Self, StoreError> {
        let dialect = Dialect::of(behaviour);
        let opened = OnceLock::from(Opened::new(&dialect)?);
        let pending = Mutex::new(Pending::new(u64::MAX));
        Ok(Self(Arc::new(Inner { dialect, opened, kept: Mutex::default(), pending })))
    }

    /// Tables of a world that hold what was taken out of others, or what it begins with. They are only made when somebody asks
    /// for them: many a world is never asked for its connections.
    pub(crate) fn holding(kept: Kept, world: &World) -> Self {
        Self(Arc::new(Inner {
            dialect: Dialect::of(world.behaviour),
            opened: OnceLock::new(),
            kept: Mutex::new(Some(kept)),
            pending: Mutex::new(Pending::new(world.connections.ever())),
        }))
    }

    /// Makes the tables now, should they not be there yet.
    pub(crate) fn open(&self) -> Result<(), StoreError> {
        self.prepared().map(drop)
    }

    /// Notes what happened, and writes it should it be time to.
    #[cfg(test)]
    pub(crate) fn record(&self, events: &[Event], ever: u64) -> Result<(), StoreError> {
        if self.note(events, ever) { self.write() } else { Ok(()) }
    }

    /// Whether somebody asked, or much waited to be written.
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.0.opened.get().is_some()
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        if let Some(opened) = self.0.opened.get() {
            return Ok(opened);
        }
        let mut kept = locked(&self.0.kept);
        if self.0.opened.get().is_none() {
            let opened = Opened::new(&self.0.dialect)?;
            match &*kept {
                None => {}
                Some(Kept::Begun(begun)) => self.write_to(&opened, false, |into| {
                    let mut row = ConnectionRow::default();
                    for one in &begun.rows {
                        one.write_to(&mut row);
                        into.write(&row)?;
                    }
                    Ok(begun.samples().try_for_each(|(id, numbers)| into.measured(id, numbers))?)
                })?,
                Some(Kept::Taken(tables)) => self.write_to(&opened, false, |into| {
                    tables.rows(&self.0.dialect, |history, values| {
                        let value = |at: usize| values.get(at).map_or(ValueRef::Null, Into::into);
                        into.put(history, |at, _| ToSqlOutput::Borrowed(value(at)))
                    })?;
                    Ok(tables.samples()?.iter().try_for_each(|sample| into.measure(sample))?)
                })?,
            }
            *kept = None;
            // Nobody else can have set it while what is kept is locked.
            let _ = self.0.opened.set(opened);
        }
        drop(kept);
        Ok(self.0.opened.get().expect("it was set, and stays"))
    }

    /// The tables, ready for readers.
    fn prepared(&self) -> Result<&Opened, StoreError> {
        let opened = self.opened()?;
        opened.prepare()?;
        Ok(opened)
    }

    /// Notes what happened to connections in a world that has known so many. Whether it is to be written soon; who asks sees it in
    /// either case.
    pub(crate) fn note(&self, events: &[Event], ever: u64) -> bool {
        locked(&self.0.pending).add(events, ever)
    }

    /// Writes what was noted.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) fn write(&self) -> Result<(), StoreError> {
        self.written().map(drop)
    }

    /// The tables, which hold all that has happened until now.
    fn up_to_date(&self) -> Result<&Opened, StoreError> {
        if locked(&self.0.pending).asked() { self.written() } else { self.prepared() }
    }

    /// The same, once what waits to be written is, and what others write.
    fn written(&self) -> Result<&Opened, StoreError> {
        let opened = self.prepared()?;
        let pending = || locked(&self.0.pending);
        let mut is_taken = false;
        let written = self.write_to(opened, true, |tables| {
            let steps = pending().take();
            is_taken = true;
            Ok(steps.values().try_for_each(|step| tables.follow(step))?)
        });
        if is_taken {
            pending().is_written();
        }
        written.map(|()| opened)
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
        let opened = self.opened()?;
        self.write_to(opened, false, |tables| {
            Ok(rows.into_iter().try_for_each(|row| tables.write(row.borrow()))?)
        })?;
        // It takes a while; better now than when the first reader comes.
        Ok(opened.prepare()?)
    }

    /// Changes the tables: all of it or, should that fail, nothing.
    pub(crate) fn change(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.write_to(self.prepared()?, true, |tables| Ok(work(tables)?))
    }

    fn write_to(
        &self,
        opened: &Opened,
        over: bool,
        work: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writer = locked(&opened.writer);
        let Writer { connection, known } = &mut *writer;
        let transaction = connection.transaction()?;
        let done = Tables::new(&transaction, known, &self.0.dialect, over)
            .map_err(StoreError::from)
            .and_then(|mut tables| work(&mut tables))
            .and_then(|()| Ok(transaction.commit()?));
        if done.is_err() {
            // Some may have been in what was rolled back.
            known.kinds.clear();
            known.counted = known.counted.take().map(|_| Counted::default());
        }
        done
    }

    /// What the tables hold at this moment. Of tables that nobody asked for yet nothing has to be taken out; of others it is
    /// taken out when it is asked for, whatever is written until then.
    pub(crate) fn moment(&self) -> Result<Moment, StoreError> {
        if let Some(kept) = self.untouched() {
            return Ok(Moment::Begun(kept));
        }
        let reader = self.reader()?;
        dump::begin(&reader.connection)?;
        Ok(Moment::Of(reader))
    }

    /// Writes what has to be before somebody asks for a moment.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        if self.untouched().is_some() { Ok(()) } else { self.up_to_date().map(drop) }
    }

    /// What the tables are to hold that nobody asked for yet, if nothing has happened since.
    fn untouched(&self) -> Option<Kept> {
        let kept = locked(&self.0.kept);
        if locked(&self.0.pending).is_empty() { kept.clone() } else { None }
    }

    /// What the tables hold.
    pub(crate) fn kept(&self) -> Result<Kept, StoreError> {
        self.moment()?.kept()
    }

    /// Removes the history of these profiles, or all of it if none is named.
    pub(crate) fn clear_history(&self, profiles: &[String]) -> Result<(), StoreError> {
        let mut writer = locked(&self.up_to_date()?.writer);
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
        let mut writer = locked(&self.up_to_date()?.writer);
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
        let reader = self.reader()?;
        let result = run(&reader.connection);
        reader.give_back();
        Ok(result)
    }

    fn reader(&self) -> Result<Reader, StoreError> {
        let opened = self.up_to_date()?;
        let idle = locked(&opened.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open(opened.folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        };
        Ok(Reader { connection, store: self.clone() })
    }
}

/// A connection that reads, and to which tables.
#[derive(Debug)]
pub(crate) struct Reader {
    // Dropped first: the last of the store takes the files with it.
    connection: Connection,
    store: Store,
}

impl Reader {
    /// Keeps the connection for the next one who reads.
    fn give_back(self) {
        if let Some(opened) = self.store.0.opened.get() {
            let mut idle = locked(&opened.idle);
            if idle.len() < IDLE_READERS {
                idle.push(self.connection);
            }
        }
    }
}

/// What tables held when somebody asked.
#[derive(Debug)]
pub(crate) enum Moment {
    /// Nobody had asked for them yet.
    Begun(Kept),
    /// It is to be read from them.
    Of(Reader),
}

impl Moment {
    /// Takes it out.
    pub(crate) fn kept(self) -> Result<Kept, StoreError> {
        let reader = match self {
            Self::Begun(kept) => return Ok(kept),
            Self::Of(reader) => reader,
        };
        let tables = dump::taken(&reader.connection, &reader.store.0.dialect)?;
        reader.give_back();
        Ok(Kept::Taken(tables))
    }
}

impl Opened {
    /// Empty tables.
    fn new(dialect: &Dialect) -> Result<Self, StoreError> {
        let folder = Folder::new(&std::env::temp_dir(), "portmaster-simulator-")?;
        let writer = open(folder.path(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // Until somebody reads there is no log; and to write, nothing need be mapped.
        writer.execute_batch(
            "PRAGMA main.journal_mode = MEMORY; PRAGMA history.journal_mode = MEMORY; PRAGMA mmap_size = 0",
        )?;
        writer.execute_batch(&schema::tables(dialect))?;
        Ok(Self {
            writer: Mutex::new(Writer {
                connection: writer,
                known: Known { counted: Some(Counted::default()), ..Known::default() },
            }),
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
        let mut writer = locked(&self.writer);
        let Writer { connection, known } = &mut *writer;
        if self.prepared.get().is_none() {
            // What does not fit into the cache is sorted in temporary files, by two more threads.
            connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA threads = 2")?;
            connection.execute_batch(&schema::indexes())?;
            known.counted.take().unwrap_or_default().write(connection)?;
            connection.execute_batch(&counts::follow())?;
            connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA threads = 0")?;
            connection.execute_batch("PRAGMA main.journal_mode = WAL; PRAGMA history.journal_mode = WAL")?;
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
    // What is bound would have each statement planned once more.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(&format!(
        "PRAGMA main.page_size = 8192; PRAGMA main.synchronous = OFF; PRAGMA history.synchronous = OFF; \
         PRAGMA temp_store = MEMORY; PRAGMA mmap_size = {MAPPED}; PRAGMA main.cache_size = -16000;"
    ))?;
    Ok(connection)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn the_history_lies_beside_the_other_database_whatever_the_folder_is_called() {
        let home = tempfile::tempdir().expect("a folder");
        for (name, is_text) in
            [(&b"it's \"a\" #1?mode=memory;-- %20"[..], true), (b"file:x", true), (b"\xff", false)]
        {
            let folder = home.path().join(OsStr::from_bytes(name));
            std::fs::create_dir(&folder).expect("a folder");
            let opened = open(&folder, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE);
            assert_eq!(opened.is_ok(), is_text, "{name:?}");
            if let Ok(connection) = opened {
                connection.execute_batch("CREATE TABLE history.t (n)").expect("a table");
            }
            assert_eq!(folder.join("history.db").exists(), is_text, "{name:?}");
        }
        assert_eq!(home.path().read_dir().expect("a folder").count(), 3);
    }
}
