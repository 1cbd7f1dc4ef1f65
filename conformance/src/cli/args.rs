//! The commands and their flags.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use portmaster_fixtures::{Contract, scenario::Span};

pub(super) use super::{diff::DiffArgs, record::RecordArgs, replay::ReplayArgs};
use super::{fuzz::FuzzArgs, subject::Wanted};
use crate::{
    report,
    shard::Shard,
    suite::{Selection, Selector},
    target::Address,
};

/// Checks a Portmaster core, or a simulator of one, against the contract of its developer API.
#[derive(Debug, Parser)]
#[command(name = "portmaster-conformance", version, max_term_width = 110)]
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
        /// The contract whose checks are listed: docs, v1.0, v1.6 or v2.2
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
}

/// What there is a JSON Schema of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaOf {
    /// A line of a report in JSON Lines
    Report,
    /// A file that fuzz kept
    Failure,
}

/// What `compare` takes. It exits with 1 if something broke, and with 2 if a report cannot be read.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// The older report
    pub old: PathBuf,
    /// The newer report
    pub new: PathBuf,
    /// How it is said
    #[arg(long, value_enum, default_value = "text")]
    pub format: CompareFormat,
}

/// How `compare` says what differs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CompareFormat {
    /// Lists, what broke last
    Text,
    /// A JSON object
    Json,
    /// Lists for a pull request
    Markdown,
}

/// What `merge` takes. It exits as the whole run would have.
#[derive(Debug, clap::Args)]
pub struct MergeArgs {
    /// Reports in JSON Lines, one of every part
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Write the report of the whole, in JSON Lines
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write it in another format as well: json (JSON Lines), junit, tap, markdown, html
    /// or text
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<report::Wanted>,
}

/// Which checks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Select {
    /// Leave out what this selects; may be repeated
    #[arg(long, value_name = "SELECTOR")]
    pub not: Vec<Selector>,
    /// Which checks: ids, beginnings of ids, patterns with *, level:must, tag:security, endpoint:dns/*; words of
    /// one kind add up, kinds narrow each other down; everything when there is none
    #[arg(value_name = "SELECTOR")]
    pub only: Vec<Selector>,
}

impl From<&Select> for Selection {
    fn from(words: &Select) -> Self {
        Self { only: words.only.clone(), not: words.not.clone() }
    }
}

/// How `list` lists.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ListFormat {
    /// A line a check
    Text,
    /// A JSON array
    Json,
    /// A table a family
    Markdown,
}

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The target; without it a simulator is started and everything is allowed
    #[arg(long, value_name = "URL")]
    pub target: Option<Address>,
    /// What to check against: docs, v1.0, v1.6 or v2.2; auto, the one that fits the target best; target, the
    /// list of endpoints that the target itself exports; or such a list in a file
    #[arg(long, value_name = "NAME|FILE", default_value = "docs")]
    pub contract: Wanted,
    /// An API key with read=user&write=user
    #[arg(long, value_name = "KEY", env = "USER_KEY", hide_env_values = true)]
    pub user_key: Option<String>,
    /// An API key with read=admin&write=admin
    #[arg(long, value_name = "KEY", env = "ADMIN_KEY", hide_env_values = true)]
    pub admin_key: Option<String>,
    /// Put keys into the settings of a target in Development Mode (or with --admin-key), and its settings
    /// back afterwards; Development Mode is off meanwhile
    #[arg(long, requires = "target")]
    pub provision: bool,
    /// What checks may do to the target: change harmless things, or stop, log out, clear and trigger
    #[arg(long, value_enum, value_name = "CLASS")]
    pub allow: Vec<Allow>,
    /// The seed of drawn values [default: drawn itself, and reported; 1 with --shard]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Failures that are known: check ids with reasons, in YAML or JSON. They count as expected, and what is
    /// listed and passes fails as stale
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the failures of this run as a baseline; the run then succeeds
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Only one part of the selected checks, for example 1/4: every machine takes another, `merge` joins their
    /// reports. Which part a check is in depends on its id alone
    #[arg(long, value_name = "PART/PARTS")]
    pub shard: Option<Shard>,
    /// Write a report to a file as well: json (JSON Lines), junit, tap, markdown, html
    /// or text
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<report::Wanted>,
    /// Stop after so long, as in 10m: nothing more is begun, what was changed is put back, and the rest is skipped
    #[arg(long, value_name = "SPAN")]
    pub time_limit: Option<Span>,
    /// Send no more than so many requests a second
    #[arg(long, value_name = "N")]
    pub rate: Option<NonZeroU32>,
    /// Say which checks would run and which not, and why; the target is asked nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Which checks
    #[command(flatten)]
    pub select: Select,
}

/// What `self-test` takes.
#[derive(Debug, clap::Args)]
pub struct SelfTestArgs {
    /// The contract whose checks are tried: docs, v1.0, v1.6 or v2.2
    #[arg(long, value_name = "NAME", default_value = "docs")]
    pub contract: Contract,
    /// Only this misbehaviour; may be repeated (`portmaster-simulator mutants` lists them)
    #[arg(long, value_name = "ID")]
    pub mutant: Vec<String>,
    /// How many misbehaviours are tried at a time [default: three a processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// The seed of drawn values
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write the result as a page, too
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// What checks may do to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Change something harmless
    Writes,
    /// Stop, log out, clear or trigger something; includes writes
    Disruptive,
}
