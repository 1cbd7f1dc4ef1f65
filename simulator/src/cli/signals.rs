//! Ctrl-C and termination signals. They are heard on a thread of their own, so that they end the program whatever else it
//! is at.

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
    both: Option<[tokio::signal::unix::Signal; 2]>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let both = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        Self {
            both: if let (Ok(terminate), Ok(interrupt)) = both { Some([terminate, interrupt]) } else { None },
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some([terminate, interrupt]) = &mut self.both {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
            }
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
