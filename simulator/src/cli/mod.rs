//! The command line.

mod args;
mod browser;
mod capture;
mod data;
mod describe;
mod export;
mod guide;
mod health;
mod manual;
mod mutants;
mod scenario;
mod serve;
mod signals;
mod told;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use args::{Args, Command};
use describe::Form;

/// The status of a command line, a scenario or an address that cannot be used.
pub(crate) const USAGE: u8 = 2;

/// Prints what was asked for. A reader that closes early, like `head`, has what it wanted; what is lost otherwise is said.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
            ExitCode::from(USAGE)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Runs what the command line asks for.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    // There is no other before this one.
    let _ = tracing::subscriber::set_global_default(told::Told);
    let (serve, shown) = match args.command {
        Some(Command::Serve(serve)) => (*serve, false),
        Some(Command::Ui(serve)) if serve.control == "off" => {
            let nothing = "ui shows the control plane's page, which --control off leaves out";
            Args::command().error(ErrorKind::ArgumentConflict, nothing).exit()
        }
        Some(Command::Ui(serve)) => (*serve, true),
        Some(Command::Guide { listen }) => return guide::run(&listen),
        Some(Command::Scenario(command)) => return scenario::run(command),
        Some(Command::Capture(args)) => return capture::run(args),
        Some(Command::Mutants) => return mutants::list(),
        Some(Command::OpenApi(of)) => return describe::run(Form::OpenApi, of.contract),
        Some(Command::AsyncApi(of)) => return describe::run(Form::AsyncApi, of.contract),
        Some(Command::Catalogue(of)) => return describe::run(Form::Catalogue, of.contract),
        Some(Command::Export(args)) => return export::run(args),
        Some(Command::Health { address }) => return health::ask(&address),
        Some(Command::Completions { shell }) => return manual::completions(Args::command(), shell),
        Some(Command::Man { folder }) => return manual::pages(Args::command(), &folder),
        None => (args.serve, false),
    };
    match serve::run(serve, shown) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            serve::complain(&error);
            ExitCode::from(USAGE)
        }
    }
}
