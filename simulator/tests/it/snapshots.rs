//! Every endpoint's answer in `home-office`, headers included, reviewed like code in `snapshots/`.

use crate::common::{Answer, ask, example};
use portmaster_simulator::{Contract, ExternalAuth, Simulator};

/// Starts the home office; to a program of Portmaster, so that every endpoint lets us in.
async fn home_office(contract: Contract) -> Simulator {
    let builder = Simulator::builder()
        .scenario("home-office")
        .contract(contract)
        .seed(1)
        .external_auth(ExternalAuth::Grant);
    builder.start().await.expect("home-office starts")
}

async fn reviewed(contract: Contract, method: &'static str, path: &str, simulator: &Simulator) {
    let mut target = format!("/api/v1/{}", example(path));
    if method == "GET" && path.starts_with("netquery/") {
        target.push_str("?q=%7B%22pageSize%22%3A3%7D");
    }
    let (address, asked) = (simulator.addr(), target.clone());
    let body = if method == "GET" { "" } else { "{}" };
    let answer = tokio::task::spawn_blocking(move || ask(address, method, &asked, &[], body));
    let answer = answer.await.expect("a client");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../../snapshots/{contract}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(format!("{method} {target}"));
    let name = if method == "GET" { name(path) } else { format!("{}-{method}", name(path)) };
    settings.bind(|| insta::assert_snapshot!(name, shown(&answer)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_as_reviewed() {
    for contract in Contract::ALL {
        let simulator = home_office(contract).await;
        for endpoint in contract.endpoints() {
            if !endpoint.read.is_not_supported() {
                reviewed(contract, "GET", &endpoint.path, &simulator).await;
            }
        }
        for endpoint in contract.endpoints() {
            if !endpoint.write.is_not_supported() {
                // What is written changes the world, so each has one of its own.
                reviewed(contract, "POST", &endpoint.path, &home_office(contract).await).await;
            }
        }
    }
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

/// The answer as a person reviews it: JSON over several lines, bytes by their number.
fn shown(answer: &Answer) -> String {
    let body = match std::str::from_utf8(&answer.body) {
        Err(_) => format!(
            "<{} bytes, beginning {:02x?}>",
            answer.body.len(),
            &answer.body[..3.min(answer.body.len())]
        ),
        Ok(text) => serde_json::from_str::<serde_json::Value>(text)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| text.to_owned()),
    };
    format!("{}\n\n{body}", answer.head)
}
