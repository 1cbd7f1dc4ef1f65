//! What a caller sees of the privacy network.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, header::AUTHORIZATION};
use portmaster_fixtures::{Contract, Scenario, scenario::HubState};
use serde_json::{Value, json};

use super::HANDLERS;
use crate::{
    api::{Call, Failure, Raw, Reply},
    world::{Options, World},
};

/// Hubs with the measurements that core 1.0.0 was given (core-1.x §7.4).
const HUBS: &str = "
config: { spn/enable: true }
spn:
  map:
    hubs:
      - { name: Ward2080, id: ZwtZBR3xwtR9r1GLzfcVg8SraAEaW1Yj3VdP8jtBMz9Fxi, latency_ms: 22.888707, capacity_mbit: 489.583306 }
      - { name: Lubowitz1164, id: Zwx2KxxqXkUA1xHDLeUnkXQiq4mXbak2Kd3egrvAF8Xwq9, latency_ms: 21.633861, capacity_mbit: 228.038596 }
      - { name: Rice9494, id: ZwhnzXrfj138KTvXfBbNRu3Wfomja4Bgb9z3AjGABwGtvJ, latency_ms: 36.664217, capacity_mbit: 999.063715 }
      - { name: Friesen8442, id: ZwjjPuuXBsuch2oocwGDDW1yv6sXQPgb5jJ4ek9iVvkHiX, latency_ms: 43.474947, capacity_mbit: 83.206844 }
";

/// A home hub with two others, as core 2.2.0 draws them.
const SMALL: &str = "
config: { spn/enable: true }
spn:
  home: seed00
  map:
    hubs:
      - name: seed00
        id: ZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u
        country: DE
        asn: 64500
        as_org: Example DE
        version: 0.5.4
        ipv4: 192.0.2.10
        states: [trusted]
        lanes: [{ to: seed03, latency_ms: 15, capacity_mbit: 53 }, { to: seed11, latency_ms: 24, capacity_mbit: 51 }]
      - { name: seed03, id: ZwiH39zC55w3eUQWkpqEEcZwfNhSywyfM1iXyvd8i8CZTc, version: 0.5.4, ipv4: 192.0.2.13, country: AU, load: 21 }
      - { name: seed11, id: ZwyXkxAWGj5febKjYP9WYogkhEo932ou8QoJcAQt39hNJh, version: 0.5.4, states: [failing] }
";

fn world(yaml: &str, contract: Contract) -> World {
    let options = Options { contract: Some(contract), ..Options::default() };
    World::new(Scenario::parse("test", yaml).expect("a scenario"), options).expect("a world")
}

fn ask(world: &mut World, path: &str, query: &str, headers: HeaderMap) -> Reply {
    let handler = HANDLERS.iter().find(|handler| handler.path.ends_with(path)).expect("an endpoint");
    let format = query.strip_prefix("format=").unwrap_or_default().to_owned();
    let call = Call {
        path: vec![("map", "main".to_owned()), ("format", format)],
        query: query.to_owned(),
        headers,
        ..Call::plain()
    };
    (handler.run)(world, &call)
}

fn text(reply: Reply) -> String {
    let bytes = match reply {
        Reply::Data(bytes) | Reply::Struct(bytes) | Reply::Record(bytes) => bytes,
        Reply::Action(text) => return text,
        Reply::Raw(Raw { status, body, .. }) => {
            return format!("{} {}", status.as_u16(), String::from_utf8_lossy(&body));
        }
        Reply::Failure(Failure { status, text }) => return format!("{} {text}", status.as_u16()),
        other => panic!("{other:?}"),
    };
    String::from_utf8(bytes.into()).expect("a text")
}

fn get(world: &mut World, path: &str) -> String {
    text(ask(world, path, "", HeaderMap::new()))
}

fn parsed(world: &mut World, path: &str) -> Value {
    serde_json::from_str(&get(world, path)).expect("JSON")
}

