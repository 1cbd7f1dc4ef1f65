//! Flags that several commands take, and what they mean.

use std::{
    hash::{BuildHasher, RandomState},
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;

use super::trouble::Trouble;
use crate::suite::{Allowed, Key, Keys, Selection, Selector, Tier};

/// How long a target may take for one answer; a self-check of a real core takes 20 s.
pub(super) const TIMEOUT: Duration = Duration::from_secs(45);

/// Reads a number that counts something, or a seed.
pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    let least = u8::from("0".parse::<N>().is_err());
    text.parse().map_err(|_| format!("expected a whole number from {least}"))
}

/// Reads how many seconds an answer may take.
pub(super) fn patience(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f32(seconds).ok());
    seconds.filter(|seconds| !seconds.is_zero()).ok_or("expected seconds, more than 0, such as 15 or 0.5")
}

/// Which checks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Select {
    /// Leave out what this selects; may be repeated
    #[arg(long, value_name = "SELECTOR")]
    pub not: Vec<Selector>,
    /// Which checks: ids, beginnings of ids, patterns with *, level:must, tag:security, endpoint:dns/*; words of
    /// one kind add up, kinds narrow each other down; everything when there is none
    #[arg(value_name = "SELECTOR")]
    pub only: Vec<Selector>,
}

impl From<&Select> for Selection {
    fn from(words: &Select) -> Self {
        Self { only: words.only.clone(), not: words.not.clone() }
    }
}

/// What checks may do to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Change something harmless
    Writes,
    /// Stop, log out, clear or trigger something; includes writes
    Disruptive,
}

/// What the command line permits.
pub(super) fn allowed(classes: &[Allow]) -> Allowed {
    let disruptive = classes.contains(&Allow::Disruptive);
    Allowed { writes: disruptive || classes.contains(&Allow::Writes), disruptive }
}

/// How `replay` and `diff` say what they found.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReplayFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// The keys of the command line.
#[derive(Debug, clap::Args)]
pub struct GivenKeys {
    /// An API key with read=user&write=user
    #[arg(long, value_name = "KEY", env = "USER_KEY", hide_env_values = true)]
    user_key: Option<String>,
    /// An API key with read=admin&write=admin
    #[arg(long, value_name = "KEY", env = "ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
}

impl GivenKeys {
    pub(super) fn keys(&self) -> Result<Keys, Trouble> {
        given_keys(self.user_key.as_ref(), self.admin_key.as_ref())
    }
}

/// Two keys that were given, if they can be sent.
pub(super) fn given_keys(user: Option<&String>, admin: Option<&String>) -> Result<Keys, Trouble> {
    let mut keys = Keys::default();
    for (tier, key) in [(Tier::User, user), (Tier::Admin, admin)] {
        if let Some(key) = key {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
                let text = format!("the {} is empty or has characters that no header carries", tier.name());
                return Err(Trouble::Usage(text));
            }
            keys.insert(Key::new(tier, key.clone()));
        }
    }
    Ok(keys)
}

/// A seed when none is given. Six digits are enough, and can be typed again.
pub(super) fn drawn_seed() -> u64 {
    RandomState::new().hash_one("seed") % 1_000_000
}
