//! `export`: what a scenario answers, for other tools.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use portmaster_simulator::{ExportError, Exported, Simulator, exchanges};

use super::{USAGE, args::Export, print, serve::complain};

/// Asks and prints.
pub(crate) fn run(args: Export) -> ExitCode {
    let mut builder = Simulator::builder();
    if let Some(scenario) = args.scenario {
        builder = builder.scenario(scenario);
    }
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    match exchanges(&builder, args.contract) {
        Ok(exchanges) => {
            let document = Exported::from(args.form).document(args.contract, &exchanges);
            print(&format!("{document:#}\n"))
        }
        Err(ExportError::Start(error)) => {
            complain(&error);
            ExitCode::from(USAGE)
        }
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
