use std::{collections::BTreeMap, io::Read, process::Command};

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{App, ClockMode, ConnectionRow, Core, Nameserver, Network, Process, SelfCheck},
};
use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::{go::pprof::Profile, world::Options};

fn scenario() -> Scenario {
    let option = |key: &str, value: Value| (key.to_owned(), value);
    Scenario {
        start: Some("2026-11-24T06:33:00Z".parse().unwrap()),
        core: Core { self_check: SelfCheck::Failed, ..Core::default() },
        config: BTreeMap::from([
            option("core/automaticUpdates", json!(false)),
            option("core/listenAddress", json!("127.0.0.1:8161")),
            option("dns/listenAddress", json!("127.0.0.1:15361")),
            option("dns/nameservers", json!(["dns://127.0.0.1:15399?name=Fake&blockedif=empty"])),
        ]),
        network: Network {
            nameservers: vec![Nameserver { ip: [10, 255, 255, 53].into(), search: Vec::new() }],
            ..Network::default()
        },
        apps: vec![App {
            name: "Firefox".to_owned(),
            path: "/usr/lib/firefox/firefox".to_owned(),
            processes: vec![Process {
                pid: 4001,
                cmd_line: Some("firefox --arg".to_owned()),
                ..Process::default()
            }],
            ..App::default()
        }],
        ..Scenario::default()
    }
}

fn world(contract: Contract) -> World {
    let scenario = scenario();
    let options = Options { contract: Some(contract), clock: Some(ClockMode::Frozen), ..Options::default() };
    let mut world = World::new(scenario, options).unwrap();
    world.connections.clear();
    for row in rows() {
        let now = world.now();
        world.connections.insert(row, now);
    }
    world
}

fn rows() -> [ConnectionRow; 3] {
    let firefox = |id: &str, pid: i64, message: &str, key: &str| ConnectionRow {
        id: id.to_owned(),
        profile: "local/f".to_owned(),
        profile_name: "Firefox".to_owned(),
        path: "/usr/lib/firefox/firefox".to_owned(),
        started: "2026-11-24T06:30:00Z".parse().unwrap(),
        extra_data: json!({"pid": pid, "reason": {"Msg": message, "OptionKey": key, "Profile": "", "Context": null}}),
        ..ConnectionRow::default()
    };
    [
        ConnectionRow {
            local_ip: "192.168.1.100".to_owned(),
            local_port: 40001,
            remote_ip: "93.184.216.35".to_owned(),
            remote_port: 443,
            domain: "www.example.com.".to_owned(),
            ..firefox("a", 4001, "default permit", "filter/defaultAction")
        },
        ConnectionRow {
            local_ip: "fd00::2".to_owned(),
            local_port: 40002,
            remote_ip: "2001:db8::1".to_owned(),
            remote_port: 53,
            ip_version: 6,
            ip_protocol: 17,
            verdict: 3,
            ended: Some("2026-11-24T06:31:00Z".parse().unwrap()),
            active: false,
            ..firefox("b", 4002, "dropped", "filter/endpoints")
        },
        ConnectionRow {
            kind: "dns".to_owned(),
            domain: "example.com.".to_owned(),
            ended: Some("2026-11-24T06:30:00Z".parse().unwrap()),
            active: false,
            ip_version: 0,
            ip_protocol: 0,
            ..firefox("c", 4001, "allowing dns request", "")
        },
    ]
}

fn asked(world: &mut World, path: &str, query: &str) -> Reply {
    let call = Call { query: query.to_owned(), ..Call::plain() };
    let handler = HANDLERS.iter().find(|handler| handler.path == path).unwrap();
    (handler.run)(world, &call)
}

/// What a reply comes down to: its body, or its error.
fn body(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Data(body) | Reply::Struct(body) => body.into(),
        Reply::Action(text) => text.into_bytes(),
        Reply::Failure(failure) => failure.text.into_bytes(),
        Reply::With(_, _, reply) | Reply::After(_, reply) => body(*reply),
        other => panic!("{other:?}"),
    }
}

fn text(world: &mut World, path: &str, query: &str) -> String {
    String::from_utf8(body(asked(world, path, query))).unwrap()
}

/// The text of one section.
fn section<'a>(report: &'a str, title: &str) -> &'a str {
    let start = report.find(&format!("**{title}")).unwrap_or_else(|| panic!("no {title} in {report}"));
    let rest = &report[start..];
    rest[2..].find("\n**").map_or(rest, |end| &rest[..end + 2])
}

