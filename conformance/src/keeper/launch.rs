//! What is launched, and with what.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io,
    net::TcpListener,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    core,
    folder::{Folder, Settings},
    life::Life,
    template::{BadTemplate, Template},
};
use crate::target::{Address, Key, Keys, Tier};

/// Why nothing can be launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The command line makes no sense.
    #[error(transparent)]
    Template(#[from] BadTemplate),
    /// The core is none.
    #[error("{0}")]
    Core(String),
    /// A file that is named cannot be used.
    #[error("{}: {why}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The system does not give what is needed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// It was started and did not come to answer.
    #[error("the target does not start: {0}")]
    NoStart(String),
}

/// What is launched.
#[derive(Clone, Debug)]
pub struct Launch {
    template: Template,
    /// What to think of if it does not start.
    hint: &'static str,
    data: Option<PathBuf>,
    more: Value,
    way: Way,
}

/// In which way a target treats those without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// It asks for authentication, and its external authenticator denies.
    #[default]
    Guarded,
    /// It is in Development Mode.
    Development,
    /// Its external authenticator grants everything.
    Granting,
}

impl Way {
    /// What its external authenticator does.
    fn auth(self) -> &'static str {
        match self {
            Self::Guarded => "deny",
            Self::Development => "none",
            Self::Granting => "grant",
        }
    }
}

impl Launch {
    /// A command line with places to fill in.
    ///
    /// # Errors
    /// When it has none for the address, or some that are not known.
    pub fn command(text: &str) -> Result<Self, LaunchError> {
        Ok(Self::of(Template::read(text)?, ""))
    }

    /// A core, with the flags that it takes.
    ///
    /// # Errors
    /// When there is no such program.
    pub async fn core(program: &Path) -> Result<Self, LaunchError> {
        let (template, hint) = core::template(program).await.map_err(LaunchError::Core)?;
        Ok(Self::of(template, hint))
    }

    fn of(template: Template, hint: &'static str) -> Self {
        Self { template, hint, data: None, more: Value::Null, way: Way::Guarded }
    }

    /// The same with a copy of a data folder.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn with_data(self, folder: Option<PathBuf>) -> Result<Self, LaunchError> {
        if let Some(file) = folder.clone().filter(|folder| !folder.is_dir()) {
            return Err(LaunchError::File { file, why: "there is no such folder".to_owned() });
        }
        Ok(Self { data: folder, ..self })
    }

    /// The same with more settings: a file of the form of `config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, or is no JSON object.
    pub fn with_config(self, file: Option<&Path>) -> Result<Self, LaunchError> {
        let Some(file) = file else { return Ok(self) };
        let bad = |why: String| LaunchError::File { file: file.to_owned(), why };
        let text =
            portmaster_fixtures::scenario::file::bytes(file).map_err(|error| bad(error.to_string()))?;
        let more: Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        match more.is_object() {
            true => Ok(Self { more, ..self }),
            false => Err(bad("expected an object, nested as in a core's config.json".to_owned())),
        }
    }

    /// What to think of if it does not start, after a line break, if there is anything.
    pub(super) fn hint(&self) -> &'static str {
        self.hint
    }

    /// Whether it can be told what its external authenticator does.
    pub(super) fn can_grant(&self) -> bool {
        self.template.has("auth")
    }

    /// What it is, for reports.
    pub fn name(&self) -> String {
        self.template.to_string()
    }
}

/// Keys of every tier that nobody can guess.
pub(crate) fn keys() -> Keys {
    let chance = RandomState::new();
    let mut keys = Keys::default();
    for tier in Tier::ALL {
        let half = |number: u8| chance.hash_one((tier.name(), number));
        keys.insert(Key::new(tier, format!("conformance-{:016x}{:016x}", half(1), half(2))));
    }
    keys
}

/// Where a launched target is, for all its lives.
#[derive(Debug)]
pub(super) struct Place {
    launch: Launch,
    port: u16,
    dns: u16,
    pub(super) keys: Keys,
    folder: Option<Folder>,
}

