//! Temporary folders, of a connection database or of a target that the suite launches. A folder goes with its owner; those of
//! processes that were killed go when the next one starts.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File},
    hash::{BuildHasher as _, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many entries of a parent are looked at, at most, for what others have left behind.
const LOOKED_AT: usize = 100_000;

/// The file in a folder that is locked for as long as its owner lives.
const LOCK: &str = "lock";

/// A folder that belongs to this process.
#[derive(Debug)]
pub struct Folder {
    // Dropped first: it is open in the folder.
    _lock: File,
    folder: Made,
}

/// A folder that goes when this is dropped.
#[derive(Debug)]
struct Made(PathBuf);

impl Made {
    /// A new one, for its owner alone, under a name that nobody guesses.
    fn within(parent: &Path, prefix: &str) -> io::Result<Self> {
        let drawn = RandomState::new().hash_one(std::process::id());
        let path = parent.join(format!("{prefix}{drawn:016x}"));
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
        there().remove(&self.0);
    }
}

/// The folders of this process that are there.
static THERE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn there() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    THERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary folders of this process, those of its simulators included. For a program that ends at once, without
/// dropping them; they are of no use afterwards.
pub fn remove_temporary_folders() {
    for folder in there().iter() {
        let _ = fs::remove_dir_all(folder);
    }
}

impl Folder {
    /// A new folder whose name begins like that. The first one of a process removes what others have left behind there.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new(parent: &Path, prefix: &'static str) -> io::Result<Self> {
        static SWEPT: Mutex<BTreeSet<(PathBuf, &str)>> = Mutex::new(BTreeSet::new());
        let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.insert((parent.to_owned(), prefix)) {
            remove_abandoned(parent, prefix);
        }
        drop(swept);
        let folder = Made::within(parent, prefix)?;
        // Under its name only once it is locked: whoever finds it unlocked may be sure that its owner is gone.
        let unlocked = folder.0.join("unlocked");
        let lock = File::create_new(&unlocked)?;
        lock.try_lock()?;
        fs::rename(unlocked, folder.0.join(LOCK))?;
        there().insert(folder.0.clone());
        Ok(Self { _lock: lock, folder })
    }

    /// Has it stay for people to look at, and answers where it is.
    pub fn keep(mut self) -> PathBuf {
        // Without a lock it is nobody's, and no one removes it.
        let _ = fs::remove_file(self.path().join(LOCK));
        there().remove(self.path());
        std::mem::take(&mut self.folder.0)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder.0
    }
}

/// What stands in a folder under a name that begins like that, as far as it can be looked at.
pub fn named(parent: &Path, prefix: &str) -> impl Iterator<Item = fs::DirEntry> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten().take(LOOKED_AT);
    entries.filter(move |entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)))
}

/// Removes the folders whose owners are gone. What cannot be looked at or removed, such as another user's, stays.
fn remove_abandoned(parent: &Path, prefix: &str) {
    for entry in named(parent, prefix) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&entry.path()) {
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

    const PREFIX: &str = "portmaster-test-";

    #[test]
    fn only_folders_whose_owners_are_gone_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let alive = Folder::new(parent.path(), PREFIX).unwrap();
        let kept = Folder::new(parent.path(), PREFIX).unwrap().keep();
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
        remove_abandoned(parent.path(), PREFIX);
        assert!(!killed.exists() && kept.exists());
        assert!(alive.path().join(LOCK).exists() && beginning.exists() && other.exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
    }
}
