//! What is put together, and what is not.

use std::collections::BTreeSet;

use portmaster_fixtures::Contract;

use super::{ENOUGH, gather, looks::forms, marks::marks, rights::BRIDGED};
use crate::{
    fuzz::{
        bucket::Bucket,
        case::{Ask, Bytes, Case, Sent, Step, Talk, Who},
        catalogue::Catalogue,
        finding::{Finding, Oracle},
        shrink::Small,
    },
    suite::{Mode, Tier},
};

fn bucket(cause: &str, target: &str, headers: &[&str]) -> Bucket {
    let ask = Ask {
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: headers.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect(),
        ..Ask::default()
    };
    let case = Case { steps: vec![Step::Ask(ask)] };
    let mut finding = Finding::new(Oracle::Alike, "x", "", "");
    finding.cause = cause.to_owned();
    let (mode, also, before) = (Mode::Guarded, vec![], vec![]);
    let small = Small { case: case.clone(), finding, step: 0, number: 1, mode, steps: 0, also, before };
    Bucket {
        endpoints: BTreeSet::new(),
        cause: cause.to_owned(),
        cases: vec![(case, 0, Mode::Guarded)],
        small,
        seen: 1,
        also: BTreeSet::new(),
        before: BTreeSet::new(),
        follows: None,
    }
}

fn led(buckets: Vec<Bucket>) -> Vec<(String, Option<String>)> {
    let catalogue = Catalogue::new(Contract::V2_2.endpoints());
    gather(buckets, &catalogue).into_iter().map(|one| (one.cause, one.follows)).collect()
}

#[test]
fn what_needs_the_same_or_looks_the_same_follows_the_smallest() {
    let own = |text: &str| text.to_owned();
    let by_header = vec![
        bucket("header vary another one", "/api/v1/longer", &["Origin"]),
        bucket("status 200 against 403, asked by who may", "/", &["Origin"]),
        bucket("header date another one", "/", &["Accept"]),
    ];
    let status = own("status 200 against 403, asked by who may");
    assert_eq!(
        led(by_header),
        [
            (status.clone(), None),
            (own("header vary another one"), Some(status)),
            (own("header date another one"), None)
        ]
    );
    let texts = [
        "error text \"a\" against \"x\"",
        "error text \"b\" against \"x\"",
        "error text \"c\" against \"d\"",
    ];
    let followers = |causes: &[&str]| {
        let buckets = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
        led(buckets).into_iter().filter(|(_, follows)| follows.is_some()).count()
    };
    assert_eq!(followers(&texts), 1);
    assert_eq!(followers(&["member .r[].a of another value", "member .r[].b of another value"]), 1);
    assert_eq!(followers(&["member .a of another value", "member .b of another value"]), 0);
    assert_eq!(followers(&["status 404 a against 401, x", "status 404 b against 401, y"]), 1);
    assert_eq!(followers(&["status 404 against 200, x", "status 404 against 405, x"]), 1);
    assert_eq!(followers(&["status 307 against 400, x", "status 403 against 400, x"]), 1);
    assert_eq!(followers(&["status 405 against 200, x", "status 405 against 500 y, x"]), 1);
    assert_eq!(followers(&["refused by the first, 400 a by the second, x", "status 200 against 400, x"]), 1);
    assert_eq!(followers(&["status 200 against 400, x", "status 200 against 500, x"]), 0);
    assert_eq!(followers(&["bytes behind the answer of the second", "text \"a\" against \"a\\n\""]), 1);
    let headless = ["error text \"a\\n\" against \"\"", "error text \"b c\\nd\" against \"de\\n\""];
    assert_eq!(followers(&headless), 1);
    assert_eq!(followers(&["error text \"a\\nb\" against \"c\"", headless[0]]), 0);
    assert_eq!(followers(&["message: done against new", "message: done against nothing"]), 1);
    let html = ["content-type: a/b; c=d against e/f; c=d", "content-type: a/b; v=1 against e/f; v=1"];
    assert_eq!(followers(&html.map(|one| format!("header {one}")).each_ref().map(String::as_str)), 1);
    assert_eq!(
        followers(&["header a another one", "header a missing at the first", "header b another one"]),
        1
    );
}

#[test]
fn what_tells_of_rights_follows_where_they_differ() {
    let refused = "let through by the first, refused by the second, asked by who may";
    let open = "refused by the first, let through by the second, asked by who may not";
    let symptoms = [
        "refused by both, with 401 against 403",
        "header set-cookie missing at the second",
        "header www-authenticate another one",
        "member .ReadRole of another value",
        "error text \"bridged api call returned unexpected error code 0\" against \"a\"",
    ];
    let followers = |rights: &[&str]| {
        let all = rights.iter().chain(&symptoms).map(|cause| bucket(cause, "/", &[])).collect();
        led(all).into_iter().filter(|(_, follows)| follows.is_some()).count()
    };
    let each = symptoms.len();
    assert_eq!((followers(&[refused]), followers(&[open])), (each, each));
    // Which of two it would come of is not known.
    assert_eq!((followers(&[]), followers(&[refused, open])), (0, 0));
    // An endpoint that says of itself who asks says of rights, too, and is no direction of its own.
    let own = "let through by the first, refused by the second, where neither key nor method decides";
    assert_eq!((followers(&[open, own]), followers(&[refused, own])), (each + 1, each + 1));
    assert_eq!(followers(&[own]), each);
}

