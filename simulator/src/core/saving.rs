//! The world that is served, taken out and put back, and another in its place.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use super::{
    beginning::{LoadError, begun},
    book::Book,
    bundles::Bundles,
    shared::{About, Served, Shared},
};
use crate::{
    netquery::{Store, StoreError},
    snapshot::{Origin, Snapshot},
    world::World,
};

impl Shared {
    /// What is served.
    pub(crate) fn about(&self) -> About {
        self.with(|world| About {
            scenario: self.served().origin.scenario.name.clone(),
            contract: world.contract,
            seed: world.chance.seed(),
            start: world.clock.start(),
            clock: world.clock.mode(),
        })
    }

    /// Takes out the world as it is now.
    ///
    /// # Errors
    /// When the connection database cannot be read.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // What waits is written while nobody else has to wait, so that little is left.
        self.served().netquery.settle()?;
        let (world, moment, origin) = self.with(|world| {
            let served = self.served();
            Ok::<_, StoreError>((world.clone(), served.netquery.moment()?, Arc::clone(&served.origin)))
        })?;
        Ok(Snapshot::new(world, moment.kept()?, origin))
    }

    /// Puts a world back. Subscribers of the database stay and are told what is different, by database and key; who
    /// waits for an instant or for an answer looks again.
    ///
    /// # Errors
    /// When it cannot be served. The world is then as it was.
    pub(crate) fn restore(&self, snapshot: &Snapshot) -> Result<(), LoadError> {
        let world = snapshot.world().clone();
        let netquery = Store::holding(snapshot.kept().clone(), &world);
        netquery.open()?;
        self.replace(world, netquery, Arc::clone(snapshot.origin()), |book, now| {
            book.note(&format!("an earlier state of the world was put back, that of {now}"));
        })
    }

    /// Begins the world anew, with everything as it was at its beginning.
    ///
    /// # Errors
    /// When it cannot be served. The world is then as it was.
    pub(crate) fn reset(&self) -> Result<(), LoadError> {
        let origin = Arc::clone(&self.served().origin);
        self.begin(origin)
    }

    /// The same, for a core that comes back: the journal goes on.
    ///
    /// # Errors
    /// When it cannot be served. The world is then as it was.
    pub(crate) fn restart(&self) -> Result<(), LoadError> {
        let origin = Arc::new(Origin::clone(&self.served().origin).anew());
        let (world, netquery) = begun(&origin)?;
        self.replace(world, netquery, origin, |book, _| book.note("the core restarted"))
    }

    /// Begins another world in the place of this one; its contract may be another, too.
    ///
    /// # Errors
    /// When the scenario makes no world or it cannot be served. The world is then as it was.
    pub(crate) fn load(&self, origin: Origin) -> Result<(), LoadError> {
        self.begin(Arc::new(origin))
    }

    fn begin(&self, origin: Arc<Origin>) -> Result<(), LoadError> {
        let (world, netquery) = begun(&origin)?;
        self.replace(world, netquery, origin, |book, _| book.reset())
    }

    fn replace(
        &self,
        mut world: World,
        netquery: Store,
        origin: Arc<Origin>,
        record: impl FnOnce(&Book, Timestamp),
    ) -> Result<(), LoadError> {
        let mut held = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let bundles = match held.ui == world.ui {
            true => None,
            false => Some(Bundles::load(world.ui.as_ref(), &self.bundle_sources)?),
        };
        world.clock.rebase(self.began.elapsed());
        let down = world.is_going_down();
        let before = std::mem::replace(&mut *held, world);
        let number = self.served().number + 1;
        self.serve(Served::new(number, &held, netquery, origin));
        if let Some(bundles) = bundles {
            *self.bundles.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundles);
        }
        if !down {
            self.lifecycle.send_replace(None);
        }
        self.observe(&held);
        if let Some(book) = &self.journal {
            record(book, held.now());
        }
        self.listener.replaced(&before, &held);
        self.show("world", || json!({ "scenario": self.served().origin.scenario.name, "now": held.now() }));
        drop(held);
        self.due_changed.notify_one();
        self.clock_moved.notify_waiters();
        self.answered.notify_waiters();
        Ok(())
    }
}
