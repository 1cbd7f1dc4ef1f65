//! What happens by itself when its instant comes.

use jiff::Timestamp;
use portmaster_fixtures::scenario::{ClockMode, StateMatch};

use super::{Change, Clock, Event, World};
use crate::limits;

/// How far a clock was moved by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// To where it was to be; the instant.
    There(Timestamp),
    /// Not yet that far.
    OnTheWay,
}

impl World {
    /// Moves the clock on to an instant or, if a state is waited for, to an earlier one at which it holds. No more happens
    /// on the way than so many things, each with what is told of it; call again if that was not all.
    pub fn move_towards(&mut self, target: Timestamp, until: Option<&StateMatch>, most: usize) -> Moved {
        let target = target.min(Clock::END);
        let mut done = 0;
        while done < most {
            if until.is_some_and(|state| self.is_so(state)) {
                return Moved::There(self.now());
            }
            let Some(due) = self.next_due().filter(|due| *due <= target) else {
                self.clock.advance(target.duration_since(self.now()));
                self.run_due();
                return Moved::There(self.now());
            };
            let now = self.now();
            self.clock.advance(due.duration_since(now));
            // What was due before is late, and happens at its own instant.
            let late = due < now;
            if late {
                self.clock.show(due);
            }
            done += self.happen(due);
            self.react_to_states();
            if late {
                self.clock.show(now);
            }
        }
        Moved::OnTheWay
    }

