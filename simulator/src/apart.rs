//! A thread and a runtime that something has to itself.

use std::{convert::Infallible, future::Future, io, thread};

use tokio::{runtime, sync::oneshot};

use crate::limits;

/// How many threads serve.
const WORKERS: usize = 2;

/// A thread with a runtime. It ends when this is dropped, and what runs on it with it.
#[derive(Debug)]
pub(crate) struct Apart {
    end: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Apart {
    /// Runs work on a thread with a runtime; what comes of it is told.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had.
    pub(crate) fn begin<T>(
        work: impl Future<Output = T> + Send + 'static,
        tell: impl FnOnce(T) + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .event_interval(limits::EVENTS)
            .enable_all()
            .build()?;
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("simulator".to_owned()).spawn(move || {
            runtime.block_on(async {
                tell(work.await);
                // Nothing is ever sent: it is over when the sender goes.
                _ = ended.await;
            });
        })?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic there was told where it happened.
            _ = thread.join();
        }
    }
}
