//! Runs the suite against a simulator of its own with each mutant.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use portmaster_fixtures::{Contract, Mutant};
use tokio::task::JoinSet;

use crate::{
    checks,
    suite::{self, Allowed, Check, Context, Run, Verdict},
    target::Client,
};

/// How long a target may take for one answer. Simulators of our own answer at once or, with some mutants, never; the
/// machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(8);

/// A mutant, and the checks that noticed it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The ids of the checks that fail because of it, in the checks' order.
    pub killers: Vec<String>,
    /// The ids of the checks that could not be carried out.
    pub broken: Vec<String>,
    /// How long the run took.
    pub took: Duration,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct SelfTest {
    /// The contract.
    pub contract: Contract,
    /// Every check.
    pub checks: Vec<Check>,
    /// The checks that fail without any mutant: they have shown that they can.
    pub failing: BTreeSet<String>,
    /// One trial a mutant, in the mutants' order.
    pub trials: Vec<Trial>,
    /// Whether all mutants of the contract were tried.
    pub complete: bool,
    /// How long all took.
    pub took: Duration,
}

impl SelfTest {
    /// The mutants that no check noticed.
    pub fn survivors(&self) -> impl Iterator<Item = &'static Mutant> {
        self.trials.iter().filter(|trial| trial.killers.is_empty()).map(|trial| trial.mutant)
    }

    /// The checks that noticed nothing, in their order; none unless all mutants were tried.
    pub fn toothless(&self) -> Vec<&Check> {
        if !self.complete {
            return vec![];
        }
        let kills = self.kills();
        let noticed = |check: &&Check| kills.contains_key(check.id.as_str());
        self.checks.iter().filter(|check| !noticed(check) && !self.failing.contains(&check.id)).collect()
    }

    /// How many checks noticed a mutant.
    pub fn able(&self) -> usize {
        self.kills().len()
    }

    /// How many mutants each check noticed.
    fn kills(&self) -> BTreeMap<&str, usize> {
        let mut kills = BTreeMap::new();
        for id in self.trials.iter().flat_map(|trial| &trial.killers) {
            *kills.entry(id.as_str()).or_insert(0) += 1;
        }
        kills
    }

    /// Whether every mutant is killed, every check has killed, and none broke: a check must judge whatever it is sent.
    pub fn holds(&self) -> bool {
        let broken = self.trials.iter().any(|trial| !trial.broken.is_empty());
        self.survivors().next().is_none() && self.toothless().is_empty() && !broken
    }
}

/// Tries mutants of a contract, so many at a time; `progress` hears of each that is done.
pub async fn try_mutants(
    contract: Contract,
    mutants: &[&'static Mutant],
    seed: u64,
    jobs: usize,
    mut progress: impl FnMut(&Trial),
) -> SelfTest {
    let begun = Instant::now();
    let checks = checks::all(contract);
    let client = Client::new(TIMEOUT);
    let control = run(&checks, &Context::embedded(contract, seed, client.clone())).await;
    let failing = failed(&control);
    // From behind: those of the websocket, which wait for what never comes, take longest.
    let mut waiting = mutants.iter().copied().enumerate().rev();
    let mut running = JoinSet::new();
    let mut trials: Vec<(usize, Trial)> = vec![];
    loop {
        while running.len() < jobs.max(1)
            && let Some((place, mutant)) = waiting.next()
        {
            let context = Context::mutated(contract, mutant, seed, client.clone());
            let (checks, failing) = (checks.clone(), failing.clone());
            running.spawn(async move { (place, trial(mutant, &checks, &context, &failing).await) });
        }
        let Some(done) = running.join_next().await else { break };
        // A trial has nothing of its own that could panic; if it does, the mutant has not been killed.
        if let Ok(done) = done {
            progress(&done.1);
            trials.push(done);
        }
    }
    trials.sort_by_key(|(place, _)| *place);
    let trials: Vec<_> = trials.into_iter().map(|(_, trial)| trial).collect();
    let all = Mutant::all().iter().filter(|one| one.suits(contract) && !one.needs_process()).count();
    let complete = trials.len() == all;
    SelfTest {
        contract,
        checks,
        failing: failing.into_iter().collect(),
        trials,
        complete,
        took: begun.elapsed(),
    }
}

async fn run(checks: &[Check], context: &Context) -> Run {
    suite::run(checks, context, Allowed::ALL, |_, _| {}, std::future::pending()).await
}

async fn trial(mutant: &'static Mutant, checks: &[Check], context: &Context, failing: &[String]) -> Trial {
    let run = run(checks, context).await;
    let killers = failed(&run).into_iter().filter(|id| !failing.contains(id)).collect();
    let broken = run.records.iter().filter(|one| matches!(one.verdict, Verdict::Error(_)));
    let broken = broken.map(|one| one.id.clone()).collect();
    Trial { mutant, killers, broken, took: run.took }
}

/// The checks that do not hold, binding or not.
fn failed(run: &Run) -> Vec<String> {
    let fails = |verdict: &Verdict| matches!(verdict, Verdict::Fail(_) | Verdict::Warn(_));
    run.records.iter().filter(|one| fails(&one.verdict)).map(|one| one.id.clone()).collect()
}
