use portmaster_fixtures::{Contract, Scenario, scenario::ConnectionRow};
use serde_json::Value;

use super::*;
use crate::world::{Options, session::Token};

fn world(contract: Contract) -> World {
    let scenario = Scenario::load("recorded-1").unwrap();
    let mut world = World::new(scenario, Options { contract: Some(contract), ..Options::default() }).unwrap();
    world.connections.clear();
    let row = |id: &str| ConnectionRow { id: id.to_owned(), ..ConnectionRow::default() };
    for row in [
        ConnectionRow { remote_port: 443, ..row("tls") },
        ConnectionRow { tunneled: true, active: false, ..row("tunneled") },
        ConnectionRow { verdict: 3, active: false, ..row("blocked") },
        ConnectionRow { kind: "dns".to_owned(), active: false, ..row("dns") },
    ] {
        let now = world.now();
        world.connections.insert(row, now);
    }
    world
}

fn asked(contract: Contract, path: &str, query: &str, read: Permission) -> Value {
    let token = Token { read, write: Permission::Anyone };
    let call = Call { query: query.to_owned(), token, ..Call::plain() };
    let handler = HANDLERS.iter().find(|handler| handler.path == path).unwrap();
    match (handler.run)(&mut world(contract), &call) {
        Reply::Struct(body) => serde_json::from_slice(&body).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_everybody_may_ask_shows_everything() {
    let list = asked(Contract::V1_0, "metrics/list", "", Permission::Anyone);
    assert_eq!(list.as_array().unwrap().len(), 24);
    insta::assert_snapshot!(serde_json::to_string_pretty(&list[0]).unwrap(), @r#"
    {
      "Identifier": "_runtime",
      "Labels": {
        "instance": "simulator"
      },
      "LabeledIdentifier": "portmaster__runtime{instance=\"simulator\"}",
      "Options": {
        "Name": "Golang Runtime",
        "AlertLimit": 0,
        "AlertTimeframe": 0,
        "Permission": 3,
        "ExpertiseLevel": 2,
        "Persist": false
      }
    }
    "#);
}

#[test]
fn the_privacy_network_is_measured_where_it_is_on() {
    let of = |contract: Contract| {
        let scenario = Scenario::load("spn-enabled").unwrap();
        let options = Options { contract: Some(contract), ..Options::default() };
        collected::metrics(&World::new(scenario, options).unwrap())
    };
    let [early, late] = [of(Contract::V1_0), of(Contract::V1_6)];
    assert_eq!((early.len(), late.len()), (44, 64));
    let told = |all: &[Metric], label| all.iter().any(|metric| metric.labels.contains_key(label));
    assert!(told(&early, "build_user") && !told(&early, "result"));
    assert!(!told(&late, "build_user") && told(&late, "result"));
    let empty =
        late.iter().find(|metric| metric.identifier == "spn/op/expand/histogram/traffic/bytes").unwrap();
    assert_eq!(empty.value(), None);
}

#[test]
fn elsewhere_a_caller_sees_what_it_may_read() {
    let count = |read| asked(Contract::V1_6, "metrics/list", "", read).as_array().unwrap().len();
    assert_eq!([Permission::Anyone, Permission::User, Permission::Admin].map(count), [0, 24, 25]);
    let list = asked(Contract::V1_6, "metrics/list", "", Permission::User);
    insta::assert_snapshot!(list[2].to_string(), @r#"{"Metric":{"Identifier":"host/disk/total","Labels":{"instance":"simulator"},"LabeledIdentifier":"portmaster_host_disk_total{instance=\"simulator\"}","Options":{"Name":"Host Disk Total","InternalID":"","AlertLimit":0,"AlertTimeframe":0,"Permission":2,"ExpertiseLevel":0,"Persist":false}},"CurrentValue":256000000000}"#);
}

#[test]
fn metrics_are_sorted_by_name_with_labels() {
    let list = asked(Contract::V1_0, "metrics/list", "", Permission::Anyone);
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|metric| metric["LabeledIdentifier"].as_str().unwrap()).collect();
    assert!(names.is_sorted());
    assert_eq!(names[6], "portmaster_host_load_avg_15{instance=\"simulator\"}");
}

#[test]
fn values_go_by_their_internal_names() {
    let internal = asked(Contract::V2_2, "metrics/values", "internal-only=false", Permission::User);
    assert_eq!(
        internal.to_string(),
        r#"{"active_connections":1,"blocked_outgoing_connections":1,"handled_dns_requests":1}"#
    );
    assert_eq!(asked(Contract::V2_2, "metrics/values", "", Permission::Anyone).to_string(), "{}");
}

#[test]
fn prometheus_gets_what_the_caller_may_read() {
    let world = world(Contract::V1_0);
    assert_eq!(text(&world, Permission::Anyone, ""), "");
    assert!(text(&world, Permission::Admin, "").contains("portmaster_go_goroutines"));
    assert!(!text(&world, Permission::Admin, "expert").contains("portmaster_go_goroutines"));
    assert!(text(&world, Permission::User, "expert").contains("nameserver_request_duration_seconds_count"));
    insta::assert_snapshot!(text(&world, Permission::User, "user"), @r#"
    portmaster_host_disk_free{instance="simulator"} 160000000000
    portmaster_host_disk_total{instance="simulator"} 256000000000
    portmaster_host_disk_used_percent{instance="simulator"} 37.5
    portmaster_host_disk_used{instance="simulator"} 96000000000
    portmaster_host_load_avg_15{instance="simulator"} 0.31
    portmaster_host_load_avg_1{instance="simulator"} 0.42
    portmaster_host_load_avg_5{instance="simulator"} 0.36
    portmaster_host_mem_available{instance="simulator"} 10737418240
    portmaster_host_mem_total{instance="simulator"} 17179869184
    portmaster_host_mem_used_percent{instance="simulator"} 37.5
    portmaster_host_mem_used{instance="simulator"} 6442450944
    portmaster_info{build_date="",build_host="",build_options="",build_source="",build_user="",comment="simulated",commit="",go_arch="amd64",go_compiler="gc",go_os="linux",go_version="go1.24.2",instance="simulator",version="1.0.0"} 1
    portmaster_logs_critical_total{instance="simulator"} 0
    portmaster_logs_error_total{instance="simulator"} 1
    portmaster_logs_warning_total{instance="simulator"} 0
    portmaster_network_connections_active_total{instance="simulator"} 1
    portmaster_network_connections_total{blocked="true",direction="out",instance="simulator"} 1
    portmaster_network_connections_total{direction="out",encrypted="true",instance="simulator",tunneled="true"} 0
    portmaster_network_connections_total{direction="out",encrypted="true",instance="simulator"} 1
    portmaster_network_connections_total{direction="out",instance="simulator",tunneled="true"} 1
    portmaster_network_connections_total{direction="out",instance="simulator"} 0
    "#);
}
