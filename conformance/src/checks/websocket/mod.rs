//! The database websocket: how it opens, what it says, and what it does.

mod bridge;
mod config;
mod evaluate;
mod family;
mod frames;
mod handshake;
mod language;
mod messages;
mod operations;
mod records;
mod sentence;
mod space;
mod strain;
mod subscriptions;
mod talk;

pub(super) use family::FAMILY;
