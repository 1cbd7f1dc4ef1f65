//! Conversations over the database websocket, from its messages (websocket §2).

use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};
use serde_json::json;

use super::{
    extremes,
    json::{any_json, like},
    language::{prefix, question},
    paths,
    text::{text, word},
};
use crate::{
    fuzz::{
        case::{Bytes, Sent, Talk, Who},
        scope::Scope,
    },
    suite::Tier,
};

/// Operations go by few names, so that some share one.
fn operation() -> BoxedStrategy<String> {
    one_of![6 => select(vec!["1", "2", "3", "4", "c1"]).prop_map(str::to_owned), 1 => text().prop_map(plain)]
        .boxed()
}

/// A text without what ends a part of a message.
fn plain(text: String) -> String {
    text.replace('|', "")
}

/// A key of a record.
fn key(scope: &Scope) -> BoxedStrategy<String> {
    const KEYS: [&str; 22] = [
        "core:fuzz/a",
        "core:fuzz/b",
        "core:profiles/local/fuzz",
        "core:profiles/special/global-config",
        "core:ui/v1",
        "core:status/versions",
        "core:spn/account/user",
        "core:spn/account/authtoken",
        "cache:fuzz/a",
        "cache:intel/filterlists/index",
        "runtime:system/status",
        "runtime:spn/status",
        "runtime:layeredProfile/local/x",
        "runtime:modules/core/event/restart-ui-process",
        "notifications:all/fuzz",
        "notifications:all/nope",
        "network:tree/2301-1773646262000",
        "network:tree/1/dns/1",
        "map:main/nope",
        "nope:x",
        "core",
        "",
    ];
    let known = select(&KEYS[..]).prop_map(str::to_owned);
    let option = match scope.options().is_empty() {
        true => known.clone().boxed(),
        false => select(scope.options()).prop_map(|key| format!("config:{key}")).boxed(),
    };
    let derived = (prefix(), word()).prop_map(|(prefix, word)| prefix + &word);
    one_of![5 => known, 3 => option, 1 => derived, 1 => text()]
        .prop_filter("opens doors", |key| !opens(key))
        .boxed()
}

/// Whether whoever writes there changes who may do what; the oracles would not know any more what is right.
fn opens(key: &str) -> bool {
    ["devmode", "apikeys"].iter().any(|word| key.to_lowercase().contains(word))
}

/// A record as it is written: a byte for its form, and its text.
fn payload() -> BoxedStrategy<String> {
    let profile = json!({
        "ID": "fuzz", "Source": "local", "Name": "Fuzz", "Config": { "filter/defaultAction": "block" },
        "Fingerprints": [{ "Type": "path", "Key": "", "Operation": "equals", "Value": "/usr/bin/fuzz" }],
        "PresentationPath": "/usr/bin/fuzz", "Internal": false, "Created": 1,
    });
    let notification = json!({
        "EventID": "fuzz", "Type": 0, "Title": "Fuzz", "Message": "Fuzz", "State": "active", "Expires": 0,
        "AvailableActions": [{ "ID": "ok", "Text": "OK", "Type": "", "Payload": null }], "SelectedActionID": "",
    });
    let value = json!({ "Value": "x" });
    let call =
        json!({ "Method": "GET", "Query": { "a": "b" }, "Data": "e30=", "MimeType": "application/json" });
    let document = one_of![
        2 => like(&profile),
        2 => like(&notification),
        2 => like(&value),
        1 => like(&call),
        2 => any_json(),
    ];
    let form = one_of![8 => Just("J"), 1 => select(vec!["Y", "C", "M", "G", "\u{1}", "{", "X", "", "j"])];
    one_of![
        8 => (form, document).prop_map(|(form, document)| format!("{form}{document}")),
        1 => text(),
    ]
    .boxed()
}

