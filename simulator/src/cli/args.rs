//! Flags.

use std::{path::PathBuf, str::FromStr};

use clap::{Parser, Subcommand, ValueEnum};
use portmaster_fixtures::{Mutant, UnknownMutant};
use portmaster_simulator::{ClockMode, Contract, Exported, ExternalAuth, StartAt};
use serde_json::Value;

/// A deterministic stand-in for the local API of a Portmaster core.
#[derive(Debug, Parser)]
#[command(version, long_version = portmaster_fixtures::version(), args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a simulated core until Ctrl-C (what happens without a command, too)
    Serve(Box<Serve>),
    /// Serve a simulated core, and open the control plane's page in the browser
    Ui(Box<Serve>),
    /// Serve the guide and open it in the browser
    Guide {
        /// Where to listen; port 0 takes a free port
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8819")]
        listen: String,
    },
    /// Show the built-in scenarios, or check one of your own
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Turn a running core, or what one left in a folder, into a scenario, with private data replaced
    Capture(Capture),
    /// List the misbehaviours that --mutant takes
    Mutants,
    /// Print an OpenAPI 3.1 document of the HTTP endpoints
    #[command(name = "openapi")]
    OpenApi(Of),
    /// Print an AsyncAPI 3 document of the database websocket
    #[command(name = "asyncapi")]
    AsyncApi(Of),
    /// Print the list of endpoints, as a core exports it
    Catalogue(Of),
    /// Print what a scenario answers, for WireMock, Prism, Postman or whatever reads HTTP Archives
    Export(Export),
    /// Ask a simulator or a core whether it answers: the status is 0 when it does, else 1
    Health {
        /// Its address
        #[arg(default_value = "127.0.0.1:8817")]
        address: String,
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

/// Which contract.
#[derive(Debug, clap::Args)]
pub(crate) struct Of {
    /// The contract.
    #[arg(help = format!("The contract: {}", Contract::names()))]
    #[arg(long, value_name = "CONTRACT", default_value = "docs")]
    pub(crate) contract: Contract,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// List the built-in scenarios
    List,
    /// Print a scenario, to start one of your own from
    Show {
        /// A built-in scenario or a file
        name: String,
    },
    /// Say every mistake of scenarios; the status is 2 if there are any
    Check {
        /// Files or built-in scenarios
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// The contract to look at them in; the one that a scenario names, or all, if absent
        #[arg(long, value_name = "CONTRACT")]
        contract: Option<Contract>,
    },
    /// Print the JSON Schema of scenarios, for editors
    Schema,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The form
    pub(crate) form: ExportForm,
    /// The contract.
    #[arg(help = format!("The contract: {}", Contract::names()))]
    #[arg(long, value_name = "CONTRACT", default_value = "docs")]
    pub(crate) contract: Contract,
    /// The world that answers: a built-in scenario or a YAML file [default: as of serve]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// The number that all chance comes from [default: the scenario's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub(crate) seed: Option<u64>,
}

/// What other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportForm {
    /// Stub mappings of WireMock, all in one file
    #[value(name = "wiremock")]
    WireMock,
    /// An OpenAPI 3.1 document with the answers as examples, as Prism serves them
    #[value(name = "openapi")]
    OpenApi,
    /// A Postman collection with an example and a test a request
    Postman,
    /// A HTTP Archive
    Har,
}

