//! Ctrl-C, termination signals and hangups. They are heard on a thread of their own, so that they end the program whatever else it
//! is at.

#[cfg(unix)]
use std::{future::poll_fn, task::Poll};
use std::{io, process, thread, time::Duration};

use portmaster_wire::folder::remove_temporary_folders;
use tokio::{runtime, sync::oneshot, time::sleep};

/// How long the program may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(900);

/// Listens from now on. The first signal is passed on; a second one, or a program that does not end in time, ends it here.
pub(crate) fn listen() -> io::Result<oneshot::Receiver<()>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()
    };
    let (first, told) = oneshot::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            // The program may be about to end by itself.
            let _ = first.send(());
            let code = tokio::select! {
                () = signals.next() => 130,
                () = sleep(PATIENCE) => 0,
            };
            remove_temporary_folders();
            process::exit(code);
        });
    })?;
    Ok(told)
}

/// The signals that ask for the end.
struct Signals {
    #[cfg(unix)]
    heard: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let numbers = portmaster_wire::ends::signals().iter();
        Self { heard: numbers.flat_map(|&number| signal(SignalKind::from_raw(number))).collect() }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        poll_fn(|context| {
            let told = self.heard.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if told { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
