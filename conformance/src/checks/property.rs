//! Drives a property over drawn values against a target, shrinks a failing value and confirms it.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, Reason, RngAlgorithm, TestRng, TestRunner},
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::suite::{Context, Evidence, Outcome, Stop, Working};

/// How many values a property is tried with at most: in a run, and in a trial of a mutant, for what a property notices at all
/// it notices soon. A value that was drawn before is not tried again.
pub(super) type Cases = [usize; 2];

/// How many are usual.
pub(super) const USUAL: Cases = [64, 16];
/// How often a failing value is made smaller at most.
const SHRINKS: usize = 400;
/// How long that may take at most: a target that fails by silence takes its time.
const SHRINKING: Duration = Duration::from_secs(30);

/// Tries `property` with values that the strategy draws from the run's seed and a name of its own, so that a
/// check draws the same values whatever else runs.
pub(super) async fn hold<S, F, R>(
    context: &Context,
    name: &str,
    [usual, of_trial]: Cases,
    strategy: impl Fn() -> Result<S, Stop> + Send + 'static,
    property: F,
) -> Outcome
where
    S: Strategy + 'static,
    S::Value: Debug + Clone + Send,
    F: Fn(S::Value) -> R + Send + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    let trial = context.is_trial();
    let stream = Stream { seed: context.seed(), name: name.to_owned() };
    let values = drawn(&strategy()?, &stream, if trial { of_trial } else { usual })?;
    for (case, value) in values {
        match property(value).await {
            Ok(()) => {}
            Err(Stop::Violated(first)) if !trial => {
                let trials = move || {
                    Ok(Box::new(Trials { strategy: strategy()?, property, drawn: None, smallest: None }) as _)
                };
                return shrunk(context.working(), Box::new(trials), stream, case, first).await;
            }
            other => return other,
        }
    }
    Ok(())
}

/// Different values, each with its number among those that were drawn.
fn drawn<S: Strategy>(strategy: &S, stream: &Stream, cases: usize) -> Result<Vec<(usize, S::Value)>, Stop> {
    let mut runner = stream.runner();
    let mut seen = BTreeSet::new();
    let mut values = vec![];
    for case in 0..cases {
        let value = strategy.new_tree(&mut runner).map_err(undrawn)?.current();
        if seen.insert(format!("{value:?}")) {
            values.push((case, value));
        }
    }
    Ok(values)
}

fn undrawn(reason: Reason) -> Stop {
    Stop::Error(format!("cannot draw a value: {reason}"))
}

/// A property and the value that it is tried with. What makes it small knows no type of values: it is compiled once.
trait Tried {
    /// Draws a value.
    fn draw(&mut self, runner: &mut TestRunner) -> Outcome;

    /// Tries the property with the value.
    fn holds(&self) -> Pin<Box<dyn Future<Output = Outcome>>>;

    /// Takes the next smaller value, if there is one.
    fn simplify(&mut self) -> bool;

    /// Takes a larger value that is smaller than the last that failed, if there is one.
    fn complicate(&mut self) -> bool;

    /// Remembers the value as the smallest that fails.
    fn keep(&mut self);

    /// Tries the property with the smallest.
    fn holds_again(&self) -> Pin<Box<dyn Future<Output = Outcome>>>;

    /// The smallest.
    fn shown(&self) -> String;
}

type Trying = Box<dyn FnOnce() -> Result<Box<dyn Tried>, Stop> + Send>;

struct Trials<S: Strategy, F> {
    strategy: S,
    property: F,
    drawn: Option<S::Tree>,
    smallest: Option<S::Value>,
}

impl<S, F, R> Trials<S, F>
where
    S: Strategy,
    F: Fn(S::Value) -> R,
    R: Future<Output = Outcome> + 'static,
{
    fn of(&self, value: Option<S::Value>) -> Pin<Box<dyn Future<Output = Outcome>>> {
        match value {
            Some(value) => Box::pin((self.property)(value)),
            None => Box::pin(async { Err(Stop::Error("no value was drawn".to_owned())) }),
        }
    }
}

impl<S, F, R> Tried for Trials<S, F>
where
    S: Strategy,
    S::Value: Debug + Clone,
    F: Fn(S::Value) -> R,
    R: Future<Output = Outcome> + 'static,
{
    fn draw(&mut self, runner: &mut TestRunner) -> Outcome {
        self.drawn = Some(self.strategy.new_tree(runner).map_err(undrawn)?);
        Ok(())
    }

    fn holds(&self) -> Pin<Box<dyn Future<Output = Outcome>>> {
        self.of(self.drawn.as_ref().map(ValueTree::current))
    }

    fn simplify(&mut self) -> bool {
        self.drawn.as_mut().is_some_and(ValueTree::simplify)
    }

    fn complicate(&mut self) -> bool {
        self.drawn.as_mut().is_some_and(ValueTree::complicate)
    }

    fn keep(&mut self) {
        self.smallest = self.drawn.as_ref().map(ValueTree::current);
    }

    fn holds_again(&self) -> Pin<Box<dyn Future<Output = Outcome>>> {
        self.of(self.smallest.clone())
    }

    fn shown(&self) -> String {
        self.smallest.as_ref().map_or(String::new(), |value| format!("{value:?}"))
    }
}

