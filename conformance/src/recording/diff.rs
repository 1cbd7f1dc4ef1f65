//! Asks two targets the same, and says where they part, and why.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use portmaster_fixtures::Endpoint;
use portmaster_wire::percent::decoded_leniently;
use regex::RegexSet;
use serde::Serialize;

use super::{exchange::Asked, mask::Masks, redact::Redactor, stand_in::stand_in, swap::Swaps, wire::wire};
use crate::{
    checks::sample,
    contrast::{Answered, Bytes, Circumstance, Comparison, Difference, Known, causes, levels},
    harm::Harm,
    suite::{Alone, Class, Keys, Mode, Tier},
    target::{Address, Client, SendError},
};

/// How many questions are asked at a time.
const PARALLEL: usize = 8;
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
    async fn ask(&self, client: &Client, asked: &Asked) -> Result<Answered, SendError> {
        let wire = wire(asked, &self.address, &self.swaps);
        let mut answer = match client.send_bytes(&self.address, &wire.method, &wire.bytes, wire.finish).await
        {
            Err(error @ SendError::Connect { .. }) => return Err(error),
            // No answer is one as well, when the other side gives none either.
            Err(error) => {
                let body = Some(Bytes(error.to_string().into_bytes()));
                return Ok(Answered { status: 0, body, ..Answered::default() });
            }
            Ok(response) => Answered::from(&response),
        };
        // What an answer tells is its own: others come at the same time, and on the other side in another order.
        let mut redactor = self.redactor.clone();
        redactor.learn_from(&asked.target, &answer);
        redactor.answer(&mut answer);
        Ok(answer)
    }
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Method and name of the endpoint.
    pub(crate) endpoint: String,
    /// The endpoint's name, if there is one.
    pub(crate) name: Option<String>,
    /// The same as `endpoint`, but with the path where no endpoint is: what answers alike.
    alike: String,
    circumstance: Circumstance,
    /// What it does to a target.
    pub(crate) class: Class,
    /// What it needs alone.
    alone: Option<Alone>,
    /// The request, with stand-ins for keys.
    asked: Asked,
    /// The request as a command line.
    curl: String,
}

/// Finds the endpoint of a request.
#[derive(Debug)]
pub(crate) struct Finder {
    endpoints: &'static [Endpoint],
    patterns: RegexSet,
    harm: Harm,
    mode: Mode,
}

impl Finder {
    /// One for requests to a target in that mode.
    pub(crate) fn new(endpoints: &'static [Endpoint], mode: Mode) -> Self {
        let patterns = endpoints.iter().map(|one| format!("^/api/v1/{}$", sample::expression(&one.path)));
        // Patterns come from catalogues, whose tests compile them; a foreign one that does not matches nothing.
        let patterns = RegexSet::new(patterns).unwrap_or_default();
        Self { endpoints, patterns, harm: Harm::new(), mode }
    }

    /// The question that a request is; `curl` is its command line.
    pub(crate) fn question(&self, asked: Asked, curl: String) -> Question {
        let path = asked.target.split('?').next().unwrap_or_default();
        let found = self.patterns.matches(&String::from_utf8_lossy(&decoded_leniently(path)));
        let endpoint = found.iter().next().and_then(|index| self.endpoints.get(index));
        let name = endpoint.map(|endpoint| sample::slug(&endpoint.path));
        let circumstance = Circumstance::of(endpoint, &asked.method, levels(tier(&asked), self.mode));
        let class = match &asked.raw {
            // Who may not does no harm.
            _ if circumstance == Circumstance::MayNot => Class::Read,
            Some(raw) => self.harm.of_bytes(&raw.0),
            None => self.harm.of_request(&asked.method, &asked.target),
        };
        let alone = name.as_deref().and_then(Alone::of_endpoint);
        Question {
            endpoint: format!("{} {}", asked.method, name.as_deref().unwrap_or("(other paths)")),
            alike: format!("{} {}", asked.method, name.as_deref().unwrap_or(path)),
            name,
            circumstance,
            class,
            alone: alone.filter(|one| *one != Alone::Lifecycle),
            asked,
            curl,
        }
    }
}

