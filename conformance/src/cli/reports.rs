//! `compare`, `merge` and `schema`: what can be done with reports.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use super::{
    Trouble,
    args::{CompareArgs, CompareFormat, MergeArgs, SchemaOf},
    run,
};
use crate::{
    exit, fuzz,
    report::{self, Campaign, Kind, MergeError, Opened, Report, ReportError, Wanted, write_text},
};

pub(super) fn compare(args: &CompareArgs) -> Result<u8, Trouble> {
    let [old, new] = [&args.old, &args.new].map(|file| Report::open(file).map_err(usage));
    let comparison = report::compare(&old?, &new?);
    let mut text = vec![];
    let written = match args.format {
        CompareFormat::Text => comparison.write_text(&mut text),
        CompareFormat::Json => comparison.write_json(&mut text),
        CompareFormat::Markdown => comparison.write_markdown(&mut text),
    };
    written
        .and_then(|()| print(&text))
        .map_err(|fault| usage(format!("cannot write the comparison: {fault}")))?;
    Ok(if comparison.broken.is_empty() { exit::PASSED } else { exit::FAILED })
}

pub(super) fn merge(args: MergeArgs) -> Result<u8, Trouble> {
    let (mut runs, mut campaigns) = (vec![], vec![]);
    for file in &args.files {
        let name = file.display().to_string();
        match Kind::open(file).map_err(usage)? {
            Kind::Run(report) => runs.push((name, report)),
            Kind::Fuzz(campaign) => campaigns.push((name, campaign)),
        }
    }
    match (runs.first(), campaigns.first()) {
        (_, None) => merge_runs(runs, args.output, args.report),
        (None, _) => merge_campaigns(campaigns, args.output, &args.report),
        (Some((first, _)), Some((file, _))) => {
            Err(usage(MergeError::Mixed { first: first.clone(), file: file.clone() }))
        }
    }
}

fn merge_runs(
    parts: Vec<(String, Report)>,
    output: Option<PathBuf>,
    reports: Vec<Wanted>,
) -> Result<u8, Trouble> {
    let whole = report::merge(parts).map_err(usage)?;
    let wanted = output.map(Wanted::json).into_iter().chain(reports);
    let reports: Vec<Opened> = wanted.map(Wanted::open).collect::<Result<_, ReportError>>().map_err(usage)?;
    let mut text = vec![];
    let _ = write_text(&mut text, &whole).and_then(|()| print(&text));
    for report in reports {
        report.write(&whole).map_err(usage)?;
    }
    Ok(run::status(&whole.run))
}

fn merge_campaigns(
    parts: Vec<(String, Campaign)>,
    output: Option<PathBuf>,
    reports: &[Wanted],
) -> Result<u8, Trouble> {
    if !reports.is_empty() {
        return Err(usage("the report of a fuzz campaign has no form but JSON Lines: -o FILE"));
    }
    let whole = Campaign::merge(parts).map_err(usage)?;
    if let Some(file) = output {
        let mut bytes = vec![];
        let written = whole.write(&mut bytes).and_then(|()| std::fs::write(&file, &bytes));
        written.map_err(|fault| usage(format!("cannot write {}: {fault}", file.display())))?;
    }
    let mut text = vec![];
    let _ = whole.write_text(&mut text).and_then(|()| print(&text));
    Ok(if whole.failed() { exit::FAILED } else { exit::PASSED })
}

pub(super) fn schema(of: SchemaOf) -> Result<u8, Trouble> {
    let schema = match of {
        SchemaOf::Report => report::schema(),
        SchemaOf::Failure => fuzz::schema(),
    };
    let text = format!("{schema:#}\n");
    print(text.as_bytes()).map_err(|fault| usage(format!("cannot write the schema: {fault}")))?;
    Ok(exit::PASSED)
}

fn usage(fault: impl std::fmt::Display) -> Trouble {
    Trouble::Usage(fault.to_string())
}

/// Prints; a reader that closes early, like `head`, has what it wanted.
fn print(text: &[u8]) -> io::Result<()> {
    match anstream::stdout().lock().write_all(text) {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