fn log_in(world: &mut World, credentials: &str) -> String {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(credentials));
    headers.insert(AUTHORIZATION, value.parse().expect("a header"));
    text(ask(world, "account/login", "", headers))
}

#[test]
fn tables_are_as_recorded() {
    let mut world = world(HUBS, Contract::V1_0);
    assert_eq!(
        get(&mut world, "measurements/table"),
        "\
Hub Name       Country   Region   Latency       Capacity       Cost     Geo Prox.   Hub ID   Lifetime Usage   Period Usage   Prot    Status
Ward2080                 -        22.888707ms   489.58Mbit/s   35.54c   0.00%       ZwtZBR3xwtR9r1GLzfcVg8SraAEaW1Yj3VdP8jtBMz9Fxi
Lubowitz1164             -        21.633861ms   228.04Mbit/s   38.21c   0.00%       Zwx2KxxqXkUA1xHDLeUnkXQiq4mXbak2Kd3egrvAF8Xwq9
Rice9494                 -        36.664217ms   999.06Mbit/s   41.68c   0.00%       ZwhnzXrfj138KTvXfBbNRu3Wfomja4Bgb9z3AjGABwGtvJ
Friesen8442              -        43.474947ms   83.21Mbit/s    76.91c   0.00%       ZwjjPuuXBsuch2oocwGDDW1yv6sXQPgb5jJ4ek9iVvkHiX
"
    );
    assert_eq!(
        get(&mut world, "optimization/table"),
        "\
Optimization:
Purpose: target-structure
Approach:
  - Connect to best (lowest cost) 3 Hubs globally.
  - Connect satellite to regions.
MaxConnect: 3
StopOthers: true

Suggested Connections:
Hub Name       Reason          Duplicate   Country   Region   Latency       Capacity       Cost     Geo Prox.   Hub ID   Lifetime Usage   Period Usage   Prot    Status
Ward2080       best globally                         -        22.888707ms   489.58Mbit/s   35.54c   0.00%       ZwtZBR3xwtR9r1GLzfcVg8SraAEaW1Yj3VdP8jtBMz9Fxi
Lubowitz1164   best globally                         -        21.633861ms   228.04Mbit/s   38.21c   0.00%       Zwx2KxxqXkUA1xHDLeUnkXQiq4mXbak2Kd3egrvAF8Xwq9
Rice9494       best globally                         -        36.664217ms   999.06Mbit/s   41.68c   0.00%       ZwhnzXrfj138KTvXfBbNRu3Wfomja4Bgb9z3AjGABwGtvJ
"
    );
    assert!(get(&mut world, "/measurements").contains("\"CalculatedCost\":35.54496,\"GeoProximity\":0},"));
}

#[test]
fn an_empty_map_answers_as_recorded() {
    let mut world = world("{ config: { spn/enable: true }, spn: { map: { hubs: [] } } }", Contract::V1_0);
    assert_eq!(get(&mut world, "/pins"), "[]");
    assert_eq!(get(&mut world, "/measurements"), "[]");
    assert!(get(&mut world, "measurements/table").ends_with("Prot    Status\n"));
    assert_eq!(get(&mut world, "/optimization"), "500 map is empty");
    assert_eq!(get(&mut world, "optimization/table"), "500 map is empty");
    let graph = |world: &mut World, format: &str| {
        text(ask(world, r"graph{format:\.[a-z]{2,4}}", &format!("format={format}"), HeaderMap::new()))
    };
    assert_eq!(
        graph(&mut world, ".dot"),
        "200 graph  {\n\tcenter=true;\n\toverlap=scale;\n\tratio=fill;\n\n}\n"
    );
    assert_eq!(graph(&mut world, ".svg"), "400 Unsupported format.\n");
    assert!(graph(&mut world, ".html").starts_with("412 "));
}

