use portmaster_fixtures::{Contract, Scenario, scenario};
use serde_json::Value;

use super::*;
use crate::world::{Options, notifications::State};

/// A program that asks, on a clock that goes by hand.
const CURIOUS: &str = "
clock: manual
config: { filter/askTimeout: 60 }
network: { known: [{ net: 203.0.113.0/24, country: AT, asn: 64498, as_org: Alpenglow }] }
apps:
  - { name: Curious, path: /opt/curious, id: c, processes: [{ pid: 70 }], config: { filter/endpoints: ['- .ads.example', '+ LAN'] } }
";

fn world(contract: Contract) -> World {
    let options = Options { contract: Some(contract), ..Options::default() };
    World::new(Scenario::parse("test", CURIOUS).unwrap(), options).unwrap()
}

fn perform(world: &mut World, change: &str) -> Result<(), String> {
    let change: scenario::Change = serde_saphyr::from_str(change).unwrap();
    world.change(&change).map(|_| ()).map_err(|error| error.to_string())
}

/// Opens an undecided connection: its id.
fn open(world: &mut World, what: &str) -> String {
    let row = format!("{{ connections: {{ open: [{{ profile_name: Curious, verdict: 0, {what} }}] }} }}");
    perform(world, &row).unwrap();
    world.connections.in_order().last().unwrap().id().to_owned()
}

fn row(world: &World, id: &str) -> ConnectionRow {
    world.connections.get(id).unwrap().row()
}

fn reason(row: &ConnectionRow) -> String {
    let extra = row.extra_data_value();
    let reason = |member: &str| extra["reason"][member].as_str().unwrap_or_default().to_owned();
    format!("{} @ {}", reason("Msg"), reason("OptionKey"))
}

fn rules(world: &World, option: &str) -> Value {
    world.profiles.iter().find(|one| one.profile.name == "Curious").unwrap().profile.settings()[option]
        .clone()
}

const DOMAIN: &str = "domain: a.b.example., remote_ip: 203.0.113.7, remote_port: 443";

fn pass(world: &mut World, seconds: i64) {
    world.clock.advance(SignedDuration::from_secs(seconds));
    world.run_due();
}

#[test]
fn an_undecided_connection_is_asked_about() {
    let mut world = world(Contract::V2_2);
    let id = open(&mut world, DOMAIN);
    let profile = row(&world, &id).profile;
    let prompt = world.notifications().find(|one| one.kind == 2).unwrap().clone();
    let short = profile.strip_prefix("local/").unwrap();
    assert_eq!(prompt.event_id, format!("filter:prompt-{short}-a.b.example."));
    assert_eq!((prompt.title.as_str(), prompt.category.as_str()), ("Connection Prompt", "Privacy Filter"));
    assert_eq!(prompt.message, "Curious wants to connect to a.b.example.");
    let actions: Vec<_> = prompt.choices().map(|one| format!("{} {}", one.id, one.text)).collect();
    assert_eq!(actions, ["allow-domain-all Allow", "block-domain-all Block"]);
    assert_eq!(prompt.expires, world.now().as_second() + 60);
    let data = &prompt.event_data;
    assert_eq!(data["Profile"], json!({ "Source": "local", "ID": short, "LinkedPath": "/opt/curious" }));
    let entity = &data["Entity"];
    assert_eq!((&entity["Domain"], &entity["IP"]), (&json!("a.b.example."), &json!("203.0.113.7")));
    assert_eq!(
        (&entity["Port"], &entity["Protocol"], &entity["Country"]),
        (&json!(443), &json!(6), &json!("AT"))
    );
    assert_eq!((row(&world, &id).verdict, row(&world, &id).allowed()), (0, Some(false)));
}

#[test]
fn early_cores_say_nothing_of_what_nobody_decided() {
    let mut world = world(Contract::V1_0);
    let id = open(&mut world, DOMAIN);
    assert_eq!((row(&world, &id).verdict, row(&world, &id).allowed()), (0, None));
}

#[test]
fn a_prompt_without_a_domain_names_the_address() {
    for (what, prompt, message, actions) in [
        (
            "remote_ip: 203.0.113.7, remote_port: 5000, ip_protocol: 17",
            "false-203.0.113.7",
            "Curious wants to connect to 203.0.113.7 (UDP/5000)",
            ["allow-ip", "block-ip"],
        ),
        (
            "direction: inbound, remote_ip: 203.0.113.8, remote_port: 22",
            "true-203.0.113.8",
            "Curious wants to accept connections from 203.0.113.8 (TCP/22)",
            ["allow-serving-ip", "block-serving-ip"],
        ),
    ] {
        let mut world = world(Contract::V1_0);
        open(&mut world, what);
        let found = world.notifications().find(|one| one.kind == 2).unwrap();
        assert_eq!(found.event_id, format!("filter:prompt-c-{prompt}"));
        assert_eq!(found.message, message);
        assert!(found.choices().map(|one| one.id.as_str()).eq(actions));
    }
}

