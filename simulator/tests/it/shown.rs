//! What a core has to show, in a browser: prompts, notifications with their buttons, the processes of connections and the paths
//! of tunnels, by a small interface that knows nothing but the API, on every built-in scenario.
//!
//! Needs Chromium (or what `CHROMIUM` names): `cargo test --test it -- --ignored shown::`.

use std::time::Duration;

use portmaster_fixtures::{Contract, scenario::BUILT_IN};
use portmaster_simulator::{ClockMode, Simulator, StartAt};
use serde_json::json;

use crate::{browser::Browser, common};

/// What is seen so many seconds after the start: in which list, and how an item of it begins; nothing where that is empty, and
/// whatever it is where that is `*`.
type Seen = (u64, &'static str, &'static str);

/// What is seen of each scenario, as its `about` says.
const SEEN: &[(&str, &[Seen])] = &[
    (
        "account-expired",
        &[
            (0, "account", "robin active"),
            (0, "spn", "connected Alnitak"),
            (61, "account", "robin inactive"),
            (61, "spn", "failed"),
            (61, "sessions", ""),
            (61, "status", "Captain: Portmaster Package Issue (warning)"),
            (61, "notifications", "Portmaster Package Issue"),
        ],
    ),
    ("busy-server", &[(2, "connections", "*")]),
    (
        "captive-portal",
        &[
            (0, "status", "portal http://login.hotel.example/"),
            (0, "notifications", "Portal Detected"),
            (0, "spn", "connecting"),
            (0, "sessions", ""),
            (121, "status", "online"),
            (131, "spn", "connected Alnitak"),
            (131, "sessions", "1 Alnitak"),
            (300, "tunnels", "*"),
        ],
    ),
    (
        "dns-outage",
        &[
            (121, "status", "semi"),
            (121, "status", "Resolver: Configured DNS Servers Failing (warning)"),
            (601, "status", "online"),
        ],
    ),
    ("fresh-install", &[(0, "spn", "disabled"), (0, "connections", ""), (0, "account", "nobody")]),
    (
        "home-office",
        &[
            (30, "prompts", "Python3 12: api.forge.example. 6/443 DE"),
            (30, "notifications", "Restart to update"),
            (30, "processes", "Firefox: /usr/lib/firefox/firefox (2301)"),
            (30, "sessions", "1 Alnitak"),
            (30, "blocked", "Python3 12: api.forge.example."),
        ],
    ),
    (
        "malware-blocked",
        &[
            (30, "notifications", "Malware Blocked"),
            (30, "blocked", "LibreOffice Writer: c2.badharbor.example."),
        ],
    ),
    (
        "offline-then-back",
        &[
            (61, "status", "offline"),
            (61, "spn", "failed"),
            (61, "sessions", ""),
            (61, "connections", ""),
            (256, "status", "online"),
            (256, "spn", "connected Alnitak"),
            (600, "connections", "Firefox: "),
        ],
    ),
    (
        "prompt-flood",
        &[
            (21, "programs", "chatterbox"),
            (21, "prompts", "Chatterbox: ads.chatterbox.example. 6/443 AT"),
            (21, "prompts", "Chatterbox: crash.chatterbox.example. 6/443 AT"),
            (40, "blocked", "Chatterbox: crash.chatterbox.example."),
            (3_600, "connections", "Firefox: "),
        ],
    ),
    ("recorded", &[(0, "connections", "Firefox: example.com."), (0, "spn", "disabled")]),
    ("recorded-1", &[(0, "programs", "python3 11"), (0, "spn", "disabled")]),
    ("recorded-account", &[(0, "account", "testuser"), (0, "spn", "disabled")]),
    (
        "spn-connected",
        &[
            (0, "account", "nobody"),
            (0, "spn", "connecting"),
            (0, "sessions", ""),
            (0, "status", "Captain: SPN Login Required (warning)"),
            (10, "account", "robin active"),
            (10, "spn", "connected Alnitak"),
            (10, "sessions", "1 Alnitak"),
            (90, "tunnels", "*"),
        ],
    ),
    ("spn-off", &[(30, "spn", "disabled"), (30, "tunnels", ""), (30, "connections", "Firefox: ")]),
    ("spn-enabled", &[(0, "spn", "failed"), (0, "sessions", ""), (0, "notifications", "SPN Login Required")]),
    (
        "spn-failing",
        &[
            (0, "sessions", "1 Alnitak"),
            (31, "spn", "connecting"),
            (31, "sessions", ""),
            (46, "spn", "failed"),
            (46, "status", "Captain: SPN Failed to Connect (warning)"),
            (46, "tunnels", ""),
        ],
    ),
    ("starting", &[(0, "connections", "Firefox: example.com.")]),
    (
        "starting-slowly",
        &[(0, "spn", "connecting"), (26, "spn", "connected Alnitak"), (26, "connections", "Firefox: ")],
    ),
    ("update-waiting", &[(0, "notifications", ""), (31, "notifications", "Restart to update")]),
    (
        "windows-desk",
        &[
            (30, "processes", "Outlook: C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE"),
            (30, "prompts", "Slack: chat.pigeonpost.example. 6/443 US"),
            (90, "tunnels", "*"),
        ],
    ),
];