/// A path for the bridge to the HTTP API.
fn bridged(scope: &Scope) -> BoxedStrategy<String> {
    let paths: Vec<_> = scope
        .endpoints()
        .iter()
        .filter(|endpoint| scope.may_bridge(endpoint))
        .flat_map(|endpoint| [(4, paths::inside(endpoint)), (1, paths::around(endpoint))])
        .collect();
    if paths.is_empty() {
        return Just("api:ping".to_owned()).boxed();
    }
    prop::strategy::Union::new_weighted(paths).prop_map(|path| format!("api:{path}")).boxed()
}

fn message(scope: &Scope) -> BoxedStrategy<Bytes> {
    let get = (operation(), one_of![5 => key(scope), 1 => bridged(scope)])
        .prop_map(|(id, key)| format!("{id}|get|{key}"));
    let ask = (operation(), select(vec!["query", "query", "sub", "qsub"]), question())
        .prop_map(|(id, method, question)| format!("{id}|{method}|{question}"));
    let cancel = operation().prop_map(|id| format!("{id}|cancel"));
    let odd = one_of![
        select(vec!["", "|", "||", "1|get", "hello", "1|GET|core:x", "1|cancel|x", "1|create|core:x"])
            .prop_map(str::to_owned),
        text(),
        (operation(), text(), text()).prop_map(|(id, method, rest)| format!("{id}|{method}|{rest}")),
    ];
    let reads = one_of![4 => get, 5 => ask, 2 => cancel, 2 => odd];
    let texts = if scope.allowed().writes {
        let own = key(scope);
        let key = if scope.allowed().disruptive {
            one_of![5 => own, 1 => bridged(scope)].boxed()
        } else {
            word().prop_map(|word| format!("core:fuzz/{word}")).boxed()
        };
        let write = (operation(), select(vec!["create", "update", "insert"]), key.clone(), payload())
            .prop_map(|(id, method, key, payload)| {
                let payload =
                    if method == "insert" { payload.trim_start_matches('J').to_owned() } else { payload };
                format!("{id}|{method}|{key}|{payload}")
            });
        let extreme = (operation(), key.clone(), extremes::path(), select(vec!["1", "{}", "[1]"]))
            .prop_map(|(id, key, path, value)| format!("{id}|insert|{key}|{{\"{path}\":{value}}}"));
        let delete = (operation(), key).prop_map(|(id, key)| format!("{id}|delete|{key}"));
        one_of![60 => reads, 60 => write, 20 => delete, 1 => extreme].boxed()
    } else {
        reads.boxed()
    };
    texts.prop_map(|text| text.into()).boxed()
}

fn sent(scope: &Scope) -> BoxedStrategy<Sent> {
    let small = || text().prop_map(|text| text.bytes().take(125).collect::<Vec<u8>>().into());
    let broken = (0_u8..16, 0_u8..8, any::<bool>(), any::<bool>(), small()).prop_map(
        |(opcode, reserved, masked, last, payload)| Sent::Broken { opcode, reserved, masked, last, payload },
    );
    one_of![
        30 => message(scope).prop_map(Sent::Message),
        2 => (message(scope), 2_u8..5).prop_map(|(bytes, parts)| Sent::Fragments(bytes, parts)),
        1 => small().prop_map(Sent::Ping),
        1 => small().prop_map(Sent::Pong),
        1 => vec(any::<u8>(), 0..20).prop_map(|bytes| Sent::Message(Bytes(bytes))),
        1 => broken,
        1 => select(vec![1000_u16, 1001, 1011, 3000, 4999, 999, 1005, 5000]).prop_map(Sent::Close),
    ]
    .boxed()
}

