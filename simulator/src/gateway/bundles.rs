//! User interfaces: zip files or folders, held in memory and served by the rules of the cores (ui §0).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use hyper::{StatusCode, http::HeaderValue};
use portmaster_fixtures::scenario::Bundle as Scripted;

use super::render::Answer;
use crate::go::mime;

/// The most that a bundle may hold, unpacked.
const LARGEST: u64 = 256 << 20;

/// What is served below `/ui/modules/` and `/assets/`.
#[derive(Debug)]
pub(super) enum Bundles {
    /// A page of our own that says how to get a user interface.
    BuiltIn,
    /// Bundles by name; an entry without files is no archive.
    Given(BTreeMap<String, Option<Files>>),
}

/// The files of a bundle by their path.
type Files = BTreeMap<String, Bytes>;

/// Why a bundle cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve {path} as a user interface: {source}")]
pub struct BundleError {
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
                files.iter().map(|(path, text)| (path.clone(), Bytes::from(text.clone()))).collect()
            });
            given.insert(name.clone(), files);
        }
        for (name, source) in [("portmaster", &sources.ui), ("assets", &sources.assets)] {
            if let Some(path) = source {
                let files =
                    read(path).map_err(|source| BundleError { path: path.display().to_string(), source })?;
                given.insert(name.to_owned(), Some(files));
            }
        }
        Ok(Self::Given(given))
    }

    /// Answers for a path in a bundle. A missing file is the bundle's index, as single-page applications want it.
    pub(super) fn answer(&self, name: &str, path: &str, missing: &Missing) -> Answer {
        let given = match self {
            Self::Given(given) => given,
            Self::BuiltIn if name == "portmaster" => return built_in(),
            Self::BuiltIn => return Answer::error(missing.status, &missing.text),
        };
        let files = match given.get(name) {
            None => return Answer::error(missing.status, &missing.text),
            Some(None) => {
                return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "zip: not a valid zip file");
            }
            Some(Some(files)) => files,
        };
        let wanted = if path.is_empty() || path.ends_with('/') { "index.html" } else { path };
        let (found, body) = match (files.get(wanted), files.get("index.html")) {
            (Some(body), _) => (wanted, body),
            (None, Some(index)) => ("index.html", index),
            (None, None) => {
                return Answer::error(StatusCode::NOT_FOUND, &format!("Open {wanted}: file does not exist"));
            }
        };
        Answer::of(StatusCode::OK, HeaderValue::from_static(mime::of(found)), body.clone())
    }
}

/// What a core says of a bundle that it does not have.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

fn built_in() -> Answer {
    Answer::of(
        StatusCode::OK,
        HeaderValue::from_static("text/html; charset=utf-8"),
        Bytes::from_static(include_bytes!("no-ui.html")),
    )
}

/// Reads a zip file or a folder.
fn read(path: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut room = LARGEST;
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
            let body = read_limited(fs::File::open(entry.path())?, room)?;
            files.insert(name, body);
        }
    }
    Ok(())
}

fn read_zip(path: &Path, files: &mut Files, room: &mut u64) -> io::Result<()> {
    let invalid =
        |fault: zip::result::ZipError| io::Error::new(io::ErrorKind::InvalidData, fault.to_string());
    let mut archive = zip::ZipArchive::new(fs::File::open(path)?).map_err(invalid)?;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(invalid)?;
        if file.is_file() {
            let name = file.name().map(|name| name.trim_start_matches("./").to_owned()).map_err(invalid)?;
            let body = read_limited(file, room)?;
            files.insert(name, body);
        }
    }
    Ok(())
}

/// Reads all of it, as long as there is room.
fn read_limited(source: impl Read, room: &mut u64) -> io::Result<Bytes> {
    let mut body = Vec::new();
    source.take(*room + 1).read_to_end(&mut body)?;
    *room = room.checked_sub(body.len() as u64).ok_or_else(|| {
        io::Error::new(io::ErrorKind::FileTooLarge, format!("it holds more than {} MiB", LARGEST >> 20))
    })?;
    Ok(body.into())
}
