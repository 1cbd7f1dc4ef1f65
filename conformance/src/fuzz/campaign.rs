//! A campaign.

use std::sync::atomic::AtomicU32;

use super::{
    attempt::attempt,
    bucket, epochs,
    failure::Failure,
    falls,
    finding::Oracle,
    host::{Gone, Own},
    kin,
    lane::Lane,
    progress::Progress,
    scope::Scope,
    settings::{Beside, FuzzError, Settings, Until},
    subject::{Subject, Target},
    summary::{Summary, Unconfirmed},
};
use crate::{
    keeper::Keeper,
    shard::Shard,
    suite::{Allowed, Embedded, Mode, Tier},
};

/// How often a case is replayed in which something meets, until the target falls.
const REPLAYS: usize = 5;

/// A campaign.
#[derive(Debug)]
pub struct Campaign {
    subject: Subject,
}

impl Campaign {
    /// Prepares one.
    ///
    /// # Errors
    /// When a pattern selects nothing.
    pub fn new(settings: Settings) -> Result<Self, FuzzError> {
        let Settings {
            target,
            started,
            beside,
            keeper,
            contract,
            simulators,
            healthy,
            endpoints,
            keys,
            allowed,
            only,
            seed,
            limit,
        } = settings;
        let foreign = target.is_some();
        let (keys, allowed) = if foreign { (keys, allowed) } else { (Embedded::keys(), Allowed::ALL) };
        let tiers: Vec<Tier> = Tier::ALL.into_iter().filter(|tier| keys.get(*tier).is_some()).collect();
        let listed = endpoints.unwrap_or_else(|| contract.endpoints());
        let launched = keeper.as_ref().is_some_and(Keeper::is_own);
        let scope = Scope::new(contract, listed, tiers, allowed, foreign, launched, only)?
            .comparing(beside.is_some());
        let own = |command| Target::Own(Own { command, contract, healthy, seed });
        let beside = beside.map(|beside| match beside {
            Beside::At(address) => {
                Target::Foreign(address, target.as_ref().map_or(Mode::Guarded, |(_, mode)| *mode))
            }
            Beside::Simulators(command) => own(command),
        });
        let target = match target {
            Some((address, mode)) => Target::Foreign(address, mode),
            None => own(simulators),
        };
        let behaviour = if healthy { contract.healthy_behaviour() } else { contract.behaviour() };
        let subject = Subject {
            target,
            started,
            beside,
            keeper,
            contract,
            healthy,
            behaviour,
            strict: endpoints.is_none(),
            scope,
            keys,
            seed,
            limit,
            vain: AtomicU32::new(0),
        };
        Ok(Self { subject })
    }

    /// How many threads suit the target.
    pub fn threads(&self) -> usize {
        let allowed = self.subject.scope.allowed();
        let writes = allowed.writes || allowed.disruptive;
        if self.subject.beside.is_some() && self.subject.scope.lives() && writes {
            // Both targets have to see the same in the same order.
            return 1;
        }
        epochs::threads(match &self.subject.target {
            Target::Foreign(address, _) => Some(address),
            Target::Own(_) => None,
        })
    }

    /// Carries it out. On simulators of our own what comes out is the same for the same seed and number of cases,
    /// whatever the number of threads.
    pub fn run(&self, until: Until, shard: Shard, threads: usize, progress: &Progress) -> Summary {
        let outcome = epochs::run(&self.subject, until, shard, threads, progress);
        let mut failures = outcome.fallen;
        failures.extend(kin::gather(
            bucket::sort(outcome.small, &outcome.places),
            self.subject.scope.catalogue(),
        ));
        Summary {
            cases: outcome.cases,
            sent: outcome.sent,
            digest: outcome.digest,
            took: outcome.took,
            failures: failures.into_iter().map(|bucket| Failure::new(&self.subject, bucket)).collect(),
            unconfirmed: outcome
                .unconfirmed
                .into_iter()
                .map(|sort| Unconfirmed {
                    oracle: sort.finding.oracle,
                    endpoint: sort.finding.endpoint,
                    got: self.subject.keys.redact(&sort.finding.got),
                    seen: sort.seen,
                })
                .collect(),
            gone: outcome.gone,
            interrupted: outcome.interrupted,
        }
    }

    /// Sends a failure's case again: which oracle objects, to which step, and to what.
    ///
    /// # Errors
    /// When the target does not answer.
    pub async fn replay(&self, failure: &Failure) -> Result<Option<(Oracle, usize, String)>, String> {
        let mode = match &self.subject.target {
            Target::Foreign(_, mode) => *mode,
            Target::Own(_) => failure.mode().unwrap_or(Mode::Guarded),
        };
        let gone = |error: Gone| error.0;
        let mut lane = Lane::open(&self.subject, mode).await.map_err(gone)?;
        if let Some(keeper) = self.subject.keeper.as_ref().filter(|_| failure.oracle.is_fall()) {
            // What meets does not always collide.
            let tries = if failure.steps.meets() { REPLAYS } else { 1 };
            for _ in 0..tries {
                if let Some(fall) = falls::falls(keeper, &mut lane, &failure.steps).await.map_err(gone)? {
                    let got = self.subject.keys.redact(&fall.told().join("\n"));
                    return Ok(Some((Oracle::of(fall.kind), failure.fails_at, got)));
                }
            }
            return Ok(None);
        }
        let objections = attempt(&mut lane, &failure.steps).await.map_err(gone)?;
        let same = objections.iter().find(|one| one.finding.cause == failure.cause);
        Ok(same
            .or(objections.first())
            .map(|one| (one.finding.oracle, one.step, self.subject.keys.redact(&one.finding.got))))
    }
}
