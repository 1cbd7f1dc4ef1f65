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

use error::SyncError;

use super::Handler;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("sync/profile/export", export::profile).saying(SyncError::STATUSES),
    Handler::new("sync/profile/import", profile::import).saying(SyncError::STATUSES),
    Handler::new("sync/settings/export", export::settings).saying(SyncError::STATUSES),
    Handler::new("sync/settings/import", import::settings).saying(SyncError::STATUSES),
    Handler::new("sync/single-setting/export", export::single).saying(SyncError::STATUSES),
    Handler::new("sync/single-setting/import", import::single).saying(SyncError::STATUSES),
];

/// The target that stands for what is set for all programs.
const GLOBAL: &str = "global";