/// Whose rows are those of a real core, which had seen processes come and go.
const RECORDED: &[&str] = &["recorded", "recorded-1", "recorded-account", "starting"];

async fn serve(scenario: &str) -> Simulator {
    let ui = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/shown");
    let simulator = Simulator::builder()
        .scenario(scenario)
        .contract(Contract::V2_2)
        // As it is with `--ui`.
        .start_at(StartAt::At("2027-01-12T08:00:00Z".parse().unwrap()))
        .clock(ClockMode::Manual)
        .dev_mode(true)
        .ui(ui);
    simulator.start().await.unwrap()
}

/// Somebody logs in: robin:secret.
fn log_in(simulator: &Simulator) {
    let login = ("Authorization", "Basic cm9iaW46c2VjcmV0");
    let asked = || common::ask(simulator.addr(), "POST", "/api/v1/spn/account/login", &[login], "").status();
    assert_eq!(tokio::task::block_in_place(asked), 200);
}

async fn open(browser: &mut Browser, simulator: &Simulator, query: &str) {
    browser.open(&format!("{}/ui/modules/portmaster/{query}", simulator.url())).await;
    browser.until("document.body.dataset.ready").await;
    let ready = browser.value("document.body.dataset.ready").await;
    assert_eq!(ready, "yes", "{:#?}", browser.complaints);
}

async fn items(browser: &mut Browser, list: &str) -> Vec<String> {
    let told = format!("[...document.querySelectorAll('#{list} li')].map((one) => one.textContent)");
    serde_json::from_value(browser.value(&told).await).unwrap()
}

/// What is pushed, list by list.
const PUSHED: &str = "JSON.stringify(
    ['status', 'spn', 'sessions', 'account', 'prompts', 'notifications', 'programs'].map((list) =>
        [list, [...document.querySelectorAll(`#${list} li`)].map((one) => one.textContent).sort()]))";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn every_scenario_shows_what_it_is_about() {
    let names: Vec<&str> = SEEN.iter().map(|(name, _)| *name).collect();
    let mut all: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    all.sort_unstable();
    let mut told = names.clone();
    told.sort_unstable();
    assert_eq!(told, all);
    let (mut browser, mut newcomer) = (Browser::start().await, Browser::start().await);
    for (name, seen) in SEEN {
        let simulator = serve(name).await;
        open(&mut browser, &simulator, "?pushed").await;
        let mut passed = 0;
        for (at, list, begins) in *seen {
            if *at > passed {
                if *name == "spn-connected" && passed == 0 {
                    log_in(&simulator);
                }
                simulator.advance(Duration::from_secs(at - passed));
                passed = *at;
            }
            if ["connections", "blocked", "processes", "tunnels"].contains(list) {
                if RECORDED.contains(name) {
                    // Rows that were put into a core have processes that it never saw.
                    browser.value("window.look().catch(() => 0)").await;
                } else {
                    let began = browser.value("window.look()").await;
                    let now = simulator.now().as_millisecond();
                    let age = now - began.as_i64().unwrap_or(0);
                    assert!(
                        began == 0 || (0..600_000).contains(&age),
                        "{name}: the latest began {age} ms ago"
                    );
                }
            }
            let list = format!("[...document.querySelectorAll('#{list} li')].map((one) => one.textContent)");
            let holds = match *begins {
                "" => format!("{list}.length === 0"),
                "*" => format!("{list}.length > 0"),
                begins => format!("{list}.some((text) => text.startsWith({}))", json!(begins)),
            };
            browser.until(&holds).await;
        }
        // Who was there all the while sees what somebody sees who comes now.
        open(&mut newcomer, &simulator, "?pushed").await;
        let shown = newcomer.value(PUSHED).await;
        browser.until(&format!("{PUSHED} === {shown}")).await;
        for complaints in [&browser.complaints, &newcomer.complaints] {
            assert!(complaints.is_empty(), "{name}: {complaints:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_prompt_is_answered_with_its_button() {
    let simulator = serve("home-office").await;
    simulator.advance(Duration::from_secs(30));
    let mut browser = Browser::start().await;
    open(&mut browser, &simulator, "").await;
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
