//! What packages bring along beside the program: completions, man pages, and what `--version` says.

use std::{io, path::Path, sync::LazyLock};

use clap::Command;
use clap_complete::Shell;
use portmaster_fixtures::Contract;

use super::trouble::Trouble;
use crate::exit;

/// The version, the commit where the build was told one, and the contracts.
pub(super) fn version() -> &'static str {
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
