//! Not there yet.

use super::Handler;

pub(super) const HANDLERS: &[Handler] = &[];