impl Place {
    pub(super) fn new(launch: Launch, keys: Keys) -> Result<Self, LaunchError> {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok(listener.local_addr()?.port()));
        let system = |what: &str| {
            let what = what.to_owned();
            move |source| LaunchError::System { what, source }
        };
        let (port, dns) = (free(), free());
        let mut place = Self {
            launch,
            port: port.map_err(system("no free port"))?,
            dns: dns.map_err(system("no free port"))?,
            keys,
            folder: None,
        };
        place.renew().map_err(system("no folder for the target's data"))?;
        Ok(place)
    }

    pub(super) fn address(&self) -> Result<Address, LaunchError> {
        let text = format!("127.0.0.1:{}", self.port);
        text.parse().map_err(|_| LaunchError::Core(format!("{text} is no address")))
    }

    /// A fresh folder; where the old one is kept.
    pub(super) fn renew(&mut self) -> io::Result<Option<PathBuf>> {
        let kept = self.folder.take().map(Folder::keep);
        self.folder = Some(Folder::fresh(self.launch.data.as_deref())?);
        self.configure()?;
        Ok(kept)
    }

    /// Wants it in that way; answers whether that is new.
    pub(super) fn turn(&mut self, way: Way) -> bool {
        std::mem::replace(&mut self.launch.way, way) != way
    }

    pub(super) fn can_grant(&self) -> bool {
        self.launch.can_grant()
    }

    /// The settings that the target must have.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            keys: self.keys.clone(),
            development: self.launch.way == Way::Development,
            dns: format!("127.0.0.1:{}", self.dns),
            more: self.launch.more.clone(),
        }
    }

    /// Writes them.
    pub(super) fn configure(&self) -> io::Result<()> {
        self.folder.as_ref().map_or(Ok(()), |folder| folder.configure(&self.settings()))
    }

    /// Whether the settings on disk cannot be read any more.
    pub(super) fn is_spoiled(&self) -> bool {
        self.folder.as_ref().is_some_and(Folder::is_spoiled)
    }

    /// Starts it with the data that it has.
    pub(super) fn begin(&self) -> Result<Life, LaunchError> {
        let Some(folder) = &self.folder else { return Err(LaunchError::Core("no folder".to_owned())) };
        let show = |path: PathBuf| path.display().to_string();
        let places = BTreeMap::from([
            ("addr", format!("127.0.0.1:{}", self.port)),
            ("port", self.port.to_string()),
            ("data", show(folder.data())),
            ("bin", show(folder.bin())),
            ("dns", format!("127.0.0.1:{}", self.dns)),
            ("auth", self.launch.way.auth().to_owned()),
        ]);
        let (program, arguments) = self.launch.template.fill(&places);
        // A program beside us is found from the folder that it runs in, too.
        let program = match program.contains(std::path::MAIN_SEPARATOR) {
            true => std::path::absolute(&program).map(show).unwrap_or(program),
            false => program,
        };
        Life::begin(&program, &arguments, folder.root())
            .map_err(|source| LaunchError::System { what: format!("{program} cannot be started"), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_every_tier_and_differ() {
        let (one, two) = (keys(), keys());
        let secret = |keys: &Keys, tier| keys.get(tier).unwrap().secret().to_owned();
        assert_ne!(secret(&one, Tier::Admin), secret(&one, Tier::User));
        assert_ne!(secret(&one, Tier::Admin), secret(&two, Tier::Admin));
        assert!(Tier::ALL.iter().all(|tier| one.get(*tier).is_some()));
    }

    #[test]
    fn files_that_are_no_settings_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let launch = || Launch::command("core {addr}").unwrap();
        assert!(launch().with_config(Some(&file)).is_err());
        std::fs::write(&file, "[]").unwrap();
        let why = launch().with_config(Some(&file)).unwrap_err().to_string();
        assert!(why.ends_with("expected an object, nested as in a core's config.json"), "{why}");
        assert!(launch().with_data(Some(file)).is_err());
    }
}
