//! What writing does to the tables, and who sees it.

use portmaster_fixtures::{Scenario, scenario::ClockMode};

use super::*;
use crate::{
    netquery::Kept,
    world::{Change, Moved, Options, World},
};

/// A world at its beginning that keeps the history of what its programs do.
fn home(contract: Contract) -> World {
    let options = Options {
        contract: Some(contract),
        clock: Some(ClockMode::Manual),
        config: [("history/enable".to_owned(), json!(true))].into(),
        ..Options::default()
    };
    World::new(Scenario::load("home-office").unwrap(), options).unwrap()
}

fn row(id: &str) -> ConnectionRow {
    ConnectionRow {
        id: id.to_owned(),
        profile: "local/a".to_owned(),
        started: now(),
        history: true,
        bytes_received: 10,
        extra_data: json!({ "pid": 7, "text": "<&>" }),
        ..ConnectionRow::default()
    }
}

fn write(store: &Store, rows: &[ConnectionRow]) {
    store.change(|tables| rows.iter().try_for_each(|row| tables.write(row))).unwrap();
}

fn names(store: &Store, databases: &Value) -> Vec<String> {
    rows_of(
        store,
        &json!({ "select": ["id"], "databases": databases, "query": { "domain": { "$like": "%" } } }),
    )
    .iter()
    .map(|row| row["id"].as_str().unwrap().to_owned())
    .collect()
}

