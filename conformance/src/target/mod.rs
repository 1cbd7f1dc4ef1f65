//! A client that keeps bytes and can send what a polite client can't: HTTP/1.1 over a plain TCP connection,
//! the request line and headers verbatim and in order.

mod address;
mod client;
mod connection;
mod curl;
mod database;
mod error;
mod flight;
mod keys;
mod read;
mod request;
mod response;
mod websocket;

pub use address::{Address, BadAddress};
pub use client::Client;
pub use connection::Connection;
pub use curl::curl_line;
pub use database::{Database, DatabaseError};
pub use error::SendError;
pub(crate) use flight::{Flight, Flown, GAP, Ticket};
pub use keys::{Key, Keys, Tier};
pub(crate) use read::responses;
pub use request::{Header, Request};
pub use response::Response;
pub use websocket::{Frame, Websocket, opcode};
pub(crate) use websocket::{OPERATIONS, Spoken, SpokenLine, Transcript};
