//! The folders of a life: data and programs, fresh or copied.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use portmaster_fixtures::scenario::flatten;
use portmaster_wire::folder::Folder as Temporary;
use serde_json::{Map, Value, json};

use crate::target::{Keys, Tier};

/// The folders of a target: gone when this is dropped, unless they are kept as evidence.
#[derive(Debug)]
pub(super) struct Folder {
    root: Temporary,
}

/// A temporary folder of this program's own. The first one also removes those of suites that were killed.
pub(crate) fn temporary(parent: &Path) -> io::Result<Temporary> {
    Temporary::new(parent, "portmaster-conformance-")
}

/// What stands in the settings of a target that is launched.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Its keys.
    pub(super) keys: Keys,
    /// Whether it is in Development Mode.
    pub(super) development: bool,
    /// Where its name server listens.
    pub(super) dns: String,
    /// What else was wanted: nested, as in `config.json`.
    pub(super) more: Value,
}

impl Settings {
    /// What is set beside the keys, by the options' keys.
    pub(super) fn flat(&self) -> BTreeMap<String, Value> {
        let mut tree =
            json!({ "core": { "devMode": self.development }, "dns": { "listenAddress": self.dns } });
        merge(&mut tree, &self.more);
        tree.as_object().map(flatten).unwrap_or_default()
    }

    /// The text of `config.json`, nested (websocket §5.1).
    pub(super) fn text(&self, before: &Value) -> String {
        let entry = |tier: Tier| {
            let key = self.keys.get(tier)?;
            Some(Value::from(format!("{}{}", key.secret(), tier.permissions())))
        };
        let entries: Vec<Value> = Tier::ALL.into_iter().filter_map(entry).collect();
        let mut tree = before.clone();
        let own = json!({
            "core": { "apiKeys": entries, "devMode": self.development },
            "dns": { "listenAddress": self.dns },
        });
        merge(&mut tree, &own);
        merge(&mut tree, &self.more);
        format!("{tree:#}\n")
    }
}

/// Puts one tree over another.
fn merge(tree: &mut Value, over: &Value) {
    match over {
        Value::Object(members) => {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            for (name, value) in members {
                if let Some(tree) = tree.as_object_mut() {
                    merge(tree.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        Value::Null => {}
        value => *tree = value.clone(),
    }
}

impl Folder {
    /// Fresh folders; the data folder is a copy of `from`, if there is one.
    pub(super) fn fresh(from: Option<&Path>) -> io::Result<Self> {
        let folder = Self { root: temporary(&std::env::temp_dir())? };
        std::fs::create_dir(folder.bin())?;
        std::fs::create_dir(folder.data())?;
        if let Some(from) = from {
            copy(from, &folder.data())?;
        }
        Ok(folder)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(super) fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    fn config(&self) -> PathBuf {
        self.data().join("config.json")
    }

    /// Writes the settings, over those that are there.
    pub(super) fn configure(&self, settings: &Settings) -> io::Result<()> {
        let before = std::fs::read(self.config()).unwrap_or_default();
        let before = serde_json::from_slice(&before).unwrap_or_else(|_| json!({}));
        std::fs::write(self.config(), settings.text(&before))
    }

    /// Whether the settings cannot be read any more, as after a crash while they were saved.
    pub(super) fn is_spoiled(&self) -> bool {
        let text = std::fs::read(self.config()).unwrap_or_default();
        serde_json::from_slice::<Value>(&text).is_err()
    }

    /// Keeps the folders, and says where they are.
    pub(super) fn keep(self) -> PathBuf {
        self.root.keep()
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => {
                std::fs::create_dir(&place)?;
                copy(&entry.path(), &place)?;
            }
            kind if kind.is_file() => std::fs::copy(entry.path(), &place).map(drop)?,
            // Sockets and links to elsewhere are no data.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Key;

    fn settings(more: Value) -> Settings {
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::User, "u"));
        keys.insert(Key::new(Tier::Admin, "a"));
        Settings { keys, development: false, dns: "127.0.0.1:53".to_owned(), more }
    }

    #[test]
    fn settings_are_nested_and_added_to() {
        let text = settings(json!({ "spn": { "enable": true } }))
            .text(&json!({ "core": { "log": { "level": "info" } } }));
        let tree: Value = serde_json::from_str(&text).unwrap();
        let wanted = json!({
            "core": {
                "apiKeys": ["u?read=user&write=user", "a?read=admin&write=admin"], "devMode": false,
                "log": { "level": "info" },
            },
            "dns": { "listenAddress": "127.0.0.1:53" }, "spn": { "enable": true },
        });
        assert_eq!(tree, wanted);
        let flat = settings(json!({ "spn": { "enable": true } })).flat();
        let flat: Vec<_> = flat.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(flat, ["core/devMode=false", "dns/listenAddress=\"127.0.0.1:53\"", "spn/enable=true"]);
    }

    #[test]
    fn data_is_copied_and_spoiled_settings_are_seen() {
        let from = tempfile::tempdir().unwrap();
        std::fs::create_dir(from.path().join("db")).unwrap();
        std::fs::write(from.path().join("db/x"), "1").unwrap();
        let folder = Folder::fresh(Some(from.path())).unwrap();
        assert_eq!(std::fs::read_to_string(folder.data().join("db/x")).unwrap(), "1");
        folder.configure(&settings(Value::Null)).unwrap();
        assert!(!folder.is_spoiled());
        std::fs::write(folder.config(), "").unwrap();
        assert!(folder.is_spoiled());
    }
}
