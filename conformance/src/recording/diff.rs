//! Asks two targets the same, and says where they part.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_fixtures::Endpoint;
use portmaster_wire::percent::decoded_leniently;
use regex::RegexSet;
use serde::Serialize;

use super::{
    compare::Comparison,
    difference::Difference,
    exchange::{Answered, Asked, Exchange},
    expectations::Expectations,
    mask::Masks,
    redact::Redactor,
    stand_in::stand_in,
    swap::Swaps,
    wire::wire,
};
use crate::{
    checks::sample,
    suite::{Keys, Tier},
    target::{Address, Client, SendError},
};

/// How many differences of one answer are kept.
const KEPT: usize = 50;

/// One of the two.
#[derive(Debug)]
pub(crate) struct Side {
    address: Address,
    swaps: Swaps,
    redactor: Redactor,
}

impl Side {
    /// A side with these keys. Questions that name a target name `named`.
    pub(crate) fn new(address: Address, keys: &Keys, named: &Address) -> Self {
        let mut swaps = Swaps::with_keys(keys);
        swaps.host(Some(&named.authority()), &address);
        let mut redactor = Redactor::new(keys);
        redactor.hide_address(&address);
        Self { address, swaps, redactor }
    }

    /// Asks this side; the answer is without what only this side has.
    async fn ask(&mut self, client: &Client, asked: &Asked) -> Result<Answered, SendError> {
        let wire = wire(asked, &self.address, &self.swaps);
        let response = client.send_bytes(&self.address, &wire.method, &wire.bytes, wire.finish).await?;
        let mut answer = Answered::from(&response);
        self.redactor.learn_from(&asked.target, &answer);
        self.redactor.answer(&mut answer);
        Ok(answer)
    }
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Method and name of the endpoint.
    pub(crate) endpoint: String,
    /// The same, but with the path where no endpoint is: what answers alike.
    alike: String,
    /// The request, with stand-ins for keys.
    pub(crate) asked: Asked,
}

/// Finds the endpoint of a request.
#[derive(Debug)]
pub(crate) struct Finder {
    names: Vec<String>,
    patterns: RegexSet,
}

impl Finder {
    pub(crate) fn new(endpoints: &[Endpoint]) -> Self {
        let names = endpoints.iter().map(|one| sample::slug(&one.path)).collect();
        let patterns = endpoints.iter().map(|one| format!("^/api/v1/{}$", sample::expression(&one.path)));
        // Patterns come from catalogues, whose tests compile them; a foreign one that does not matches nothing.
        let patterns = RegexSet::new(patterns).unwrap_or_default();
        Self { names, patterns }
    }

    pub(crate) fn question(&self, asked: Asked) -> Question {
        let path = asked.target.split('?').next().unwrap_or_default();
        let name = self
            .patterns
            .matches(&String::from_utf8_lossy(&decoded_leniently(path)))
            .iter()
            .next()
            .and_then(|index| self.names.get(index));
        let name = name.map(String::as_str);
        let endpoint = format!("{} {}", asked.method, name.unwrap_or("(other paths)"));
        Question { endpoint, alike: format!("{} {}", asked.method, name.unwrap_or(path)), asked }
    }
}

/// How two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Status, headers, or the members and types of a body.
    Structure,
    /// Values only.
    Value,
}

/// A question that is answered differently.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parting {
    /// What was asked.
    pub(crate) question: String,
    #[serde(skip)]
    alike: String,
    /// The credentials that it carried.
    pub(crate) credentials: String,
    pub(crate) kind: Kind,
    pub(crate) differences: Vec<Difference>,
}

/// An endpoint's part.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Part {
    /// How many questions it was asked.
    pub(crate) questions: usize,
    /// Those that are answered differently.
    pub(crate) partings: Vec<Parting>,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    /// By endpoint.
    pub(crate) parts: BTreeMap<String, Part>,
    /// What varies by itself.
    pub(crate) masks: Masks,
}

