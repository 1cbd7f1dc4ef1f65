//! What the world tells to those who listen: the connection store, subscribers, the process around it.

use std::sync::Arc;

use portmaster_fixtures::scenario::{Bandwidth, ConnectionRow};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection was opened, changed or ended.
    Connection(Arc<ConnectionRow>),
    /// A profile was written.
    ProfileSaved {
        /// `<source>/<id>`.
        key: String,
    },
    /// A profile was deleted.
    ProfileDeleted {
        /// `<source>/<id>`.
        key: String,
    },
    /// Traffic that is counted in the connections already, such as that before the world began.
    Measured(Vec<Bandwidth>),
    /// The core goes down.
    Lifecycle(Lifecycle),
    /// The user interfaces are to be read from disk anew.
    ReloadUi,
}

/// How the core goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// It comes back.
    Restart,
    /// It stays away.
    Shutdown,
}
