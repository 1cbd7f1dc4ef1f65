//! The query language of netquery, by what must hold between answers, whatever connections a target has.

mod charts;
mod conditions;
mod family;
mod full;
mod groups;
mod malformed;
mod order;
mod sentence;
mod universe;

pub(super) use family::FAMILY;