#[test]
fn graphs_are_as_recorded() {
    let mut world = world(SMALL, Contract::Docs);
    let dot = text(ask(&mut world, r"graph{format:\.[a-z]{2,4}}", "format=.dot", HeaderMap::new()));
    let lane = "\tZwiH39zC55w3eUQWkpqEEcZwfNhSywyfM1iXyvd8i8CZTc--ZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u[ \
                color=black, len=3.000000, penwidth=14.560220, tooltip=\"seed03 <> seed00\nLatency: 15ms\n\
                Capacity: 53.00 Mbit/s\nCost: 72.60\" ];\n";
    assert!(dot.contains(lane), "{dot}");
    let home = "\tZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u [ color=transparent, fillcolor=steelblue2, \
                fontsize=20, label=\"seed00\nTYHn-nY9u\n(Home)\", margin=0, penwidth=4, shape=circle, style=filled, \
                tooltip=\"ID: ZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u\nStates: Reachable, Active, Trusted, \
                IsHomeHub\nVersion: 0.5.4\nIPv4: 192.0.2.10 (DE AS64500 Example DE)\nLoad: 0\nCost: 100.00\" ];\n";
    assert!(dot.ends_with(&format!("{home}\n}}\n")), "{dot}");
    assert!(
        dot.contains("fillcolor=tomato2, fontsize=20, label=\"seed11\nQt39-hNJh\n(disregarded)\""),
        "{dot}"
    );
}

#[test]
fn the_page_needs_no_network() {
    let yaml = SMALL.replace("spn/enable: true", "spn/enable: true, core/devMode: true");
    let mut world = world(&yaml, Contract::Docs);
    let page = text(ask(&mut world, r"graph{format:\.[a-z]{2,4}}", "format=.html", HeaderMap::new()));
    assert!(page.starts_with("200 <!doctype html>") && page.contains("3 hubs, 2 lanes"));
    assert_eq!((page.matches("<circle ").count(), page.matches("<line ").count()), (3, 2));
    assert!(!page.contains("http:") && !page.contains("https:"));
}

#[test]
fn pins_follow_the_contract() {
    let members = |contract| {
        let pins = parsed(&mut world(SMALL, contract), "/pins");
        let pin = pins[2].as_object().expect("an object").clone();
        let keys =
            |value: &Value| value.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>().join(" "));
        (keys(&pin.clone().into()).unwrap_or_default(), keys(&pin["EntityV4"]), pin)
    };
    let common = "ID Name Map FirstSeen EntityV4 EntityV6 States VerifiedOwner HopDistance ConnectedTo Route SessionActive";
    let (keys, entity, pin) = members(Contract::V1_0);
    assert_eq!(keys, common);
    assert!(
        entity.is_some_and(
            |keys| keys.starts_with("Protocol Port Domain ReverseDomain CNAME IP IPScope Country")
        )
    );
    assert_eq!(
        (&pin["States"], &pin["HopDistance"]),
        (&json!(["Reachable", "Active", "Trusted", "IsHomeHub"]), &json!(1))
    );
    assert_eq!(pin["SessionActive"], true);
    let (keys, entity, pin) = members(Contract::V2_2);
    assert_eq!(keys, format!("{common} Info Status"));
    assert!(entity.is_some_and(|keys| keys.starts_with("IP IPScope Protocol Port Domain")));
    assert_eq!(pin["Status"].get("Load"), None, "no load is left out");
    assert_eq!(pin["EntityV6"], Value::Null);
}

