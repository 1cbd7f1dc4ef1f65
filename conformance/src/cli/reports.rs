//! `compare`, `merge` and `schema`: what can be done with reports.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::ValueEnum;

use super::{run, trouble::Trouble};
use crate::{
    exit, fuzz,
    report::{self, Campaign, Kind, MergeError, Opened, Report, ReportError, Wanted, write_text},
};

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
    /// Write it in another format as well
    #[arg(long, value_name = "FORMAT=FILE", help = format!("Write it in another format as well: {}", report::formats()))]
    pub report: Vec<Wanted>,
}

/// What there is a JSON Schema of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaOf {
    /// A line of a report in JSON Lines
    Report,
    /// A file that fuzz kept
    Failure,
}

pub(super) fn compare(args: &CompareArgs) -> Result<u8, Trouble> {
    let [old, new] = [&args.old, &args.new].map(|file| Report::open(file).map_err(Trouble::usage));
    let comparison = report::compare(&old?, &new?);
    let mut text = vec![];
    let written = match args.format {
        CompareFormat::Text => comparison.write_text(&mut text),
        CompareFormat::Json => comparison.write_json(&mut text),
        CompareFormat::Markdown => comparison.write_markdown(&mut text),
    };
    written
        .and_then(|()| print(&text))
        .map_err(|error| Trouble::Usage(format!("cannot write the comparison: {error}")))?;
    Ok(if comparison.broken.is_empty() { exit::PASSED } else { exit::FAILED })
}

pub(super) fn merge(args: MergeArgs) -> Result<u8, Trouble> {
    let (mut runs, mut campaigns) = (vec![], vec![]);
    for file in &args.files {
        let name = file.display().to_string();
        match Kind::open(file).map_err(Trouble::usage)? {
            Kind::Run(report) => runs.push((name, report)),
            Kind::Fuzz(campaign) => campaigns.push((name, campaign)),
        }
    }
    match (runs.first(), campaigns.first()) {
        (_, None) => merge_runs(runs, args.output, args.report),
        (None, _) => merge_campaigns(campaigns, args.output, &args.report),
        (Some((first, _)), Some((file, _))) => {
            Err(Trouble::usage(MergeError::Mixed { first: first.clone(), file: file.clone() }))
        }
    }
}

fn merge_runs(
    parts: Vec<(String, Report)>,
    output: Option<PathBuf>,
    reports: Vec<Wanted>,
) -> Result<u8, Trouble> {
    let whole = report::merge(parts).map_err(Trouble::usage)?;
    let wanted = output.map(Wanted::json).into_iter().chain(reports);
    let reports: Vec<Opened> =
        wanted.map(Wanted::open).collect::<Result<_, ReportError>>().map_err(Trouble::usage)?;
    let mut text = vec![];
    let _ = write_text(&mut text, &whole).and_then(|()| print(&text));
    for report in reports {
        report.write(&whole).map_err(Trouble::usage)?;
    }
    Ok(run::status(&whole.run))
}

fn merge_campaigns(
    parts: Vec<(String, Campaign)>,
    output: Option<PathBuf>,
    reports: &[Wanted],
) -> Result<u8, Trouble> {
    if !reports.is_empty() {
        return Err(Trouble::usage("the report of a fuzz campaign has no form but JSON Lines: -o FILE"));
    }
    let whole = Campaign::merge(parts).map_err(Trouble::usage)?;
    if let Some(file) = output {
        let mut bytes = vec![];
        let written = whole.write(&mut bytes).and_then(|()| std::fs::write(&file, &bytes));
        written.map_err(|error| Trouble::unwritten(&file, &error))?;
    }
    let mut text = vec![];
    let _ = whole.write_text(&mut text).and_then(|()| print(&text));
    Ok(if whole.failed() { exit::FAILED } else { exit::PASSED })
}

pub(super) fn schema(of: SchemaOf) -> Result<u8, Trouble> {
    let schema = match of {
        SchemaOf::Report => report::JSON_SCHEMA,
        SchemaOf::Failure => fuzz::JSON_SCHEMA,
    };
    print(schema.as_bytes()).map_err(|error| Trouble::Usage(format!("cannot write the schema: {error}")))?;
    Ok(exit::PASSED)
}

/// Prints; a reader that closes early, like `head`, has what it wanted.
fn print(text: &[u8]) -> io::Result<()> {
    match anstream::stdout().lock().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
