//! A target that takes its time is asked as much at once as may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portmaster_conformance::{
    checks,
    suite::{self, Allowed, Mode, Selection},
};
use portmaster_fixtures::Contract;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::common::{Behind, between, context};

/// How many connections a run uses.
const CONNECTIONS: usize = 8;
/// Who could ask meanwhile and does not, waits for an answer.
const MOMENT: Duration = Duration::from_millis(250);

/// Every answer takes a round: until as many wait for one as a run has connections, or nobody else comes. So it is counted how long a
/// run takes, in answers, and no clock is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_after_another_that_could_be_asked_beside_it() {
    let (asks, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    let counted = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let count = Arc::clone(&counted);
    tokio::spawn(async move {
        while let Some(first) = asked.recv().await {
            let mut held = vec![first];
            while held.len() < CONNECTIONS
                && let Ok(Some(next)) = timeout(MOMENT, asked.recv()).await
            {
                held.push(next);
            }
            count[0].fetch_add(1, Ordering::Relaxed);
            count[1].fetch_add(held.len(), Ordering::Relaxed);
            for one in held {
                let _ = one.send(());
            }
        }
    });
    let turn = move |_: &_| {
        let (come, turn) = oneshot::channel();
        let _ = asks.send(come);
        async move {
            let _ = turn.await;
        }
    };
    let target = between(Contract::Docs, Behind::Guarded, turn, |_, _| {}).await;
    let ids = ["badges/*", "parameters/broadcasts/*", "netquery/malformed/cut-off", "structure/dns/*"];
    let checks = Selection::ids(&ids).of(checks::all(Contract::Docs)).unwrap();
    let context = context(&target.address, Mode::Guarded);
    let allowed = Allowed { writes: true, disruptive: false };
    let run = suite::run(&checks, &context, allowed, |_, _| {}, std::future::pending()).await;
    assert_eq!(run.count("pass") + run.count("skip"), checks.len());
    let [rounds, questions] = [&counted[0], &counted[1]].map(|count| count.load(Ordering::Relaxed));
    assert!(questions > 250, "{questions} questions");
    assert!(rounds * CONNECTIONS * 10 <= questions * 13, "{questions} questions took {rounds} rounds");
}
