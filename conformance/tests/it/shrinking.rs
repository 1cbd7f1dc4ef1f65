//! What a drawn value shows wrong is made as small as it can be before it is reported.

use crate::common::{Answer, Behind, context, misbehaving, run};
use portmaster_conformance::suite::{Mode, Verdict};

#[tokio::test]
async fn the_shortest_name_that_is_refused_is_reported() {
    let target = misbehaving(Behind::Guarded, |asked, answer| {
        if asked.target.strip_prefix("/api/v1/dns/cache/").is_some_and(|name| name.len() > 100) {
            *answer = Answer::new(404, "text/plain; charset=utf-8", "Not found.\n");
        }
    })
    .await;
    let run = run(&context(&target.address, Mode::Guarded), &["paths/inside/dns/cache"]).await;
    let Verdict::Fail(evidence) = &run.records[0].verdict else { panic!("{:?}", run.records[0].verdict) };
    // 101 bytes behind the folder.
    let name = evidence.curl.rsplit('/').next().unwrap().trim_end_matches('\'');
    assert!((101..=103).contains(&name.len()), "{}", evidence.curl);
    assert!(evidence.got.contains("seed 1, case "), "{}", evidence.got);
}
