//! What a client writes over the database websocket, a core reads there: the account, answers in the DNS cache, notes of
//! broadcasts. And what it cannot write, it is told by Go's types.

use portmaster_simulator::{Contract, Simulator};

use crate::common::{self, Socket};

const USER: &str = r#"{"username":"testuser","state":"approved","balance":1234,"device":{"name":"my-device","id":"d1"},"subscription":{"ends_at":"2099-01-01T00:00:00Z","state":"active"},"current_plan":{"name":"SPN Unlimited","amount":999,"months":1,"renewable":true},"next_plan":null,"LoggedInAt":"2026-11-24T06:00:00Z"}"#;

async fn start(scenario: &str, contract: Contract) -> (Simulator, Socket) {
    let builder = Simulator::builder().scenario(scenario).contract(contract).dev_mode(true);
    let simulator = builder.start().await.expect("a simulator");
    let socket = Socket::open(&simulator, None).await;
    (simulator, socket)
}

async fn reply(socket: &mut Socket, message: &str) -> String {
    socket.send(format!("1|{message}")).await;
    socket.next().await
}

async fn ask(simulator: &Simulator, method: &'static str, path: &'static str) -> (u16, String) {
    let address = simulator.addr();
    let asking = tokio::task::spawn_blocking(move || {
        // robin:secret
        let headers = [("Authorization", "Basic cm9iaW46c2VjcmV0")];
        let answer = common::ask(address, method, &format!("/api/v1/{path}"), &headers, "");
        (answer.status(), answer.text().to_owned())
    });
    asking.await.expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_client_writes_is_the_account() {
    let (simulator, mut socket) = start("fresh-install", Contract::V1_0).await;
    let (office, mut home) = start("home-office", Contract::V1_0).await;
    let profile = "spn/account/user/profile";
    assert_eq!(ask(&simulator, "GET", profile).await, (401, "not logged in\n".to_owned()));
    let create = format!("create|core:spn/account/user|J{USER}");
    assert_eq!(reply(&mut socket, &create).await, "1|success");
    let (status, body) = ask(&simulator, "GET", profile).await;
    assert_eq!(status, 200);
    assert!(body.starts_with(USER.trim_end_matches('}')), "{body}");
    assert!(body.contains("\"Key\":\"core:spn/account/user\""), "{body}");
    // What was written is read back byte for byte, and the provider can be asked only with a token.
    let got = reply(&mut socket, "get|core:spn/account/user").await;
    assert!(got.starts_with(&format!("1|ok|core:spn/account/user|J{}", USER.trim_end_matches('}'))), "{got}");
    let refresh = "spn/account/user/profile?refresh=1";
    assert_eq!(ask(&simulator, "GET", refresh).await, (500, "not logged in\n".to_owned()));
    let taken = "Already logged in as testuser as device my-device\n";
    assert_eq!(ask(&simulator, "POST", "spn/account/login").await, (409, taken.to_owned()));
    assert!(ask(&simulator, "GET", "broadcasts/matching-data").await.1.contains("\"MayUseUSP\":true"));
    // The token is an ordinary record as long as it is the client's own.
    assert_eq!(reply(&mut socket, "create|core:spn/account/authtoken|J{}").await, "1|success");
    assert!(reply(&mut socket, "get|core:spn/account/authtoken").await.starts_with("1|ok|"));
    assert_ne!(ask(&simulator, "GET", refresh).await.1, "not logged in\n");
    assert_eq!(reply(&mut socket, "delete|core:spn/account/authtoken").await, "1|success");
    assert_eq!(ask(&simulator, "GET", refresh).await, (500, "not logged in\n".to_owned()));
    // Logging out is the core's own writing.
    assert_eq!(ask(&simulator, "DELETE", "spn/account/logout").await.1, "Logged out.\n");
    assert_eq!(reply(&mut socket, "get|core:spn/account/user").await, "1|error|database entry not found");
    assert_eq!(ask(&simulator, "GET", profile).await.0, 401);
    // Members of the core's own account and answers can be set, too; its token stays.
    let change = reply(&mut home, r#"insert|core:spn/account/user|{"balance":5}"#).await;
    assert_eq!(change, "1|success");
    let (status, body) = ask(&office, "GET", "spn/account/user/profile?refresh=1").await;
    assert!(
        status == 200 && body.contains("\"username\":\"robin\"") && body.contains("\"balance\":5"),
        "{body}"
    );
    let change = reply(&mut home, r#"insert|cache:intel/nameRecord/www.wiki.example.A|{"RCode":3}"#).await;
    assert_eq!(change, "1|success");
    let (status, body) = ask(&office, "GET", "dns/cache/www.wiki.example.A").await;
    assert!(status == 200 && body.contains("\"RCode\":3"), "{body}");
    // Whatever cannot be read, and whoever is logged out, is nobody.
    for body in [r#"{"username":5}"#, r#""x""#, r#"{"username":"x"}"#, r#"{"state":"loggedout"}"#] {
        assert_eq!(reply(&mut socket, &format!("create|core:spn/account/user|J{body}")).await, "1|success");
        assert_eq!(ask(&simulator, "GET", profile).await.0, 401, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_written_account_are_those_of_the_contract() {
    let (simulator, mut socket) = start("fresh-install", Contract::V2_2).await;
    let create = format!("create|core:spn/account/user|J{USER}");
    assert_eq!(reply(&mut socket, &create).await, "1|success");
    let (_, body) = ask(&simulator, "GET", "spn/account/user/profile").await;
    for expected in [
        r#""state":"active","next_billing_date":null,"payment_provider":""}"#,
        r#""renewable":true,"feature_ids":null},"next_plan":null,"view":null,"LastNotifiedOfEnd":null,"LoggedInAt":"2026-11-24T06:00:00Z","_meta""#,
    ] {
        assert!(body.contains(expected), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_client_writes_is_in_the_dns_cache() {
    for contract in [Contract::V1_0, Contract::V2_2] {
        let (simulator, mut socket) = start("fresh-install", contract).await;
        let key = "cache:intel/nameRecord/x.example.A";
        let answer = r#"{"Expires":7,"Domain":"x.example.","Question":"A","Answer":["x.example.\t17\tIN\tA\t1.2.3.4"],"More":1}"#;
        assert_eq!(reply(&mut socket, &format!("create|{key}|J{answer}")).await, "1|success");
        let (status, body) = ask(&simulator, "GET", "dns/cache/x.example.A").await;
        let read = r#"{"Domain":"x.example.","Question":"A","RCode":0,"Answer":["x.example.\t17\tIN\tA\t1.2.3.4"],"Ns":null,"Extra":null,"Expires":7,"Resolver":null,"_meta":{"#;
        assert_eq!(status, 200);
        assert!(body.starts_with(read), "{body}");
        assert_eq!(
            reply(&mut socket, "create|cache:intel/nameRecord/y.A|J{\"RCode\":\"x\"}").await,
            "1|success"
        );
        let (status, body) = ask(&simulator, "GET", "dns/cache/y.A").await;
        assert_eq!(status, 500);
        assert!(body.contains("string into Go struct field NameRecord.RCode of type int"), "{body}");
        assert_eq!(
            ask(&simulator, "POST", "dns/clear").await.1,
            "cleared 2 dns cache entries\n",
            "{contract}"
        );
        assert_eq!(reply(&mut socket, &format!("get|{key}")).await, "1|error|database entry not found");
        assert_eq!(ask(&simulator, "GET", "dns/cache/x.example.A").await.0, 500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_broadcasts_that_a_client_writes_count() {
    let (simulator, mut socket) = start("fresh-install", Contract::V2_2).await;
    let note = r#"{"States":{"a":{"Read":"2026-11-24T06:00:00Z"},"b":{"Read":5}}}"#;
    assert_eq!(reply(&mut socket, &format!("create|core:broadcasts/state|J{note}")).await, "1|success");
    let address = simulator.addr();
    let simulate = move || {
        let news = "{notifications: {a: {title: T}, b: {title: T}}}";
        common::ask(address, "POST", "/api/v1/broadcasts/simulate?state=true", &[], news).text().to_owned()
    };
    let told = tokio::task::spawn_blocking(simulate).await.expect("a client");
    assert!(
        told.contains(" a: broadcast skipped: already shown\n") && told.contains(" b: displayed"),
        "{told}"
    );
    assert_eq!(ask(&simulator, "POST", "broadcasts/reset-state").await.0, 200);
    assert_eq!(reply(&mut socket, "get|core:broadcasts/state").await, "1|error|database entry not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_of_the_running_core_have_types() {
    let (_simulator, mut socket) = start("home-office", Contract::V2_2).await;
    let first = |told: Vec<String>| told[0].split('|').nth(2).unwrap().to_owned();
    let process = first(socket.told("1|query|query network:tree/", "1|done").await);
    let told = socket.told("1|query|query network:tree/", "1|done").await;
    let connection =
        told.iter().find(|one| one.contains("/ip/")).unwrap().split('|').nth(2).unwrap().to_owned();
    let pin = first(socket.told("1|query|query map:main/", "1|done").await);
    let status = "runtime:system/status".to_owned();
    for (key, payload, error) in [
        (&process, r#"{"Pid":1}"#, "tried to set field Pid (int) to a float64 value"),
        (&process, r#"{"Nope":1}"#, "struct field does not exist"),
        (&process, r#"{"Name":"x"}"#, "database is read only"),
        (&connection, r#"{"Verdict":2}"#, "tried to set field Verdict (int8) to a float64 value"),
        (&connection, r#"{"Inbound":true}"#, "database is read only"),
        (&pin, r#"{"HopDistance":1}"#, "tried to set field HopDistance (int) to a float64 value"),
        (&pin, r#"{"EntityV4":{}}"#, "tried to set field EntityV4 (ptr) to a map value"),
        (&status, r#"{"OnlineStatus":1}"#, "tried to set field OnlineStatus (uint8) to a float64 value"),
        (&status, r#"{"WorstState":{}}"#, "tried to set field WorstState (struct) to a map value"),
        (&status, r#"{"ActiveSecurityLevel":1}"#, "struct field does not exist"),
    ] {
        let told = reply(&mut socket, &format!("insert|{key}|{payload}")).await;
        assert_eq!(told, format!("1|error|{error}"), "{key} {payload}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_privacy_network_on_in_vain_is_told_twice() {
    let (_simulator, mut socket) = start("fresh-install", Contract::V2_2).await;
    socket.send("s|sub|query runtime:spn/").await;
    assert!(socket.told("g|get|core:x", "g|").await.is_empty());
    for (value, expected) in [("true", &["failed", "failed"][..]), ("false", &["disabled"])] {
        socket.send(format!("1|update|config:spn/enable|J{{\"Value\":{value}}}")).await;
        let mut told = socket.told("g|get|core:x", "g|").await;
        told.retain(|one| one != "1|success");
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, status) in told.iter().zip(expected) {
            assert!(told.contains(&format!("|runtime:spn/status|J{{\"Status\":\"{status}\"")), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_the_world_does_not_name_is_unidentified() {
    let (simulator, _socket) = start("fresh-install", Contract::V1_0).await;
    let (status, body) = ask(&simulator, "GET", "app/profile").await;
    let unidentified = r#"{"name":"Unidentified Processes","profile":"_unidentified","source":"local"}"#;
    assert_eq!((status, body.as_str()), (200, unidentified));
}

#[tokio::test(flavor = "multi_thread")]
async fn early_cores_tell_of_the_events_of_all_modules() {
    for (contract, heard) in [(Contract::V1_0, true), (Contract::V1_6, true), (Contract::V2_2, false)] {
        let (simulator, mut socket) = start("fresh-install", contract).await;
        socket.send("s|sub|query runtime:modules/").await;
        assert!(socket.told("g|get|core:x", "g|").await.is_empty());
        let mut told = socket.told("1|update|config:filter/lists|J{}", "1|success").await;
        told.extend(socket.told("g|get|core:x", "g|").await);
        let change = "s|new|runtime:modules/config/event/config change|J{\"Data\":null,";
        assert_eq!(told.len(), usize::from(heard), "{contract}: {told:#?}");
        assert!(told.iter().all(|one| one.starts_with(change)), "{contract}: {told:#?}");
        if contract == Contract::V1_0 {
            assert_eq!(ask(&simulator, "POST", "modules/netenv/trigger/network%20changed").await.0, 200);
            let told = socket.told("g|get|core:x", "g|").await;
            assert!(told[0].starts_with("s|new|runtime:modules/netenv/event/network changed|J"), "{told:#?}");
        }
    }
}
