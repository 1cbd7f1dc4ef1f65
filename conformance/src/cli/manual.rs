//! What packages bring along beside the program: completions and man pages.

use std::{io, path::Path};

use clap::Command;
use clap_complete::Shell;

use super::trouble::Trouble;
use crate::exit;

/// Completions for a shell, to standard output.
pub(super) fn completions(mut program: Command, shell: Shell) -> Result<u8, Trouble> {
    clap_complete::generate(shell, &mut program, "portmaster-conformance", &mut io::stdout());
    Ok(exit::PASSED)
}

/// A man page for the program and for each of its commands.
pub(super) fn pages(program: Command, folder: &Path) -> Result<u8, Trouble> {
    clap_mangen::generate_to(program, folder).map_err(|error| {
        Trouble::usage(format_args!("man pages cannot be written to {}: {error}", folder.display()))
    })?;
    Ok(exit::PASSED)
}
