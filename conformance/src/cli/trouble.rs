//! Why a command could not do what it was asked for.

use std::fmt::Display;

use crate::exit;

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The command line is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The target does not answer: exit status 3.
    #[error("{0}")]
    Unreachable(String),
}

impl Trouble {
    /// The command line, or what it names, is wrong.
    pub(super) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// The exit status that says so.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Unreachable(_) => exit::UNREACHABLE,
        }
    }
}
