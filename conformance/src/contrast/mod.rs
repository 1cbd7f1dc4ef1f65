//! How two answers, or two messages, differ, and what may be another without being a difference.

mod answered;
mod bytes;
mod cause;
mod circumstance;
mod compare;
mod difference;
mod kind;
mod known;
mod masks;
mod message;
mod structure;
mod value;

pub(crate) use answered::{Answered, SESSION};
pub(crate) use bytes::Bytes;
pub(crate) use cause::{Cause, LOST, causes};
pub(crate) use circumstance::{Circumstance, levels};
pub(crate) use compare::{By, Comparison, Headers};
pub(crate) use difference::{Difference, Sort};
pub(crate) use known::Known;
pub(crate) use message::{Expected, Said, kind_of, opcode_of};
pub(crate) use value::shortened;
