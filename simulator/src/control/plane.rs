//! What the routes work on.

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicU64};

use tokio::sync::Semaphore;

use super::{
    beside::{Forks, Template},
    guard::Guard,
    kept::Snapshots,
    problem::Problem,
};
use crate::{core::Shared, limits, world::World};

/// What the routes share.
#[derive(Debug)]
pub(super) struct Plane {
    /// The simulator that is controlled.
    pub(super) shared: Arc<Shared>,
    /// The API's address, as in `http://127.0.0.1:8817`.
    pub(super) api: String,
    /// How that simulator was made.
    pub(super) template: Arc<dyn Template>,
    /// Who may ask.
    pub(super) guard: Arc<Guard>,
    /// Its own address, as in `http://127.0.0.1:43210`.
    pub(super) url: String,
    /// The worlds that were kept.
    pub(super) snapshots: Mutex<Snapshots>,
    /// The simulators that were begun from them.
    pub(super) forks: Forks,
    /// Room for clients that listen to events.
    pub(super) listeners: Arc<Semaphore>,
    /// Room for those who wait at the journal.
    pub(super) waits: Semaphore,
    /// For those who read the journal, one at a time: it may be long.
    pub(super) reading: Arc<Semaphore>,
    /// How many events those lost.
    pub(super) lost: Arc<AtomicU64>,
}

impl Plane {
    /// What the routes of a control plane share at its beginning.
    pub(super) fn new(
        shared: Arc<Shared>,
        api: String,
        template: Arc<dyn Template>,
        guard: Arc<Guard>,
        url: String,
        forks: Forks,
    ) -> Self {
        Self {
            shared,
            api,
            template,
            guard,
            url,
            snapshots: Mutex::default(),
            forks,
            listeners: Arc::new(Semaphore::new(limits::LISTENERS)),
            waits: Semaphore::new(limits::JOURNAL_WAITS),
            reading: Arc::new(Semaphore::new(1)),
            lost: Arc::default(),
        }
    }

    /// Works on the world at its present instant.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        self.shared.with(work)
    }

    /// Works on the worlds that were kept.
    pub(super) fn kept<T>(&self, work: impl FnOnce(&mut Snapshots) -> T) -> T {
        work(&mut self.snapshots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something that takes long beside the connections.
    ///
    /// # Errors
    /// When the work is refused.
    pub(super) async fn aside<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(move || work(&self)).await;
        done.unwrap_or_else(|_| Err(Problem::conflict("the simulator is about to stop")))
    }
}
