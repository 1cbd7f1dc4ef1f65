//! The file that a world is saved in: JSON, with a version and with a digest of all that it holds.

use std::{borrow::Cow, iter, sync::Arc, thread};

use portmaster_fixtures::{
    Misfit, Scenario, read_value,
    scenario::{Connections, RowsFile},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
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
struct SavedOrigin<'a> {
    scenario: Cow<'a, Scenario>,
    /// The rows of the file that the scenario names, for whom scenarios have no form.
    rows: Option<Cow<'a, RowsFile>>,
    options: Cow<'a, Options>,
}

impl<'a> SavedOrigin<'a> {
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

    fn read(value: &Value) -> Result<Origin, SnapshotError> {
        if value.get("scenario").map_or(0, values) > limits::SNAPSHOT_SCENARIO {
            let what = format!("expected at most {} values", limits::SNAPSHOT_SCENARIO);
            return Err(damaged("origin.scenario", &[], &what));
        }
        let saved: SavedOrigin<'_> =
            read_value(value).map_err(|misfit| damaged("origin", &misfit.steps, &misfit))?;
        let mut scenario = saved.scenario.into_owned();
        if let Some(rows) = saved.rows {
            scenario.connections = Connections::Rows(rows.into_owned());
        }
        Ok(Origin { scenario, options: saved.options.into_owned(), present: false })
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
    origin: Value,
    #[serde(deserialize_with = "state_of")]
    state: Result<SavedWorld<World>, Misfit>,
    live: Vec<Vec<Value>>,
    history: Vec<Vec<Value>>,
    bandwidth: Vec<Vec<Value>>,
}

/// The state, which is no longer held as values once it is read.
fn state_of<'de, D: Deserializer<'de>>(from: D) -> Result<Result<SavedWorld<World>, Misfit>, D::Error> {
    Ok(read_value(&Value::deserialize(from)?))
}

/// JSON that was just written.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("every part of a world has a form in JSON")
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

fn state(world: &World) -> String {
    written(&SavedWorld { healthy: world.is_healthy(), world })
}

/// A snapshot as texts.
struct Parts<'a> {
    origin: String,
    state: String,
    tables: &'a Tables,
}

impl<'a> Parts<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let origin = written(&SavedOrigin::of(snapshot.origin()));
        Self { origin, state: state(snapshot.world()), tables: snapshot.tables() }
    }

    fn texts(&self) -> [&str; 5] {
        let Tables { live, history, bandwidth } = self.tables;
        [&self.origin, &self.state, live, history, bandwidth]
    }

    fn digest(&self) -> String {
        digest(&self.texts())
    }

    /// The file, in pieces.
    fn pieces<'b>(&'b self, digest: &'b str, version: &'b str) -> [&'b str; 17] {
        let [origin, state, live, history, bandwidth] = self.texts();
        [
            "{\"format\":\"", FORMAT, "\",\"version\":", version, ",\"digest\":\"", digest, "\",\"origin\":",
            origin, ",\"state\":", state, ",\"live\":", live, ",\"history\":", history, ",\"bandwidth\":",
            bandwidth, "}",
        ]
    }
}

impl Snapshot {
    /// The SHA-256 of the whole world, hexadecimal: the same for equal worlds, on every machine and in every process, another
    /// for worlds that any answer can tell apart. What a world was made from does not count.
    pub fn fingerprint(&self) -> String {
        let Tables { live, history, bandwidth } = self.tables();
        digest(&[&state(self.world()), live, history, bandwidth])
    }

    /// Its fingerprint, and the length of its file in bytes.
    pub(crate) fn measured(&self) -> (String, usize) {
        let parts = Parts::of(self);
        let fingerprint = digest(&parts.texts()[1..]);
        let bytes = parts.pieces(&fingerprint, &VERSION.to_string()).iter().map(|piece| piece.len()).sum();
        (fingerprint, bytes)
    }

    /// The world as one JSON text, for a file that [`from_json`](Self::from_json) reads. It holds what the world holds,
    /// secrets included.
    pub fn to_json(&self) -> String {
        let parts = Parts::of(self);
        parts.pieces(&parts.digest(), &VERSION.to_string()).concat()
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
        if depth(text) > limits::SNAPSHOT_NESTING {
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
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    let file = File::deserialize(&mut json).map_err(|error| damaged("snapshot", &[], &error))?;
    let saved = file.state.map_err(|misfit| damaged("state", &misfit.steps, &misfit))?;
    let mut world = saved.world;
    world.revive(saved.healthy);
    let origin = SavedOrigin::read(&file.origin)?;
    let tables = Tables::read(world.behaviour, [file.live, file.history, file.bandwidth])
        .map_err(|(place, what)| SnapshotError::Damaged { place, what })?;
    let snapshot = Snapshot::new(world, Kept::Taken(tables), Arc::new(origin));
    let found = Parts::of(&snapshot).digest();
    if found != file.digest {
        return Err(SnapshotError::Changed { found, expected: file.digest });
    }
    Ok(snapshot)
}

fn damaged(part: &str, steps: &[String], what: &dyn ToString) -> SnapshotError {
    let place = iter::once(part).chain(steps.iter().map(String::as_str)).collect::<Vec<_>>().join(".");
    SnapshotError::Damaged { place, what: what.to_string() }
}

/// How many values a value consists of.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(values).sum(),
        Value::Object(members) => members.values().map(values).sum(),
        _ => 0,
    }
}

/// How deep the values of a JSON text are nested.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now) = (0, 0_usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
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
    deepest
}
