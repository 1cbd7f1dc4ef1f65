//! Tries a case: oracles judge what one target answers, or two targets are compared.

use super::{
    beside,
    case::Case,
    host::Gone,
    lane::{Lane, Objection},
};

/// All that is objected to: what an oracle objects to first, or, where there are two targets, whatever differs.
pub(super) async fn attempt(lane: &mut Lane<'_>, case: &Case) -> Result<Vec<Objection>, Gone> {
    match &lane.other {
        Some(_) => beside::run(lane, case).await,
        None => Ok(Vec::from_iter(lane.run(case).await?)),
    }
}
