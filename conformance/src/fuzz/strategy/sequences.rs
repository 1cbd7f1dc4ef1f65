//! Requests that follow each other: the same by one tier after the other, and stories.

use portmaster_fixtures::Endpoint;
use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

use super::{asks, talks};
use crate::{
    fuzz::{
        case::{Ask, Case, Step, Who},
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

fn step(scope: &Scope, endpoint: &Endpoint) -> BoxedStrategy<Step> {
    let who = one_of![
        3 => select(vec![Who::Session]),
        3 => Just(asks::mighty(scope)),
        1 => asks::who(scope),
    ];
    (asks::inside(scope, endpoint), who).prop_map(|(ask, who)| Step::Ask(Ask { who, ..ask })).boxed()
}
