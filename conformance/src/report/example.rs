//! A report with a record of every verdict, for the tests of the formats.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::about::{About, Report};
use crate::suite::{Check, Evidence, Level, Record, Run, SkipReason, Verdict};

fn evidence(got: &str) -> Evidence {
    Evidence {
        expected: "status 200 and the body \"Pong.\"".to_owned(),
        got: got.to_owned(),
        curl: "curl -isS -H \"Authorization: Bearer $USER_KEY\" http://127.0.0.1:817/api/v1/ping".to_owned(),
        cause: None,
    }
}

fn record(id: &str, level: Level, verdict: Verdict, took: u64) -> Record {
    let check = Check::info(id, "page: Ping", "GET ping says <Pong> & no more.");
    Record {
        id: check.id,
        level,
        finding: id.starts_with("findings/"),
        class: check.class,
        clause: check.clause,
        sentence: check.sentence,
        verdict,
        cause: None,
        took: Duration::from_micros(took),
    }
}

/// The report.
pub(crate) fn report() -> Report {
    let hostile = "404, text/html\u{1b}[31m, \"<script>alert(1)</script>```|]]>\"";
    let mut records = vec![
        record("actions/ping", Level::Must, Verdict::Pass, 800),
        record("actions/pong", Level::Must, Verdict::Fail(evidence(hostile)), 1_500),
        record("badges/ping/GET/no-key", Level::Must, Verdict::Pass, 120),
        record("badges/ping/GET/user-key", Level::Must, Verdict::Fail(evidence("403")), 240),
        record("badges/ping/GET/admin-key", Level::Must, Verdict::Skip(SkipReason::NoAdminKey), 0),
        record("badges/spn/map/:map/pins/GET/no-key", Level::Must, Verdict::Pass, 90),
        record("content/type/ping/GET", Level::Info, Verdict::Warn(evidence("text/html")), 300),
        record("content/length/ping/GET", Level::Must, Verdict::Stale("it was so".to_owned()), 310),
        record(
            "methods/foreign/ping",
            Level::Should,
            Verdict::Error("not finished within 120 s".to_owned()),
            120_000_000,
        ),
        record("parameters/pong/none", Level::Must, Verdict::Skip(SkipReason::SameCause), 200),
        record(
            "findings/short-key",
            Level::Should,
            Verdict::Expected(evidence("200"), "known: #12".to_owned()),
            2_000,
        ),
    ];
    for record in records.iter_mut().filter(|record| record.id.contains("/pong")) {
        record.cause = Some("no endpoint pong".to_owned());
    }
    let about = About {
        target: "http://127.0.0.1:817".to_owned(),
        contract: "v2.2".to_owned(),
        found: Some("its list of endpoints is that of v2.2".to_owned()),
        seed: 7,
        shard: None,
    };
    Report { about, run: Run { records, took: Duration::from_millis(120_250), interrupted: false } }
}

/// What a format makes of the report.
pub(super) fn written(write: fn(&mut dyn Write, &Report) -> io::Result<()>) -> String {
    let mut bytes = vec![];
    write(&mut bytes, &report()).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Compares with `snapshots/report/NAME.snap`.
#[track_caller]
pub(super) fn assert_snapshot(name: &str, text: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/report");
    insta::with_settings!({ snapshot_path => path, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}
