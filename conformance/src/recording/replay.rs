//! Asks a target again what a recording has, and says what changed.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use portmaster_fixtures::Contract;
use regex::Regex;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    exchange::{Asked, Exchange, Setup},
    expectations::Expectations,
    guard::Guard,
    line::{Line, Recording},
    mask::Masks,
    script::{Connections, Player},
    stage::{Stage, StageError, Target, folder},
    swap::Swaps,
    wire::wire,
};
use crate::{
    contrast::{Answered, By, Difference, Sort},
    suite::{Class, Keys},
    target::{Client, SendError},
};

/// How long a message of a script may take.
const MESSAGE: Duration = Duration::from_secs(3);

/// Which lines of a recording are replayed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    /// Members of the setup, and what they must be.
    pub(crate) only: Vec<(String, String)>,
    /// What id and request target must match.
    pub(crate) matching: Option<Regex>,
    /// Whether scripts are played that are bound to their machine, or break their target.
    pub(crate) all: bool,
}

impl Which {
    fn has_setup(&self, setup: &Setup) -> bool {
        let setup = serde_json::to_value(setup).unwrap_or_default();
        self.only.iter().all(|(name, wanted)| {
            let value = match &setup[name] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            value.eq_ignore_ascii_case(wanted)
        })
    }

    fn has(&self, line: &Line) -> bool {
        let label = match line {
            Line::Exchange(one) => format!("{} {}", one.id, one.request.target),
            Line::Script(one) if one.context => return false,
            Line::Script(one) if !self.all && (one.bound_to_its_machine || one.breaks_its_target) => {
                return false;
            }
            Line::Script(one) => format!("{} {}", one.id, one.name),
        };
        self.matching.as_ref().is_none_or(|pattern| pattern.is_match(&label))
    }
}

/// What is replayed, where and how.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) masks: &'a Masks,
    pub(crate) by: By,
    pub(crate) which: &'a Which,
    /// What may be sent; everything to a target of our own.
    pub(crate) guard: Option<&'a Guard>,
    pub(crate) stage: &'a Stage,
    pub(crate) contract: Option<Contract>,
    pub(crate) keys: &'a Keys,
    pub(crate) client: &'a Client,
    /// How many targets there may be at a time.
    pub(crate) places: &'a Semaphore,
}

/// An exchange or a script that differs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Differing {
    /// Its name in the recording.
    pub(crate) id: String,
    /// Method and path, or what the script is about.
    pub(crate) endpoint: String,
    /// How the target was set up.
    pub(crate) setup: String,
    /// Where it differs.
    pub(crate) differences: Vec<Difference>,
}

/// What came out of a replay.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What differs, in the order in which it was asked.
    pub(crate) differing: Vec<Differing>,
    /// How many agree of how many, by the first two parts of their ids.
    pub(crate) groups: BTreeMap<String, (usize, usize)>,
    /// How many lines are not allowed, and were not sent, by what they do.
    pub(crate) left_out: BTreeMap<Class, usize>,
}

impl Outcome {
    /// How many exchanges and scripts agree, of how many.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.groups.values().fold((0, 0), |(good, all), (one, of)| (good + one, all + of))
    }

    /// The share that agrees; 0 when nothing was asked.
    pub(crate) fn share(&self) -> f64 {
        let (good, all) = self.counts();
        if all == 0 { 0.0 } else { good as f64 / all as f64 }
    }

    fn count(&mut self, line: &Line, setup: &Setup, differences: Vec<Difference>, swaps: &Swaps) {
        let parts: Vec<_> = line.id().split('/').take(2).collect();
        let group = self.groups.entry(parts.join("/")).or_default();
        group.1 += 1;
        if differences.is_empty() {
            group.0 += 1;
            return;
        }
        let hidden = differences.into_iter().map(|one| Difference {
            expected: swaps.hide(&one.expected),
            got: swaps.hide(&one.got),
            ..one
        });
        let endpoint = match line {
            Line::Exchange(one) => one.request.endpoint(),
            Line::Script(one) => format!("websocket {}", one.name),
        };
        self.differing.push(Differing {
            id: line.id().to_owned(),
            endpoint,
            setup: summary(setup),
            differences: hidden.collect(),
        });
    }

    /// Takes the outcome of more lines in.
    pub(crate) fn extend(&mut self, other: Self) {
        self.differing.extend(other.differing);
        for (group, (good, all)) in other.groups {
            let own = self.groups.entry(group).or_default();
            own.0 += good;
            own.1 += all;
        }
        for (class, lines) in other.left_out {
            *self.left_out.entry(class).or_default() += lines;
        }
    }
}

/// What of a setup tells it from others.
fn summary(setup: &Setup) -> String {
    let mut parts = vec![];
    if setup.dev_mode {
        parts.push("Development Mode".to_owned());
    }
    if setup.external_auth != "none" {
        parts.push(format!("external authenticator {}", setup.external_auth));
    }
    parts.extend(setup.scenario.clone());
    parts.join(", ")
}

