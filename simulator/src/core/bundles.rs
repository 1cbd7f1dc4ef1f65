//! User interfaces: zip files or folders, held in memory and served by the rules of the cores (ui §0).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use portmaster_fixtures::scenario::{Bundle as Scripted, file};

use crate::{limits, ordered::ordered};

/// What is served below `/ui/modules/` and `/assets/`.
#[derive(Debug)]
pub(crate) enum Bundles {
    /// A page of our own that says how to get a user interface.
    BuiltIn,
    /// Bundles by name; an entry without files is no archive.
    Given(BTreeMap<String, Option<Files>>),
}

/// The files of a bundle by their path.
type Files = BTreeMap<String, Bytes>;

/// Why a bundle cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve {path} as {what}: {source}")]
pub struct BundleError {
    /// What it was to be.
    pub what: &'static str,
    /// The zip file or folder.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// The bundles that a command line names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The user interface itself.
    pub(crate) ui: Option<PathBuf>,
    /// Icons, fonts and pictures.
    pub(crate) assets: Option<PathBuf>,
}

impl Bundles {
    /// Loads the bundles: those of the command line over the scenario's.
    pub(super) fn load(
        scripted: Option<&BTreeMap<String, Scripted>>,
        sources: &Sources,
    ) -> Result<Self, BundleError> {
        if scripted.is_none() && sources.ui.is_none() && sources.assets.is_none() {
            return Ok(Self::BuiltIn);
        }
        let mut given = BTreeMap::new();
        for (name, bundle) in scripted.into_iter().flatten() {
            let files = bundle.files.as_ref().map(|files| {
                ordered(files.iter().map(|(path, text)| (path.clone(), Bytes::from(text.clone()))))
            });
            given.insert(name.clone(), files);
        }
        for (name, what, source) in [
            ("portmaster", "a user interface", &sources.ui),
            ("assets", "icons, fonts and pictures", &sources.assets),
        ] {
            if let Some(path) = source {
                let path_told = || path.display().to_string();
                let files = read(path).map_err(|source| BundleError { what, path: path_told(), source })?;
                if let Some(why) = (name == "portmaster").then(|| without_index(&files)).flatten() {
                    tracing::warn!("{}: {why}", path_told());
                }
                given.insert(name.to_owned(), Some(files));
            }
        }
        Ok(Self::Given(given))
    }

    /// Looks for a path in a bundle. A missing file is the bundle's index, as single-page applications want it.
    pub(crate) fn look(&self, name: &str, path: &str) -> Looked<'_> {
        let given = match self {
            Self::Given(given) => given,
            Self::BuiltIn if name == "portmaster" => return Looked::BuiltIn,
            Self::BuiltIn => return Looked::NoBundle,
        };
        let files = match given.get(name) {
            None => return Looked::NoBundle,
            Some(None) => return Looked::NoArchive,
            Some(Some(files)) => files,
        };
        let wanted = if path.is_empty() || path.ends_with('/') { "index.html" } else { path };
        match (files.get_key_value(wanted), files.get_key_value("index.html")) {
            (Some((name, body)), _) | (None, Some((name, body))) => Looked::File(name, body),
            (None, None) => Looked::NoFile(wanted.to_owned()),
        }
    }
}

/// What is at a path of a bundle.
#[derive(Debug)]
pub(crate) enum Looked<'a> {
    /// A file, by its name.
    File(&'a str, &'a Bytes),
    /// There is no user interface; a page of our own says how to get one.
    BuiltIn,
    /// There is no such bundle.
    NoBundle,
    /// It is none that can be read.
    NoArchive,
    /// It has no such file.
    NoFile(String),
}

/// Why nothing is to be seen of a user interface: it begins with its `index.html`.
fn without_index(files: &Files) -> Option<String> {
    if files.contains_key("index.html") {
        return None;
    }
    let deeper = files.keys().find_map(|path| path.strip_suffix("/index.html"));
    let deeper = deeper.map(|folder| format!("; there is one in {folder}, which may be what is meant"));
    Some(format!(
        "there is no index.html, so the user interface cannot be opened{}",
        deeper.unwrap_or_default()
    ))
}

/// Reads a zip file or a folder.
fn read(path: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut room = limits::BUNDLE;
    if path.is_dir() {
        read_folder(path, "", &mut files, &mut room)?;
    } else {
        read_zip(path, &mut files, &mut room)?;
    }
    if files.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it has no files"));
    }
    Ok(files)
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files, room: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // A link may lead out of the folder or around in it.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{name}/"), files, room)?;
        } else if kind.is_file() {
            let body = read_limited(fs::File::open(entry.path())?, &name, room)?;
            files.insert(name, body);
        }
    }
    Ok(())
}

#[cfg(feature = "ui")]
fn read_zip(path: &Path, files: &mut Files, room: &mut u64) -> io::Result<()> {
    let invalid =
        |error: zip::result::ZipError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let mut archive = zip::ZipArchive::new(file::open(path)?).map_err(|error| match error {
        zip::result::ZipError::InvalidArchive(_) => {
            io::Error::new(io::ErrorKind::InvalidData, "expected a folder or a zip file, and it is neither")
        }
        other => invalid(other),
    })?;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(invalid)?;
        if file.is_file() {
            let name = file.name().map(|name| name.trim_start_matches("./").to_owned()).map_err(invalid)?;
            let body = read_limited(file, &name, room)?;
            files.insert(name, body);
        }
    }
    Ok(())
}

#[cfg(not(feature = "ui"))]
fn read_zip(_: &Path, _: &mut Files, _: &mut u64) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "zip files are read with the feature \"ui\" alone"))
}

/// Reads all of it, as long as there is room.
fn read_limited(source: impl Read, name: &str, room: &mut u64) -> io::Result<Bytes> {
    let mut body = Vec::new();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", name.escape_debug()));
    source.take(*room + 1).read_to_end(&mut body).map_err(named)?;
    *room = room.checked_sub(body.len() as u64).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it holds more than {} MiB", limits::BUNDLE >> 20),
        )
    })?;
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_interface_without_its_first_page_is_told() {
        let why = |paths: &[&str]| {
            without_index(&paths.iter().map(|path| ((*path).to_owned(), Bytes::new())).collect())
        };
        assert_eq!(why(&["a.js", "index.html"]), None);
        assert!(why(&["a.js"]).is_some_and(|why| !why.contains("which may be")));
        assert!(why(&["dist/ui/index.html"]).is_some_and(|why| why.contains("one in dist/ui")));
    }
}
