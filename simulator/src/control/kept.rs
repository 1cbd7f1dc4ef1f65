//! The worlds that are kept.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::problem::Problem;
use crate::{limits, snapshot::Snapshot};

/// The worlds that are kept.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// How many were kept under numbers.
    numbered: u64,
    all: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    listed: Listed,
    snapshot: Snapshot,
}

/// A world that is kept.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The scenario that it was made from.
    scenario: String,
    /// The world's instant.
    #[schemars(with = "String")]
    instant: Timestamp,
    /// A SHA-256 of all that the world is.
    fingerprint: String,
    /// The length of its file.
    bytes: usize,
}

impl Snapshots {
    /// A snapshot by its id.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find(&self, id: &str) -> Result<&Snapshot, Problem> {
        self.place(id).map(|place| &self.all[place].snapshot)
    }

    /// The same, with what is said of it.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn whole(&self, id: &str) -> Result<(Snapshot, Listed), Problem> {
        let one = &self.all[self.place(id)?];
        Ok((one.snapshot.clone(), one.listed.clone()))
    }

    /// What is said of all.
    pub(super) fn list(&self) -> Vec<Listed> {
        self.all.iter().map(|one| one.listed.clone()).collect()
    }

    /// Forgets one.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn forget(&mut self, id: &str) -> Result<(), Problem> {
        let place = self.place(id)?;
        self.all.remove(place);
        Ok(())
    }

    fn place(&self, id: &str) -> Result<usize, Problem> {
        let place = self.all.iter().position(|one| one.listed.id == id);
        place.ok_or_else(|| {
            let ids: Vec<&str> = self.all.iter().map(|one| one.listed.id.as_str()).collect();
            let problem = Problem::missing(format!("there is no snapshot \"{id}\""));
            if ids.is_empty() { problem } else { problem.expected(format!("one of {}", ids.join(", "))) }
        })
    }

    /// Keeps one; without an id under the next number that is free. Whether it is new is answered.
    ///
    /// # Errors
    /// When there are too many, or too much.
    pub(super) fn put(
        &mut self,
        id: Option<String>,
        snapshot: Snapshot,
        mut listed: Listed,
    ) -> Result<(bool, Listed), Problem> {
        let place = id.as_deref().and_then(|id| self.place(id).ok());
        if place.is_none() && self.all.len() >= limits::SNAPSHOTS {
            return Err(Problem::conflict(format!(
                "{} snapshots are kept already; forget one first",
                limits::SNAPSHOTS
            )));
        }
        let others = self.all.iter().enumerate().filter(|(at, _)| place != Some(*at));
        let kept: usize = others.map(|(_, one)| one.listed.bytes).sum();
        if kept > 0 && kept + listed.bytes > limits::SNAPSHOTS_BYTES {
            return Err(Problem::conflict(format!(
                "{kept} bytes of snapshots are kept already, and this one has {}; forget one first",
                listed.bytes
            ))
            .expected(format!("at most {} bytes together", limits::SNAPSHOTS_BYTES)));
        }
        listed.id = id.unwrap_or_else(|| {
            loop {
                self.numbered += 1;
                let id = self.numbered.to_string();
                if self.place(&id).is_err() {
                    break id;
                }
            }
        });
        if listed.name.is_empty() {
            listed.name.clone_from(&listed.id);
        }
        let kept = Kept { listed: listed.clone(), snapshot };
        match place {
            Some(place) => self.all[place] = kept,
            None => self.all.push(kept),
        }
        Ok((place.is_none(), listed))
    }
}

/// What is said of a snapshot, save for its id.
pub(super) fn describe(snapshot: &Snapshot, name: String) -> Listed {
    let (fingerprint, bytes) = snapshot.measured();
    let scenario = snapshot.scenario().to_owned();
    Listed { id: String::new(), name, scenario, instant: snapshot.now(), fingerprint, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_but_a_single_one_have_a_bound_in_bytes() {
        let simulator = crate::Simulator::builder().start().await.unwrap();
        let snapshot = simulator.snapshot().unwrap();
        let mut kept = Snapshots::default();
        let mut put = |id: Option<&str>, bytes| {
            let listed = Listed { bytes, ..describe(&snapshot, String::new()) };
            kept.put(id.map(str::to_owned), snapshot.clone(), listed).map(|(new, _)| new).ok()
        };
        let most = limits::SNAPSHOTS_BYTES;
        assert_eq!(put(Some("a"), 2 * most), Some(true), "a single one may be longer");
        assert_eq!(put(None, 1), None);
        assert_eq!(put(Some("a"), most - 10), Some(false), "in the place of the other");
        assert_eq!((put(None, 10), put(None, 1)), (Some(true), None));
    }
}