/// Whose key a request carries as a Bearer token.
fn tier(asked: &Asked) -> Option<Tier> {
    let (_, value) = asked.header_lines().find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    Tier::ALL.into_iter().find(|&tier| value.strip_prefix("Bearer ") == Some(stand_in(tier)))
}

/// How two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// The credentials that it carried.
    pub(crate) credentials: String,
    /// The request as a command line to the first target.
    pub(crate) curl: String,
    /// Where the answers differ.
    pub(crate) differences: Vec<Difference>,
}

/// Why questions are answered differently.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Why {
    /// In words.
    pub(crate) cause: String,
    pub(crate) kind: Kind,
    /// How many questions it concerns.
    pub(crate) questions: usize,
    /// How many at each endpoint.
    pub(crate) endpoints: BTreeMap<String, usize>,
    /// All of them, in the order in which they were asked.
    pub(crate) partings: Vec<Parting>,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    /// How many questions were asked.
    pub(crate) questions: usize,
    /// How many of them are answered differently.
    pub(crate) differing: usize,
    /// At how many endpoints questions were asked, and at how many some are answered differently.
    pub(crate) endpoints: (usize, usize),
    /// Why: structure first, and then what concerns most questions.
    pub(crate) causes: Vec<Why>,
    /// What varies by itself.
    pub(crate) masks: Masks,
}

/// Questions that are asked one after the other, with their places among all.
type Chain<'a> = Vec<(usize, &'a Question)>;

/// The answers of both sides to a question, where they differ.
struct Pair<'a> {
    question: &'a Question,
    answers: [Answered; 2],
    /// How they differ: by structure, and by values alone.
    differences: [(Kind, Vec<Difference>); 2],
    /// What differs on one side, asked twice.
    volatile: Vec<Difference>,
}

/// Asks both sides every question, and again where the answers differ: what differs on one side is volatile.
///
/// What only reads is asked several at a time, but never two that need the same alone; the rest follows one by one.
///
/// # Errors
/// When a side does not listen.
pub(crate) async fn diff(
    client: &Client,
    sides: &[Side; 2],
    questions: &[Question],
    progress: impl Fn(&Question),
) -> Result<Diff, SendError> {
    let (reads, rest): (Vec<_>, Vec<_>) =
        questions.iter().enumerate().partition(|(_, one)| one.class == Class::Read);
    let mut chains: BTreeMap<(Option<Alone>, usize), Chain<'_>> = BTreeMap::new();
    for (at, one) in reads {
        // What needs something alone is a chain that begins first, everything else one of its own.
        let key = (one.alone, if one.alone.is_some() { 0 } else { at });
        chains.entry(key).or_default().push((at, one));
    }
    let (plain, alone): (Vec<_>, Vec<_>) = chains.into_iter().partition(|((alone, _), _)| alone.is_none());
    let follow = |chain| follow(client, sides, chain, &progress);
    let parallel = stream::iter(alone.into_iter().chain(plain).map(|(_, chain)| follow(chain)));
    let mut pairs: Vec<_> = parallel.buffer_unordered(PARALLEL).try_concat().await?;
    pairs.extend(follow(rest).await?);
    pairs.sort_by_key(|(at, _)| *at);
    let pairs = pairs.into_iter().map(|(_, pair)| pair).collect();
    Ok(sorted(questions, pairs))
}

/// Asks questions one after the other; answers which of them are answered differently.
async fn follow<'a>(
    client: &Client,
    sides: &[Side; 2],
    chain: Chain<'a>,
    progress: &impl Fn(&Question),
) -> Result<Vec<(usize, Pair<'a>)>, SendError> {
    let mut pairs = vec![];
    for (at, question) in chain {
        let pair = ask(client, sides, question).await?;
        progress(question);
        pairs.extend(pair.map(|pair| (at, pair)));
    }
    Ok(pairs)
}