impl Diff {
    /// How many questions are answered alike, of how many.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let differ: usize = self.parts.values().map(|part| part.partings.len()).sum();
        let all: usize = self.parts.values().map(|part| part.questions).sum();
        (all - differ, all)
    }
}

/// Asks both sides every question, and every question twice: what differs on one side is volatile.
///
/// # Errors
/// When a side does not listen.
pub(crate) async fn diff(
    client: &Client,
    sides: &mut [Side; 2],
    questions: &[Question],
    progress: impl Fn(),
) -> Result<Diff, SendError> {
    let mut diff = Diff::default();
    for Question { endpoint, alike, asked } in questions {
        let mut answers = vec![];
        for _ in 0..2 {
            for side in &mut *sides {
                answers.push(match side.ask(client, asked).await {
                    Err(fault @ SendError::Connect { .. }) => return Err(fault),
                    // No answer is one as well, when the other side gives none either.
                    Err(fault) => no_answer(&fault),
                    Ok(answer) => answer,
                });
            }
        }
        let exchanges: Vec<_> = answers
            .into_iter()
            .map(|response| Exchange { request: asked.clone(), response, ..Exchange::default() })
            .collect();
        let [a1, b1, a2, b2] = exchanges.as_slice() else { continue };
        for (one, other) in [(a1, a2), (b1, b2)] {
            diff.masks.hide(alike, &Comparison::of_recordings(one, other).by_value());
        }
        let comparison = Comparison::of_recordings(a1, b1);
        let expectations = Expectations::of([a1, a2]);
        let mut structure = comparison.by_structure(expectations.on(a1));
        let mut value = comparison.by_value();
        diff.masks.clean(alike, &mut structure);
        diff.masks.clean(alike, &mut value);
        let kind = if structure.is_empty() { Kind::Value } else { Kind::Structure };
        // What is there in the structure already need not be said again by its value.
        let said: BTreeSet<_> = structure.iter().map(|one| one.place.clone()).collect();
        structure.extend(value.into_iter().filter(|one| !said.contains(&one.place)));
        structure.truncate(KEPT);
        let part = diff.parts.entry(endpoint.clone()).or_default();
        part.questions += 1;
        if !structure.is_empty() {
            part.partings.push(Parting {
                question: format!("{} {}", asked.method, asked.target),
                alike: alike.clone(),
                credentials: credentials(asked),
                kind,
                differences: structure,
            });
        }
        progress();
    }
    // What turned out to be volatile only later was volatile before.
    for part in diff.parts.values_mut() {
        for parting in &mut part.partings {
            diff.masks.clean(&parting.alike, &mut parting.differences);
        }
        part.partings.retain(|parting| !parting.differences.is_empty());
    }
    Ok(diff)
}

fn no_answer(fault: &SendError) -> Answered {
    let body = Some(super::bytes::Bytes(fault.to_string().into_bytes()));
    Answered { status: 0, body, ..Answered::default() }
}

/// The credentials of a question in a few words.
fn credentials(asked: &Asked) -> String {
    let header = asked.header_lines().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let Some((_, value)) = header else { return "no key".to_owned() };
    let tier = Tier::ALL.into_iter().find(|&tier| value.strip_prefix("Bearer ") == Some(stand_in(tier)));
    tier.map_or(value.to_owned(), |tier| tier.name().to_owned())
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    #[test]
    fn requests_find_their_endpoint() {
        let finder = Finder::new(Contract::Docs.endpoints());
        let endpoint = |target: &str| {
            let asked = Asked { method: "GET".to_owned(), target: target.to_owned(), ..Asked::default() };
            finder.question(asked).endpoint
        };
        assert_eq!(endpoint("/api/v1/ping?x=1"), "GET ping");
        assert_eq!(endpoint("/api/v1/dns/cache/%65xample.com.A"), "GET dns/cache/:query");
        assert_eq!(endpoint("/api/v1/pong%2"), "GET (other paths)");
    }
}
