//! What packages bring along beside the program: completions, man pages, and what `--version` says.

use std::{io, path::Path, process::ExitCode, sync::LazyLock};

use clap::Command;
use clap_complete::Shell;
use portmaster_simulator::Contract;

use super::USAGE;

/// The version, the commit where the build was told one, and the contracts.
pub(crate) fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let commit =
            option_env!("PORTMASTER_COMMIT").map(|commit| format!("\ncommit {commit}")).unwrap_or_default();
        format!(
            "{}{commit}\ncontracts {}",
            env!("CARGO_PKG_VERSION"),
            Contract::ALL.map(Contract::name).join(", ")
        )
    });
    &TEXT
}

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
