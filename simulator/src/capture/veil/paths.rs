//! Paths below home folders, whose names tell of their owners.

use std::sync::LazyLock;

use regex::Regex;

use super::Veil;

/// Folders that every home has.
const FOLDERS: &[&str] = &[
    ".local", ".config", ".cache", ".var", ".mozilla", ".cargo", ".npm", "share", "bin", "lib", "lib64",
    "opt", "app", "apps", "applications", "downloads", "documents", "desktop", "snap", "appdata", "local",
    "roaming", "library", "programs", "current", "x86_64", "usr",
];

/// Names that are nobody's.
pub(super) const NOBODY: &[&str] = &[
    "user", "users", "root", "admin", "administrator", "default", "public", "guest", "home", "desktop",
    "laptop", "localhost", "portmaster", "computer", "debian", "linux", "online", "owner", "system", "test",
    "ubuntu", "windows", "device", "shared",
];

impl Veil {
    /// A path: below a home folder, everything but what every home has and the program's name.
    pub(super) fn path(&mut self, path: &str) -> String {
        let (before, owner, after) = home(path);
        if owner.is_empty() {
            return self.unnamed(path);
        }
        let person = match self.names.get(&owner.to_lowercase()) {
            Some(known) => known.clone(),
            None if NOBODY.contains(&owner.to_lowercase().as_str()) => owner.to_owned(),
            None => "someone".to_owned(),
        };
        let is_mark = |char: char| char == '/' || char == '\\';
        let mut out = format!("{before}{person}");
        let mut parts = after.split_inclusive(is_mark).peekable();
        while let Some(part) = parts.next() {
            let name = part.trim_end_matches(is_mark);
            let kept = name.is_empty() || FOLDERS.contains(&name.to_lowercase().as_str());
            if parts.peek().is_none() || kept {
                out.push_str(&self.unnamed(part));
                continue;
            }
            let stands = match self.folders.get(name) {
                Some(known) => known.clone(),
                None => {
                    let stands = format!("folder{}", self.next("folder"));
                    self.folders.insert(name.to_owned(), stands.clone());
                    stands
                }
            };
            out.push_str(&stands);
            out.push_str(&part[name.len()..]);
        }
        out
    }
}

/// A path before its owner's name, that name, and the rest; no name if it is not below a home folder.
pub(super) fn home(path: &str) -> (&str, &str, &str) {
    static HOME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?i:/(?:var/)?home/|/users/|[a-z]:\\+users\\+)").expect("the pattern is one")
    });
    let Some(start) = HOME.find(path) else { return (path, "", "") };
    let rest = &path[start.end()..];
    let end = rest.find(['/', '\\']).unwrap_or(rest.len());
    (&path[..start.end()], &rest[..end], &rest[end..])
}
