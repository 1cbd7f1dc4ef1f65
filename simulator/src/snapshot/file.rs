//! The file that a world is saved in: JSON, with a version and with a digest of all that it holds.

use std::{borrow::Cow, sync::Arc, thread};

use portmaster_fixtures::{
    Scenario, read_value,
    scenario::{Connections, RowsFile},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, de::StrRead, value::RawValue};
use sha2::{Digest, Sha256};

use super::{Origin, Snapshot};
use crate::{
    limits,
    netquery::{Kept, Tables},
    world::{Options, World},
};

/// What the files call themselves.
const FORMAT: &str = "portmaster-simulator snapshot";

/// The version of the files. Another one is refused: a world that is read by guesses would not be the one that was saved.
pub(crate) const VERSION: u32 = 1;

/// Why a file is no snapshot that can be put back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is too long.
    #[error("the snapshot has {found} bytes, expected at most {}", limits::SNAPSHOT_FILE)]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It is nested too deep.
    #[error("the snapshot's values are nested deeper than {}", limits::SNAPSHOT_NESTING)]
    TooDeep,
    /// It is something else.
    #[error("no snapshot: {0}, expected a JSON object with \"format\": \"{FORMAT}\"")]
    Other(String),
    /// It was saved by another version of this program.
    #[error("the snapshot has version {found}, expected {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// A part of it is not what it should be.
    #[error("{place}: {what}")]
    Damaged {
        /// Where: the path of a member, such as `world.clock.now`.
        place: String,
        /// What was found and what was expected.
        what: String,
    },
    /// All of it can be read, but it is not what was saved.
    #[error(
        "digest: what the snapshot holds has {found}, expected {expected}; it was changed since it was saved"
    )]
    Changed {
        /// The digest of what it holds.
        found: String,
        /// The digest that it names.
        expected: String,
    },
    /// There is not enough memory to read it.
    #[error("there is no memory to read the snapshot: {0}")]
    Memory(String),
}

/// A world, as it is saved.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedWorld<W> {
    healthy: bool,
    world: W,
}

/// What a world was made from, as it is saved.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedOrigin<'a, S> {
    scenario: S,
    /// The rows of the file that the scenario names, for whom scenarios have no form.
    rows: Option<Cow<'a, RowsFile>>,
    options: Cow<'a, Options>,
}

impl<'a> SavedOrigin<'a, Cow<'a, Scenario>> {
    fn of(origin: &'a Origin) -> Self {
        let (scenario, rows) = match &origin.scenario.connections {
            Connections::Rows(rows) => {
                let connections = Connections::default();
                let scenario = Scenario { connections, ..origin.scenario.clone() };
                (Cow::Owned(scenario), Some(Cow::Borrowed(rows)))
            }
            _ => (Cow::Borrowed(&origin.scenario), None),
        };
        Self { scenario, rows, options: Cow::Borrowed(&origin.options) }
    }
}

impl SavedOrigin<'_, Box<RawValue>> {
    fn read(self) -> Result<Origin, SnapshotError> {
        const PLACE: &str = "origin.scenario";
        let text = self.scenario.get();
        if extent(text).1 > limits::SNAPSHOT_SCENARIO {
            let what = format!("expected at most {} values", limits::SNAPSHOT_SCENARIO);
            return Err(damaged(PLACE.to_owned(), &what));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        json.disable_recursion_limit();
        let value = Value::deserialize(&mut json).map_err(|error| damaged(PLACE.to_owned(), &error))?;
        let mut scenario: Scenario = read_value(&value)
            .map_err(|misfit| damaged([&[PLACE.to_owned()], &*misfit.steps].concat().join("."), &misfit))?;
        if let Some(rows) = self.rows {
            scenario.connections = Connections::Rows(rows.into_owned());
        }
        Ok(Origin { scenario, options: self.options.into_owned(), present: false })
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u64,
    digest: String,
    origin: SavedOrigin<'static, Box<RawValue>>,
    state: SavedWorld<World>,
    live: Vec<Vec<Value>>,
    history: Vec<Vec<Value>>,
    bandwidth: Vec<Vec<Value>>,
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    version: u32,
    digest: &'a str,
    origin: &'a RawValue,
    state: &'a RawValue,
    live: &'a RawValue,
    history: &'a RawValue,
    bandwidth: &'a RawValue,
}

/// JSON that was just written.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("every part of a world has a form in JSON")
}

fn raw_text(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("tables are taken out as JSON")
}