#[test]
fn people_log_in_and_out() {
    let mut world = world("network: { online: online }", Contract::Docs);
    assert_eq!(get(&mut world, "user/profile"), "401 not logged in");
    for credentials in ["", "robin", "robin:", ":secret"] {
        assert_eq!(log_in(&mut world, credentials), "401 Login with your SPN account.\n", "{credentials}");
    }
    let welcome = log_in(&mut world, "robin:secret");
    assert!(welcome.starts_with("200 Now logged in as robin as device "), "{welcome}");
    let device = parsed(&mut world, "user/profile")["device"].clone();
    assert!(log_in(&mut world, "sam:secret").starts_with("409 Already logged in as robin as device "));
    let profile = parsed(&mut world, "user/profile");
    assert_eq!(
        (&profile["state"], &profile["_meta"]["Key"]),
        (&json!("approved"), &json!("core:spn/account/user"))
    );
    assert_eq!(get(&mut world, "account/logout"), "Logged out.");
    assert_eq!(get(&mut world, "user/profile"), "401 not logged in");
    log_in(&mut world, "robin:secret");
    assert_eq!(parsed(&mut world, "user/profile")["device"], device, "the device stays");
    let purged = text(ask(&mut world, "account/logout", "purge=1", HeaderMap::new()));
    assert_eq!(purged, "Logged out and user data purged.");
}

#[test]
fn logins_fail_as_scripted() {
    let said = |spn: &str| log_in(&mut world(spn, Contract::Docs), "robin:secret");
    assert!(said("spn: { login: unreachable }").starts_with(
        "500 Internal error: http request failed: Post \"https://api.account.safing.io/api/v1/authenticate\": "
    ));
    assert!(said("network: { online: offline }").starts_with("500 Internal error: "));
    assert_eq!(said("spn: { login: wrong-password }"), "401 Login with your SPN account.\n");
    let mut queued = world("spn: { login: queued }", Contract::Docs);
    log_in(&mut queued, "robin:secret");
    assert_eq!(parsed(&mut queued, "user/profile")["state"], "queued");
}

#[test]
fn a_refresh_needs_a_token() {
    let yaml = "spn: { account: { username: robin, token: false } }";
    let mut world = world(yaml, Contract::Docs);
    let refreshed = ask(&mut world, "user/profile", "refresh=1", HeaderMap::new());
    assert_eq!(text(refreshed), "500 not logged in");
    assert_eq!(parsed(&mut world, "user/profile")["username"], "robin");
    let Reply::Record(_) = ask(&mut world, "user/profile", "refresh=", HeaderMap::new()) else {
        panic!("an empty parameter counts as none")
    };
}

#[test]
fn a_new_start_depends_on_the_contract() {
    let start = |yaml: &str, contract| {
        let mut world = world(yaml, contract);
        get(&mut world, "spn/reinit")
    };
    let done = |records| {
        format!("Completed SPN re-initialization and deleted {records} cache records in the process.")
    };
    assert_eq!(start("{}", Contract::Docs), "500 can only re-initialize when the SPN is enabled");
    assert_eq!(start("{}", Contract::V1_6), done(0));
    assert_eq!(start(SMALL, Contract::Docs), done(9));
    assert_eq!(
        start(SMALL, Contract::V1_0),
        "500 failed to stop SPN: modules: dependency loop detected, cannot continue"
    );
}

#[test]
fn other_maps_are_not_there() {
    let mut world = world("{}", Contract::V2_2);
    assert_eq!(get(&mut world, "/pins"), "500 map not found");
    let graph = text(ask(&mut world, r"graph{format:\.[a-z]{2,4}}", "format=.svg", HeaderMap::new()));
    assert_eq!(graph, "404 Map not found.\n");
}

/// Six hubs of core 2.2.0's recorded map, and the networks that it knew.
const ROUTES: &str = r#"
network:
  nameservers: [{ ip: 10.255.255.53 }]
  location: { source: timezone, latitude: 48, longitude: 0, radius: 1000 }
  known:
    - { net: 5.9.0.0/16, country: DE, asn: 24940, as_org: Hetzner Online GmbH, latitude: 50.5, longitude: 12.4 }
