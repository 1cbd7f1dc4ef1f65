//! `scenario`: what there is, and whether a file is one.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use portmaster_fixtures::{
    Contract,
    scenario::{self, ScenarioError},
};

use super::{USAGE, args::ScenarioCommand, print};

/// Does what is asked for.
pub(crate) fn run(command: ScenarioCommand) -> ExitCode {
    match command {
        ScenarioCommand::List => list(),
        ScenarioCommand::Show { name } => show(&name),
        ScenarioCommand::Check { files, contract } => check(&files, contract),
        ScenarioCommand::Schema => print(&format!("{:#}\n", scenario::schema())),
    }
}

fn list() -> ExitCode {
    let width = scenario::BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, _) in scenario::BUILT_IN {
        match portmaster_fixtures::Scenario::load(name) {
            Ok(scenario) => say(&format!("{name:width$}  {}\n", first_sentence(&scenario.about))),
            Err(error) => return refuse(&error),
        }
    }
    ExitCode::SUCCESS
}

/// The first sentence of a paragraph.
fn first_sentence(about: &str) -> &str {
    let about = about.trim();
    about.find(". ").map_or(about, |end| &about[..=end])
}

fn show(name: &str) -> ExitCode {
    match scenario::text(name) {
        Ok(text) => print(&text),
        Err(error) => refuse(&error),
    }
}

/// Says every mistake of every file, a line each.
fn check(files: &[String], contract: Option<Contract>) -> ExitCode {
    let mut sound = true;
    for file in files {
        match portmaster_simulator::check(file, contract) {
            Ok(mistakes) if mistakes.is_empty() => say(&format!("{file}: no mistakes\n")),
            Ok(mistakes) => {
                sound = false;
                for mistake in mistakes {
                    say(&format!("{file}:{mistake}\n"));
                }
            }
            Err(error) => {
                sound = false;
                refuse(&error);
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
}

/// Writes to standard output. A closed one is nobody's concern.
fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

fn refuse(error: &ScenarioError) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "error: {error}");
    ExitCode::from(USAGE)
}