#[test]
fn an_update_keeps_the_place() {
    let store = Store::new(Contract::V2_2.behaviour()).unwrap();
    write(&store, &["b", "a"].map(row));
    write(&store, &[ConnectionRow { verdict: 3, bytes_received: 15, bytes_sent: 2, ..row("b") }]);
    assert_eq!(names(&store, &json!(["main"])), ["b", "a"]);
    let select = json!(["verdict", "bytes_received", "bytes_sent", "extra_data"]);
    for database in ["main", "history"] {
        let found =
            rows_of(&store, &json!({ "select": select, "query": { "id": "b" }, "databases": [database] }));
        let extra = json!({ "pid": 7, "text": "<&>" });
        assert_eq!(
            found,
            [json!({ "verdict": 3, "bytes_received": 15, "bytes_sent": 2, "extra_data": extra })]
        );
    }
    let stored = rows_of(&store, &json!({ "select": [{ "$field": { "field": "extra_data", "as": "x" } }] }));
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let text = BASE64_STANDARD.decode(stored[0]["x"].as_str().unwrap()).unwrap();
    assert_eq!(text, br#"{"pid":7,"text":"\u003c\u0026\u003e"}"#);
}

#[test]
fn what_is_removed_stays_in_the_history() {
    let store = Store::new(Contract::V1_6.behaviour()).unwrap();
    let ended = |id: &str, ago: i64| {
        let end = now() - SignedDuration::from_secs(ago);
        ConnectionRow { started: end, ended: Some(end), active: false, ..row(id) }
    };
    write(&store, &[ended("old", 601), ended("new", 600), row("open")]);
    store.change(|tables| tables.remove(["old", "none"])).unwrap();
    assert_eq!(names(&store, &json!(["main"])), ["new", "open"]);
    assert_eq!(names(&store, &json!(["history"])), ["old", "new", "open"]);
    assert_eq!(names(&store, &json!(["main", "history"])), ["new", "old", "open"]);
}

#[test]
fn the_history_is_cleared_and_cleaned() {
    let store = Store::new(Contract::V2_2.behaviour()).unwrap();
    let began = |id: &str, profile: &str, days: i64| {
        let start = now() - SignedDuration::from_hours(24 * days);
        let profile = profile.to_owned();
        ConnectionRow { profile, started: start, ended: Some(start), active: false, ..row(id) }
    };
    let active = ConnectionRow { started: now() - SignedDuration::from_hours(2400), ..row("active") };
    let rows =
        [began("p1", "p", 31), began("p2", "p", 29), began("q1", "q", 400), began("r1", "r", 3), active];
    write(&store, &rows);
    let retention =
        Retention { days: [("p".to_owned(), 30), ("q".to_owned(), 0), ("r".to_owned(), 2)].into() };
    let cleanup = Request {
        kind: Kind::HistoryCleanup,
        body: Some(b"x"),
        now: now(),
        dev_mode: false,
        retention: &retention,
    };
    assert_eq!(store.answer(&cleanup).body, b"Deleted outdated connections.\n");
    assert_eq!(names(&store, &json!(["history"])), ["p2", "q1", "active"]);

    let clear =
        |body: &str| String::from_utf8(send(&store, Kind::HistoryClear, body.as_bytes()).body).unwrap();
    assert_eq!(clear(r#"{"profileIDs":["q","none"]}"#), "Successfully cleared history.\n");
    assert_eq!(names(&store, &json!(["history"])), ["p2", "active"]);
    assert_eq!(clear("{}"), "Successfully cleared history.\n");
    assert!(names(&store, &json!(["history"])).is_empty());
    assert_eq!(names(&store, &json!(["main"])).len(), 5);
    let error = "failed to decode parameters in body: json: cannot unmarshal number into Go struct field .profileIDs \
                 of type []string\n";
    assert_eq!(clear(r#"{"profileIDs":5}"#), error);
}

/// A condition that all meet, on a column that no two connections have in common: whoever is asked with it looks at each row.
fn row_by_row(request: &Value) -> Value {
    let mut request = request.clone();
    request["query"]["id"] = json!({ "$like": "%" });
    request
}

#[test]
fn what_is_counted_by_kind_is_what_the_rows_are() {
    let count = json!({ "$count": { "field": "*", "as": "n" } });
    let search = json!({ "fields": ["domain", "as_owner", "path"], "value": "fire" });
    let queries = [
        json!({ "select": [count] }),
        json!({ "select": ["profile", count], "groupBy": ["profile"] }),
        json!({ "select": ["domain", count], "groupBy": ["domain"], "orderBy": { "field": "n", "desc": true }, "pageSize": 20 }),
        json!({ "select": ["domain", count], "groupBy": ["domain", "direction"], "orderBy": ["n"], "page": 1, "pageSize": 7 }),
        json!({ "select": [count], "textSearch": search }),
        json!({ "select": [count], "textSearch": { "fields": ["domain"], "value": "nobody" } }),
        json!({ "select": ["country", count], "groupBy": ["country"], "query": { "verdict": 99 } }),
        json!({ "select": [{ "$count": { "field": "domain", "as": "n", "distinct": true } }], "query": { "allowed": true } }),
        json!({
            "select": ["profile", { "$sum": { "condition": { "verdict": { "$in": [2, 6] } }, "as": "fine" } }],
            "groupBy": ["profile"], "orderBy": [{ "field": "fine", "desc": true }], "textSearch": search,
        }),
        json!({ "select": [{ "$sum": { "condition": { "verdict": 3 }, "as": "none" } }], "query": { "country": "XX" } }),
    ];
    let charts = [
        json!({ "query": {} }),
        json!({ "query": { "profile": "local/a" } }),
        json!({ "query": { "verdict": [2, 3] } }),
    ];
    let store = filled(Contract::V2_2);
    let same = |when: &str| {
        for query in &queries {
            assert_eq!(rows_of(&store, query), rows_of(&store, &row_by_row(query)), "{when}: {query}");
        }
        for chart in &charts {
            let results = |request: &Value| ask_of(&store, Kind::ActiveChart, request)["results"].take();
            assert_eq!(results(chart), results(&row_by_row(chart)), "{when}: {chart}");
        }
    };
    same("at first");
    write(&store, &["late", "later"].map(row));
    write(&store, &[ConnectionRow { verdict: 3, domain: "fire.example.".to_owned(), ..row("late") }]);
    same("after changes");
    store.change(|tables| tables.remove(live().skip(3).step_by(2).map(|row| row.id.as_str()))).unwrap();
    same("after some have gone");
    let mut failing = row("doubtful");
    failing.domain = "doubtful.example.".to_owned();
    let failed = store.change(|tables| {
        tables.write(&failing)?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(failed.is_err());
    write(&store, &[ConnectionRow { id: "sure".to_owned(), ..failing }]);
    same("after a change that failed");
    let other = Store::holding(store.kept().unwrap(), &home(Contract::V2_2));
    for query in &queries {
        assert_eq!(rows_of(&other, query), rows_of(&store, query), "put back: {query}");
    }
}

#[test]
fn columns_are_those_of_rows() {
    let store = Store::new(Contract::V2_2.behaviour()).unwrap();
    let names: Vec<&str> = store.dialect().columns.iter().map(|column| column.name).collect();
    assert_eq!(names, ConnectionRow::COLUMNS);
}

#[test]
fn a_page_by_start_is_that_of_all_rows_sorted() {
    for (databases, all) in [
        ("main", live().collect::<Vec<_>>()),
        ("history", ROWS.rows.iter().filter(|row| row.history).collect()),
    ] {
        for (verdict, desc) in [(2, true), (2, false), (3, true), (99, true)] {
            let mut sorted: Vec<_> = all.iter().filter(|row| row.verdict == verdict).collect();
            sorted.sort_by(|a, b| {
                let started = a.started.as_second().cmp(&b.started.as_second());
                if desc { started.reverse() } else { started }.then_with(|| a.id.cmp(&b.id))
            });
            for page in [0, 1, 40] {
                let expected: Vec<_> =
                    sorted.iter().skip(page * 10).take(10).map(|row| row.id.as_str()).collect();
                let request = json!({
                    "select": ["id"], "query": { "verdict": verdict }, "databases": [databases], "page": page, "pageSize": 10,
                    "orderBy": [{ "field": "started", "desc": desc }, "id"],
                });
                let found = rows(&request);
                let found: Vec<_> = found.iter().map(|row| row["id"].as_str().unwrap()).collect();
                assert_eq!(found, expected, "{request}");
            }
        }
    }
}

#[test]
fn a_reader_sees_its_moment_and_keeps_nobody_waiting() {
    let store = filled(Contract::V2_2);
    let before = live().count();
    store
        .read(|database| {
            let mut statement = database.prepare("SELECT id FROM main.connections").unwrap();
            let mut slow = statement.query([]).unwrap();
            slow.next().unwrap();
            // In the middle of that result others write and read.
            write(&store, &[row("late")]);
            store.change(|tables| tables.remove(live().take(100).map(|row| row.id.as_str()))).unwrap();
            assert!(rows_of(&store, &json!({ "select": ["id"], "query": { "id": "late" } })).len() == 1);
            let mut seen = 1;
            while slow.next().unwrap().is_some() {
                seen += 1;
            }
            assert_eq!(seen, before);
        })
        .unwrap();
}

#[test]
fn older_contracts_have_no_history() {
    let store = filled(Contract::V1_0);
    let all = json!({ "select": { "$count": { "field": "*", "as": "n" } } });
    assert_eq!(rows_of(&store, &all), [json!({ "n": live().count() })]);
    let columns = rows_of(&store, &json!({ "pageSize": 1 }));
    assert_eq!(columns[0].as_object().unwrap().len(), 31);
}

#[test]
fn generated_rows_are_believable() {
    let rows = &ROWS.rows;
    assert_eq!(rows.len(), 700);
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
    assert_eq!(ids.len(), rows.len());
    for row in rows {
        assert!(row.started <= now() && row.started >= now() - SignedDuration::from_mins(30));
        assert!(row.ended.is_none_or(|end| row.started <= end && end <= now()));
        assert_eq!(row.active, row.ended.is_none());
        assert_eq!(row.tunneled, row.exit_node.is_some());
        assert!(row.live || row.history);
        assert!(row.live || row.ended.unwrap() < now() - SignedDuration::from_mins(10));
        assert_eq!(row.kind == "dns", row.remote_ip == "<nil>");
        let extra = row.extra_data_value();
        assert!(extra["pid"].is_number() && extra["reason"]["Msg"].is_string());
    }
    for verdict in [2, 3, 4, 6] {
        assert!(rows.iter().any(|row| row.verdict == verdict), "no verdict {verdict}");
    }
    let blocked = rows.iter().filter(|row| row.verdict == 3).count();
    assert!(blocked > 10 && blocked < rows.len() / 4, "{blocked} of {}", rows.len());
    // The same seed makes the same rows.
    let [first, again] = [(); 2].map(|()| filled(Contract::V2_2));
    let everything = json!({ "orderBy": ["id"] });
    assert_eq!(rows_of(&first, &everything), rows_of(&again, &everything));
}

#[test]
fn what_nobody_asked_for_is_what_is_taken_out_of_tables() {
    for contract in [Contract::V1_0, Contract::V2_2] {
        for name in ["home-office", "spn-connected"] {
            let options = Options { contract: Some(contract), ..Options::default() };
            let mut world = World::new(Scenario::load(name).unwrap(), options).unwrap();
            let store = Store::begun(&mut world).unwrap();
            let told = store.kept().unwrap();
            assert!(matches!(told, Kept::Begun(_)), "{name}: the tables are there before somebody asked");
            store.open().unwrap();
            let taken = store.kept().unwrap();
            assert!(matches!(taken, Kept::Taken(_)));
            assert!(told.tables(world.behaviour) == taken.tables(world.behaviour), "{name}, {contract}");
        }
    }
}

#[test]
fn a_moment_is_what_it_was_when_it_was_asked_for() {
    let behaviour = Contract::V2_2.behaviour();
    let store = filled(Contract::V2_2);
    let before = store.kept().unwrap().tables(behaviour);
    let moment = store.moment().unwrap();
    write(&store, &[row("later")]);
    store.clear_history(&[]).unwrap();
    assert!(moment.kept().unwrap().tables(behaviour) == before, "what came later is in it");
    assert!(store.kept().unwrap().tables(behaviour) != before);
}

/// A minute of a world, with what else may happen to connections: those of a profile become another's (back again, too), ids
/// come again, many end at once, the history is switched off and on.
fn lived(minute: i64, world: &mut World) {
    let change = match minute {
        3 | 40 => r#"{"connections":{"open":120}}"#,
        5 => r#"{"connections":{"open":[{"id":"again"},{"id":"once"}],"close":20}}"#,
        7 => r#"{"connections":{"close":"all"}}"#,
        9 => r#"{"config":{"history/enable":false}}"#,
        11 => r#"{"config":{"history/enable":true}}"#,
        12 => r#"{"connections":{"open":[{"id":"again"}]}}"#,
        30 => r#"{"connections":{"open":[{"id":"again"},{"id":"once"}]}}"#,
        _ => "{}",
    };
    world.perform(&serde_json::from_str(change).unwrap()).unwrap();
    let names: Vec<String> = world.profiles.iter().map(|one| one.key.clone()).take(2).collect();
    let [one, other] = <[String; 2]>::try_from(names).unwrap();
    if [6, 13, 28].contains(&minute) {
        let heir = Some(if minute == 13 { one.clone() } else { other.clone() });
        let key = if minute == 13 { other } else { one };
        let profile = world.profiles.get(&key).unwrap().clone();
        world.apply(Change::DeleteProfile { key: key.clone(), heir }).unwrap();
        let profile = Box::new(profile);
        world.apply(Change::SaveProfile { key, profile, by_client: false }).unwrap();
    }
    world.clock.advance(SignedDuration::from_mins(1));
    world.run_due();
}

#[test]
fn tables_hold_the_same_however_often_somebody_asks() {
    for contract in [Contract::V1_6, Contract::V2_2] {
        let mut world = home(contract);
        let always = Store::begun(&mut world).unwrap();
        let [late, often, seldom] = [(); 3].map(|()| Store::holding(always.kept().unwrap(), &world));
        for minute in 1..=60 {
            lived(minute, &mut world);
            let (events, ever) = (world.take_events(), world.connections.ever());
            for store in [&always, &late, &often, &seldom] {
                store.record(&events, ever).unwrap();
            }
            let asked = [
                Some(&always),
                Some(&often).filter(|_| minute % 5 == 0),
                Some(&seldom).filter(|_| minute == 27),
            ];
            let kept = asked.map(|store| store.map(|store| store.kept().unwrap().tables(world.behaviour)));
            for other in kept.iter().flatten() {
                assert!(Some(other) == kept[0].as_ref(), "minute {minute}, {contract}");
            }
        }
        let [kept, others @ ..] =
            [&always, &late, &often, &seldom].map(|store| store.kept().unwrap().tables(world.behaviour));
        assert!(others.iter().all(|other| *other == kept), "{contract}");
        let count = |table: &str| table.lines().count();
        let counts = [count(&kept.live), count(&kept.history), count(&kept.bandwidth)];
        assert!(counts[0] > 100 && counts[2] > 100, "{counts:?}");
        assert_eq!(counts[1] > counts[0], always.dialect().behaviour.databases, "{counts:?}");
    }
}

#[test]
fn much_that_nobody_asked_for_waits_in_little_space() {
    let mut world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
    let store = Store::begun(&mut world).unwrap();
    let target = world.now() + SignedDuration::from_hours(12);
    while matches!(world.move_towards(target, None, 200), Moved::OnTheWay) {
        store.record(&world.take_events(), world.connections.ever()).unwrap();
    }
    assert!(world.connections.ever() > 4_000, "{}", world.connections.ever());
    assert!(!store.is_open(), "half a day was written for nobody");
}
