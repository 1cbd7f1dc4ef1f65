//! `capture`: a running core as a scenario.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use portmaster_simulator::{CaptureError, Captured, capture, capture_folder};

use super::{USAGE, args::Capture, print};

/// The status when nobody answers at the target, or not like a core.
const UNREACHABLE: u8 = 3;

/// How often it is said that it still reads.
const PAUSE: Duration = Duration::from_secs(10);

/// How many connections are listed in the scenario itself.
const LISTED: usize = 60;

/// How many connections make a scenario longer than its reader takes.
const TOO_MANY: usize = 5000;

/// Captures, writes and says what is missing.
pub(crate) fn run(args: Capture) -> ExitCode {
    let captured = match &args.from {
        Some(folder) => capture_folder(folder, args.keep_private),
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a machine that cannot poll runs nothing");
            let target = args.target.as_deref().unwrap_or_default();
            runtime.block_on(waited(capture(target, args.key.as_deref(), args.keep_private)))
        }
    };
    let captured = match captured {
        Ok(captured) => captured,
        Err(error) => {
            let status = match error {
                CaptureError::Unreachable { .. } | CaptureError::Stranger { .. } => UNREACHABLE,
                _ => USAGE,
            };
            complain(&format!("error: {error}"));
            return ExitCode::from(status);
        }
    };
    for line in &captured.missing {
        complain(&format!("not in the scenario: {line}"));
    }
    let Some(file) = &args.output else {
        if captured.connections() > TOO_MANY {
            complain(&format!("{} connections are too many for one file: use -o", captured.connections()));
        }
        return print(&captured.text(None));
    };
    match write(&captured, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err((file, error)) => {
            complain(&format!("error: cannot write {}: {error}", file.display()));
            ExitCode::from(USAGE)
        }
    }
}

/// Says now and then that it still reads: a core with many connections takes a while.
async fn waited<T>(work: impl Future<Output = T>) -> T {
    let (mut work, begun) = (std::pin::pin!(work), Instant::now());
    loop {
        tokio::select! {
            done = work.as_mut() => return done,
            () = tokio::time::sleep(PAUSE) => {
                complain(&format!("reading the core, {} s", begun.elapsed().as_secs()));
            }
        }
    }
}

/// Writes the scenario, and the rows file before it.
fn write(captured: &Captured, file: &Path) -> Result<(), (PathBuf, io::Error)> {
    let mut rows_name = None;
    if captured.connections() > LISTED {
        let rows = file.with_extension("rows.json");
        fs::write(&rows, captured.rows()).map_err(|error| (rows.clone(), error))?;
        rows_name = rows.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    fs::write(file, captured.text(rows_name.as_deref())).map_err(|error| (file.to_owned(), error))
}

fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
