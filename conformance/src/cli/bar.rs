//! How far a command is.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often it is said where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// A bar on standard error for so many steps; where that is no terminal, a line now and then.
pub(super) fn progress_bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !io::stderr().is_terminal() {
        let watched = bar.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                if watched.is_finished() {
                    return;
                }
                let (done, all) = (watched.position(), watched.length().unwrap_or_default());
                anstream::eprintln!("{done} of {all} {}", watched.message());
            }
        });
    }
    bar
}