/// What is done to one record, one after the other, while somebody listens: each operation with a name of its own.
fn story(scope: &Scope) -> BoxedStrategy<Vec<Sent>> {
    let mut records: Vec<(String, Vec<&'static str>)> = vec![
        ("core:fuzz/a".to_owned(), vec![r#"{"n":1,"s":"x"}"#, r#"{"n":2}"#, "{}"]),
        ("core:fuzz/b c".to_owned(), vec![r#"{"n":1}"#]),
        ("api:ping".to_owned(), vec![r#"{"Method":"GET"}"#, "{}"]),
        // What leads out of the API.
        ("api:../../ui".to_owned(), vec![r#"{"Method":"GET"}"#, "{}"]),
        ("notifications:all/fuzz".to_owned(), vec![r#"{"EventID":"fuzz","Title":"Fuzz","Message":"Fuzz"}"#]),
    ];
    // Whose values are not allowed, and whose are.
    let option = scope.options().into_iter().find(|key| key == "core/expertiseLevel");
    records.extend(option.map(|key| {
        (format!("config:{key}"), vec![r#"{"Value":"expert"}"#, r#"{"Value":"nope"}"#, r#"{"Value":1}"#])
    }));
    let writes = scope.allowed().writes;
    if writes && !scope.allowed().disruptive {
        records.retain(|(key, _)| key.starts_with("core:fuzz/"));
    }
    let step = |(key, values): &(String, Vec<&'static str>)| {
        let key = key.clone();
        let clause =
            select(vec!["", "", " where n == 1", " where n == 1 or n == 2", " where n > 1 and s exists"]);
        let kinds = match writes {
            true => vec![
                "create", "create", "update", "insert", "delete", "get", "query", "sub", "qsub", "cancel",
                "GET",
            ],
            false => vec!["get", "query", "sub", "qsub", "cancel", "GET"],
        };
        let parts = (select(kinds), select(values.clone()), clause, 0_usize..3);
        parts
            .prop_map(move |(kind, value, clause, back)| match kind {
                "create" | "update" => (format!("{kind}|{key}|J{value}"), 0),
                "insert" => (format!("{kind}|{key}|{value}"), 0),
                "query" | "sub" | "qsub" => (format!("{kind}|query {key}{clause}"), 0),
                "cancel" => (kind.to_owned(), back + 1),
                _ => (format!("{kind}|{key}"), 0),
            })
            .boxed()
    };
    let stories = records.iter().map(|record| vec(step(record), 2..8));
    let named = |steps: Vec<(String, usize)>| {
        // Who cancels says whose operation.
        let named = steps.into_iter().enumerate().map(|(at, (text, back))| {
            Sent::Message(format!("c{}|{text}", (at + 1).saturating_sub(back)).into())
        });
        named.collect()
    };
    Union::new(stories).prop_map(named).boxed()
}

/// A conversation.
pub(super) fn talk(scope: &Scope) -> BoxedStrategy<Talk> {
    let admin = match scope.tiers().contains(&Tier::Admin) {
        true => Who::Bearer(Tier::Admin),
        false => Who::Nobody,
    };
    let who = one_of![12 => Just(admin), 1 => super::asks::who(scope)];
    let again = (sent(scope), 2_usize..300).prop_map(|(sent, times)| vec![sent; times]);
    let usual = one_of![100 => vec(sent(scope), 1..7), 1 => again].boxed();
    let usual = if scope.compares() { one_of![2 => usual, 1 => story(scope)].boxed() } else { usual };
    let frames = match scope.allowed().writes {
        true => {
            let long = extremes::conversation()
                .prop_map(|texts| texts.into_iter().map(|text| Sent::Message(text.into())).collect());
            one_of![95 => usual, 5 => long].boxed()
        }
        false => usual,
    };
    let compares = scope.compares();
    let talk = move |(who, mut frames): (_, Vec<_>)| {
        if compares {
            frames.iter_mut().enumerate().for_each(|(at, sent)| name_apart(sent, at));
        }
        Talk { who, frames }
    };
    (who, frames).prop_map(talk).boxed()
}

/// A call of the API goes on beside what follows it: whose answer is whose could not be told if they shared a name.
fn name_apart(sent: &mut Sent, at: usize) {
    let (Sent::Message(bytes) | Sent::Fragments(bytes, _)) = sent else { return };
    let mut parts = bytes.0.splitn(3, |byte| *byte == b'|');
    let (Some(name), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return };
    if rest.starts_with(b"api:") {
        let name = name.len();
        bytes.0.splice(..name, format!("call{at}").into_bytes());
    }
}
