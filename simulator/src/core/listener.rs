//! Who is told what happens, in its order.

use std::fmt::Debug;

use crate::world::{Event, World};

/// Those who subscribed to changes, such as clients of the database websocket. They are told while the world is locked.
pub(crate) trait Listener: Debug + Send + Sync {
    /// Whether anybody listens to anything.
    fn any(&self) -> bool;

    /// Something happened.
    fn tell(&self, world: &World, event: &Event);

    /// Another world took the place of the one that they saw.
    fn replaced(&self, before: &World, after: &World);

    /// How many changes were missed by those who read too slowly.
    fn dropped(&self) -> u64;
}