impl Replay<'_> {
    /// Replays it all. `progress` is called after each line.
    pub(crate) async fn run(&self, progress: impl Fn()) -> Result<Outcome, StageError> {
        let expectations = Expectations::of(self.recording.exchanges());
        let (expectations, progress) = (&expectations, &progress);
        let groups = self.recording.by_setup().into_iter().filter(|(setup, _)| self.which.has_setup(setup));
        let groups = groups.map(|(setup, lines)| async move {
            // Closed only when it is dropped.
            let _place = self.places.acquire().await;
            self.group(setup, &lines, expectations, progress).await
        });
        let mut outcome = Outcome::default();
        for group in join_all(groups).await {
            outcome.extend(group?);
        }
        Ok(outcome)
    }

    /// How many lines are replayed.
    pub(crate) fn length(&self) -> usize {
        let wanted = |line: &&Line| self.which.has_setup(line.setup()) && self.which.has(line);
        self.recording.lines.iter().filter(wanted).count()
    }

    /// Replays the lines of one setup, in order, on one target.
    async fn group(
        &self,
        setup: &Setup,
        lines: &[&Line],
        expectations: &Expectations,
        progress: &impl Fn(),
    ) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let mut wanted: Vec<_> = lines.iter().copied().filter(|line| self.which.has(line)).collect();
        if let Some(guard) = self.guard {
            outcome.left_out = leave_out(&mut wanted, guard);
            let left_out = outcome.left_out.values().sum();
            (0..left_out).for_each(|_| progress());
        }
        let Some(first) = wanted.first() else { return Ok(outcome) };
        let scripts = wanted.iter().any(|line| matches!(line, Line::Script(_)));
        // A recording whose setups name no contract has it in its ids.
        let in_id = first.id().split('/').next().and_then(|part| part.parse().ok());
        let contract = self.contract.or(in_id);
        let folder = folder(&self.recording.file);
        let start = || self.stage.start(setup, &folder, contract, scripts);
        let mut target = start().await?;
        let mut swaps = Swaps::with_keys(self.keys);
        let mut open = Connections::new();
        for line in wanted {
            let differences = match line {
                Line::Exchange(exchange) => {
                    swaps.host(exchange.recorded_on.as_deref(), &target.address);
                    let differences = self.ask(exchange, &mut target, &mut swaps, expectations).await?;
                    if exchange.ends_target() {
                        open.clear();
                        if target.is_own() {
                            target = start().await?;
                        } else {
                            target.listens().await?;
                        }
                    }
                    differences
                }
                Line::Script(script) => {
                    swaps.host(script.recorded_on.as_deref(), &target.address);
                    let player = Player {
                        address: &target.address,
                        client: self.client,
                        patience: MESSAGE,
                        swaps: &swaps,
                    };
                    Vec::from_iter(player.play(&self.masks.masked(script), &mut open).await)
                }
            };
            if !differences.is_empty() {
                target.settle().await?;
            }
            progress();
            let counts = match line {
                Line::Exchange(one) => !one.context,
                Line::Script(one) => !self.masks.hides_script(one),
            };
            if counts {
                outcome.count(line, setup, differences, &swaps);
            }
        }
        Ok(outcome)
    }

    /// Asks one question; answers where the answer differs.
    async fn ask(
        &self,
        exchange: &Exchange,
        target: &mut Target,
        swaps: &mut Swaps,
        expectations: &Expectations,
    ) -> Result<Vec<Difference>, StageError> {
        let Asked { method, .. } = &exchange.request;
        let wire = wire(&exchange.request, &target.address, swaps);
        let sent = self.client.send_bytes(&target.address, &wire.method, &wire.bytes, wire.finish).await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                return match target.ended() {
                    Some(ended) if !exchange.ends_target() => {
                        Err(StageError::Target(format!("died at {} ({method}): {ended}", exchange.id)))
                    }
                    None if matches!(error, SendError::Connect { .. }) && !target.is_kept() => {
                        Err(error.into())
                    }
                    _ => Ok(vec![Difference::new(
                        Sort::Status,
                        "status",
                        exchange.response.status.to_string(),
                        error.to_string(),
                    )]),
                };
            }
        };
        swaps.learn_session(&exchange.response, &response);
        let expected = swaps.expected(exchange);
        let got = Answered::from(&response);
        let comparison = exchange.comparison(&expected, &got);
        let mut differences = match self.by {
            By::Structure => comparison.by_structure(expectations.on(exchange)),
            By::Value => comparison.by_value(),
        };
        self.masks.clean(&exchange.request.endpoint(), &mut differences);
        Ok(differences)
    }
}

/// Leaves out what is not allowed; answers how many lines of each class. A script that goes on with the connections of one
/// that is left out has none to go on with.
fn leave_out(lines: &mut Vec<&Line>, guard: &Guard) -> BTreeMap<Class, usize> {
    let mut left_out = BTreeMap::new();
    let mut cut = None;
    lines.retain(|line| {
        let mut refused = guard.refuses(line);
        if let Line::Script(script) = line {
            refused = refused.or(cut.filter(|_| script.continues));
            cut = refused;
        }
        if let Some(class) = refused {
            *left_out.entry(class).or_default() += 1;
        }
        refused.is_none()
    });
    left_out
}
