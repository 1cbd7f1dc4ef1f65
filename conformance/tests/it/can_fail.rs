//! The checks that the contract docs does not have can fail, too: for each there is a target, so simple that it can hardly be
//! right, on which it does. For those of docs the self-test shows more (`docs/mutants.md`).

use std::collections::BTreeSet;

use crate::common::{Answer, Asked, context_as, dumb, run};
use portmaster_conformance::{checks, suite::Mode};
use portmaster_fixtures::Contract;

/// Answers always the same, with a header of every kind that a core may not send.
fn same(status: u16, kind: &str, body: &str) -> Answer {
    let mut answer = Answer::new(status, kind, body);
    for (name, value) in [
        ("Server", "dumb"),
        ("Allow", "GET"),
        ("Access-Control-Allow-Origin", "*"),
        ("Set-Cookie", "Portmaster-API-Token=same; Path=/"),
        ("WWW-Authenticate", "Bearer realm=\"Portmaster API\""),
        ("Content-Security-Policy", "default-src *"),
    ] {
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    answer
}

type Dumb = fn(&Asked) -> Answer;

const DUMB: [Dumb; 6] = [
    |_| same(418, "text/html", ""),
    // Nowhere to be found, and without any header of those.
    |_| Answer::new(404, "text/plain; charset=utf-8", "Not found.\n"),
    |_| same(403, "text/plain; charset=utf-8", "No.\n"),
    // A list whose every entry is wrong.
    |_| {
        same(
            200,
            "application/json; charset=utf-8",
            "[ {\"Path\":\"x<y\",\"Read\":1}, {\"Path\":\"x<y\",\"Write\":1} ]",
        )
    },
    // Rows that say nothing.
    |_| same(200, "text/plain", "{\"results\":[{\"a\":1},{}],\"All\":[{}]}"),
    // A body with HEAD, and the secret of everybody who asks.
    |asked| {
        let mut answer = same(200, "text/plain; charset=utf-8", &asked.head);
        answer.even_to_head = true;
        answer.set_header("Content-Length", "5");
        answer
    },
];

/// The checks of a contract that docs does not have.
fn own(contract: Contract) -> BTreeSet<String> {
    let docs: BTreeSet<String> = checks::all(Contract::Docs).into_iter().map(|check| check.id).collect();
    checks::all(contract).into_iter().map(|check| check.id).filter(|id| !docs.contains(id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_fails_on_some_dumb_target() {
    let mut failed = BTreeSet::new();
    // The newest contract has nearly all checks of those before.
    for contract in Contract::ALL.into_iter().rev() {
        let own = own(contract);
        for answer in DUMB {
            let target = dumb(answer).await;
            for mode in [Mode::Guarded, Mode::Development, Mode::Granted] {
                let left: Vec<&str> =
                    own.iter().filter(|id| !failed.contains(*id)).map(String::as_str).collect();
                if left.is_empty() {
                    continue;
                }
                let run = run(&context_as(contract, &target.address, mode), &left).await;
                let failing =
                    run.records.into_iter().filter(|one| matches!(one.verdict.name(), "fail" | "warn"));
                failed.extend(failing.map(|one| one.id));
            }
        }
        let never: Vec<_> = own.difference(&failed).collect();
        assert!(never.is_empty(), "{contract}: these cannot fail: {never:#?}");
    }
}
