//! Every endpoint's answer in `home-office`, headers included, reviewed like code in `snapshots/answers`: a file an endpoint
//! and method, where what several contracts answer alike stands once.

use std::{collections::BTreeMap, fmt::Write};

use crate::common::{Answer, ask, example};
use portmaster_simulator::{Contract, ExternalAuth, Simulator, Snapshot};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A list, a map or a text that is longer is shown by its beginning, its length and a hash.
const LONGEST: usize = 24;

/// How much of a longer one is shown.
const SHOWN: usize = 2;

/// The home office; to a program of Portmaster, so that every endpoint lets us in.
async fn home_office(contract: Contract) -> Snapshot {
    let builder = Simulator::builder().scenario("home-office").contract(contract).seed(1);
    builder.start().await.expect("home-office starts").snapshot().expect("a world can be taken out")
}

async fn answer(world: &Snapshot, method: &'static str, target: &str) -> Answer {
    let builder = Simulator::builder().snapshot(world.clone()).external_auth(ExternalAuth::Grant);
    let simulator = builder.start().await.expect("a fork starts");
    let (address, target) = (simulator.addr(), target.to_owned());
    let body = if method == "GET" { "" } else { "{}" };
    let answer = tokio::task::spawn_blocking(move || ask(address, method, &target, &[], body));
    answer.await.expect("a client")
}

/// What the contracts that have an endpoint answer.
type Answers = BTreeMap<String, Vec<(Contract, String, Answer)>>;

async fn answers() -> Answers {
    let mut all = Answers::new();
    for contract in Contract::ALL {
        let world = home_office(contract).await;
        for endpoint in contract.endpoints() {
            for (method, permission) in [("GET", endpoint.read), ("POST", endpoint.write)] {
                if permission.is_not_supported() {
                    continue;
                }
                let mut target = format!("/api/v1/{}", example(&endpoint.path));
                let mut name = name(&endpoint.path);
                if method == "POST" {
                    name += "-POST";
                } else if endpoint.path.starts_with("netquery/") {
                    target.push_str("?q=%7B%22pageSize%22%3A3%7D");
                }
                let answer = answer(&world, method, &target).await;
                all.entry(name).or_default().push((contract, format!("{method} {target}"), answer));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_as_reviewed() {
    for (name, answers) in answers().await {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../../snapshots/answers");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(&answers[0].1);
        settings.bind(|| insta::assert_snapshot!(name, shown(&answers)));
    }
}

/// Heads and bodies, those that are alike once.
fn shown(answers: &[(Contract, String, Answer)]) -> String {
    let heads = answers.iter().map(|(contract, _, answer)| (*contract, answer.head.clone()));
    let bodies = answers.iter().map(|(contract, _, answer)| (*contract, body(&answer.body)));
    format!("{}{}", alike(heads), alike(bodies)).trim_end().to_owned()
}

fn alike(texts: impl Iterator<Item = (Contract, String)>) -> String {
    let mut groups: Vec<(String, Vec<Contract>)> = Vec::new();
    for (contract, text) in texts {
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, contracts)) => contracts.push(contract),
            None => groups.push((text, vec![contract])),
        }
    }
    let shown = |(text, contracts): &(String, Vec<Contract>)| {
        format!("== {}\n{}\n\n", Contract::ranges(contracts), text.trim_end())
    };
    groups.iter().map(shown).collect()
}

/// A file name for a pattern: its letters, with the regular expressions left out.
fn name(pattern: &str) -> String {
    let mut name = String::new();
    let (mut depth, mut in_expression) = (0, false);
    for char in pattern.chars() {
        match char {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                in_expression &= depth > 0;
            }
            ':' if depth == 1 => in_expression = true,
            _ if in_expression => {}
            '/' | '.' => name.push('-'),
            other => name.push(other),
        }
    }
    name
}

/// A body as a person reviews it: JSON over several lines, bytes by their number, what is long by its beginning.
fn body(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return format!("<{} bytes, beginning {:02x?}>", bytes.len(), &bytes[..3.min(bytes.len())]);
    };
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        shorten(&mut value);
        return serde_json::to_string_pretty(&value).expect("a value is JSON");
    }
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= 2 * LONGEST {
        return text.to_owned();
    }
    let mut short = lines[..LONGEST].join("\n");
    write!(short, "\n… {} lines in all, {}", lines.len(), hash(text)).expect("a text can be written to");
    short
}

/// Leaves the beginning of what is long, and says how long it was and what it was.
fn shorten(value: &mut Value) {
    let whole = value.to_string();
    match value {
        Value::Array(elements) => {
            // Of rows that are structures, two show what they are like.
            let structures = elements.iter().any(|one| one.is_object() || one.is_array());
            let most = if structures { SHOWN } else { LONGEST };
            if elements.len() > most {
                let rest = format!("… {} in all, {}", elements.len(), hash(&whole));
                elements.truncate(most);
                elements.push(rest.into());
            }
            elements.iter_mut().for_each(shorten);
        }
        Value::Object(members) => {
            if members.len() > LONGEST {
                let rest = format!("{} in all, {}", members.len(), hash(&whole));
                let short = std::mem::take(members).into_iter().take(SHOWN);
                *members = short.chain([("…".to_owned(), rest.into())]).collect();
            }
            members.values_mut().for_each(shorten);
        }
        _ => {}
    }
}

/// Enough of a digest to tell two texts apart.
fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