impl From<ExportForm> for Exported {
    fn from(form: ExportForm) -> Self {
        match form {
            ExportForm::WireMock => Self::WireMock,
            ExportForm::OpenApi => Self::OpenApi,
            ExportForm::Postman => Self::Postman,
            ExportForm::Har => Self::Har,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Capture {
    /// The core, for example http://127.0.0.1:817
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    pub(crate) target: Option<String>,
    /// In its place a folder with a core's config.json, or with settings and profiles that were exported
    #[arg(long, value_name = "FOLDER", conflicts_with = "target")]
    pub(crate) from: Option<PathBuf>,
    /// An API key of the core; without, only what anyone may read is captured
    #[arg(long, value_name = "KEY", env = "PORTMASTER_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Where the scenario is written; many connections go into a file beside it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Keep addresses, domains, names and paths as they are; API keys are left out nevertheless
    #[arg(long)]
    pub(crate) keep_private: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free port, 127.0.0.1:817 is a real core's address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8817")]
    pub(crate) listen: String,
    /// Allow an address that other machines can reach
    #[arg(long)]
    pub(crate) listen_anywhere: bool,
    /// The core version to imitate.
    #[arg(help = format!("The core version to imitate: {} [default: the scenario's, or docs]", Contract::names()))]
    #[arg(long, value_name = "CONTRACT")]
    pub(crate) contract: Option<Contract>,
    /// The version that the core gives itself, such as 'dev build' [default: the scenario's, or the contract's]
    #[arg(long, value_name = "TEXT")]
    pub(crate) core_version: Option<String>,
    /// Leave the contract's defects out: behave as its cores should
    #[arg(long)]
    pub(crate) healthy: bool,
    /// The world to serve: a built-in scenario or a YAML file [default: home-office; with an observed contract spn-off, the
    /// same with the privacy network switched off]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// The number that all chance comes from [default: the scenario's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub(crate) seed: Option<u64>,
    /// When the world begins: now, an instant such as 2026-01-05T08:30:00Z, or scenario for the one that it is written for;
    /// all that it puts at an instant is moved by as much [default: the scenario's; now with --ui]
    #[arg(long, value_name = "now|INSTANT|scenario")]
    pub(crate) start: Option<StartAt>,
    /// How the clock goes: frozen, manual, running or xN for N times as fast [default: the scenario's, or else frozen; running with --ui]
    #[arg(long, value_name = "MODE")]
    pub(crate) clock: Option<ClockMode>,
    /// Set an option, for example spn/enable=true; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = setting)]
    pub(crate) set: Vec<(String, Value)>,
    /// A core's data folder: the settings in its config.json are read at the start, and kept there when the core ends or restarts
    #[arg(long, value_name = "DIR", value_parser = folder)]
    pub(crate) data: Option<PathBuf>,
    /// Development Mode: no authentication, no content policy
    #[arg(long)]
    pub(crate) dev_mode: bool,
    /// Add an API key, for example 'secret?read=user&write=admin&expires=2030-01-01T00:00:00Z'; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Vec<String>,
    /// The longest message that the database websocket takes, bytes
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = whole::<usize>, default_value_t = portmaster_simulator::DEFAULT_MAX_MESSAGE)]
    pub(crate) max_message: usize,
    /// What stands in for the core's look at the calling program: none, grant, deny or prompt, which asks a person
    #[arg(long, value_name = "MODE", default_value = "none")]
    pub(crate) external_auth: ExternalAuth,
    /// Misbehave like this, to see whether somebody notices; may be repeated (`mutants` lists them)
    #[arg(long, value_name = "ID", value_parser = mutant)]
    pub(crate) mutant: Vec<String>,
    /// Serve this user interface, a zip file or a folder
    #[arg(long, value_name = "FILE.zip|DIR")]
    pub(crate) ui: Option<PathBuf>,
    /// Let netquery answers take at least so many milliseconds; 0 is no delay [default: 150 with --ui, else 0]
    #[arg(long, value_name = "MS", allow_negative_numbers = true, value_parser = whole::<u64>)]
    pub(crate) netquery_latency: Option<u64>,
    /// Serve these icons, fonts and pictures, a zip file or a folder
    #[arg(long, value_name = "FILE.zip|DIR")]
    pub(crate) assets: Option<PathBuf>,
    /// Where the control plane listens, or off; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS|off", default_value = "127.0.0.1:0")]
    pub(crate) control: String,
    /// The token that the control plane asks for [default: none on loopback, else one is drawn and printed]
    #[arg(long, value_name = "TOKEN", env = "PORTMASTER_CONTROL_TOKEN", hide_env_values = true)]
    pub(crate) control_token: Option<String>,
    /// How many requests, and how many websocket messages, the journal keeps; 0 is none [default: 10000 with a control
    /// plane, else 0]
    #[arg(long, value_name = "ENTRIES", allow_negative_numbers = true, value_parser = whole::<usize>)]
    pub(crate) journal: Option<usize>,
    /// How to say that connections are accepted
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) ready: Ready,
}

impl Serve {
    /// The control plane's token. An empty one is none, such as of a variable that is set to nothing.
    pub(crate) fn token(&self) -> Option<&str> {
        self.control_token.as_deref().filter(|token| !token.is_empty())
    }
}

/// How to say that connections are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ready {
    /// A few lines for a person
    Text,
    /// One line of JSON for a program
    Json,
}

/// Reads a number that counts something.
fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// Reads the name of a folder, which may be made later.
fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        // It would be the folder that one is in.
        return Err("it has no name".to_owned());
    }
    let path = PathBuf::from(text);
    match path.metadata() {
        Ok(there) if !there.is_dir() => Err("it is no folder".to_owned()),
        _ => Ok(path),
    }
}

/// Reads the name of a mutant.
fn mutant(id: &str) -> Result<String, UnknownMutant> {
    Mutant::named(id).map(|mutant| mutant.id.clone())
}

/// Reads `KEY=JSON`.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, json) = text.split_once('=').ok_or("expected KEY=JSON, for example spn/enable=true")?;
    let value = serde_json::from_str(json).map_err(|error| {
        format!("the value of {key} is not JSON ({error}); texts need quotes: {key}='\"{json}\"'")
    })?;
    Ok((key.to_owned(), value))
}
