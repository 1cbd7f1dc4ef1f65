//! The program `portmaster-conformance`.

use std::process::ExitCode;

use clap::Parser;
use portmaster_conformance::cli::{Args, execute};

#[tokio::main]
async fn main() -> ExitCode {
    match execute(Args::parse()).await {
        Ok(status) => ExitCode::from(status),
        Err(trouble) => {
            anstream::eprintln!("error: {trouble}");
            ExitCode::from(trouble.status())
        }
    }
}
