//! Who is let through, and what follows where that is another one.

use std::collections::BTreeSet;

use crate::{
    contrast::{Circumstance, levels},
    fuzz::{
        bucket::Bucket,
        case::{Sent, Step},
    },
};

/// What the second refuses and the first does not, and the other way round.
pub(super) const REFUSED: &str = "refused now";
pub(super) const OPEN: &str = "not refused any more";
/// What the bridge says of an endpoint's refusal.
pub(super) const BRIDGED: &str = "bridged api call returned unexpected error code 40";

/// The places of all that comes of rights, where those differ in one direction, or the second asks everybody for the same. What an endpoint
/// says of who asks is no direction beside the right to ask.
pub(super) fn followers(buckets: &[Bucket], of: &[BTreeSet<String>]) -> Vec<usize> {
    let has = |at: usize, mark: &str| of[at].contains(mark);
    let differ = |at: &usize| has(*at, REFUSED) || has(*at, OPEN);
    let own = Circumstance::Open.to_string();
    let (of_who_asks, to_ask): (Vec<_>, Vec<_>) =
        (0..of.len()).filter(differ).partition(|at| buckets[*at].cause.ends_with(&own));
    let ways = if to_ask.is_empty() { of_who_asks } else { to_ask };
    let [refused, open] = [REFUSED, OPEN].map(|mark| ways.iter().any(|at| has(*at, mark)));
    if refused == open && !(refused && are_of_one_level(buckets, of)) {
        return Vec::new();
    }
    (0..of.len()).filter(|at| differ(at) || (buckets[*at].is_alike() && are_told_by(&buckets[*at]))).collect()
}

/// Whether one permission explains whom the second refuses and whom it lets through where the first does not: all it refuses have less, all
/// others have as much. It has to be the same to read, or to write.
fn are_of_one_level(buckets: &[Bucket], of: &[BTreeSet<String>]) -> bool {
    let held = |mark: &'static str| {
        let marked = buckets.iter().zip(of).filter(|(_, marks)| marks.contains(mark));
        let cases = marked.flat_map(|(one, _)| &one.cases);
        cases.filter_map(|(case, step, mode)| {
            let Some(Step::Ask(ask)) = case.steps.get(*step) else { return None };
            let (read, write) = levels(ask.who.tier(), *mode);
            Some((ask.writes(), if ask.writes() { write } else { read }))
        })
    };
    let sides: BTreeSet<bool> = held(REFUSED).chain(held(OPEN)).map(|(writes, _)| writes).collect();
    let (most, least) = (held(REFUSED).map(|(_, held)| held).max(), held(OPEN).map(|(_, held)| held).min());
    sides.len() == 1 && most.zip(least).is_some_and(|(most, least)| most < least)
}

/// Whether a difference is one of rights as well, where those differ: who is refused shows in how, in the session that is begun, and in
/// what is said of rights; the bridge says no more of a refusal than that the call failed.
fn are_told_by(bucket: &Bucket) -> bool {
    let cause = bucket.cause.as_str();
    let begins = ["refused by both, ", "header set-cookie ", "header www-authenticate "];
    let rights = [".Read", ".Write", ".ReadRole", ".WriteRole"];
    let member = cause.strip_prefix("member ").and_then(|rest| rest.split(' ').next());
    begins.iter().any(|one| cause.starts_with(one))
        || member.is_some_and(|member| rights.contains(&member))
        // What the second asks a permission for has none at the first, or is the list of who has which.
        || cause.starts_with("status 405 against 40")
        || member.is_some_and(|member| member.ends_with("core/apiKeys"))
        || (cause.starts_with("error text ") && cause.contains("bridged api call"))
        || (cause == "message: error against success" && bucket.small.finding.expected.contains(BRIDGED))
        || bucket.cases.iter().all(|(case, step, _)| case.steps.iter().take(*step).any(calls_unheard))
}

/// Whether it asks an endpoint over the bridge, on a connection that ends before everybody is answered.
fn calls_unheard(step: &Step) -> bool {
    let Step::Talk(talk) = step else { return false };
    let calls = |sent: &Sent| match sent {
        Sent::Message(bytes) | Sent::Fragments(bytes, _) => {
            String::from_utf8_lossy(&bytes.0).contains("|api:")
        }
        _ => false,
    };
    talk.frames.iter().any(calls) && talk.frames.iter().any(Sent::ends)
}
