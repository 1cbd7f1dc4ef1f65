//! What the world tells to those who listen: the connection store, subscribers, the process around it.

use std::sync::Arc;

use jiff::Timestamp;
use portmaster_fixtures::scenario::{App, Bandwidth, ConnectionRow};
use serde::{Deserialize, Serialize};

use super::{Connection, Record, Traffic};

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A connection was opened, changed or ended.
    Connection(Arc<ConnectionRow>),
    /// The same, but nobody is told of it now: a fault is in the way.
    Stored(Arc<ConnectionRow>),
    /// What a profile has done is another's, which has this name.
    HandedOver {
        /// The profile that is gone.
        from: String,
        /// The other one.
        to: String,
        /// Its name.
        name: String,
    },
    /// Subscribers are told late of a connection.
    Told(Arc<ConnectionRow>),
    /// A record was written, changed or deleted; its times say which.
    Record(Arc<Record>),
    /// A person chose an action of a notification, or one is gone.
    Answered,
    /// A change happened, while somebody watches: what it was about.
    Changed(Vec<String>),
    /// Hubs of the map joined, changed or left: their ids.
    Hubs(Vec<String>),
    /// A program is known from now on, or is in the place of this one of its name.
    #[serde(skip)]
    Program(String, Option<Box<App>>),
    /// Connections have gone: they ended some time before this instant. The history keeps them.
    #[serde(skip)]
    Gone(Vec<Arc<Connection>>, Timestamp),
    /// Traffic that is counted in the connections already.
    Measured(Vec<Bandwidth>),
    /// The same of connections that were made with the world.
    #[serde(skip)]
    Made(Vec<Traffic>),
    /// A change that nobody waited for was refused: whose it was, and why.
    Refused(String),
    /// The core goes down.
    Lifecycle(Lifecycle),
    /// The user interfaces are to be read from disk anew.
    ReloadUi,
}

/// How the core goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifecycle {
    /// It comes back.
    Restart,
    /// It stays away.
    Shutdown,
}
