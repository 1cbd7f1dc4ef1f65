//! Why a command could not do what it was asked for.

use std::{fmt::Display, io, path::Path};

use crate::{exit, keeper::Keeper, target::Address};

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The command line is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The target does not answer: exit status 3.
    #[error("{0}")]
    Unreachable(String),
    /// The target is not as it was found, or nobody knows: exit status 1.
    #[error("{0}")]
    Left(String),
}

impl Trouble {
    /// The command line, or what it names, is wrong.
    pub(super) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// A file that the command line names cannot be written.
    pub(super) fn unwritten(file: &Path, error: &io::Error) -> Self {
        Self::Usage(format!("cannot write {}: {error}", file.display()))
    }

    /// The exit status that says so.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => exit::USAGE,
            Self::Unreachable(_) => exit::UNREACHABLE,
            Self::Left(_) => exit::FAILED,
        }
    }
}

/// What is said of a target that went for good while it was asked.
pub(super) fn gone(address: Option<&Address>, keeper: Option<&Keeper>) -> Trouble {
    let name = address.map_or("the target".to_owned(), ToString::to_string);
    let why = keeper.and_then(|keeper| keeper.falls(0).last().map(|fall| fall.headline.clone()));
    Trouble::Unreachable(format!(
        "{name} went: {}",
        why.unwrap_or_else(|| "it does not start any more".to_owned())
    ))
}
