//! The built-in scenarios, told by what somebody notices who asks over HTTP while the world's time passes.

use std::{net::SocketAddr, time::Duration};

use crate::common::{Answer, ask};
use portmaster_simulator::{ClockMode, Contract, Simulator};
use serde_json::{Value, json};

/// A scenario on a clock that only the test moves.
struct Stage {
    simulator: Simulator,
    address: SocketAddr,
}

impl Stage {
    async fn of(scenario: &str, contract: Contract) -> Self {
        let simulator = Simulator::builder()
            .scenario(scenario)
            .contract(contract)
            .clock(ClockMode::Manual)
            .dev_mode(true)
            .start()
            .await
            .expect("a scenario that starts");
        let address = simulator.addr();
        Self { simulator, address }
    }

    /// Lets the world's time pass.
    fn pass(&self, seconds: u64) {
        self.simulator.advance(Duration::from_secs(seconds));
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        // The server has threads of its own.
        tokio::task::block_in_place(|| ask(self.address, method, &format!("/api/v1/{path}"), &[], body))
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        serde_json::from_str(answer.text()).expect("an answer in JSON")
    }

    /// A line of the debug report, such as `OnlineStatus`.
    fn report(&self, line: &str) -> String {
        let report = self.get("debug/core");
        let found = report.text().lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
        found.unwrap_or_else(|| panic!("no line {line} in {}", report.text())).trim().to_owned()
    }

    /// How far the privacy network is, as the debug report says.
    fn spn(&self) -> String {
        let report = self.get("debug/core");
        let found = report.text().lines().find_map(|line| line.strip_prefix("**SPN: "));
        found.and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned()
    }

    /// How many connections a query counts.
    fn count(&self, query: Value) -> i64 {
        let body = json!({ "select": [{ "$count": { "field": "*", "as": "n" } }], "query": query });
        let answer = self.send("POST", "netquery/query", &body.to_string());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let found: Value = serde_json::from_str(answer.text()).expect("an answer in JSON");
        found["results"][0]["n"].as_i64().expect("a number")
    }

    /// When the youngest connection began.
    fn newest(&self) -> String {
        let order = json!([{ "field": "started", "desc": true }]);
        let body = json!({ "select": ["started"], "orderBy": order, "pageSize": 1 });
        let answer = self.send("POST", "netquery/query", &body.to_string());
        let found: Value = serde_json::from_str(answer.text()).expect("an answer in JSON");
        found["results"][0]["started"].as_str().expect("an instant").to_owned()
    }

