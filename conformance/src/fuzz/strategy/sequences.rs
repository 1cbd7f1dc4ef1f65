//! Requests that follow each other: the same by one tier after the other, and stories.

use std::{collections::BTreeSet, iter::once};

use portmaster_fixtures::{Endpoint, Piece};
use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

use super::{asks, talks};
use crate::{
    checks::sample,
    fuzz::{
        case::{Ask, Case, Sent, Step, Talk, Who},
        scope::Scope,
    },
    suite::Tier,
};

/// The tiers from the one that may least to the one that may most.
const LADDER: [Tier; 4] = [Tier::Anyone, Tier::UserRead, Tier::User, Tier::Admin];

/// The same request by nobody and then by one tier after the other.
pub(super) fn ladder(scope: &Scope, endpoints: &[&Endpoint]) -> BoxedStrategy<Case> {
    let tiers: Vec<Tier> = LADDER.into_iter().filter(|tier| scope.tiers().contains(tier)).collect();
    let asks = Union::new(endpoints.iter().map(|one| asks::inside(scope, one)));
    asks.prop_map(move |ask| {
        let climbers = std::iter::once(Who::Nobody).chain(tiers.iter().copied().map(Who::Bearer));
        let step = |who| Step::Ask(Ask { who, twice: false, ..ask.clone() });
        Case { steps: climbers.map(step).collect() }
    })
    .boxed()
}

/// A story about one subject: requests to a few endpoints, by somebody who may or whose session it is, and now and then a
/// conversation.
pub(super) fn sequence(scope: &Scope, endpoints: &[&Endpoint]) -> BoxedStrategy<Case> {
    /// The subjects: beginnings of paths.
    const SUBJECTS: [&[&str]; 9] = [
        &["auth/", "network/", "app/"],
        &["spn/account/", "spn/map/", "account/"],
        &["spn/", "control/"],
        &["netquery/"],
        &["dns/"],
        &["profile/", "sync/profile/", "process/"],
        &["sync/"],
        &["broadcasts/", "config/"],
        &["debug/", "updates/", "ui/", "core/", "customlists/", "modules/"],
    ];
    let mut stories = vec![];
    for subject in SUBJECTS {
        let about: Vec<_> = endpoints
            .iter()
            .filter(|one| subject.iter().any(|beginning| one.path.starts_with(beginning)))
            .map(|one| step(scope, one))
            .collect();
        if !about.is_empty() {
            stories.push(vec(Union::new(about), 2..6).prop_map(|steps| Case { steps }).boxed());
        }
    }
    // A session begins, may end, and is shown again.
    let reset = endpoints.iter().find(|one| one.path == "auth/reset");
    if let Some(reset) = reset.filter(|_| scope.compares()) {
        let any = || Union::new(endpoints.iter().map(|one| asks::inside(scope, one)));
        let reset = prop::option::weighted(0.7, asks::inside(scope, reset));
        let of_session = |ask| Step::Ask(Ask { who: Who::Session, ..ask });
        let story = (any(), any(), reset, any())
            .prop_map(move |(first, second, reset, last)| [Some(first), Some(second), reset, Some(last)])
            .prop_map(move |all| Case { steps: all.into_iter().flatten().map(of_session).collect() });
        stories.push(story.boxed());
    }
    // Whatever was asked for, there is a story about it.
    let mixed = vec(Union::new(endpoints.iter().map(|one| step(scope, one))), 2..6);
    stories.push(mixed.prop_map(|steps| Case { steps }).boxed());
    if scope.wants("websocket") {
        let asks = Union::new(endpoints.iter().map(|one| step(scope, one)));
        let both = one_of![2 => asks, 1 => talks::talk(scope).prop_map(Step::Talk)];
        stories.push(vec(both, 2..5).prop_map(|steps| Case { steps }).boxed());
    }
    Union::new(stories).boxed()
}

/// Paths at the ends of what the endpoints' patterns allow, a few at a time: a pattern that several have counts for the first of them.
pub(super) fn ends(scope: &Scope, endpoints: &[&Endpoint]) -> Option<BoxedStrategy<Case>> {
    let mut known = BTreeSet::new();
    let ways = endpoints.iter().filter_map(|one| {
        let parts = sample::pieces(&one.path).into_iter().filter_map(|piece| match piece {
            Piece::Part(name, pattern) => Some((name, pattern)),
            Piece::Text(_) => None,
        });
        let fresh = parts.filter(|part| known.insert(*part)).count();
        Some((if fresh > 0 { 6 } else { 1 }, asks::at_the_ends(scope, one)?))
    });
    let ways: Vec<_> = ways.collect();
    let steps = (!ways.is_empty()).then(|| Union::new_weighted(ways).prop_map(Step::Ask))?;
    Some(vec(steps, 1..6).prop_map(|steps| Case { steps }).boxed())
}

/// What acts is told to once more, just as it is documented: the second time need not be like the first.
pub(super) fn again(scope: &Scope, endpoints: &[&Endpoint]) -> Option<BoxedStrategy<Case>> {
    let acts = endpoints.iter().filter(|one| !one.write.is_not_supported());
    let asks: Vec<_> = acts.map(|one| asks::documented(scope, one)).collect();
    let asks = (!asks.is_empty()).then(|| Union::new(asks))?;
    let twice = (asks, 1_usize..3).prop_map(|(ask, times)| vec![Step::Ask(ask); times]);
    let all = vec(twice, 1..3).prop_map(|all| all.into_iter().flatten().collect());
    Some(all.prop_map(|steps| Case { steps }).boxed())
}

/// A setting is changed over the websocket, and then it is asked what is called like it.
pub(super) fn settings(scope: &Scope, endpoints: &[&Endpoint]) -> Option<BoxedStrategy<Case>> {
    if !scope.allowed().disruptive || !scope.wants("websocket") {
        return None;
    }
    let kin = |key: &str| -> Vec<_> {
        let (family, _) = key.split_once('/').unwrap_or((key, ""));
        let kin = endpoints.iter().filter(|one| one.path.split('/').next() == Some(family));
        kin.map(|one| asks::documented(scope, one)).collect()
    };
    let stories = scope.options().into_iter().filter_map(|key| {
        let asks = kin(&key);
        let asks = (!asks.is_empty()).then(|| vec(Union::new(asks).prop_map(Step::Ask), 1..6))?;
        // Whether a module runs decides what most of its endpoints answer.
        let weight = if key.ends_with("/enable") { 12 } else { 1 };
        let value = select(vec!["true", "false", "\"<b>\"", "1"]);
        let told = value.prop_map(move |value| {
            let text = format!("1|update|config:{key}|J{{\"Value\":{value}}}");
            Step::Talk(Talk { who: Who::Bearer(Tier::Admin), frames: vec![Sent::Message(text.into())] })
        });
        let story = (told, asks).prop_map(|(told, asks)| Case { steps: once(told).chain(asks).collect() });
        Some((weight, story.boxed()))
    });
    let stories: Vec<_> = stories.collect();
    (!stories.is_empty()).then(|| Union::new_weighted(stories).boxed())
}

fn step(scope: &Scope, endpoint: &Endpoint) -> BoxedStrategy<Step> {
    let who = one_of![
        3 => select(vec![Who::Session]),
        3 => Just(asks::mighty(scope)),
        1 => asks::who(scope),
    ];
    (asks::inside(scope, endpoint), who).prop_map(|(ask, who)| Step::Ask(Ask { who, ..ask })).boxed()
}
