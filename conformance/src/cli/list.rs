//! `list` and `explain`.

use std::io::{self, Write};

use clap::ValueEnum;
use portmaster_fixtures::Contract;
use serde_json::json;

use super::{flags::Select, trouble::Trouble};
use crate::{
    checks,
    docs::{self, contracts},
    exit,
    suite::{Check, Selection},
};

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

pub(super) fn list(contract: Contract, format: ListFormat, words: &Select) -> Result<u8, Trouble> {
    let selected = Selection::from(words).of(checks::all(contract));
    let checks = selected.map_err(|error| Trouble::Usage(error.to_string()))?;
    let out = &mut io::stdout().lock();
    let written = match format {
        ListFormat::Text => text(out, &checks),
        ListFormat::Json => json(out, &checks),
        ListFormat::Markdown => {
            let title = format!("Checks of the contract {contract}");
            out.write_all(docs::checks_table(&title, &checks).as_bytes())
        }
    };
    // A reader that closes early, like `head`, has what it wanted.
    written
        .or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
        .map_err(|error| Trouble::Usage(format!("cannot write the list: {error}")))?;
    Ok(exit::PASSED)
}

fn text(out: &mut dyn Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        writeln!(out, "{:<6} {:<72} {:<19} {}", check.level, check.id, contracts(check), check.sentence)?;
    }
    Ok(())
}

fn json(out: &mut dyn Write, checks: &[Check]) -> io::Result<()> {
    let all: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({
                "id": check.id,
                "family": check.family(),
                "level": check.level,
                "finding": check.finding,
                "contracts": checks::contracts_of(&check.id),
                "class": check.class,
                "tags": check.tags(),
                "endpoint": check.endpoint(),
                "clause": check.clause,
                "sentence": check.sentence,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

/// `trace`: which checks observe each sentence of the page.
pub(super) fn trace() -> Result<u8, Trouble> {
    let text = docs::traceability().map_err(|error| Trouble::Usage(error.to_string()))?;
    // A reader that closes early has what it wanted.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(exit::PASSED)
}

pub(super) fn explain(id: &str, contract: Option<Contract>) -> Result<u8, Trouble> {
    let one = Selection::ids(&[id]);
    let of = |contract| one.of(checks::all(contract));
    let checks = match contract {
        Some(contract) => of(contract),
        None => {
            let found = Contract::ALL.into_iter().find_map(|contract| of(contract).ok());
            found.map_or_else(|| of(Contract::default()), Ok)
        }
    };
    let checks = checks.map_err(|error| Trouble::Usage(error.to_string()))?;
    let mut out = io::stdout().lock();
    for check in checks {
        let told = writeln!(
            out,
            "{}\n  {}\n  {}{} · {} · class {}\n  contracts: {}\n  endpoint: {}\n  tags: {}\n  needs: {}\n",
            check.id,
            check.sentence,
            check.level,
            if check.finding { " · finding" } else { "" },
            check.clause,
            check.class.name(),
            contracts(&check),
            check.endpoint().unwrap_or("none"),
            check.tags().join(", "),
            needs(&check),
        );
        if told.is_err() {
            break;
        }
    }
    Ok(exit::PASSED)
}

fn needs(check: &Check) -> String {
    use crate::suite::Need;
    let words: Vec<_> = check
        .needs
        .iter()
        .map(|need| match need {
            Need::Key(tier) => format!("a {}", tier.name().replace('-', " ")),
            Need::Rights(permission) => format!("the permission {permission}"),
            Need::Guarded => "Development Mode off".to_owned(),
            Need::Development => "Development Mode".to_owned(),
            Need::Granted => "an external authenticator that grants everything".to_owned(),
            Need::Embedded => "an embedded simulator".to_owned(),
        })
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
