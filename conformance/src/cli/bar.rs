//! How far a command is.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
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

/// Waits for something of which nobody knows how far it is, and says so. Who works gets the bar, to say something beside it.
pub(super) async fn waiting<T, W: Future<Output = T>>(what: &str, work: impl FnOnce(ProgressBar) -> W) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(what.to_owned());
    let (begun, is_terminal) = (Instant::now(), io::stderr().is_terminal());
    let mut work = std::pin::pin!(work(bar.clone()));
    loop {
        let pause = if is_terminal { Duration::from_millis(100) } else { PAUSE };
        tokio::select! {
            done = work.as_mut() => {
                bar.finish_and_clear();
                return done;
            }
            () = tokio::time::sleep(pause) => match is_terminal {
                true => bar.tick(),
                false => anstream::eprintln!("{what}, {} s", begun.elapsed().as_secs()),
            },
        }
    }
}