#[test]
fn reports_have_the_sections_of_their_contract() {
    let titles = |contract, path| {
        let report = text(&mut world(contract), path, "");
        let titles = report.lines().filter_map(|line| line.strip_prefix("**")?.strip_suffix("**:"));
        titles.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(titles(Contract::V1_0, "debug/core"), @r#"
    Version 1.0.0
    Platform: simulated 1.0
    Status: Trusted
    Config: 4
    Resolvers: 2/2
    SPN: disabled (module disabled)
    Compatibility: IPTables Chains (36)
    Compat Module Error
    Unexpected Logs
    Goroutine Stack
    "#);
    insta::assert_snapshot!(titles(Contract::V2_2, "debug/core"), @r#"
    Version 2.2.0
    Platform: simulated 1.0
    Unexpected Logs
    Status: Online
    SPN: disabled (module disabled)
    Resolvers: 2/2
    Config: 4
    Updates: stable (0)
    Compatibility: IPTables Chains (36)
    Worker Status: 1/13 (0?)
    Goroutine Stack
    "#);
    insta::assert_snapshot!(titles(Contract::Docs, "debug/network"), @r#"
    Version 1.0.0
    Platform: simulated 1.0
    Status: Trusted
    Resolvers: 2/2
    Network: 2/3 [~0] Connections
    Compat Module Error
    Unexpected Logs
    Goroutine Stack
    "#);
    insta::assert_snapshot!(titles(Contract::V1_6, "debug/network"), @r#"
    Version 1.6.35
    Platform: simulated 1.0
    Unexpected Logs
    Network: 2/3 Connections
    Status: Online
    Resolvers: 2/2
    Config: 4
    Updates: stable (0/0)
    Goroutine Stack
    "#);
    insta::assert_snapshot!(titles(Contract::V1_6, "debug/info"), @r#"
    Version 1.6.35
    Platform: simulated 1.0
    Unexpected Logs
    Goroutine Stack
    "#);
}

#[test]
fn sensitive_options_stay_hidden() {
    let mut world = world(Contract::V1_0);
    let now = world.now();
    world.config.set("core/apiKeys", Some(json!(["geheim?read=user"])), now).unwrap();
    let report = text(&mut world, "debug/core", "");
    assert!(!report.contains("geheim"));
    insta::assert_snapshot!(section(&report, "Config"), @r#"
    **Config: 5**:

    ```
    core/apiKeys: [redacted]
    core/automaticUpdates: false
    core/listenAddress: 127.0.0.1:8161
    dns/listenAddress: 127.0.0.1:15361
    dns/nameservers: [redacted]
    ```
    "#);
}

#[test]
fn the_privacy_network_is_counted() {
    let mut world = world(Contract::V1_6);
    let now = world.now();
    world.config.set("spn/enable", Some(json!(true)), now).unwrap();
    let report = text(&mut world, "debug/core", "");
    let spn = section(&report, "SPN");
    assert!(spn.starts_with("**SPN: failed (module enabled)**:"), "{spn}");
    assert!(spn.contains("---\nMap main:\nActive Terminals: 0 Hubs\n```"), "{spn}");
}

#[test]
fn nothing_runs_over_the_map_of_a_network_that_is_off() {
    let scenario = Scenario::load("recorded").unwrap();
    let options = Options { contract: Some(Contract::V2_2), ..Options::default() };
    let report = text(&mut World::new(scenario, options).unwrap(), "debug/core", "");
    let spn = section(&report, "SPN");
    let map = "Map main:\nActive Terminals: 0 Hubs\nState Active: 12 Hubs\nState Failing: 1 Hubs\n";
    assert!(spn.contains(map), "{spn}");
}

#[test]
fn connections_are_grouped_by_process() {
    let report = text(&mut world(Contract::V1_0), "debug/network", "style=simple");
    insta::assert_snapshot!(section(&report, "Network"), @r#"
    **Network: 2/3 [~0] Connections**:

    ```
    ProfileName: Firefox
    Profile:     f
    Source:      local
    ProcessName: firefox
    BinaryPath:  /usr/lib/firefox/firefox
    CmdLine:     firefox --arg
    PID:         4001

          accepted   192.168.1.100:40001 TCP>   93.184.216.35:443   to www.example.com.      06:30:00-         P#4001 [E] default permit - by filter/defaultAction @ global
          accepted                                                  to example.com.          06:30:00-06:30:00 P#4001 [] allowing dns request - by  @ global


    ProfileName: Firefox
    Profile:     f
    Source:      local
    ProcessName: firefox
    BinaryPath:  /usr/lib/firefox/firefox
    CmdLine:     /usr/lib/firefox/firefox
    PID:         4002

           blocked         fd00::2:40002 UDP>     2001:db8::1:53                             06:30:00-06:31:00 P#4002 [] dropped - by filter/endpoints @ global
    ```
    "#);
}

#[test]
fn connections_can_be_chosen() {
    let mut world = world(Contract::V2_2);
    let mut network = |query: &str| {
        let report = text(&mut world, "debug/network", query);
        section(&report, "Network").lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(network("profile=local/f&where="), "**Network: 2/3 Connections**:");
    assert_eq!(network("profile=local/x"), "**Network: 0/0 Connections**:");
    assert_eq!(network("where=Verdict%20==%203"), "**Network: 0/1 Connections**:");
    assert_eq!(network("where=where%20Verdict%20==%202"), "**Network: 2/2 Connections**:");
    assert_eq!(network("where=Verdict%20sameas%202"), "**Network: 0/0 Connections**:");
}

#[test]
fn a_condition_that_is_none_is_told_in_the_report() {
    let report = text(&mut world(Contract::V1_0), "debug/network", "where=bogus");
    let failed = "**Network: Debug Failed**:\n\nFailed to build query: unexpected end at position 26\n\n**";
    assert!(report.contains(failed), "{report}");
}

#[test]
fn groups_may_end_a_condition_where_the_page_alone_counts() {
    let mut titles = [Contract::Docs, Contract::V1_0].map(|contract| {
        text(&mut world(contract), "debug/network", "where=(Verdict%20==%202)").contains("Debug Failed")
    });
    titles.sort_unstable();
    assert_eq!(titles, [false, true]);
}

#[test]
fn the_tables_of_sockets_follow_the_world() {
    let tables = text(&mut world(Contract::V1_0), "debug/network/state", "");
    let tables: Value = serde_json::from_str(&tables).unwrap();
    let rows = tables.as_object().unwrap().iter().flat_map(|(name, rows)| {
        rows.as_array()
            .map_or(std::slice::from_ref(rows), Vec::as_slice)
            .iter()
            .map(move |row| format!("{name} {row}"))
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r#"
    TCP4Connections {"Local":{"IP":"192.168.1.100","Port":40001},"Remote":{"IP":"93.184.216.35","Port":443},"PID":-1,"UID":0,"Inode":445552}
    TCP4Connections {"Local":{"IP":"127.0.0.1","Port":8161},"Remote":{"IP":"127.0.0.1","Port":56019},"PID":-1,"UID":0,"Inode":131569}
    TCP4Connections {"Local":{"IP":"127.0.0.1","Port":56019},"Remote":{"IP":"127.0.0.1","Port":8161},"PID":-1,"UID":0,"Inode":232442}
    TCP4Listeners {"Local":{"IP":"127.0.0.1","Port":8161},"PID":-1,"UID":0,"Inode":131569,"ListensAny":false}
    TCP4Listeners {"Local":{"IP":"127.0.0.1","Port":15361},"PID":-1,"UID":0,"Inode":111597,"ListensAny":false}
    TCP6Connections null
    TCP6Listeners null
    UDP4Binds {"Local":{"IP":"0.0.0.0","Port":5353},"PID":-1,"UID":0,"Inode":453216,"ListensAny":true}
    UDP4Binds {"Local":{"IP":"127.0.0.1","Port":15361},"PID":-1,"UID":0,"Inode":111597,"ListensAny":false}
    UDP6Binds {"Local":{"IP":"::","Port":5353},"PID":-1,"UID":0,"Inode":163572,"ListensAny":true}
    "#);
}

#[test]
fn durations_are_go_s() {
    let mut world = world(Contract::V1_0);
    for (query, error) in [
        ("duration=bogus", "failed to parse duration: time: invalid duration \"bogus\""),
        ("duration=1", "failed to parse duration: time: missing unit in duration \"1\""),
    ] {
        assert_eq!(text(&mut world, "debug/cpu", query), error);
    }
    let mut span = |query| match asked(&mut world, "debug/cpu", query) {
        Reply::After(span, _) => span.as_millis(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        [span(""), span("duration="), span("duration=-1s"), span("duration=1.5s")],
        [10_000, 10_000, 0, 1500]
    );
}

#[test]
fn one_cpu_profile_runs_at_a_time() {
    let mut scenario = scenario();
    scenario.clock = Some(ClockMode::Manual);
    let mut world =
        World::new(scenario, Options { contract: Some(Contract::V2_2), ..Options::default() }).unwrap();
    assert!(matches!(asked(&mut world, "debug/cpu", ""), Reply::After(..)));
    let second = asked(&mut world, "debug/cpu", "");
    let Reply::With(_, name, second) = second else { panic!("{second:?}") };
    assert_eq!(name, "attachment; filename=\"portmaster-cpu-profile_v2.2.0.pprof\"");
    assert_eq!(body(*second), b"failed to start cpu profile: cpu profiling already in use");
}

fn decoded(bytes: &[u8]) -> Profile {
    let mut raw = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut raw).unwrap();
    Profile::decode(raw.as_slice()).unwrap()
}

#[test]
fn profiles_are_whole_and_the_same_each_time() {
    for (path, kinds) in [
        ("debug/cpu", &["samples/count", "cpu/nanoseconds"][..]),
        (
            "debug/heap",
            &["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"],
        ),
        (
            "debug/allocs",
            &["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"],
        ),
    ] {
        let bytes = body(asked(&mut world(Contract::V1_0), path, ""));
        assert_eq!(bytes, body(asked(&mut world(Contract::V1_0), path, "")));
        let profile = decoded(&bytes);
        let text = |index: i64| profile.string_table[usize::try_from(index).unwrap()].as_str();
        let named: Vec<String> = profile
            .sample_type
            .iter()
            .map(|kind| format!("{}/{}", text(kind.r#type), text(kind.unit)))
            .collect();
        assert_eq!(named, kinds);
        assert_eq!(text(0), "");
        assert_eq!(profile.time_nanos, 1_795_501_980_000_000_000);
        assert_eq!(profile.duration_nanos, if path == "debug/cpu" { 10_000_000_000 } else { 0 });
        assert_eq!(
            text(profile.default_sample_type),
            if path == "debug/allocs" { "alloc_space" } else { "" }
        );
        assert!(!profile.sample.is_empty());
        for sample in &profile.sample {
            assert_eq!(sample.value.len(), kinds.len());
            for id in &sample.location_id {
                let location = profile.location.iter().find(|location| location.id == *id).unwrap();
                let function = location.line[0].function_id;
                assert!(profile.function.iter().any(|one| one.id == function));
                let mapping = &profile.mapping[0];
                assert!((mapping.memory_start..mapping.memory_limit).contains(&location.address));
            }
        }
    }
}

#[test]
fn go_reads_the_profiles() {
    if Command::new("go").arg("version").output().is_err() {
        println!("skipped: there is no go on the PATH");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (path, query, shown) in [
        ("debug/cpu", "duration=30s", "Duration: 30s"),
        ("debug/cpu", "duration=0", "Duration: 0"),
        ("debug/heap", "", "Type: inuse_space"),
        ("debug/allocs", "", "Type: alloc_space"),
    ] {
        let file = folder.path().join("profile");
        std::fs::write(&file, body(asked(&mut world(Contract::V1_0), path, query))).unwrap();
        let top = Command::new("go")
            .args(["tool", "pprof", "-symbolize=none", "-top"])
            .arg(&file)
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&top.stdout), String::from_utf8_lossy(&top.stderr));
        assert!(top.status.success(), "{path}?{query}: {err}");
        assert!(out.contains(shown) || query == "duration=0", "{path}?{query}: {out}");
        assert!(out.contains("simulated.core/") || query == "duration=0", "{path}?{query}: {out}");
    }
}

/// The report of a scenario in a contract.
fn posted(text_of: &str, contract: Contract, path: &str) -> String {
    let scenario = Scenario::parse("test", text_of).unwrap();
    let options = Options { contract: Some(contract), ..Options::default() };
    text(&mut World::new(scenario, options).unwrap(), path, "")
}

#[test]
fn resolvers_are_as_people_post_them() {
    let report = posted(
        "config: { dns/nameservers: ['doh://cloudflare-dns.com/dns-query?ip=1.1.1.2&name=Cloudflare', \
         'dns://192.168.178.1?name=Router&search=fritz.example,nas.example&search-only'] }\n\
         network: { nameservers: [{ ip: '2001:db8::1', search: [lan.] }] }",
        Contract::V1_6,
        "debug/core",
    );
    insta::assert_snapshot!(section(&report, "Resolvers"), @r#"
    **Resolvers: 3/3**:

    ```
    Cloudflare (https://cloudflare-dns.com:443#config)
      https://cloudflare-dns.com:443#config
      Failing: false

    Router (dns://192.168.178.1:53#config)
      dns://192.168.178.1:53#config
      Search Domains: .fritz.example., .nas.example.
      Used for search domains only!
      Failing: false

    2001:db8::1 (dns://2001:db8::1:53#system)
      dns://2001:db8::1:53#system
      Search Domains: .lan.
      Failing: false
    ```
    "#);
}

#[test]
fn each_self_check_fails_with_its_own_text() {
    for (which, expected) in [
        ("failed", "self-check #1: system integration check failed: did not receive test packet after 20s"),
        ("failed-1", "self-check #1: system integration check failed: did not receive test packet after 20s"),
        ("failed-2", "self-check #2: dns integration check failed: did not receive test query after 20s"),
        ("failed-3", "self-check #3: dns integration check failed: did not receive test response after 20s"),
    ] {
        let report = posted(&format!("core: {{ self_check: {which} }}"), Contract::V1_0, "debug/core");
        assert!(
            section(&report, "Compat Module Error").contains(&format!("Message: {expected}\n")),
            "{report}"
        );
        assert!(
            report.contains("**Compatibility: IPTables Chains (36)**:\n\n```\nv4\n  filter\n    INPUT\n")
        );
    }
    assert!(posted("{}", Contract::V1_0, "debug/core").contains("**No Unexpected Logs**:\n\n"));
}

#[test]
fn downloads_are_counted_and_listed() {
    let resources = "config: { core/releaseChannel: beta }\nresources:\n  \
                     - { name: intel/news.yaml, version: 1.2.0, content: 'cards: []' }\n  \
                     - { name: ui/assets.zip, version: 0.3.6 }\n";
    let report = posted(resources, Contract::V1_6, "debug/core");
    let listed = "**Updates: beta (1/2)**:\n\n```\nActive:\nintel/news.yaml: 1.2.0\n\nSelected:\nintel/news.yaml: 1.2.0\n\
                  ui/assets.zip: 0.3.6\n```";
    assert!(report.contains(listed), "{report}");
    let report = posted(resources, Contract::V2_2, "debug/core");
    assert!(report.contains("(2)**:\n\n```\nBinaries Index: v0.3.6 from 2026-"), "{report}");
    assert!(
        report.contains("\n\nFile    Version   Index   SHA256\n\nnews.yaml    1.2.0   intel      "),
        "{report}"
    );
}

#[test]
fn a_core_on_windows_says_so() {
    let desk = include_str!("../../../../fixtures/scenarios/windows-desk.yaml");
    for contract in Contract::ALL {
        let report = posted(&format!("{desk}network: {{ online: limited }}\n"), contract, "debug/core");
        assert!(report.contains("**Platform: Microsoft Windows 11 Pro 10.0."), "{report}");
        assert!(report.contains("**Compatibility: WFP State (10)**:"), "{report}");
        assert!(section(&report, "Unexpected Logs").contains(":212 > "), "{report}");
        assert!(!report.contains('▶') && !report.contains("IPTables"), "{report}");
    }
    let report = posted(desk, Contract::V2_2, "debug/core");
    assert!(section(&report, "SPN").contains("\nConnected:    2h1m29s ago\n---\n"), "{report}");
    let report = posted(desk, Contract::V2_2, "debug/network");
    assert!(
        report.contains("ProcessName: svchost.exe\nBinaryPath:  C:\\Windows\\System32\\svchost.exe\n"),
        "{report}"
    );
}

#[test]
fn a_connection_says_its_protocol_and_flags_in_order() {
    let row = |what: &str| {
        format!("connections: [{{ profile_name: A, local_ip: 10.0.0.2, remote_ip: 10.0.0.3, {what} }}]")
    };
    for (what, expected) in [
        (
            "remote_port: 443, verdict: 6, tunneled: true, internal: true, bytes_sent: 9",
            ("tunneled", "TCP>", "[IETM]"),
        ),
        ("ip_protocol: 58, bytes_sent: 1", ("accepted", "ICMPv6>", "[M]")),
        ("ip_protocol: 2, direction: inbound, bytes_sent: 1", ("accepted", "<IGMP", "[]")),
        ("ip_protocol: 136", ("accepted", "UDPLite>", "[]")),
        ("ip_protocol: 47", ("accepted", "<unknown protocol, 47>>", "[]")),
    ] {
        let report = posted(&row(what), Contract::V2_2, "debug/network");
        let line = report.lines().find(|line| line.contains("10.0.0.3")).unwrap();
        let (verdict, way, flags) = expected;
        assert!(
            line.trim_start().starts_with(verdict) && line.contains(way) && line.contains(flags),
            "{line}"
        );
    }
}
