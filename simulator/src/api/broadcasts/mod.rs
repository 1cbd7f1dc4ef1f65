//! `broadcasts/*`: what broadcasts are matched with, a rehearsal, and forgetting what was shown.

mod data;
mod update;

use portmaster_fixtures::Defect;
use serde_json::Value;

use super::{Call, Handler, Reply};
use crate::{
    query::Grammar,
    world::{
        Change, World,
        broadcasts::{Outcome, Rehearsal},
        crash,
    },
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("broadcasts/matching-data", matching_data),
    Handler::new("broadcasts/reset-state", reset_state),
    Handler::new("broadcasts/simulate", simulate),
];

fn matching_data(world: &mut World, call: &Call) -> Reply {
    call.structured(&data::matching(world))
}

/// The note of what was dismissed is a record that, once there, stays, if empty.
fn reset_state(world: &mut World, _: &Call) -> Reply {
    if world.broadcasts.is_none() {
        return Reply::failure("database entry not found");
    }
    match world.apply(Change::ForgetBroadcasts) {
        Ok(()) => Reply::action("Reset complete. Some notifications require a restart to reappear."),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

/// Shows the broadcasts of a body and says what became of each, by id. The cores' order is chance.
fn simulate(world: &mut World, call: &Call) -> Reply {
    let state = call.parameter("state").as_deref() == Some("true");
    let update = match update::read(call.body(), world.now(), Grammar::of(world.behaviour)) {
        Ok(update) => update,
        Err(update::UpdateError::Empty) if world.behaviour.has(Defect::EmptyBroadcastCrashes) => {
            return Reply::failure(crash::words(world.dev_mode()));
        }
        Err(update::UpdateError::Empty) => {
            return Reply::failure(
                "failed to parse broadcast notifications update: a broadcast shows nothing",
            );
        }
        Err(update::UpdateError::Text(text)) => {
            return Reply::failure(format!("failed to parse broadcast notifications update: {text}"));
        }
    };
    let data = Value::from(data::matching(world)).to_string();
    let how = Rehearsal { data: &data, state, automatic: update.automatic };
    let mut lines = Vec::with_capacity(update.broadcasts.len());
    if state && update.automatic {
        match world.withdraw(|id| update.broadcasts.contains_key(id)) {
            Ok(ids) => lines.extend(ids.iter().map(|id| line(id, Outcome::Unsent))),
            Err(refused) => return Reply::failure(refused.to_string()),
        }
    }
    for (id, broadcast) in update.broadcasts {
        lines.push(match world.broadcast(broadcast, how) {
            Ok(outcome) => line(&id, outcome),
            Err(error) => format!("FAILED {id:>23}: {error}"),
        });
    }
    Reply::action(lines.join("\n"))
}

fn line(id: &str, outcome: Outcome) -> String {
    format!("{id:>30}: {}", outcome.words())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::Method;
    use jiff::SignedDuration;
    use portmaster_fixtures::{Contract, Scenario};

    use super::*;
    use crate::{api::Failure, world::Options};

    fn world(yaml: &str, contract: Contract) -> World {
        let options = Options { contract: Some(contract), ..Options::default() };
        World::new(Scenario::parse("test", yaml).expect("a scenario"), options).expect("a world")
    }

    fn ask(world: &mut World, run: crate::api::Run, query: &str, body: &str) -> String {
        let call = Call {
            method: Method::POST,
            query: query.to_owned(),
            body: Some(Bytes::copy_from_slice(body.as_bytes())),
            ..Call::plain()
        };
        match run(world, &call) {
            Reply::Action(text) => text,
            Reply::Struct(bytes) => String::from_utf8(bytes.into()).expect("a text"),
            Reply::Failure(Failure { text, .. }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_dismissed_broadcast_rests_until_it_is_due_again() {
        let mut world = world("{}", Contract::Docs);
        let body = "notifications:\n  one:\n    title: T\n    repeat: 1h\n";
        let line = |what: &str| format!("{:>30}: {what}", "one");
        let gone = "Reset complete. Some notifications require a restart to reappear.";
        assert_eq!(ask(&mut world, simulate, "state=true", body), line("displayed"));
        assert_eq!(ask(&mut world, reset_state, "", ""), "database entry not found", "nothing was dismissed");
        let close = |world: &mut World| {
            world.apply(Change::Dismiss { event_id: "broadcasts:one".to_owned() }).unwrap()
        };
        let dismiss = |world: &mut World| {
            world.apply(Change::DismissBroadcast { id: "one".to_owned() }).unwrap();
            close(world);
        };
        dismiss(&mut world);
        let resting = line("broadcast skipped: already shown");
        assert_eq!(ask(&mut world, simulate, "state=true", body), resting);
        assert_eq!(ask(&mut world, simulate, "state=false", body), line("displayed"));
        close(&mut world);
        world.clock.advance(SignedDuration::from_mins(61));
        assert_eq!(ask(&mut world, simulate, "state=true", body), line("displayed"));
        dismiss(&mut world);
        assert_eq!(ask(&mut world, reset_state, "", ""), gone);
        assert_eq!(ask(&mut world, reset_state, "", ""), gone);
        assert_eq!(ask(&mut world, simulate, "state=true", body), line("displayed"));
    }

    #[test]
    fn a_crash_says_why_in_development_mode() {
        let body = "notifications:\n  one: null\n";
        let said = |yaml| ask(&mut world(yaml, Contract::V2_2), simulate, "", body);
        assert_eq!(said("{}"), "Internal Server Error.");
        let told = said("config: { core/devMode: true }");
        assert!(told.starts_with("Internal Server Error: runtime error: "), "{told}");
        assert!(told.contains("\n\ngoroutine "), "{told}");
    }

    #[test]
    fn a_broadcast_is_shown_to_those_whom_it_fits() {
        let mut world = world("{}", Contract::V2_2);
        let body = |automatic: bool, condition: &str| {
            format!("automatic: {automatic}\nnotifications:\n  one:\n    title: T\n    match: {condition}\n")
        };
        let line = |what: &str| format!("{:>30}: {what}", "one");
        let unfit = body(false, "Version sameas nope");
        assert_eq!(ask(&mut world, simulate, "", &unfit), line("broadcast skipped: does not match"));
        let fit = body(false, "SPN.Status sameas disabled and UptimeHours < 1");
        assert_eq!(ask(&mut world, simulate, "", &fit), line("displayed"));
        assert_eq!(ask(&mut world, simulate, "", &unfit), line("broadcast skipped: does not match"));
        let unfit = body(true, "Version sameas nope");
        assert_eq!(ask(&mut world, simulate, "", &unfit), line("broadcast skipped: removed due to mismatch"));
        assert_eq!(ask(&mut world, simulate, "", &unfit), line("broadcast skipped: does not match"));
    }

    #[test]
    fn the_home_office_shows_what_its_broadcasts_say() {
        let mut world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
        let file = world.resources.iter().find(|one| one.name == "intel/notifications.yaml").unwrap();
        let body = file.content.clone().unwrap();
        let line = |what: &str| format!("{:>30}: {what}", "spring-survey");
        let shown = |world: &World| {
            let one = world.notification("broadcasts:spring-survey").unwrap();
            let choices: Vec<String> = one.choices().map(|one| one.text.clone()).collect();
            (one.title.clone(), one.category.clone(), one.message.clone(), choices)
        };
        let before = shown(&world);
        assert_eq!(ask(&mut world, simulate, "", &body), line("broadcast skipped: already active"));
        world.apply(Change::Dismiss { event_id: "broadcasts:spring-survey".to_owned() }).unwrap();
        assert_eq!(ask(&mut world, simulate, "", &body), line("displayed"));
        assert_eq!(shown(&world), before);
    }

    #[test]
    fn what_is_no_longer_sent_goes() {
        let mut world = world("{}", Contract::V2_2);
        let nothing = "automatic: true\nnotifications: {}\n";
        world.apply(Change::DismissBroadcast { id: "one".to_owned() }).unwrap();
        let line = |what: &str| format!("{:>30}: {what}", "one");
        assert_eq!(ask(&mut world, simulate, "", "notifications: { one: { title: T } }"), line("displayed"));
        assert_eq!(ask(&mut world, simulate, "", nothing), "", "the note matters with state=true only");
        assert_eq!(
            ask(&mut world, simulate, "state=true", nothing),
            line("broadcast skipped: removed by source")
        );
        assert_eq!(ask(&mut world, simulate, "state=true", nothing), "");
    }

    #[test]
    fn what_is_shown_is_a_notification() {
        let mut world = world("{}", Contract::Docs);
        let body = r#"{"Notifications":{"one":{"Title":"T","Type":1,"Message":"hello","AvailableActions":[{"ID":"a","Text":"OK"}]}}}"#;
        assert_eq!(ask(&mut world, simulate, "", body), format!("{:>30}: displayed", "one"));
        assert_eq!(
            ask(&mut world, simulate, "state=1", body),
            format!("{:>30}: broadcast skipped: already active", "one")
        );
        let shown = world.notification("broadcasts:one").expect("a notification");
        assert_eq!((shown.title.as_str(), shown.kind, shown.message.as_str()), ("T", 1, "hello"));
        assert_eq!((shown.guid.len(), shown.available_actions.as_ref().map(Vec::len)), (36, Some(1)));
    }

    #[test]
    fn matching_data_has_the_members_of_its_contract() {
        let members = |contract| {
            let data = ask(&mut world("{}", contract), matching_data, "", "");
            let data: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&data).expect("an object");
            assert_eq!(data["Account"], serde_json::json!({ "Error": {} }));
            data.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let early = "Account Config Install Location NumericVersion SPN Updates UptimeHours Version";
        assert_eq!(members(Contract::V1_0), early);
        assert_eq!(members(Contract::V2_2), early.replace("Config ", "Config Current "));
    }
}
