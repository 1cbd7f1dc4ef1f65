//! How connections are saved: their rows in the order in which they came, and what is to become of each.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use portmaster_fixtures::scenario::ConnectionRow;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Connection, Connections};
use crate::ordered::ordered;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<R> {
    /// How many were ever known.
    ever: u64,
    /// The place of each row among all that were ever known; left out where none has gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<u64>,
    rows: Vec<R>,
}

/// A connection, the second in which it goes, the instant at which it ends.
#[derive(Serialize, Deserialize)]
struct Row(ConnectionRow, Option<i64>, Option<Timestamp>);

impl Serialize for Connections {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let known = |one: &Arc<Connection>| self.get(one.id()).is_some_and(|known| Arc::ptr_eq(known, one));
        let going = self.going.iter().filter(|(_, one)| known(one));
        let going: BTreeMap<&str, i64> = ordered(going.map(|((second, _), one)| (one.id(), *second)));
        let ending = self.ending.iter().filter(|(_, one)| known(one));
        let ending: BTreeMap<&str, Timestamp> = ordered(ending.map(|((end, _), one)| (one.id(), *end)));
        let saved = |one: &Arc<Connection>| {
            Row(one.row(), going.get(one.id()).copied(), ending.get(one.id()).copied())
        };
        let rows = self.in_order();
        let places = rows.iter().map(|one| one.place);
        let has_gaps = places.clone().zip(1..).any(|(place, at)| place != at);
        let places = if has_gaps { places.collect() } else { Vec::new() };
        Saved { ever: self.places, places, rows: rows.into_iter().map(saved).collect() }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Connections {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = Saved::<Row>::deserialize(from)?;
        let mut all = Self::default();
        for (at, Row(row, goes, ends)) in saved.rows.into_iter().enumerate() {
            if let Some(place) = saved.places.get(at) {
                all.places = place.saturating_sub(1);
            }
            let one = all.keep(row);
            if let Some(second) = goes {
                all.goes_at(&one, second);
            }
            if let Some(end) = ends {
                all.ends_at(&one, end);
            }
        }
        all.places = saved.ever.max(all.places);
        Ok(all)
    }
}
