//! The beginning of a world. Tests begin the same few again and again, so the last ones are kept, from their second time on:
//! whoever begins one alone pays nothing for it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use portmaster_fixtures::scenario::Connections;

use super::bundles::BundleError;
use crate::{
    netquery::{Kept, Store, StoreError},
    snapshot::Origin,
    world::{SetupError, World},
};

/// A world of more connections is not kept: it would hold on to much.
const MOST: usize = 20_000;

/// Why another world cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The scenario makes no world.
    #[error("{name}: {source}")]
    Setup {
        /// The scenario.
        name: String,
        /// Why.
        source: SetupError,
    },
    /// A user interface cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The connection database cannot be made.
    #[error(transparent)]
    Netquery(#[from] StoreError),
}

/// What is longer as text is not kept either: bytes.
const LONGEST: usize = 256 << 10;

/// How many are kept.
const KEPT: usize = 4;

/// What was begun last, the newest first.
static LAST: Mutex<VecDeque<Last>> = Mutex::new(VecDeque::new());

struct Last {
    /// What it was made from, as text.
    of: Vec<u8>,
    begun: Option<(World, Kept)>,
}

/// A world at its beginning, and its connection database.
///
/// # Errors
/// When the scenario makes no world.
pub(crate) fn begun(origin: &Origin) -> Result<(World, Store), LoadError> {
    // What misbehaves may count for all that were made alike.
    let of = if origin.options.mutants.is_empty() { text(origin) } else { None };
    let before = of.as_ref().and_then(|of| Some(last().iter().find(|last| last.of == *of)?.begun.clone()));
    if let Some(Some((world, kept))) = before {
        let netquery = Store::holding(kept, &world);
        return Ok((world, netquery));
    }
    let name = || origin.scenario.name.clone();
    let mut world = origin.world().map_err(|source| LoadError::Setup { name: name(), source })?;
    let netquery = Store::begun(&mut world)?;
    if let Some(of) = of {
        let is_kept = before.is_some() && world.connections.len() <= MOST;
        let begun = if is_kept { Some((world.clone(), netquery.kept()?)) } else { None };
        let mut last = last();
        last.retain(|last| last.of != of);
        last.push_front(Last { of, begun });
        last.truncate(KEPT);
    }
    Ok((world, netquery))
}

/// What a world is made from, unless that is long.
fn text(origin: &Origin) -> Option<Vec<u8>> {
    // What lists many connections need not be written to know that.
    if matches!(&origin.scenario.connections, Connections::Listed(rows) if rows.len() > MOST) {
        return None;
    }
    let text = serde_json::to_vec(&(&origin.scenario, &origin.options)).ok()?;
    (text.len() <= LONGEST).then_some(text)
}

fn last() -> MutexGuard<'static, VecDeque<Last>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::scenario::Scenario;

    use super::*;
    use crate::world::Options;

    #[test]
    fn what_lists_many_connections_is_not_kept() {
        let origin = |name: &str| Origin::new(Scenario::load(name).unwrap(), Options::default());
        let mut long = origin("home-office");
        assert!(text(&long).is_some_and(|text| text.ends_with(b"}]") && text.len() < LONGEST));
        long.scenario.about = "x".repeat(LONGEST);
        assert!(text(&long).is_none());
    }

    #[test]
    fn a_world_that_is_begun_again_is_the_same_and_its_own() {
        let options = Options { api_keys: vec!["only-here".to_owned()], ..Options::default() };
        let origin = Origin::new(Scenario::load("home-office").unwrap(), options);
        let shown = |(world, netquery): &(World, Store)| {
            (format!("{world:?}"), netquery.kept().unwrap().tables(world.behaviour).live)
        };
        let first = shown(&begun(&origin).unwrap());
        for _ in 0..3 {
            let mut again = begun(&origin).unwrap();
            assert_eq!(shown(&again), first);
            again.0.ask_for_access();
            assert_ne!(shown(&again).0, first.0);
        }
    }
}
