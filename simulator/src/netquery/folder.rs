//! The temporary folder of a connection database. It goes with its owner; those of processes that were killed go when the
//! next one starts.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    hash::{BuildHasher as _, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

/// How the folders' names begin.
const PREFIX: &str = "portmaster-simulator-";

/// The file in a folder that is locked for as long as its owner lives.
const LOCK: &str = "lock";

/// A folder that belongs to this process.
#[derive(Debug)]
pub(super) struct Folder {
    // Dropped first: it is open in the folder.
    _lock: File,
    folder: Made,
}

/// A folder that goes when this is dropped.
#[derive(Debug)]
struct Made(PathBuf);

impl Made {
    /// A new one, for its owner alone, under a name that nobody guesses.
    fn within(parent: &Path) -> io::Result<Self> {
        let drawn = RandomState::new().hash_one(std::process::id());
        let path = parent.join(format!("{PREFIX}{drawn:016x}"));
        #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Whoever comes next removes what is left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folders of this process that are there.
static THERE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn there() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    THERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary folders of all simulators of this process. For a program that ends at once, without dropping
/// them; they are of no use afterwards.
pub fn remove_temporary_folders() {
    for folder in there().iter() {
        let _ = fs::remove_dir_all(folder);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        there().remove(self.path());
    }
}

impl Folder {
    /// A new folder among the system's temporary ones. The first one of a process removes what others have left behind.
    pub(super) fn new() -> io::Result<Self> {
        static FIRST: Once = Once::new();
        FIRST.call_once(|| remove_abandoned(&std::env::temp_dir()));
        Self::within(&std::env::temp_dir())
    }

    fn within(parent: &Path) -> io::Result<Self> {
        let folder = Made::within(parent)?;
        // Under its name only once it is locked: whoever finds it unlocked may be sure that its owner is gone.
        let unlocked = folder.0.join("unlocked");
        let lock = File::create_new(&unlocked)?;
        lock.try_lock()?;
        fs::rename(unlocked, folder.0.join(LOCK))?;
        there().insert(folder.0.clone());
        Ok(Self { _lock: lock, folder })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.folder.0
    }
}

/// Removes the folders whose owners are gone. What cannot be looked at or removed, such as another user's, stays.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&entry.path()) {
            // Another process may be removing it at the same time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let lock = folder.join(LOCK);
    // Anything else than a file may keep whoever opens it waiting.
    let is_file = fs::symlink_metadata(&lock).is_ok_and(|found| found.is_file());
    is_file && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_whose_owners_are_gone_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Folder::within(parent.path()).unwrap();
        // As a process that is killed leaves it: the lock is gone, the folder is there.
        let killed = parent.path().join(format!("{PREFIX}killed"));
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        let [beginning, other] =
            [format!("{PREFIX}new"), "other".to_owned()].map(|name| parent.path().join(name));
        for folder in [&beginning, &other] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(other.join(LOCK), "").unwrap();
        fs::write(killed.join("main.db"), "rows").unwrap();
        remove_abandoned(parent.path());
        assert!(!killed.exists());
        assert!(alive.path().join(LOCK).exists() && beginning.exists() && other.exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
    }
}
