//! What the routes work on.

use std::sync::Arc;

use super::guard::Guard;
use crate::{gateway::Shared, world::World};

/// What the routes share.
#[derive(Debug)]
pub(super) struct Plane {
    /// The simulator that is controlled.
    pub(super) shared: Arc<Shared>,
    /// The API's address, as in `http://127.0.0.1:8817`.
    pub(super) api: String,
    /// Who may ask.
    pub(super) guard: Guard,
    /// Its own address, as in `http://127.0.0.1:43210`.
    pub(super) url: String,
}

impl Plane {
    /// Works on the world at its present instant.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        self.shared.with(work)
    }
}
