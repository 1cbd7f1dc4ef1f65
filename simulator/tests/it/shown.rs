//! What a core has to show, in a browser: prompts, notifications with their buttons, the processes of connections and the paths
//! of tunnels, by a small interface that knows nothing but the API, on every built-in scenario.
//!
//! Needs Chromium (or what `CHROMIUM` names): `cargo test --test it -- --ignored shown::`.

use std::time::Duration;

use portmaster_fixtures::{Contract, scenario::BUILT_IN};
use portmaster_simulator::{ClockMode, Simulator};
use serde_json::json;

use crate::{browser::Browser, common};

async fn serve(scenario: &str) -> Simulator {
    let simulator = Simulator::builder()
        .scenario(scenario)
        .contract(Contract::V2_2)
        .clock(ClockMode::Manual)
        .dev_mode(true)
        .ui(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/shown"));
    let simulator = simulator.start().await.unwrap();
    if scenario == "spn-connected" {
        // There somebody logs in first: robin:secret.
        let login = ("Authorization", "Basic cm9iaW46c2VjcmV0");
        let asked =
            || common::ask(simulator.addr(), "POST", "/api/v1/spn/account/login", &[login], "").status();
        assert_eq!(tokio::task::block_in_place(asked), 200);
        // From then on what programs open is tunnelled.
        simulator.advance(Duration::from_secs(60));
    }
    simulator.advance(Duration::from_secs(30));
    simulator
}

async fn open(browser: &mut Browser, simulator: &Simulator) {
    browser.open(&format!("{}/ui/modules/portmaster/", simulator.url())).await;
    browser.until("document.body.dataset.ready").await;
}

async fn items(browser: &mut Browser, list: &str) -> Vec<String> {
    let told = format!("[...document.querySelectorAll('#{list} li')].map((one) => one.textContent)");
    serde_json::from_value(browser.value(&told).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn every_scenario_shows_what_it_has() {
    let mut browser = Browser::start().await;
    let mut running = Vec::new();
    for (name, _) in BUILT_IN {
        let simulator = serve(name).await;
        open(&mut browser, &simulator).await;
        let ready = browser.value("document.body.dataset.ready").await;
        // Rows that were put into a core have processes that it never saw.
        let unseen =
            |ready: &str| ready == "no: network:tree/4000-1767323000: error database entry not found";
        assert!(ready.as_str().is_some_and(|ready| ready == "yes" || unseen(ready)), "{name}: {ready}");
        assert!(browser.complaints.is_empty(), "{name}: {:#?}", browser.complaints);
        let expects = |list: &str| match (list, *name) {
            ("prompts", "prompt-flood") => 8,
            ("prompts", "home-office" | "windows-desk") => 1,
            ("processes" | "tunnels" | "notifications", "home-office") => 1,
            ("processes" | "tunnels", "spn-connected" | "windows-desk") => 1,
            _ => 0,
        };
        for list in ["prompts", "notifications", "processes", "tunnels"] {
            let shown = items(&mut browser, list).await;
            assert!(shown.len() >= expects(list), "{name}: {list}: {shown:#?}");
        }
        running.push(simulator);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_prompt_is_answered_with_its_button() {
    let simulator = serve("home-office").await;
    let mut browser = Browser::start().await;
    open(&mut browser, &simulator).await;
    let shown = items(&mut browser, "prompts").await;
    assert_eq!(shown, ["Python3 12: api.forge.example. 6/443 DEAllowBlock"]);
    browser.click("document.querySelector('#prompts button')").await;
    browser.until("document.querySelectorAll('#prompts li').length === 0").await;
    let state = simulator.state();
    let all = state["notifications"].as_object().unwrap();
    let prompt = all.iter().find(|(id, _)| id.starts_with("filter:prompt-")).unwrap();
    assert_eq!(prompt.1, &json!("executed"));
    // What nobody asks about needs no more than to be acknowledged.
    let button =
        "[...document.querySelectorAll('#notifications button')].find((one) => one.textContent === 'OK')";
    let before = items(&mut browser, "notifications").await.len();
    browser.click(button).await;
    browser.until(&format!("document.querySelectorAll('#notifications li').length === {}", before - 1)).await;
}
