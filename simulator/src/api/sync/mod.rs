//! `sync/*`: settings and profiles as documents that another core can read (core-2.2 §6.10).

mod checksum;
mod document;
mod error;
mod export;
mod import;
mod pretty;
mod profile;
mod request;
#[cfg(test)]
mod tests;

use super::Handler;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("sync/profile/export", export::profile),
    Handler::new("sync/profile/import", profile::import),
    Handler::new("sync/settings/export", export::settings),
    Handler::new("sync/settings/import", import::settings),
    Handler::new("sync/single-setting/export", export::single),
    Handler::new("sync/single-setting/import", import::single),
];

/// The target that stands for what is set for all programs.
const GLOBAL: &str = "global";