dns: { cache: [{ domain: example.com., type: A, answer: [A 5.9.10.1], resolver: 10.255.255.53 }] }
spn:
  home: seed00
  map:
    hubs:
      - { name: seed00, id: ZwzUp1YFdB8ciGNsSH95PikGoPv38L2vCmM6djTYHnnY9u, country: DE, asn: 24940, states: [trusted],
          latitude: 50.5, longitude: 12.4,
          lanes: [{ to: seed01, latency_ms: 13, capacity_mbit: 51 }, { to: seed03, latency_ms: 15, capacity_mbit: 53 },
                  { to: seed05, latency_ms: 17, capacity_mbit: 55 }, { to: seed11, latency_ms: 24, capacity_mbit: 51 }] }
      - { name: seed01, id: Zwo2Dssz4L2Cc26Pwpbq8J8Zec7EdaJJpAZxT8FxqVY4Kh, country: FR, asn: 12876, as_org: Scaleway S.a.s.,
          latitude: 48.86, longitude: 2.34, lanes: [{ to: seed06, latency_ms: 18, capacity_mbit: 55 }] }
      - { name: seed03, id: ZwiH39zC55w3eUQWkpqEEcZwfNhSywyfM1iXyvd8i8CZTc, country: AU, asn: 13335,
          as_org: "Cloudflare, Inc.", latitude: -33.5, longitude: 143.2, states: [trusted] }
      - { name: seed05, id: Zwu1dfHTY2L7zKFkWKS7xNnivHqTQomMHDSkuB2YgHmXfE, country: NL, asn: 64501, as_org: Example NL,
          latitude: 52.3, longitude: 4.9 }
      - { name: seed06, id: ZwqL4TYisAzfiPo66x49HYtPJY2YSarZ4kXkUyvQ6Ze5sG, country: DE, asn: 24940,
          as_org: Hetzner Online GmbH, latitude: 50.5, longitude: 12.4 }
      - { name: seed11, id: ZwyXkxAWGj5febKjYP9WYogkhEo932ou8QoJcAQt39hNJh, states: [failing] }
apps: [{ name: One, path: /one, id: one, config: { spn/routingAlgorithm: triple-hop } }]
"#;

fn route(world: &mut World, destination: &str, query: &str) -> String {
    let handler = HANDLERS.iter().find(|handler| handler.path.contains("/route/to/")).expect("an endpoint");
    let call = Call {
        path: vec![("map", "main".to_owned()), ("destination", destination.to_owned())],
        query: query.to_owned(),
        ..Call::plain()
    };
    text((handler.run)(world, &call))
}

/// Costs and alignment are those that core 2.2.0 told, its shuffled lines put in order.
#[test]
fn a_route_is_told_in_words() {
    let told = route(&mut world(ROUTES, Contract::V2_2), "5.9.10.1", "");
    assert_eq!(
        told,
        "\
Routing simulation: looking for route to 5.9.10.1 at Germany (DE - AS24940 Hetzner Online GmbH)
Please note that this routing simulation does match the behavior of regular routing to 100%.

Routing Options:
Algorithm: double-hop


Considered Exits (cheapest 10% are shuffled)
Hub Name           Cost    Location
seed05 2YgH-mXfE   465     Netherlands (NL - AS64501 Example NL)
seed01 FxqV-Y4Kh   472     France (FR - AS12876 Scaleway S.a.s.)
seed06 vQ6Z-e5sG   1350    Germany (DE - AS24940 Hetzner Online GmbH)
seed03 d8i8-CZTc   3682    Australia (AU - AS13335 Cloudflare, Inc.)

Too Expensive Exits:
Hub Name   Cost    Location

Disregarded Exits:
Hub Name           Reason                            States
seed00 TYHn-nY9u   does not match general criteria   Reachable, Active, Trusted, IsHomeHub
seed11 Qt39-hNJh   does not match general criteria   Failing, Reachable, Active

Considered Routes (cheapest 10% are shuffled)
Cost    Path
638     seed00 TYHn-nY9u >> 173.00c >> seed05 2YgH-mXfE >> 464.62c >> 5.9.10.1
644     seed00 TYHn-nY9u >> 172.20c >> seed01 FxqV-Y4Kh >> 472.04c >> 5.9.10.1
3854    seed00 TYHn-nY9u >> 172.60c >> seed03 d8i8-CZTc >> 3681.53c >> 5.9.10.1
"
    );
}

