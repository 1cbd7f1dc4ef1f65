//! Ctrl-C, and where there are such signals the one for termination and the terminal's hangup: asked once, a run ends politely;
//! asked again, at once.

use std::io::{self, Write as _};

#[cfg(unix)]
use portmaster_wire::ends;
use portmaster_wire::folder::remove_temporary_folders;
use tokio::sync::watch;

use crate::exit;

/// Tells whether somebody asked for the end. From the call on, signals no longer end the program by themselves.
#[derive(Clone, Debug)]
pub(super) struct Signals(watch::Receiver<bool>);

impl Signals {
    /// Begins to listen.
    pub(super) fn listen() -> Self {
        let (told, receiver) = watch::channel(false);
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Registered here and now, not when the task first runs.
            for mut signal in ends::signals().iter().flat_map(|&number| signal(SignalKind::from_raw(number)))
            {
                let told = told.clone();
                tokio::spawn(async move { while signal.recv().await.is_some() && tell(&told) {} });
            }
        }
        #[cfg(not(unix))]
        tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && tell(&told) {} });
        Self(receiver)
    }

    /// Waits until somebody asks for the end.
    pub(super) async fn told(&self) {
        if self.0.clone().wait_for(|told| *told).await.is_err() {
            // Nothing listens any more, so nothing will be told.
            std::future::pending().await
        }
    }
}

/// Passes the first signal on, and ends the program with the second.
fn tell(told: &watch::Sender<bool>) -> bool {
    if told.send_replace(true) {
        remove_temporary_folders();
        // A terminal that went away is no reason to stay.
        let words = "ended at once: what was changed at a target, and not put back yet, stays changed";
        let _ = writeln!(io::stderr(), "{words}");
        std::process::exit(exit::INTERRUPTED.into());
    }
    true
}