/// Asks both sides; nothing if they answer alike.
async fn ask<'a>(
    client: &Client,
    sides: &[Side; 2],
    question: &'a Question,
) -> Result<Option<Pair<'a>>, SendError> {
    let asked = &question.asked;
    let both = || async { tokio::try_join!(sides[0].ask(client, asked), sides[1].ask(client, asked)) };
    let (one, other) = both().await?;
    let value = Comparison::of(&one, &other).by_value();
    if value.is_empty() {
        return Ok(None);
    }
    let (one_again, other_again) = both().await?;
    let mut volatile = Comparison::of(&one, &one_again).by_value();
    volatile.extend(Comparison::of(&other, &other_again).by_value());
    let structure = Comparison::of(&one, &other).by_structure(&Known::of([&one, &one_again]));
    // What is there in the structure already need not be said again by its value.
    let said: BTreeSet<_> = structure.iter().map(|one| one.place.clone()).collect();
    let value = value.into_iter().filter(|one| !said.contains(&one.place)).collect();
    let differences = [(Kind::Structure, structure), (Kind::Value, value)];
    Ok(Some(Pair { question, answers: [one, other], differences, volatile }))
}

/// Sorts what differs by its causes.
fn sorted(questions: &[Question], pairs: Vec<Pair<'_>>) -> Diff {
    let endpoints: BTreeSet<_> = questions.iter().map(|one| &one.endpoint).collect();
    let mut diff = Diff { questions: questions.len(), ..Diff::default() };
    for pair in &pairs {
        diff.masks.hide(&pair.question.alike, &pair.volatile);
    }
    let mut all: BTreeMap<(Kind, String), Why> = BTreeMap::new();
    let mut concerned = BTreeSet::new();
    for Pair { question, answers: [one, other], differences, .. } in pairs {
        let mut differs = false;
        for (kind, mut differences) in differences {
            diff.masks.clean(&question.alike, &mut differences);
            for (cause, mut differences) in causes(question.circumstance, [&one, &other], differences) {
                differs = true;
                differences.truncate(KEPT);
                let why = all.entry((kind, cause.clone())).or_insert_with(|| Why {
                    cause,
                    kind,
                    questions: 0,
                    endpoints: BTreeMap::new(),
                    partings: vec![],
                });
                why.questions += 1;
                *why.endpoints.entry(question.endpoint.clone()).or_default() += 1;
                why.partings.push(Parting {
                    question: format!("{} {}", question.asked.method, question.asked.target),
                    credentials: credentials(&question.asked),
                    curl: question.curl.clone(),
                    differences,
                });
            }
        }
        if differs {
            diff.differing += 1;
            concerned.insert(&question.endpoint);
        }
    }
    diff.endpoints = (endpoints.len(), concerned.len());
    diff.causes = all.into_values().collect();
    diff.causes.sort_by_key(|why| (why.kind, std::cmp::Reverse(why.questions)));
    diff
}

/// The credentials of a question in a few words.
fn credentials(asked: &Asked) -> String {
    let header = asked.header_lines().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match (header, tier(asked)) {
        (None, _) => "no key".to_owned(),
        (Some(_), Some(tier)) => tier.name().to_owned(),
        (Some((_, value)), None) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    fn question(method: &str, target: &str) -> Question {
        let finder = Finder::new(Contract::Docs.endpoints(), Mode::Guarded);
        let asked = Asked { method: method.to_owned(), target: target.to_owned(), ..Asked::default() };
        finder.question(asked, String::new())
    }

    #[test]
    fn requests_find_their_endpoint() {
        let endpoint = |target: &str| question("GET", target).endpoint;
        assert_eq!(endpoint("/api/v1/ping?x=1"), "GET ping");
        assert_eq!(endpoint("/api/v1/dns/cache/%65xample.com.A"), "GET dns/cache/:query");
        assert_eq!(endpoint("/api/v1/pong%2"), "GET (other paths)");
    }

    #[test]
    fn questions_of_who_may_not_do_no_harm() {
        let clear = question("POST", "/api/v1/dns/clear");
        assert_eq!((clear.class, clear.circumstance), (Class::Read, Circumstance::MayNot));
        let elsewhere = question("POST", "/api/v1/new");
        assert_eq!((elsewhere.class, elsewhere.circumstance), (Class::Disruptive, Circumstance::Elsewhere));
        assert_eq!(question("GET", "/api/v1/debug/cpu").alone, Some(Alone::Profiler));
    }
}
