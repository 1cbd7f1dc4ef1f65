//! The program `portmaster-conformance`.

use std::process::ExitCode;

use clap::Parser;
use portmaster_conformance::cli::{Args, execute};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = execute(Args::parse()).await;
    // All is said. A thread that still makes a case small finds no timers in a runtime that ends, and nobody waits for it.
    std::panic::set_hook(Box::new(|_| {}));
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(trouble) => {
            anstream::eprintln!("error: {trouble}");
            ExitCode::from(trouble.status())
        }
    }
}
