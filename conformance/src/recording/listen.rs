//! Runs checks one after the other, and listens to each.

use crate::suite::{self, Allowed, Check, Context, SkipReason, Taken, Tape};

/// Runs the checks, what does less harm first, and calls `heard` with what each asked and got. Ends early when
/// `stop` does, when the target goes, or when `heard` answers an error; says why, if not all was asked.
///
/// One at a time, because a recording is replayed in its order: a target must see the same before each question.
pub(crate) async fn listen<E>(
    checks: &[Check],
    context: Context,
    allowed: Allowed,
    stop: impl Future<Output = ()>,
    mut heard: impl FnMut(&Check, &[Taken]) -> Result<(), E>,
) -> Result<Option<SkipReason>, E> {
    let tape = Tape::default();
    let context = context.taped(Some(tape.clone()));
    let mut checks: Vec<_> = checks.iter().collect();
    checks.sort_by_key(|check| check.class);
    let mut stop = std::pin::pin!(stop);
    for check in checks {
        let told = async {
            stop.as_mut().await;
            SkipReason::Interrupted
        };
        let one = std::slice::from_ref(check);
        let reason = suite::run(one, &context, allowed, |_, _| {}, told).await.reason();
        heard(check, &tape.take())?;
        if reason.is_some() {
            return Ok(reason);
        }
    }
    Ok(None)
}
