//! Simulators that run beside the one that is controlled: how they are begun, and how many there may be.

use std::{fmt::Debug, net::SocketAddr, sync::Arc};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::{core::Work, journal::Journal, limits, snapshot::Snapshot, world::Options};

/// How a control plane is reached.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The address; without one there is no control plane.
    pub(crate) listen: Option<String>,
    /// The token that is asked for. Beyond loopback one is drawn if none is given.
    pub(crate) token: Option<String>,
    /// The forks of the world that this one is a fork of.
    pub(crate) forks: Option<Room>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// How the simulator that is controlled was made; its forks are made alike.
pub(crate) trait Template: Debug + Send + Sync {
    /// What is said over its scenario.
    fn options(&self) -> &Options;

    /// Begins a simulator that goes on from a world.
    fn begin(
        &self,
        snapshot: Snapshot,
        listen: SocketAddr,
        control: Settings,
    ) -> Work<Result<Box<dyn Beside>, NotBegun>>;
}

/// A simulator that runs.
pub(crate) trait Beside: Debug + Send + Sync {
    /// Where its API is.
    fn api(&self) -> &str;

    /// Where its control plane is.
    fn control(&self) -> Option<&str>;

    /// What it recorded.
    fn journal(&self) -> Journal;

    /// Stops it and waits until its ports are free.
    fn stop(self: Box<Self>) -> Work<()>;
}

/// Why a simulator was not begun.
#[derive(Debug)]
pub(crate) struct NotBegun {
    pub(crate) why: String,
    /// Whether it was its address.
    pub(crate) by_address: bool,
}

/// Room for forks, which a world and all its forks share.
#[derive(Clone, Debug)]
pub(crate) struct Room(pub(super) Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::FORKS)))
    }
}

/// The forks of a simulator.
#[derive(Debug)]
pub(super) struct Forks {
    pub(super) room: Room,
    pub(super) running: Mutex<Running>,
}

#[derive(Debug, Default)]
pub(super) struct Running {
    /// How many were begun.
    pub(super) begun: u64,
    pub(super) forks: Vec<(String, Box<dyn Beside>, OwnedSemaphorePermit)>,
}

impl Forks {
    /// No forks, and room for some.
    pub(super) fn new(room: Room) -> Self {
        Self { room, running: Mutex::default() }
    }
}
