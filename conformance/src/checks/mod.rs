//! Every check, a file a concern.

mod actions;
mod answers;
mod badges;
mod catalogue;
mod content;
mod credentials;
mod devmode;
mod families;
mod family;
mod findings;
mod headers;
mod limits;
mod methods;
mod negotiation;
mod netquery;
mod origin;
mod parameters;
mod paths;
mod permissions;
mod property;
pub(crate) mod sample;
mod session;
mod structure;
mod websocket;

pub use families::{FAMILIES, all, contracts_of, of_catalogue};
pub use family::Family;
pub(crate) use sample::samples;