    /// The names of the resolvers that fail.
    fn failing(&self) -> Vec<String> {
        let resolvers = self.json("dns/resolvers");
        let failing = resolvers.as_array().into_iter().flatten().filter(|one| one["Failing"] == true);
        failing.map(|one| one["Info"]["Name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn notifications(&self) -> Vec<String> {
        let state = self.simulator.state();
        state["notifications"].as_object().into_iter().flatten().map(|(id, _)| id.clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_captive_portal_is_passed_after_two_minutes() {
    let stage = Stage::of("captive-portal", Contract::Docs).await;
    assert_eq!(stage.report("OnlineStatus"), "Portal");
    assert_eq!(stage.report("CaptivePortal"), "http://login.hotel.example/");
    assert_eq!(stage.spn(), "connecting");
    assert_eq!(stage.json("network/gateways"), json!(["10.1.0.1"]));
    let check = stage.get("compat/self-check");
    assert_eq!(check.status(), 500);
    stage.pass(119);
    assert_eq!(stage.report("OnlineStatus"), "Portal");
    stage.pass(1);
    assert_eq!(
        (stage.report("OnlineStatus").as_str(), stage.report("CaptivePortal").as_str()),
        ("Online", "")
    );
    assert!(stage.get("compat/self-check").text().contains("successful"));
    assert_eq!(stage.spn(), "connecting");
    stage.pass(10);
    assert_eq!(stage.spn(), "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_is_offline_and_comes_back() {
    let stage = Stage::of("offline-then-back", Contract::Docs).await;
    let active = json!({ "active": true });
    let before = stage.count(active.clone());
    assert!(before > 5, "{before} connections");
    stage.pass(60);
    assert_eq!(stage.report("OnlineStatus"), "Offline");
    assert_eq!((stage.count(active.clone()), stage.spn().as_str()), (0, "failed"));
    assert_eq!(stage.json("network/gateways"), json!([]));
    assert!(stage.failing().contains(&"Quad9".to_owned()));
    stage.pass(180);
    assert_eq!(stage.report("OnlineStatus"), "Limited");
    stage.pass(5);
    assert_eq!((stage.report("OnlineStatus").as_str(), stage.spn().as_str()), ("Online", "connecting"));
    assert!(!stage.failing().contains(&"Quad9".to_owned()));
    assert!(stage.send("POST", "dns/clear", "").text().starts_with("cleared 0 "));
    stage.pass(10);
    assert_eq!(stage.spn(), "connected");
    assert!(stage.count(active) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn resolvers_fail_one_after_the_other() {
    let stage = Stage::of("dns-outage", Contract::V2_2).await;
    let seldom = stage.failing();
    stage.pass(60);
    assert!(stage.failing().contains(&"Quad9".to_owned()) && !seldom.contains(&"Quad9".to_owned()));
    assert_eq!(stage.report("OnlineStatus"), "Online");
    stage.pass(60);
    assert!(stage.failing().contains(&"Cloudflare".to_owned()));
    assert_eq!(stage.report("OnlineStatus"), "SemiOnline");
    assert!(stage.notifications().contains(&"resolver:all-configured-resolvers-failed".to_owned()));
    stage.pass(480);
    assert_eq!(stage.failing(), seldom);
    assert!(!stage.notifications().contains(&"resolver:all-configured-resolvers-failed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_into_the_cache_takes_long_during_the_outage() {
    let stage = Stage::of("dns-outage", Contract::Docs).await;
    let path = "dns/cache/www.wiki.example..A";
    let at_once = stage.get(path);
    stage.pass(60);
    let address = stage.address;
    let late = tokio::task::spawn_blocking(move || ask(address, "GET", &format!("/api/v1/{path}"), &[], ""));
    // It waits for a clock that nobody moves; whatever else is asked meanwhile is answered.
    for _ in 0..20 {
        assert_eq!(stage.get("ping").status(), 200);
    }
    assert!(!late.is_finished());
    while !late.is_finished() {
        stage.pass(1);
        stage.get("ping");
    }
    assert_eq!(late.await.expect("an answer").status(), at_once.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_in_connects_the_privacy_network() {
    let stage = Stage::of("spn-connected", Contract::Docs).await;
    assert_eq!((stage.spn().as_str(), stage.get("spn/account/user/profile").status()), ("connecting", 401));
    let login = ask_with_password(&stage);
    assert_eq!(login.status(), 200, "{}", login.text());
    assert_eq!(stage.spn(), "connecting");
    stage.pass(3);
    assert_eq!(stage.spn(), "connected");
    let before = stage.newest();
    stage.pass(60);
    assert!(stage.newest() > before);
    stage.pass(240);
    let pins = stage.json("spn/map/main/pins");
    let slow = pins.as_array().into_iter().flatten().find(|pin| pin["Name"] == "Avior").expect("the hub");
    assert!(slow["States"].to_string().contains("UsageDiscouraged"), "{slow}");
}

fn ask_with_password(stage: &Stage) -> Answer {
    // robin:secret
    let headers = [("Authorization", "Basic cm9iaW46c2VjcmV0")];
    tokio::task::block_in_place(|| ask(stage.address, "POST", "/api/v1/spn/account/login", &headers, ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_privacy_network_fails_and_nobody_can_log_in() {
    let stage = Stage::of("spn-failing", Contract::V1_0).await;
    assert_eq!(stage.spn(), "connected");
    stage.pass(30);
    assert_eq!(stage.spn(), "connecting");
    stage.pass(15);
    assert_eq!(stage.spn(), "failed");
    assert_ne!(ask_with_password(&stage).status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_expires() {
    let stage = Stage::of("account-expired", Contract::Docs).await;
    let may_use = || stage.json("broadcasts/matching-data")["Account"]["MayUseUSP"].clone();
    assert_eq!((stage.spn().as_str(), may_use()), ("connected", json!(true)));
    stage.pass(60);
    assert_eq!((stage.spn().as_str(), may_use()), ("failed", json!(false)));
    assert!(stage.notifications().contains(&"spn:subscription-inactive".to_owned()));
}

/// How many prompts there are about the program of the flood; others live, and are asked about too.
fn prompts(stage: &Stage) -> usize {
    stage.notifications().iter().filter(|id| id.contains("flood") || id.contains("chatter")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_pile_up_and_go_away() {
    let stage = Stage::of("prompt-flood", Contract::V2_2).await;
    assert_eq!(prompts(&stage), 0);
    stage.pass(30);
    assert_eq!(prompts(&stage), 8);
    let count = |verdict: u8| stage.count(json!({ "verdict": verdict, "profile_name": "Chatterbox" }));
    assert_eq!((count(0), count(3)), (0, 8), "those that nobody answered in ten seconds are blocked");
    stage.pass(300);
    assert_eq!(prompts(&stage), 8);
    assert!(count(3) >= 50);
    stage.pass(120);
    assert_eq!(prompts(&stage), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn malware_is_blocked_again_and_again() {
    let stage = Stage::of("malware-blocked", Contract::Docs).await;
    let blocked = json!({ "domain": "c2.badharbor.example.", "verdict": 3 });
    assert_eq!(stage.count(blocked.clone()), 0);
    stage.pass(60);
    let soon = stage.count(blocked.clone());
    assert!((10..=14).contains(&soon), "{soon} attempts");
    assert!(stage.notifications().contains(&"filter:malware-blocked-libreoffice".to_owned()));
    // What is blocked is over at once, and shown for ten minutes.
    stage.pass(500);
    let all = stage.count(blocked.clone());
    assert!((26..=28).contains(&all), "{all} attempts");
    stage.pass(600);
    assert_eq!(stage.count(blocked), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_busy_server_never_rests() {
    let stage = Stage::of("busy-server", Contract::Docs).await;
    assert_eq!(stage.count(json!({})), 100_000);
    stage.pass(10);
    assert_eq!(stage.count(json!({ "started": "2026-03-16T09:30:07Z" })), 50);
    // As many go as came ten minutes ago.
    let all = stage.count(json!({}));
    assert!((95_000..100_500).contains(&all), "{all} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_waits() {
    let stage = Stage::of("update-waiting", Contract::V1_6).await;
    let version = || {
        stage.json("broadcasts/matching-data")["Updates"]["Resources"]["intel/news.yaml"]["Version"].clone()
    };
    assert_eq!(version(), "1.0.0");
    assert_eq!(stage.notifications().len(), 0);
    stage.pass(30);
    assert_eq!(version(), "1.1.0");
    assert!(stage.get("updates/get/intel/news.yaml").text().contains("A new version"));
    assert_eq!(stage.notifications(), ["updates:core-update-available"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_core_starts_slowly() {
    let stage = Stage::of("starting-slowly", Contract::V2_2).await;
    let not_ready = stage.get("ready").status();
    assert_eq!(stage.send("POST", "netquery/query", "{}").status(), 503);
    assert_eq!(stage.get("ping").status(), 200);
    stage.pass(20);
    // Core 2.2.0 says it the wrong way round.
    assert_eq!((not_ready, stage.get("ready").status()), (200, 425));
    assert!(stage.count(json!({})) > 100);
    stage.pass(5);
    assert_eq!(stage.spn(), "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_list_is_read_where_the_scenario_has_one() {
    for (scenario, file, answer) in [
        ("home-office", "/srv/lists/own.txt", "Custom filter list loaded successfully.\n"),
        ("fresh-install", "", "custom filter list not configured\n"),
        ("fresh-install", "/srv/lists/own.txt", "open /srv/lists/own.txt: no such file or directory\n"),
    ] {
        let simulator = Simulator::builder()
            .scenario(scenario)
            .contract(Contract::V2_2)
            .set("filter/customListFile", file)
            .dev_mode(true)
            .start()
            .await
            .expect("a scenario that starts");
        let address = simulator.addr();
        let asked = || ask(address, "POST", "/api/v1/customlists/update", &[], "").text().to_owned();
        assert_eq!(tokio::task::block_in_place(asked), answer, "{scenario} {file}");
    }
}