    /// The next instant at which something happens by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let pause = self.pause.as_ref().map(|pause| pause.until);
        let connection = self.connections.next_due();
        let all = [
            pause,
            self.next_plan_end(),
            self.next_expiry(),
            self.next_patience(),
            connection,
            self.life.next(),
            self.timeline.next(),
            self.next_late(),
        ];
        all.into_iter().flatten().min()
    }

    /// Lets happen what is due by now, in order, each at its own instant: however seldom somebody looks, the world is the
    /// same. The next instant at which something will be.
    pub fn run_due(&mut self) -> Option<Timestamp> {
        let now = self.now();
        let most =
            if matches!(self.clock.mode(), ClockMode::Running(_)) { limits::DUE_AT_ONCE } else { usize::MAX };
        let mut done = 0;
        while done < most {
            let next = self.next_due();
            let Some(due) = next.filter(|due| *due <= now) else {
                self.clock.show(now);
                self.react_to_states();
                return next;
            };
            self.clock.show(due);
            done += self.happen(due);
            self.react_to_states();
        }
        self.next_due()
    }

    /// Lets one thing happen that is due. It counts as much as is told of it.
    fn happen(&mut self, due: Timestamp) -> usize {
        let before = self.events.len();
        if self.pause.as_ref().is_some_and(|pause| pause.until <= due) {
            // Resuming refuses nothing.
            let _ = self.apply(Change::Resume);
        } else if self.next_plan_end().is_some_and(|ends| ends <= due) {
            let _ = self.apply(Change::PlanEnds);
        } else if self.next_expiry().is_some_and(|expiry| expiry <= due) {
            let _ = self.apply(Change::ExpireNotifications);
        } else if self.next_patience().is_some_and(|end| end <= due) {
            let _ = self.apply(Change::GiveUpWaiting);
        } else if self.connections.next_due().is_some_and(|next| next <= due) {
            let ids = self.connections.take_ending(due);
            let change = if ids.is_empty() { Change::ExpireConnections } else { Change::Close(ids) };
            let _ = self.apply(change);
        } else if self.next_late().is_some_and(|late| late <= due) {
            self.tell_late(due);
        } else if self.life.next().is_some_and(|next| next <= due) {
            self.live_on(due);
        } else if let Some(taken) = self.timeline.take(due) {
            self.perform_due(&taken);
        }
        let told = self.events.iter().skip(before);
        1 + told.map(|event| if let Event::Gone(gone, _) = event { gone.len() } else { 1 }).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use portmaster_fixtures::Scenario;
    use proptest::{collection, prelude::*};
    use serde_json::{Value, json};

    use super::*;
    use crate::world::Options;

    /// Changes of all kinds, in a world at home.
    const CHANGES: &[&str] = &[
        "network: { online: offline }",
        "network: { online: online, captive_portal: null }",
        "network: { captive_portal: { url: 'http://x.example/' }, gateways: [10.0.0.1] }",
        "config: { spn/enable: false }",
        "config: { spn/enable: null }",
        "dns: { clear: true, cache: { add: [{ domain: x.example., type: A, answer: [A 192.0.2.1], resolver: Quad9 }] } }",
        "dns: { resolvers: { Quad9: { failing: true } } }",
        "spn: { status: failed }",
        "spn: { status: null, account: null }",
        "spn: { account: { username: ada, ends: 2026-03-16T09:30:40Z, plan: { name: P, amount: 1, months: 1 } } }",
        "spn: { hubs: { degrade: [{ hub: Avior, latency_ms: 900, states: [failing] }] } }",
        "spn: { hubs: { join: [{ name: New, country: DE, lanes: [{ to: Avior, latency_ms: 3, capacity_mbit: 9 }] }] } }",
        "connections: { open: 3 }",
        "connections: { open: 120 }",
        "connections: { close: 2, open: { count: 1, apps: [Firefox] } }",
        "connections: { close: all }",
        "notifications: { add: [{ id: a, expires: 7 }, { id: b }] }",
        "notifications: { remove: [b] }",
        "modules: { fail: [{ module: Resolver, id: r, title: R }] }",
        "modules: { recover: [r] }",
        "pause: { duration: 5s }",
        "resume: true",
        "apps: { add: [{ name: New, path: /new }] }",
        "core: { starting: true }",
    ];

    /// A timeline in YAML, of instants, spans and changes.
    fn timeline() -> impl Strategy<Value = String> {
        let entry = (0_u32..60, proptest::option::of(1_u32..20), 0_u32..1000, 0..CHANGES.len()).prop_map(
            |(at, every, jitter, change)| {
                let every =
                    every.map_or(String::new(), |every| format!("every: {every}s, jitter: {jitter}ms, "));
                format!("  - {{ at: {at}s, {every}change: {{ {} }} }}\n", CHANGES[change])
            },
        );
        collection::vec(entry, 1..12).prop_map(|entries| {
            let rules = "rules:\n  - { when: { state: { path: connections.active, above: 20 } }, \
                         then: [{ change: { connections: { close: 10 } } }] }\n  \
                         - { when: { state: { path: spn.account.may_use_spn, equals: false } }, \
                         then: [{ change: { connections: { open: 1 } } }] }\n  \
                         - { when: { change: 'spn/*' }, then: [{ after: 3s, change: { connections: { open: 1 } } }] }\n";
            format!("extends: home-office\nclock: manual\n{rules}timeline:\n{}", entries.concat())
        })
    }

    /// What a world looks like once its clock was moved in these steps, and what it told on the way.
    fn run(yaml: &str, steps: &[i64]) -> (Value, Vec<String>) {
        let scenario = Scenario::parse("drawn", yaml).expect("a scenario");
        let mut world = World::new(scenario, Options::default()).expect("a world");
        let mut told = Vec::new();
        for step in steps {
            world.clock.advance(SignedDuration::from_millis(*step));
            world.run_due();
            told.extend(world.take_events().iter().map(|event| format!("{event:?}")));
        }
        let rows: Vec<Value> = world.connections.values().map(|one| json!(one.row())).collect();
        (json!({ "now": world.now(), "state": world.state(), "connections": rows }), told)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

        #[test]
        fn a_world_is_the_same_however_often_somebody_looks(
            yaml in timeline(),
            steps in collection::vec(1_i64..20_000, 1..20),
        ) {
            let whole: i64 = steps.iter().sum();
            let (once, again) = (run(&yaml, &steps), run(&yaml, &steps));
            prop_assert_eq!(&once, &again);
            let (state, told) = run(&yaml, &[whole]);
            prop_assert_eq!(&once.0, &state);
            prop_assert_eq!(&once.1, &told);
        }
    }

    #[test]
    fn rules_that_set_each_other_off_later_stop_as_well() {
        let rules = |then: &str| {
            format!(
                "extends: home-office\nclock: manual\nrules: [{{ when: {{ change: 'notifications/*' }}, then: [{then}] }}]\ntimeline: [{{ at: 1s, change: {{ notifications: {{ add: [{{ id: x }}] }} }} }}]"
            )
        };
        let deep = "{ after: 1s, change: { notifications: { add: [{ id: a }] } } }";
        let wide = "{ after: 1s, change: { notifications: { add: [{ id: a }, { id: b }, { id: c }] } } }";
        let at_once = "{ after: 0s, change: { notifications: { add: [{ id: a }, { id: b }, { id: c }] } } }";
        for (then, most) in [(deep, 1 + 8), (wide, 1 + 3 * 256), (at_once, 1 + 3 * 256)] {
            let steps = [500; 60];
            let (_, told) = run(&rules(then), &steps);
            let notified = told.iter().filter(|event| event.contains("\"EventID\"")).count();
            assert!(notified > 8 && notified <= most, "{then}: {notified}");
            assert!(told.iter().any(|event| event.contains("they stop")), "{then}");
            assert_eq!(run(&rules(then), &[30_000]).1, told, "{then}");
        }
    }

    #[test]
    fn a_world_holds_no_more_connections_than_so_many() {
        let scenario = Scenario::load("home-office").expect("a scenario");
        let mut world = World::new(scenario, Options::default()).expect("a world");
        let there = world.connections.len();
        let mut open = |count| {
            let told = serde_saphyr::from_str(&format!("connections: {{ open: {count} }}"));
            world.perform(&told.expect("a change")).map_err(|refused| refused.to_string())
        };
        let why = open(limits::HELD).expect_err("too many");
        assert!(why.contains(&format!("{there} that are there, expected at most 1100000 in all")), "{why}");
        assert_eq!(open(1), Ok(()));
    }

    #[test]
    fn a_clock_that_runs_falls_behind_by_a_count_rather_than_keep_others_waiting() {
        let yaml = "extends: home-office\nclock: x1000\ntimeline: [{ every: 1s, change: { connections: { open: 10 } } }]";
        let scenario = Scenario::parse("drawn", yaml).expect("a scenario");
        let mut world = World::new(scenario, Options::default()).expect("a world");
        let target = world.now() + SignedDuration::from_secs(1000);
        world.clock.observe(std::time::Duration::from_secs(1));
        let before = world.connections.len();
        assert!(world.run_due().is_some_and(|due| due <= target));
        let opened = world.connections.len() - before;
        assert!(opened > 0 && opened <= limits::DUE_AT_ONCE, "{opened}");
        assert_eq!(world.move_towards(target, None, 1), Moved::OnTheWay);
    }

    #[test]
    fn a_change_that_is_due_opens_many_connections_a_few_at_a_time() {
        let world = |change: &str| {
            let yaml = format!(
                "extends: home-office\nclock: running\ntimeline: [{{ every: 1s, jitter: 1s, change: {{ {change} }} }}]"
            );
            let scenario = Scenario::parse("drawn", &yaml).expect("a scenario");
            let mut world = World::new(scenario, Options::default()).expect("a world");
            world.clock.observe(std::time::Duration::from_millis(1999));
            world
        };
        let mut many = world("connections: { close: all, open: { count: 1000, apps: [Firefox] } }");
        let before = many.connections.len();
        let (mut looks, mut most) = (0, 0);
        while many.connections.len() < before + 1000 {
            let there = many.connections.len();
            many.run_due();
            most = most.max(many.connections.len() - there);
            looks += 1;
            assert!(looks < 100, "{} are open", many.connections.len() - before);
        }
        assert!(most <= limits::DUE_AT_ONCE, "{most}");
        // Without room for all none is opened, which is told once.
        let whole = json!({ "connections": { "open": limits::HELD } });
        let whole = Arc::new(serde_json::from_value(whole).expect("a change"));
        let (there, due) = (many.connections.len(), many.now());
        many.timeline.add(due, whole, 0, None);
        many.events.clear();
        many.run_due();
        assert_eq!(many.connections.len(), there);
        let refused = many.events.iter().filter(|event| format!("{event:?}").contains("at most 1100000"));
        assert_eq!(refused.count(), 1);
    }

    #[test]
    fn very_many_that_end_together_go_a_few_at_a_time() {
        let yaml = "extends: home-office\nclock: running\ntimeline: [{ at: 1s, change: { connections: { open: 900 } } }, { at: 2s, change: { connections: { close: all } } }]";
        let scenario = Scenario::parse("drawn", yaml).expect("a scenario");
        let mut world = World::new(scenario, Options::default()).expect("a world");
        let (mut opened, mut looks) = (false, 0);
        loop {
            world.clock.observe(std::time::Duration::from_secs(700));
            let there = world.connections.len();
            let (next, now) = (world.run_due(), world.clock.start() + SignedDuration::from_secs(700));
            world.take_events();
            assert!(there <= world.connections.len() + 2 * limits::DUE_AT_ONCE, "{there}");
            opened |= world.connections.len() > 900;
            looks += 1;
            if next.is_none_or(|next| next > now) {
                break;
            }
        }
        assert!(
            opened && looks > 4 && world.connections.len() < 900,
            "{opened} {looks} {}",
            world.connections.len()
        );
    }

    #[test]
    fn lots_begin_with_what_is_closed_and_end_with_the_core() {
        let told = |json: Value| serde_json::from_value(json).expect("a change");
        let whole = told(
            json!({ "restart": true, "config": { "spn/enable": false }, "connections": { "close": 3, "open": 201 } }),
        );
        let (lot, rest) = World::lots(&whole).expect("lots");
        assert_eq!(
            serde_json::to_value(lot).ok(),
            serde_json::to_value(told(
                json!({ "config": { "spn/enable": false }, "connections": { "close": 3, "open": 100 } })
            ))
            .ok()
        );
        let (lot, rest) = World::lots(&rest).expect("lots");
        assert!(!lot.restart && lot.config.is_empty());
        assert_eq!(
            serde_json::to_value(&rest).ok(),
            serde_json::to_value(told(json!({ "restart": true, "connections": { "open": 1 } }))).ok()
        );
        assert!(World::lots(&rest).is_none());
    }

    #[test]
    fn rules_let_no_more_changes_wait_than_so_many() {
        let yaml = "extends: home-office\nclock: manual\nrules: [{ when: { change: dns/clear }, then: [{ after: 1000h, change: { notifications: { add: [{ id: a }] } } }] }]\n\
                    timeline: [{ every: 1ms, change: { dns: { clear: true } } }]";
        let (_, told) = run(yaml, &[10_010]);
        assert_eq!(told.iter().filter(|event| event.contains("the next ones are lost")).count(), 11);
    }

    #[test]
    fn things_happen_at_their_own_instants() {
        let yaml = "extends: home-office\nclock: manual\ntimeline: [{ at: 10s, change: { connections: { open: 1 } } }]";
        let (seen, _) = run(yaml, &[20_000]);
        let started =
            seen["connections"].as_array().expect("connections").iter().map(|row| row["started"].as_str());
        assert_eq!(started.max(), Some(Some("2026-03-16T09:30:10Z")));
        assert_eq!(seen["now"], "2026-03-16T09:30:20Z");
    }

    #[test]
    fn rules_hear_at_once_that_a_plan_is_over() {
        let yaml = "extends: home-office\nclock: manual\nspn: { account: { username: robin, ends: 2026-03-16T09:30:10Z } }\nrules:\n  \
                    - { when: { state: { path: spn.status, equals: failed } }, \
                    then: [{ change: { connections: { open: 1 } } }] }\n";
        let (seen, told) = run(yaml, &[9_999, 10_001]);
        let started =
            seen["connections"].as_array().expect("connections").iter().map(|row| row["started"].as_str());
        assert_eq!(started.max(), Some(Some("2026-03-16T09:30:10Z")));
        assert_eq!(told.iter().filter(|event| event.contains("runtime:spn/status")).count(), 1, "{told:#?}");
    }
}
