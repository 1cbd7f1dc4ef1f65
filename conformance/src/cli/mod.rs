//! The command line.

mod args;
mod diff;
mod footprint;
mod fuzz;
mod list;
mod lock;
mod plan;
mod probe;
mod provision;
mod record;
mod replay;
mod reports;
mod run;
mod self_test;
mod signals;
mod subject;

pub use args::{Args, Command};
pub use subject::Wanted;

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The command line is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The target does not answer: exit status 3.
    #[error("{0}")]
    Unreachable(String),
}

impl Trouble {
    /// The exit status that says so.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => crate::exit::USAGE,
            Self::Unreachable(_) => crate::exit::UNREACHABLE,
        }
    }
}

/// Carries out a command and answers the exit status.
pub async fn execute(args: Args) -> Result<u8, Trouble> {
    match args.command {
        Command::Run(args) => run::run(*args).await,
        Command::Record(args) => record::record(*args).await,
        Command::Diff(args) => diff::diff(*args).await,
        Command::Replay(args) => replay::replay(*args).await,
        Command::List { contract, format, select } => list::list(contract, format, &select),
        Command::Trace => list::trace(),
        Command::Compare(args) => reports::compare(&args),
        Command::Merge(args) => reports::merge(args),
        Command::Schema { of } => reports::schema(of),
        Command::SelfTest(args) => self_test::run(args).await,
        Command::Fuzz(args) => fuzz::fuzz(*args).await,
        Command::Explain { id, contract } => list::explain(&id, contract),
    }
}
