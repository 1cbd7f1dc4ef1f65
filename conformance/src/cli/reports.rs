//! `compare`, `merge` and `schema`: what can be done with reports.

use std::io::{self, Write};

use super::{
    Trouble,
    args::{CompareArgs, CompareFormat, MergeArgs},
    run,
};
use crate::{
    exit,
    report::{self, Opened, Report, ReportError, Wanted, write_text},
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
    let open = |file| Ok((format!("{}", std::path::Path::display(file)), Report::open(file).map_err(usage)?));
    let parts = args.files.iter().map(|file| open(file.as_path())).collect::<Result<_, Trouble>>()?;
    let whole = report::merge(parts).map_err(usage)?;
    let wanted = args.output.map(Wanted::json).into_iter().chain(args.report);
    let reports: Vec<Opened> = wanted.map(Wanted::open).collect::<Result<_, ReportError>>().map_err(usage)?;
    let mut text = vec![];
    let _ = write_text(&mut text, &whole).and_then(|()| print(&text));
    for report in reports {
        report.write(&whole).map_err(usage)?;
    }
    Ok(run::status(&whole.run))
}

pub(super) fn schema() -> Result<u8, Trouble> {
    let text = format!("{:#}\n", report::schema());
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
