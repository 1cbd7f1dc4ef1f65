//! `portmaster-simulator`: serves a simulated core until Ctrl-C.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
