//! `list` and `explain`.

use std::io::{self, Write};

use portmaster_fixtures::Contract;
use serde_json::json;

use super::{Trouble, args::ListFormat};
use crate::{
    checks::{self, FAMILIES},
    exit,
    suite::{Check, select},
};

pub(super) fn list(contract: Contract, format: ListFormat) -> Result<u8, Trouble> {
    let checks = checks::all(contract);
    let out = &mut io::stdout().lock();
    let written = match format {
        ListFormat::Text => text(out, &checks),
        ListFormat::Json => json(out, &checks),
        ListFormat::Markdown => markdown(out, contract, &checks),
    };
    // A reader that closes early, like `head`, has what it wanted.
    written
        .or_else(|fault| if fault.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(fault) })
        .map_err(|fault| Trouble::Usage(format!("cannot write the list: {fault}")))?;
    Ok(exit::PASSED)
}

fn text(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        writeln!(out, "{:<6} {:<72} {:<19} {}", check.level, check.id, contracts(check), check.sentence)?;
    }
    Ok(())
}

fn json(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
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
                "clause": check.clause,
                "sentence": check.sentence,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

fn markdown(out: &mut impl Write, contract: Contract, checks: &[Check]) -> io::Result<()> {
    writeln!(out, "# Checks of the contract {contract}\n")?;
    writeln!(
        out,
        "{} checks. MUST: the published page says so. SHOULD: the page is silent and every",
        checks.len()
    )?;
    writeln!(out, "observed core does so. INFO: worth knowing.")?;
    for family in FAMILIES {
        let of: Vec<_> = checks.iter().filter(|check| check.family() == family.name).collect();
        writeln!(out, "\n## {} ({})\n\n{}\n", family.name, of.len(), family.about)?;
        writeln!(out, "| id | level | contracts | sentence | source |\n|---|---|---|---|---|")?;
        for check in of {
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
            let sentence = cell(&check.sentence);
            let (level, contracts, clause) = (check.level, contracts(check), cell(&check.clause));
            writeln!(out, "| `{}` | {level} | {contracts} | {sentence} | {clause} |", check.id)?;
        }
    }
    Ok(())
}

/// The contracts that have the check; all of them in one word.
fn contracts(check: &Check) -> String {
    let contracts = checks::contracts_of(&check.id);
    if contracts.len() == Contract::ALL.len() {
        return "all".to_owned();
    }
    contracts.iter().map(Contract::to_string).collect::<Vec<_>>().join(" ")
}

pub(super) fn explain(id: &str, contract: Option<Contract>) -> Result<u8, Trouble> {
    let of = |contract| select(checks::all(contract), &[id.to_owned()]);
    let checks = match contract {
        Some(contract) => of(contract),
        None => {
            let found = Contract::ALL.into_iter().find_map(|contract| of(contract).ok());
            found.map_or_else(|| of(Contract::default()), Ok)
        }
    };
    let checks = checks.map_err(|fault| Trouble::Usage(fault.to_string()))?;
    let mut out = io::stdout().lock();
    for check in checks {
        let told = writeln!(
            out,
            "{}\n  {}\n  {}{} · {} · class {}\n  contracts: {}\n  needs: {}\n",
            check.id,
            check.sentence,
            check.level,
            if check.finding { " · finding" } else { "" },
            check.clause,
            json!(check.class).as_str().unwrap_or_default(),
            contracts(&check),
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
