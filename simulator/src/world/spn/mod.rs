//! The privacy network: the account, the connection and the map of hubs.

mod account;
mod change;
mod connect;
mod cut;
mod generate;
mod hub;
mod map;
mod measure;
mod optimize;
mod route;
mod setup;
mod shown;
mod tunnel;
mod written;

use std::sync::Arc;

use jiff::Timestamp;
use portmaster_fixtures::scenario::{Login, SpnStatus};
use serde::{Deserialize, Serialize};

pub use account::{Account, LoginError};
pub(in crate::world) use connect::Standings;
pub use hub::Hub;
pub use map::{Map, Place};
pub use measure::{HUB_COST, Measurement, Quality};
pub use optimize::Suggestion;
pub use route::{Algorithm, Destination, Exit, Found, Route};
pub use setup::SpnError;
pub use tunnel::{Tunnel, Ways};

/// What a core knows of the privacy network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spn {
    /// How far the connection is, if the scenario says so.
    status: Option<SpnStatus>,
    /// The hub that the scenario names as home.
    home: Option<String>,
    /// When the connection was made.
    connected_since: Timestamp,
    /// To how many hubs tunnels are open, beside the home hub.
    sessions: usize,
    /// How the provider answers a login.
    login: Login,
    /// The account, logged in or out.
    account: Option<Account>,
    /// The map `main`, which copies of a world share until one of them changes it.
    map: Option<Arc<Map>>,
    /// Whether the network was on once.
    #[serde(default)]
    pub(in crate::world) was_on: bool,
}
