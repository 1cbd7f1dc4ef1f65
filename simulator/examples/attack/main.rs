//! Attacks on everything that a peer can send: every grammar is nested deeply, drawn long and wide, repeated, broken off
//! and never read. Prints a table, and fails when a simulator dies, does not answer, keeps another client waiting or
//! grows.
//!
//! `cargo run --release -p portmaster-simulator --example attack [-- PART-OF-A-NAME]`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

mod grammars;
mod peer;
mod subject;

use std::{process::ExitCode, time::Duration};

use grammars::{Grammar, grammars};
use peer::Peer;
use subject::Subject;

/// The longest that a ping may take beside an attack, but for one in a hundred.
const PING: Duration = Duration::from_millis(50);

/// How much memory may be resident, KiB.
const RESIDENT: u64 = 128 << 10;

/// How often a plain text of a grammar is repeated, and how many are sent by a client that does not read.
const REPEATED: usize = 500;

/// How many clients break off.
const BROKEN: usize = 50;

/// What is sent of a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    Deep,
    Long,
    Wide,
    Repeated,
    Half,
    Unread,
}

impl Attack {
    const ALL: [Self; 6] = [Self::Deep, Self::Long, Self::Wide, Self::Repeated, Self::Half, Self::Unread];

    fn name(self) -> &'static str {
        match self {
            Self::Deep => "deep",
            Self::Long => "long",
            Self::Wide => "wide",
            Self::Repeated => "repeated",
            Self::Half => "half sent",
            Self::Unread => "never read",
        }
    }

    /// Attacks; what came of it in a few words.
    fn on(self, grammar: &Grammar, subject: &Subject) -> Option<Result<String, String>> {
        let peer = Peer::of(subject);
        let once = |text: &Option<grammars::Text>| text.as_ref().map(|text| peer.ask(text));
        match self {
            Self::Deep => once(&grammar.deep),
            Self::Long => once(&grammar.long),
            Self::Wide => once(&grammar.wide),
            Self::Repeated => Some(peer.repeat(&grammar.plain, REPEATED)),
            Self::Half => Some(peer.break_off(&grammar.plain, BROKEN)),
            Self::Unread => Some(peer.never_read(&grammar.plain, REPEATED)),
        }
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == subject::SUBJECT).is_some() {
        return subject::serve(args.next());
    }
    let wanted = args.next().unwrap_or_default();
    let (mut rows, mut failed) = (0, 0);
    println!("{:<22} {:<10} {:>7} {:>9} {:>9}  outcome", "grammar", "attack", "time", "ping p99", "resident");
    for grammar in grammars() {
        for attack in Attack::ALL {
            if !format!("{} {}", grammar.name, attack.name()).contains(&wanted) {
                continue;
            }
            let Some(row) = row(&grammar, attack) else { continue };
            rows += 1;
            failed += usize::from(row.failed);
            println!("{}", row.text);
        }
    }
    println!("{rows} attacks, {failed} of them did harm");
    if failed == 0 && rows > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A line of the table.
struct Row {
    text: String,
    failed: bool,
}

/// One attack on a fresh simulator; `None` where the grammar has no such text.
fn row(grammar: &Grammar, attack: Attack) -> Option<Row> {
    let mut subject = match Subject::start() {
        Ok(subject) => subject,
        Err(fault) => return Some(Row { text: format!("no simulator: {fault}"), failed: true }),
    };
    let meter = subject.meter();
    let begun = std::time::Instant::now();
    let outcome = attack.on(grammar, &subject)?;
    let took = begun.elapsed();
    let pings = meter.stop();
    let resident = subject.peak();
    let mut harm = Vec::new();
    if let Err(fault) = &outcome {
        harm.push(fault.clone());
    }
    harm.extend(subject.ended());
    match &pings {
        Ok(p99) if *p99 > PING => harm.push("others wait".to_owned()),
        Ok(_) => {}
        Err(fault) => harm.push(format!("ping: {fault}")),
    }
    if resident > RESIDENT {
        harm.push("it grows".to_owned());
    }
    let said = outcome.unwrap_or_default();
    let verdict = if harm.is_empty() { said } else { format!("FAILED: {}; {said}", harm.join(", ")) };
    let p99 = pings.map_or("-".to_owned(), |p99| format!("{:.1} ms", p99.as_secs_f64() * 1e3));
    let text = format!(
        "{:<22} {:<10} {:>5.1} s {p99:>9} {:>5} MiB  {verdict}",
        grammar.name,
        attack.name(),
        took.as_secs_f64(),
        resident >> 10,
    );
    Some(Row { text, failed: !harm.is_empty() })
}
