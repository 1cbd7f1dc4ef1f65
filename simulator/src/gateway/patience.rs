//! How long a connection waits for the head of a request.
//!
//! hyper begins to wait anew for each request, and with a timer of Tokio's each beginning and each end takes the lock of all
//! timers. Here a connection has one, which is set again only when it goes off: by then nearly all that waited has come.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

/// The timer of one connection, for one thing at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

impl Patience {
    /// What comes of work that takes no longer than so.
    pub(super) async fn within<T>(&self, most: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        // Most is there at once.
        let mut wait = None;
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let begun = || Wait { timer: self.clone(), deadline: Instant::now() + most };
                Pin::new(wait.get_or_insert_with(begun)).poll(cx).map(|()| None)
            }
        })
        .await
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { timer: self.clone(), deadline })
    }
}

/// Ends at an instant.
struct Wait {
    timer: Patience,
    deadline: Instant,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline.into();
        let mut timer = self.timer.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            // It was set for something that has come since.
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_wait_ends_at_its_own_instant() {
        let patience = Patience::default();
        let within = |milliseconds| Instant::now() + Duration::from_millis(milliseconds);
        for (begun, then) in [(5, 15), (3_600_000, 10), (10, 10)] {
            let mut first = patience.sleep_until(within(begun));
            // On a busy machine it may be over already.
            _ = tokio::time::timeout(Duration::ZERO, first.as_mut()).await;
            drop(first);
            let end = within(then);
            patience.sleep_until(end).await;
            assert!(Instant::now() >= end);
        }
    }
}