/// What a value that fails comes to when it is made small: on a thread of its own, for half-shrunk values cannot move between
/// threads. It is drawn again with those before it.
async fn shrunk(working: Working, trying: Trying, stream: Stream, case: usize, first: Evidence) -> Outcome {
    let runtime = Handle::current();
    // When nobody waits any more, this end is gone: the thread must not go on without its runtime.
    let (_waits, gone) = oneshot::channel::<()>();
    let tried = move || {
        let _working = working;
        let mut values = trying()?;
        let mut runner = stream.runner();
        (0..=case).try_for_each(|_| values.draw(&mut runner))?;
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = gone => Err(Stop::Error("nobody waits for it any more".to_owned())),
                outcome = smallest(&mut *values, first, stream.seed, case) => outcome,
            }
        })
    };
    tokio::task::spawn_blocking(tried).await.unwrap_or_else(|error| Err(Stop::Error(error.to_string())))
}

async fn smallest(values: &mut dyn Tried, first: Evidence, seed: u64, case: usize) -> Outcome {
    let (evidence, steps) = shrink(values, first).await?;
    // A shrunk case is worth reporting only if it fails again.
    let evidence = match values.holds_again().await {
        Err(Stop::Violated(again)) => again,
        Err(other) => return Err(other),
        Ok(()) => Evidence { got: format!("{} (but not when tried again)", evidence.got), ..evidence },
    };
    Err(noted(evidence, &values.shown(), seed, case, steps))
}

/// Makes the failing value as small as it gets: the evidence of the smallest, and in how many steps it was found.
async fn shrink(values: &mut dyn Tried, first: Evidence) -> Result<(Evidence, usize), Stop> {
    values.keep();
    let mut smallest = first;
    let mut steps = 0;
    let begun = Instant::now();
    let mut going = values.simplify();
    while going && steps < SHRINKS && begun.elapsed() < SHRINKING {
        steps += 1;
        going = match values.holds().await {
            Err(Stop::Violated(evidence)) => {
                values.keep();
                smallest = evidence;
                values.simplify()
            }
            Err(other) => return Err(other),
            Ok(()) => values.complicate(),
        };
    }
    Ok((smallest, steps))
}

fn noted(evidence: Evidence, value: &str, seed: u64, case: usize, steps: usize) -> Stop {
    let expected = format!("{} for {value}", evidence.expected);
    let got = format!("{} (seed {seed}, case {case}, shrunk in {steps} steps)", evidence.got);
    Stop::Violated(Evidence { expected, got, ..evidence })
}

/// A stream of chance of the property's own.
struct Stream {
    seed: u64,
    name: String,
}

impl Stream {
    /// What draws from its beginning.
    fn runner(&self) -> TestRunner {
        // FNV-1a: small, and the same on every platform and in every release.
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&hash.to_le_bytes());
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use portmaster_fixtures::Contract;

    use super::*;
    use crate::{
        suite::{Keys, Mode},
        target::Client,
    };

    fn context(seed: u64) -> Context {
        let address = "127.0.0.1:1".parse().unwrap();
        let client = Client::new(Duration::from_secs(1));
        Context::foreign(address, Mode::Guarded, Keys::default(), Contract::Docs, seed, client)
    }

    fn violated(number: u32) -> Stop {
        let evidence = Evidence {
            expected: "less".to_owned(),
            got: number.to_string(),
            curl: String::new(),
            cause: None,
        };
        Stop::Violated(evidence)
    }

    #[tokio::test]
    async fn a_failing_value_is_made_small() {
        let context = context(1);
        let outcome = hold(
            &context,
            "n",
            USUAL,
            || Ok(0_u32..10_000),
            |number| async move { if number < 700 { Ok(()) } else { Err(violated(number)) } },
        );
        let Err(Stop::Violated(evidence)) = outcome.await else { panic!("it holds") };
        assert_eq!(evidence.expected, "less for 700");
        assert!(evidence.got.starts_with("700 (seed 1, case "), "{}", evidence.got);
    }

    #[test]
    fn what_nobody_waits_for_ends_with_its_runtime() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (begun, heard) = std::sync::mpsc::channel();
        let task = runtime.spawn(async move {
            let context = context(1);
            let property = move |_| {
                let begun = begun.clone();
                async move {
                    begun.send(()).unwrap();
                    std::future::pending::<Outcome>().await
                }
            };
            hold(&context, "n", USUAL, || Ok(0_u32..10), property).await
        });
        heard.recv().unwrap();
        task.abort();
        // Waits for all threads.
        drop(runtime);
        assert!(heard.recv().is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thread_that_nobody_waits_for_has_ended_when_its_context_is_idle() {
        let context = context(1);
        let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let own = context.clone();
        let task = tokio::spawn(async move {
            let tried = std::sync::atomic::AtomicUsize::new(0);
            // The first fails, and the next is one that is to be made small.
            let property = move |number| {
                let first = tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
                begun.send(first).unwrap();
                async move { if first { Err(violated(number)) } else { std::future::pending().await } }
            };
            hold(&own, "n", USUAL, || Ok(0_u32..10_000), property).await
        });
        while heard.recv().await == Some(true) {}
        task.abort();
        context.idle().await;
        assert!(matches!(heard.try_recv(), Err(tokio::sync::mpsc::error::TryRecvError::Disconnected)));
    }

    async fn drawn(seed: u64, name: &str) -> Vec<u32> {
        let values = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&values);
        let property = move |number| {
            seen.lock().unwrap().push(number);
            async { Ok(()) }
        };
        hold(&context(seed), name, USUAL, || Ok(0_u32..10_000), property).await.unwrap();
        let values = values.lock().unwrap();
        values.clone()
    }

    #[tokio::test]
    async fn the_seed_decides_the_values() {
        assert_eq!(drawn(1, "a").await, drawn(1, "a").await);
        assert_ne!(drawn(1, "a").await, drawn(2, "a").await);
        assert_ne!(drawn(1, "a").await, drawn(1, "b").await);
    }
}
