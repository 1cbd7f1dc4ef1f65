//! The commands and their flags.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use portmaster_fixtures::Contract;

use super::{
    diff::{self, DiffArgs},
    flags::Select,
    fuzz::{self, FuzzArgs},
    list::{self, ListFormat},
    manual,
    record::{self, RecordArgs},
    replay::{self, ReplayArgs},
    reports::{self, CompareArgs, MergeArgs, SchemaOf},
    restore::{self, RestoreArgs},
    run::{self, RunArgs},
    self_test::{self, SelfTestArgs},
    trouble::Trouble,
};

/// Checks a Portmaster core, or a simulator of one, against the contract of its developer API.
#[derive(Debug, Parser)]
#[command(name = "portmaster-conformance", version, long_version = portmaster_fixtures::version(), max_term_width = 110)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run checks and report
    Run(Box<RunArgs>),
    /// Put back what a run could not, because its target went
    Restore(RestoreArgs),
    /// Ask two targets the same, and say where they part
    Diff(Box<DiffArgs>),
    /// Write down what the suite asks and gets
    Record(Box<RecordArgs>),
    /// Ask a target again what a recording has, and say what changed
    Replay(Box<ReplayArgs>),
    /// Prove that the checks can fail: run them against a simulator with each deliberate misbehaviour
    SelfTest(SelfTestArgs),
    /// List the checks
    List {
        /// The contract whose checks are listed.
        #[arg(help = format!("The contract whose checks are listed: {}", Contract::names()))]
        #[arg(long, value_name = "NAME", default_value = "docs")]
        contract: Contract,
        /// How they are listed
        #[arg(long, value_enum, default_value = "text")]
        format: ListFormat,
        /// Which of them
        #[command(flatten)]
        select: Select,
    },
    /// Say which checks observe each sentence of the published page
    Trace,
    /// Say what a check checks, and where that is written
    Explain {
        /// The check's id, or a pattern
        id: String,
        /// The contract that it belongs to [default: the first that has such a check]
        #[arg(long, value_name = "NAME")]
        contract: Option<Contract>,
    },
    /// Say what differs between two reports in JSON Lines: what broke, what was fixed
    Compare(CompareArgs),
    /// Join the reports of all parts of a run (run --shard) into the report of the whole
    Merge(MergeArgs),
    /// Print the JSON Schema of what this program writes
    Schema {
        /// The lines of a report in JSON Lines, or the file of a failure that fuzz kept
        #[arg(value_enum, default_value = "report")]
        of: SchemaOf,
    },
    /// Send drawn requests and conversations, and keep what fails
    Fuzz(Box<FuzzArgs>),
    /// Serve the simulators that are fuzzed, one after the other, as standard input asks
    #[command(hide = true)]
    Simulators {
        /// A deliberate misbehaviour of all of them
        #[arg(long, value_name = "ID")]
        mutant: Option<String>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write man pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
}

/// Carries out a command and answers the exit status.
pub async fn execute(args: Args) -> Result<u8, Trouble> {
    match args.command {
        Command::Run(args) => run::run(*args).await,
        Command::Restore(args) => restore::restore(args).await,
        Command::Record(args) => record::record(*args).await,
        Command::Diff(args) => diff::diff(*args).await,
        Command::Replay(args) => replay::replay(*args).await,
        Command::List { contract, format, select } => list::list(contract, format, &select),
        Command::Trace => list::trace(),
        Command::Completions { shell } => manual::completions(Args::command(), shell),
        Command::Man { folder } => manual::pages(Args::command(), &folder),
        Command::Compare(args) => reports::compare(&args),
        Command::Merge(args) => reports::merge(args),
        Command::Schema { of } => reports::schema(of),
        Command::SelfTest(args) => self_test::run(args).await,
        Command::Fuzz(args) => fuzz::fuzz(*args).await,
        Command::Simulators { mutant } => fuzz::simulators(mutant).await,
        Command::Explain { id, contract } => list::explain(&id, contract),
    }
}
