//! What packages bring along beside the program: completions and man pages.

use std::{io, path::Path, process::ExitCode};

use clap::Command;
use clap_complete::Shell;

use super::USAGE;

/// Completions for a shell, to standard output.
pub(crate) fn completions(mut program: Command, shell: Shell) -> ExitCode {
    clap_complete::generate(shell, &mut program, "portmaster-simulator", &mut io::stdout());
    ExitCode::SUCCESS
}

/// A man page for the program and for each of its commands.
pub(crate) fn pages(program: Command, folder: &Path) -> ExitCode {
    match clap_mangen::generate_to(program.name("portmaster-simulator"), folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: man pages cannot be written to {}: {error}", folder.display());
            ExitCode::from(USAGE)
        }
    }
}
