//! The connection database behind `netquery/*`: a query language in JSON over SQLite (netquery §3).
//!
//! A request goes through these rooms: `request` makes its JSON typed, `conditions` and `statement` turn it into SQL
//! with bound values, `rows` and `output` write the result. `dialect` is what differs between contracts, `store` holds
//! the tables, which `schema` makes, `pending` what is not in them yet, `kinds` what many rows have in common, `counts` what is
//! counted of them, and `columns` describes what stands in a row.

mod answer;
mod charts;
mod columns;
mod conditions;
mod counts;
mod development;
mod dialect;
mod dump;
mod failure;
mod feed;
mod kinds;
mod output;
mod pending;
mod request;
mod rows;
mod schema;
mod statement;
mod store;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Kind, Request};
pub(crate) use dump::{Kept, Tables};
pub use failure::StoreError;
pub use store::{Retention, Store};