#[test]
fn what_the_bridge_says_of_rights_follows_and_what_it_does_unheard() {
    let open = bucket("refused by the first, let through by the second, asked by who may not", "/", &[]);
    let follows = |one: Bucket| led(vec![open.clone(), one]).iter().any(|(_, follows)| follows.is_some());
    let mut answered = bucket("message: error against success", "/", &[]);
    assert!(!follows(answered.clone()));
    answered.small.finding.expected = format!("message: binary \"1|error|{BRIDGED}5\"");
    assert!(follows(answered));
    let behind = |frames: &[Sent]| {
        let mut one = bucket("text \"a\" against \"b\"", "/", &[]);
        for (case, step, _) in &mut one.cases {
            case.steps.insert(0, Step::Talk(Talk { frames: frames.to_vec(), ..Talk::default() }));
            *step = 1;
        }
        one
    };
    let call = Sent::Message(Bytes(b"1|update|api:spn/reinit|J{}".to_vec()));
    assert!(follows(behind(&[call.clone(), Sent::Close(1000)])));
    assert!(!follows(behind(&[call])) && !follows(behind(&[Sent::Close(1000)])));
}

#[test]
fn different_things_stay_apart() {
    let causes = [
        "nothing is there at the second",
        "refused by the first, let through by the second, asked by who may not",
        "let through by the first, refused by the second, asked by who may",
        "refused by both, with 401 against 403",
        "status 200 against 500 a, asked by who may",
        "status 405 against 413 b, where neither key nor method decides",
        "bytes behind the answer of the second",
        "error text \"a\" against \"b\"",
        "header a missing at the second",
        "member .a.b of another value",
        "message: done against nothing",
        "message: nothing against upd",
        "message: error against success",
        "<, > and & in JSON escaped against as they are",
    ];
    let buckets = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
    let told = led(buckets);
    assert!(told.iter().all(|(_, follows)| follows.is_none()), "{told:#?}");
}

#[test]
fn what_is_beside_an_endpoint_is_near_it() {
    let of = |targets: [&str; 2]| {
        let each = targets.map(|target| format!("/api/v1/{target}"));
        let (one, other) = ("member .a of another value", "header x another one");
        let told = led(vec![bucket(one, &each[0], &[]), bucket(other, &each[1], &[])]);
        told.iter().filter(|(_, follows)| follows.is_some()).count()
    };
    assert_eq!(of(["spn/map/main/graph.html", "spn/map/nope/graph.svg"]), 1);
    assert_eq!(of(["spn/map/main/graph.html", "spn/map/main/graph.html/x"]), 1);
    assert_eq!(of(["spn/map/main/graph.html", "spn/map/main/pins"]), 0);
    assert_eq!(of(["nope", "ping"]), 0);
}

#[test]
fn a_key_that_opens_nothing_counts_and_one_that_is_needed_does_not() {
    let by = |tier, target: &str| {
        let mut one = bucket("member .a of another value", target, &[]);
        for (case, _, _) in &mut one.cases {
            for step in &mut case.steps {
                if let Step::Ask(ask) = step {
                    ask.who = Who::Bearer(tier);
                }
            }
        }
        marks(&one, &Catalogue::new(Contract::V2_2.endpoints()))
            .into_iter()
            .find(|one| one.starts_with("by "))
    };
    assert_eq!(by(Tier::User, "/api/v1/network/gateways"), None);
    assert_eq!(by(Tier::User, "/api/v1/ping").as_deref(), Some("by a user"));
    assert_eq!(by(Tier::Expired, "/api/v1/network/gateways").as_deref(), Some("by who has an expired key"));
}

#[test]
fn what_never_comes_alone_and_seldom_without_follows() {
    let first = bucket("header a missing at the first", "/a", &["X"]);
    let mut second = bucket("error text \"a\" against \"b\"", "/a/longer", &[]);
    second.also = BTreeSet::from([first.cause.clone()]);
    second.cases = vec![second.cases[0].clone(); ENOUGH];
    let joined = |seen| {
        led(vec![Bucket { seen, ..first.clone() }, second.clone()])
            .iter()
            .any(|(_, follows)| follows.is_some())
    };
    assert!(joined(2) && !joined(3));
}

#[test]
fn instants_in_another_form_are_one_cause() {
    let of = |values: [&str; 2]| {
        let mut one = bucket("member .a of another value", "/", &[]);
        [one.small.finding.expected, one.small.finding.got] =
            values.map(|value| format!("GET /: \"{value}\""));
        forms(&one.small.finding)
    };
    assert!(of(["2026-03-16T08:30:00Z", "2026-03-16 08:30:00"]).is_some());
    assert!(of(["2026-03-16T08:30:00Z", "2026-03-17T08:30:01Z"]).is_none() && of(["a", "b"]).is_none());
}

#[test]
fn a_message_that_is_missing_is_one_cause_wherever_it_shows() {
    let of = |causes: [&str; 2], said: &str| {
        let mut buckets: Vec<_> = causes.iter().map(|cause| bucket(cause, "/", &[])).collect();
        buckets[0].small.finding.expected = format!("message: \"{said}\"");
        led(buckets).iter().filter(|(_, follows)| follows.is_some()).count()
    };
    let silent = "nothing is said by the second";
    assert_eq!(of([silent, "message: done against nothing"], "1|done"), 1);
    assert_eq!(of([silent, "message: del against nothing"], "1|done"), 0);
    assert_eq!(of(["message: nothing against done", "message: ok against done"], ""), 1);
    assert_eq!(of(["message: done against nothing", "message: nothing against done"], ""), 0);
}

#[test]
fn what_needs_a_step_that_differs_follows_it() {
    let first = bucket("status 405 against 200, x", "/a", &[]);
    let mut second = bucket("text \"a\" against \"b\"", "/a/longer", &[]);
    assert!(led(vec![second.clone(), first.clone()]).iter().all(|(_, follows)| follows.is_none()));
    second.before = BTreeSet::from([first.cause.clone()]);
    let told = led(vec![second, first]);
    assert_eq!(told[1].1.as_ref(), Some(&told[0].0));
}
