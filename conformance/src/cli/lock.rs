//! One run at a time on one target: two would see what the other changes.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use portmaster_wire::folder::named;

use super::trouble::Trouble;
use crate::target::Address;

/// Holds the target until it is dropped. The system lets go of it when the program ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked: whoever opens it from now on makes another one, and whoever waits for this one sees that it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// How the files' names begin and end.
const NAME: (&str, &str) = ("portmaster-conformance-", ".lock");
/// Removes the files of runs that were killed. Those of others, or that cannot be looked at, stay.
fn remove_abandoned(parent: &Path) {
    for entry in named(parent, NAME.0) {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.ends_with(NAME.1));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
            && is_there(&file, &path).unwrap_or(false)
        {
            drop(Lock { path, _file: file });
        }
    }
}

/// Whether a file that was opened is still the one of that name.
fn is_there(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let own = file.metadata()?;
        Ok((there.dev(), there.ino()) == (own.dev(), own.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = (there, file);
        Ok(true)
    }
}

impl Lock {
    /// Takes the target for this run.
    pub(super) fn take(address: &Address) -> Result<Self, Trouble> {
        let name: String =
            address.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = std::env::temp_dir();
        remove_abandoned(&folder);
        let path = folder.join(format!("{}{name}{}", NAME.0, NAME.1));
        let cannot = |error: &dyn std::fmt::Display| {
            Trouble::Usage(format!("cannot lock {}: {error}", path.display()))
        };
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(|error| cannot(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Trouble::Usage(format!(
                        "another run is checking {address}; two at once would see what the other changes"
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(cannot(&error)),
            }
            // The one before may have removed it in between.
            if is_there(&file, &path).map_err(|error| cannot(&error))? {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_runs_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(format!("{}{name}", NAME.0));
        let [held, killed, other] = ["held.lock", "killed.lock", "other"].map(file);
        let [lock, ..] = [&held, &killed, &other].map(|file| File::create(file).unwrap());
        lock.try_lock().unwrap();
        remove_abandoned(folder.path());
        assert!(held.exists() && !killed.exists() && other.exists());
    }
}