/// The digest of some texts, hexadecimal.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that nothing can move from one part to the next.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn state(world: &World) -> Box<RawValue> {
    raw(&SavedWorld { healthy: world.is_healthy(), world })
}

/// The digest of a world and its connection database.
pub(super) fn fingerprint(world: &World, tables: &Tables) -> String {
    digest(&[state(world).get(), &tables.live, &tables.history, &tables.bandwidth])
}

impl Snapshot {
    /// The world as one JSON text, for a file that [`from_json`](Self::from_json) reads. It holds what the world holds,
    /// secrets included.
    pub fn to_json(&self) -> String {
        let (origin, state) = (raw(&SavedOrigin::of(self.origin())), state(self.world()));
        let Tables { live, history, bandwidth } = self.tables();
        let digest = digest(&[origin.get(), state.get(), live, history, bandwidth]);
        let written = Written {
            format: FORMAT,
            version: VERSION,
            digest: &digest,
            origin: &origin,
            state: &state,
            live: &raw_text(live),
            history: &raw_text(history),
            bandwidth: &raw_text(bandwidth),
        };
        serde_json::to_string(&written).expect("texts and JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote. The world that is read is the same.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Simulator, Snapshot};
    ///
    /// let simulator = Simulator::builder().scenario("home-office").start().await?;
    /// let saved = simulator.snapshot()?.to_json();
    /// let read = Snapshot::from_json(&saved)?;
    /// assert_eq!(read.fingerprint(), simulator.fingerprint()?);
    /// let older = Snapshot::from_json(&saved.replace("\"version\":1", "\"version\":0"));
    /// assert_eq!(older.unwrap_err().to_string(), "the snapshot has version 0, expected 1");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When it is of another version, damaged or something else; the message says where and what was expected.
    pub fn from_json(text: &str) -> Result<Self, SnapshotError> {
        if text.len() > limits::SNAPSHOT_FILE {
            return Err(SnapshotError::TooLong { found: text.len() });
        }
        if extent(text).0 > limits::SNAPSHOT_NESTING {
            return Err(SnapshotError::TooDeep);
        }
        thread::scope(|scope| {
            let reading =
                thread::Builder::new().stack_size(limits::SNAPSHOT_STACK).spawn_scoped(scope, || read(text));
            let reading = reading.map_err(|error| SnapshotError::Memory(error.to_string()))?;
            reading.join().unwrap_or_else(|_| Err(SnapshotError::Other("it cannot be read".to_owned())))
        })
    }
}

fn read(text: &str) -> Result<Snapshot, SnapshotError> {
    let head: Head = serde_json::from_str(text).map_err(|error| SnapshotError::Other(error.to_string()))?;
    if head.format != FORMAT {
        return Err(SnapshotError::Other(format!("its format is {:?}", head.format)));
    }
    if head.version != u64::from(VERSION) {
        return Err(SnapshotError::Version { found: head.version });
    }
    let mut json = serde_json::Deserializer::new(StrRead::new(text));
    json.disable_recursion_limit();
    let file: File = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| damaged(error.path().to_string(), error.inner()))?;
    let mut world = file.state.world;
    world.revive(file.state.healthy);
    let origin = file.origin.read()?;
    let tables = Tables::read(world.behaviour, [file.live, file.history, file.bandwidth])
        .map_err(|(place, what)| SnapshotError::Damaged { place, what })?;
    let snapshot = Snapshot::new(world, Kept::Taken(tables), Arc::new(origin));
    let (origin, state) = (raw(&SavedOrigin::of(snapshot.origin())), state(snapshot.world()));
    let Tables { live, history, bandwidth } = snapshot.tables();
    let found = digest(&[origin.get(), state.get(), live, history, bandwidth]);
    if found != file.digest {
        return Err(SnapshotError::Changed { found, expected: file.digest });
    }
    Ok(snapshot)
}

fn damaged(place: String, what: &dyn ToString) -> SnapshotError {
    SnapshotError::Damaged { place, what: what.to_string() }
}

/// How deep the values of a JSON text are nested, and how many there are.
fn extent(text: &str) -> (usize, usize) {
    let (mut deepest, mut now, mut values) = (0, 0_usize, 1);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                now += 1;
                values += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            b',' => values += 1,
            b'"' => {
                while let Some(inner) = bytes.next() {
                    match inner {
                        b'"' => break,
                        b'\\' => _ = bytes.next(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (deepest, values)
}
