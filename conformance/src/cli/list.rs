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
    let checks = some(contract)?;
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

/// The checks of a contract that has any.
pub(super) fn some(contract: Contract) -> Result<Vec<Check>, Trouble> {
    let checks = checks::all(contract);
    if checks.is_empty() {
        return Err(Trouble::Usage(format!(
            "there are no checks of the contract {contract} yet, only of docs"
        )));
    }
    Ok(checks)
}

fn text(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        writeln!(out, "{:<6} {:<72} {}", check.level, check.id, check.sentence)?;
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
        writeln!(out, "| id | level | sentence | source |\n|---|---|---|---|")?;
        for check in of {
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
            let sentence = cell(&check.sentence);
            writeln!(out, "| `{}` | {} | {sentence} | {} |", check.id, check.level, cell(&check.clause))?;
        }
    }
    Ok(())
}

pub(super) fn explain(id: &str, contract: Contract) -> Result<u8, Trouble> {
    let checks =
        select(some(contract)?, &[id.to_owned()]).map_err(|fault| Trouble::Usage(fault.to_string()))?;
    let mut out = io::stdout().lock();
    for check in checks {
        let told = writeln!(
            out,
            "{}\n  {}\n  {} · {} · class {}\n  needs: {}\n",
            check.id,
            check.sentence,
            check.level,
            check.clause,
            json!(check.class).as_str().unwrap_or_default(),
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