#[test]
fn a_profile_decides_about_the_way() {
    let mut world = world(ROUTES, Contract::V2_2);
    let plain = route(&mut world, "5.9.10.1", "profile=global");
    assert!(plain.contains("\n  Regard: Trusted\n"), "{plain}");
    assert!(plain.contains("\nseed05 2YgH-mXfE   does not match general criteria"), "{plain}");
    let encrypted = route(&mut world, "5.9.10.1", "profile=global&encrypted=true");
    assert!(!encrypted.contains("Regard: Trusted"), "{encrypted}");
    let longer = route(&mut world, "5.9.10.1", "profile=one&encrypted=true");
    assert!(
        longer.contains(
            "seed00 TYHn-nY9u >> 172.20c >> seed01 FxqV-Y4Kh >> 174.00c >> seed06 vQ6Z-e5sG >> 1350.00c >> 5.9.10.1"
        ),
        "{longer}"
    );
    let missing = "failed to get profile: failed to load profile local/nope by ID: database entry not found";
    assert_eq!(route(&mut world, "5.9.10.1", "profile=nope"), format!("500 {missing}"));
    assert_eq!(route(&mut world, "home", "profile=x"), "500 cannot apply profile to home hub route");
    assert!(
        route(&mut world, "home", "")
            .starts_with("Routing simulation: looking for home hub near TZ(48/0) and")
    );
}

#[test]
fn destinations_must_be_somewhere() {
    let mut integrated = world(ROUTES, Contract::V2_2);
    assert!(route(&mut integrated, "example.com", "").contains("looking for route to 5.9.10.1 at Germany"));
    for (destination, error) in [
        ("::1", "failed to get geoip location for ::1: "),
        ("192.168.1.1", "failed to get geoip location for 192.168.1.1: "),
        ("a_b", "failed to lookup IP address of a_b: lookup a_b on 10.255.255.53:53: no such host"),
        ("300.1.1.1", "failed to lookup IP address of 300.1.1.1: lookup 300.1.1.1: no such host"),
    ] {
        assert_eq!(route(&mut integrated, destination, ""), format!("500 {error}"));
    }
    let mut cut_off = world(&format!("core: {{ self_check: failed }}\n{ROUTES}"), Contract::V2_2);
    assert!(route(&mut cut_off, "example.com", "").contains("example.com on 10.255.255.53:53: no such host"));
}

#[test]
fn intel_says_who_is_trusted() {
    let mut world = world(ROUTES, Contract::V2_2);
    let update =
        HANDLERS.iter().find(|handler| handler.path.ends_with("/intel/update")).expect("an endpoint");
    let mut send = |body: &'static str| {
        let call = Call { path: vec![("map", "main".to_owned())], body: Some(body.into()), ..Call::plain() };
        let told = text((update.run)(&mut world, &call));
        let trusted = world.map("main").map(|map| {
            let trusted = map.hubs.values().filter(|hub| hub.is(HubState::Trusted));
            trusted.map(|hub| hub.name.clone()).collect::<Vec<_>>()
        });
        (told, trusted.unwrap_or_default())
    };
    let applied = "successfully applied given intel data";
    let seed01 = "{ Hubs: { Zwo2Dssz4L2Cc26Pwpbq8J8Zec7EdaJJpAZxT8FxqVY4Kh: { Trusted: true } } }";
    assert_eq!(send(seed01), (applied.to_owned(), vec!["seed01".to_owned()]));
    assert_eq!(send(""), (applied.to_owned(), Vec::new()));
    let error = "error unmarshaling JSON: json: cannot unmarshal string into Go value of type hub.Intel";
    let (told, _) = send("garbage");
    assert_eq!(told, format!("500 failed to parse intel data: failed to parse data: {error}"));
}
