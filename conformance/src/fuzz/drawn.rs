//! Requests as a campaign draws them, for others to send.

use portmaster_fixtures::Contract;
use proptest::strategy::ValueTree;

use super::{case::Step, draw::tree, scope::Scope, strategy};
use crate::{
    suite::{Allowed, Keys, Tier},
    target::Request,
};

/// Requests without end, drawn from a seed: of every endpoint of a contract, with these keys, and none that does more than is
/// allowed.
pub(crate) fn requests(
    contract: Contract,
    keys: &Keys,
    tiers: Vec<Tier>,
    allowed: Allowed,
    seed: u64,
) -> impl Iterator<Item = Request> {
    // Without patterns there is none that selects nothing.
    let scope = Scope::new(contract, contract.endpoints(), tiers, allowed, true, false, vec![]).ok();
    let strategy = scope.as_ref().map(strategy::cases);
    (0..)
        .map_while(move |number| Some(tree(strategy.as_ref()?, seed, number)?.current()))
        .filter(move |case| case.refused(allowed).is_none())
        .flat_map(|case| case.steps)
        .filter_map(|step| match step {
            // What opens a websocket is no question.
            Step::Ask(ask) if !ask.target.starts_with("/api/database/") => Some(ask.request(keys, None)),
            _ => None,
        })
}
