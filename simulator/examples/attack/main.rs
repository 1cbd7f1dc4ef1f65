//! Attacks on everything that a peer can send: every grammar is nested deeply, drawn long and wide, repeated, broken off
//! and never read. Prints a table, and fails when a simulator dies, does not answer, keeps another client waiting or
//! grows. Another simulator, which nobody attacks, is pinged at the same time: what the machine is busy with is no harm.
//!
//! `cargo run --release -p portmaster-simulator --example attack [-- PART-OF-A-NAME]`

#![allow(clippy::print_stdout, reason = "a program for a person at a terminal")]

mod attacks;
mod grammars;
mod peer;
mod subject;

use std::{process::ExitCode, time::Duration};

use attacks::Attack;
use grammars::{Grammar, Sizes, grammars};
use peer::SLOWER;
use subject::{Pings, Subject};

/// The longest that a ping may take beside an attack, but for one in a hundred.
const PING: Duration = Duration::from_millis(50 * SLOWER);

/// The longest that any of them may take: one long stall is one in hundreds.
const STALL: Duration = Duration::from_millis(1000 * SLOWER);

/// A machine that is busy with other things may have it wait as long as so many pings of a simulator that is idle.
const BUSY: u32 = 3;

/// How much memory may be resident, KiB; three times that with a crowd.
const RESIDENT: u64 = 128 << 10;

/// How much is sent.
const SIZES: Sizes = Sizes {
    many: 100_000,
    long: 8 << 20,
    control: 1_000_000,
    record: if cfg!(debug_assertions) { 3 << 20 } else { 15 << 20 },
    bundle: 300 << 20,
};

/// How often the same is sent.
const TIMES: usize = 500;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|arg| arg == subject::SUBJECT).is_some() {
        return subject::serve(args.next());
    }
    let wanted = args.next().unwrap_or_default();
    let (mut rows, mut failed) = (0, 0);
    let idle = match Subject::start() {
        Ok(idle) => idle,
        Err(error) => {
            println!("no simulator: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{:<22} {:<10} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}  outcome",
        "grammar", "attack", "time", "ping p99", "longest", "idle p99", "longest", "resident"
    );
    for grammar in grammars(&SIZES) {
        for attack in Attack::ALL {
            if !format!("{} {}", grammar.name, attack.name()).contains(&wanted) {
                continue;
            }
            let Some(row) = row(&grammar, attack, &idle) else { continue };
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
fn row(grammar: &Grammar, attack: Attack, idle: &Subject) -> Option<Row> {
    let mut subject = match Subject::start() {
        Ok(subject) => subject,
        Err(error) => return Some(Row { text: format!("no simulator: {error}"), failed: true }),
    };
    let (meter, idle) = (subject.meter(), idle.meter());
    let begun = std::time::Instant::now();
    let outcome = attack.on(grammar, &subject.peer(), TIMES);
    let took = begun.elapsed();
    // Before anything else: clients that ping on are a load.
    let (pings, idle) = (meter.stop(), idle.stop().unwrap_or_default());
    let outcome = outcome?;
    let resident = subject.peak();
    let mut harm = Vec::new();
    if let Err(error) = &outcome {
        harm.push(error.clone());
    }
    harm.extend(subject.ended());
    // How long others wait beside a crowd is shown.
    match &pings {
        Ok(_) if attack == Attack::Crowd => {}
        Ok(pings) if pings.p99 > PING.max(idle.p99 * BUSY) => harm.push("others wait".to_owned()),
        Ok(pings) if pings.longest > STALL.max(idle.longest * BUSY) => harm.push("others stall".to_owned()),
        Ok(_) => {}
        Err(error) => harm.push(format!("ping: {error}")),
    }
    let most = if attack == Attack::Crowd { 3 * RESIDENT } else { RESIDENT };
    if resident > most {
        harm.push("it grows".to_owned());
    }
    let said = outcome.unwrap_or_default();
    let verdict = if harm.is_empty() { said } else { format!("FAILED: {}; {said}", harm.join(", ")) };
    let shown = |Pings { p99, longest }: Pings| {
        let millis = |span: Duration| format!("{:.1} ms", span.as_secs_f64() * 1e3);
        format!("{:>9} {:>9}", millis(p99), millis(longest))
    };
    let pings = pings.map_or("-".to_owned(), shown);
    let text = format!(
        "{:<22} {:<10} {:>5.1} s {pings:>19} {} {:>5} MiB  {verdict}",
        grammar.name,
        attack.name(),
        took.as_secs_f64(),
        shown(idle),
        resident >> 10,
    );
    Some(Row { text, failed: !harm.is_empty() })
}
