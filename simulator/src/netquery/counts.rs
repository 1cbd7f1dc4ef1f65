//! What is counted of the live connections, so that nobody has to visit them all: how many there are of each kind, and how many
//! more or fewer are active from one second to the next.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use rusqlite::Connection;

use super::{charts::ACCEPTED, kinds::KIND};

/// How many more connections, let through or not, are active from a second on than before it. One that ended before it began is
/// active in none.
pub(super) const SCHEMA: &str = "CREATE TABLE main.seconds (second INTEGER NOT NULL, accepted INTEGER NOT NULL, \
     change INTEGER NOT NULL, PRIMARY KEY (second, accepted)) WITHOUT ROWID;";

/// The columns by which connections are counted, in the order of [`Counted::add`].
pub(super) const COUNTED: [&str; 3] = ["verdict", "started_unix", "ended_unix"];

/// Has the numbers follow the rows from now on.
pub(super) fn follow() -> String {
    let [more, less] = [("new", ["+ 1", "- 1"]), ("old", ["- 1", "+ 1"])].map(|(row, [one, other])| {
        let accepted = format!("{row}.verdict IN ({}, {}, {})", ACCEPTED[0], ACCEPTED[1], ACCEPTED[2]);
        let mut text = format!("UPDATE kinds SET connections = connections {one} WHERE {KIND} = {row}.{KIND};");
        for (second, sign, condition) in [
            (format!("{row}.started_unix"), one, format!("{row}.ended_unix IS NULL OR")),
            (format!("{row}.ended_unix + 1"), other, String::new()),
        ] {
            _ = write!(
                text,
                "INSERT INTO seconds SELECT {second}, {accepted}, {sign} WHERE {condition} {row}.ended_unix >= \
                 {row}.started_unix ON CONFLICT DO UPDATE SET change = change + excluded.change;"
            );
        }
        text
    });
    let changed = [KIND, "started_unix", "ended_unix", "verdict"];
    let differs = changed.map(|name| format!("old.{name} IS NOT new.{name}")).join(" OR ");
    format!(
        "CREATE TRIGGER main.one_more AFTER INSERT ON connections BEGIN {more} END;
         CREATE TRIGGER main.one_less AFTER DELETE ON connections BEGIN {less} END;
         CREATE TRIGGER main.another AFTER UPDATE OF {} ON connections WHEN {differs} BEGIN {less} {more} END;",
        changed.join(", ")
    )
}

/// What was counted before it stands in tables.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Connections by their kind.
    kinds: HashMap<i64, i64>,
    /// Changes by second and by whether they were let through.
    seconds: BTreeMap<(i64, bool), i64>,
}

impl Counted {
    /// Counts a connection of a kind: its verdict, when it began and ended, Unix seconds.
    pub(super) fn add(&mut self, kind: i64, [verdict, started, ended]: [Option<i64>; 3]) {
        *self.kinds.entry(kind).or_default() += 1;
        let Some(started) = started.filter(|started| ended.is_none_or(|ended| ended >= *started)) else {
            return;
        };
        let accepted = verdict.is_some_and(|verdict| ACCEPTED.contains(&verdict));
        *self.seconds.entry((started, accepted)).or_default() += 1;
        if let Some(ended) = ended {
            *self.seconds.entry((ended.saturating_add(1), accepted)).or_default() -= 1;
        }
    }

    /// Writes it into the tables.
    pub(super) fn write(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        {
            let mut kinds =
                transaction.prepare(&format!("UPDATE main.kinds SET connections = ?2 WHERE {KIND} = ?1"))?;
            self.kinds.iter().try_for_each(|(kind, count)| kinds.execute([kind, count]).map(drop))?;
            let mut seconds = transaction.prepare("INSERT INTO main.seconds VALUES (?1, ?2, ?3)")?;
            self.seconds.iter().try_for_each(|((second, accepted), change)| {
                seconds.execute((second, accepted, change)).map(drop)
            })?;
        }
        transaction.commit()
    }
}
