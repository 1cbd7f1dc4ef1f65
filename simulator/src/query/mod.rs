//! The language of database queries: `query core:profiles/ where Name sameas Firefox` (websocket §4).

mod condition;
mod connection;
mod fault;
mod fields;
mod parse;
pub mod scope;
mod token;

pub use condition::Condition;
pub use connection::Connection;
pub use fault::Fault;
pub use fields::{Fields, Json, Value};
pub use parse::{Grammar, Query};

use condition::Operator;