#[test]
fn an_answer_makes_a_rule_and_lets_the_connection_go_on() {
    for (what, action, option, rule, verdict, why) in [
        (DOMAIN, "allow-domain-all", OUTGOING, "+ .a.b.example.", 2, "allowed via prompt"),
        (DOMAIN, "block-domain-all", OUTGOING, "- .a.b.example.", 3, "blocked via prompt"),
        (DOMAIN, "allow-domain-distinct", OUTGOING, "+ a.b.example.", 2, "allowed via prompt"),
        (DOMAIN, "block-domain-distinct", OUTGOING, "- a.b.example.", 3, "blocked via prompt"),
        ("remote_ip: 203.0.113.7", "allow-ip", OUTGOING, "+ 203.0.113.7", 2, "allowed via prompt"),
        ("remote_ip: 203.0.113.7", "block-ip", OUTGOING, "- 203.0.113.7", 3, "blocked via prompt"),
        (
            "remote_ip: 203.0.113.7, direction: inbound",
            "allow-serving-ip",
            INCOMING,
            "+ 203.0.113.7",
            2,
            "allowed via prompt",
        ),
    ] {
        for contract in Contract::ALL {
            let mut world = world(contract);
            let id = open(&mut world, what);
            let event_id = world.notifications().find(|one| one.kind == 2).unwrap().event_id.clone();
            world.take_events();
            let answer = Change::Respond {
                event_id: event_id.clone(),
                state: String::new(),
                action: action.to_owned(),
            };
            world.apply(answer).unwrap();
            let found = row(&world, &id);
            assert_eq!(
                (found.verdict, found.allowed(), found.active),
                (verdict, Some(verdict == 2), verdict == 2)
            );
            assert_eq!(reason(&found), format!("{why} @ filter/endpoints"), "{action}");
            assert_eq!(rules(&world, option)[0], rule);
            if option == OUTGOING {
                assert_eq!(rules(&world, option), json!([rule, "- .ads.example", "+ LAN"]));
            }
            assert_eq!(world.notification(&event_id).unwrap().state, State::Executed);
            let told: Vec<String> = world
                .take_events()
                .iter()
                .filter_map(|event| match event {
                    Event::Record(record) => Some(record.key.clone()),
                    Event::Connection(row) => Some(row.id.clone()),
                    _ => None,
                })
                .collect();
            assert!(
                told.contains(&format!("core:profiles/{}", found.profile)) && told.contains(&id),
                "{told:?}"
            );
            // From now on the rule decides.
            let next = open(&mut world, what);
            let word = if verdict == 2 { "allowed" } else { "blocked" };
            assert!(reason(&row(&world, &next)).starts_with(&format!("{word} by rule: ")));
            assert_eq!(world.notifications().filter(|one| one.kind == 2 && one.is_open()).count(), 0);
        }
    }
}

#[test]
fn what_nobody_answers_is_blocked_while_the_prompt_stays_for_its_time() {
    let mut world = world(Contract::V2_2);
    let first = open(&mut world, DOMAIN);
    pass(&mut world, 9);
    assert_eq!(row(&world, &first).verdict, 0);
    pass(&mut world, 1);
    let blocked = row(&world, &first);
    assert_eq!((blocked.verdict, blocked.active), (3, false));
    assert_eq!(reason(&blocked), "prompting in progress, please respond to prompt @ filter/defaultAction");
    // The last connection that wanted it counts.
    pass(&mut world, 30);
    let second = open(&mut world, DOMAIN);
    pass(&mut world, 60);
    assert_eq!(world.notifications().filter(|one| one.kind == 2).count(), 1);
    pass(&mut world, 1);
    assert_eq!(world.notifications().filter(|one| one.kind == 2).count(), 0);
    assert_eq!(row(&world, &second).verdict, 3);
    assert_eq!(world.next_patience(), None);
}

#[test]
fn a_rule_of_the_program_decides_before_anybody_is_asked() {
    let mut world = world(Contract::V2_2);
    let id = open(&mut world, "domain: x.ads.example., remote_ip: 203.0.113.9");
    assert_eq!(reason(&row(&world, &id)), "blocked by rule: domain matches .ads.example @ filter/endpoints");
    assert_eq!(world.notifications().filter(|one| one.kind == 2).count(), 0);
}

#[test]
fn scenarios_answer_by_a_pattern() {
    let mut world = world(Contract::V2_2);
    let id = open(&mut world, DOMAIN);
    let answer = |pattern: &str, action: &str| {
        format!("{{ notifications: {{ answer: {{ '{pattern}': {action} }} }} }}")
    };
    let wrong = perform(&mut world, &answer("filter:prompt-*-nobody.example.", "allow-domain-all"));
    assert_eq!(wrong, Err("no notification that waits fits \"filter:prompt-*-nobody.example.\"".to_owned()));
    perform(&mut world, &answer("filter:prompt-*-a.b.example.", "allow-domain-all")).unwrap();
    assert_eq!(row(&world, &id).verdict, 2);
}

#[test]
fn a_connection_that_was_closed_meanwhile_stays_as_it_is() {
    let mut world = world(Contract::V2_2);
    let id = open(&mut world, DOMAIN);
    perform(&mut world, "{ connections: { close: all } }").unwrap();
    let event_id = world.notifications().find(|one| one.kind == 2).unwrap().event_id.clone();
    let action = "allow-domain-all".to_owned();
    world.apply(Change::Respond { event_id, state: String::new(), action }).unwrap();
    assert_eq!(row(&world, &id).verdict, 0);
}
