//! Pausing the core, or the privacy network alone, until an instant (core-2.2 §6.1).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::World;

/// A pause that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Whether only the privacy network rests.
    pub only_spn: bool,
    /// When the core resumes by itself.
    pub until: Timestamp,
}

/// Why a pause is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PauseRefused {
    /// It would last no time.
    #[error("invalid pause duration")]
    Duration,
    /// The core rests already.
    #[error("cannot pause SPN separately when core is paused")]
    CorePaused,
    /// There is nothing to pause.
    #[error("cannot pause SPN when it is not running")]
    SpnOff,
}

impl World {
    /// When the pause that is asked for would end, if it is possible. A new one replaces the old one.
    ///
    /// # Errors
    /// When it is not.
    pub fn pause_until(&self, seconds: i64, only_spn: bool) -> Result<Pause, PauseRefused> {
        if seconds <= 0 {
            return Err(PauseRefused::Duration);
        }
        if only_spn {
            if self.pause.as_ref().is_some_and(|pause| !pause.only_spn) {
                return Err(PauseRefused::CorePaused);
            }
            if !self.spn_enabled() {
                return Err(PauseRefused::SpnOff);
            }
        }
        let until = self.now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        Ok(Pause { only_spn, until })
    }
}
