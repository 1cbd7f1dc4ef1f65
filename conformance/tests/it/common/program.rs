//! The program, as a user starts it.

use std::process::{Command, Output, Stdio};

use tokio::task::spawn_blocking;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_portmaster-conformance");

/// What a program said until it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Self { status: u8::try_from(output.status.code().unwrap()).unwrap(), stdout, stderr }
    }
}

/// The program with arguments, and without keys of the environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env_remove("USER_KEY")
        .env_remove("ADMIN_KEY")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a program to its end; the runtime goes on.
pub(crate) async fn ended(mut command: Command) -> Ended {
    spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
}

/// Runs the program to its end.
pub(crate) async fn program(args: &[&str]) -> Ended {
    ended(command(args)).await
}
