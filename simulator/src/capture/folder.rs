//! What a core left in a folder, as a scenario: its `config.json`, and settings and profiles that were exported.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use portmaster_fixtures::{Contract, scenario::file::bytes};
use serde_json::{Map, Value, json};

use super::{CaptureError, Captured, apps::Noted, core, settle, text, veil::Veil};
use crate::{go::yaml, limits, world::settings};

/// The file that a core keeps its settings in.
const CONFIG: &str = "config.json";

/// What the files of a folder say.
#[derive(Default)]
struct Found {
    /// Options by their keys.
    config: std::collections::BTreeMap<String, Value>,
    /// Profiles, as records of a core's database.
    profiles: Vec<Value>,
    missing: Vec<String>,
}

/// Makes a scenario of a folder that has a core's `config.json` or exports of settings and profiles (`*.json`, `*.yaml`, `*.yml`). The
/// contract is the latest of those that know most of the options. What is private is replaced as [`super::capture`] does it.
///
/// # Errors
/// When the folder cannot be read, or has nothing of a core in it. What is wrong in a single file is noted in the result.
pub fn capture_folder(folder: &Path, keep_private: bool) -> Result<Captured, CaptureError> {
    let found = Found::read(folder)?;
    let Found { config, profiles, mut missing } = found;
    if config.is_empty() && profiles.is_empty() {
        return Err(CaptureError::Empty { folder: folder.to_owned(), missing });
    }
    let unknown = |contract: &Contract| {
        let known = |key: &String| contract.options().iter().any(|option| option.key == *key);
        config.keys().filter(|key| !known(key)).count()
    };
    let contract = Contract::ALL.into_iter().rev().min_by_key(unknown).unwrap_or_default();
    let mut values = Map::new();
    for (key, value) in &config {
        if let Some(why) = core::unfit(contract, key, value) {
            missing.push(why);
        } else {
            values.insert(key.clone(), value.clone());
        }
    }
    let latest = profiles.iter().flat_map(|one| ["Created", "LastEdited"].map(|name| one[name].as_i64()));
    let start = latest.flatten().max().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let mut noted = Noted::default();
    let apps: Vec<Value> = profiles
        .iter()
        .filter_map(|profile| noted.app(profile, &mut Default::default(), start.unwrap_or_default()))
        .collect();
    missing.extend(noted.lines());
    let mut scenario = Map::new();
    scenario.insert("name".to_owned(), "captured".into());
    scenario.insert("about".to_owned(), "What a core's settings and exports say.".into());
    if let Some(start) = start {
        scenario.insert("start".to_owned(), start.to_string().into());
    }
    scenario.insert("contract".to_owned(), contract.name().into());
    for (name, value) in [("config", Value::Object(values)), ("apps", apps.into())] {
        if !super::is_empty(&value) {
            scenario.insert(name.to_owned(), value);
        }
    }
    if !keep_private {
        Veil::new(contract).over(&mut scenario, &mut missing);
    }
    settle::settle(&mut scenario, contract, &Value::Null, None, keep_private, &mut missing);
    Ok(Captured { contract, version: String::new(), missing, scenario })
}

impl Found {
    fn read(folder: &Path) -> Result<Self, CaptureError> {
        let wrong = |source: io::Error| CaptureError::Folder { folder: folder.to_owned(), source };
        let listed: Result<Vec<PathBuf>, io::Error> =
            fs::read_dir(folder).map_err(wrong)?.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut files = listed.map_err(wrong)?;
        // A core's own settings count before those that somebody exported.
        files.sort_by_key(|file| (file.file_name().is_none_or(|name| name != CONFIG), file.clone()));
        let mut found = Self::default();
        for file in files {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !matches!(ending, "json" | "yaml" | "yml") || !file.is_file() {
                continue;
            }
            if let Err(why) = contents(&file, ending).and_then(|value| found.take(&name, value)) {
                found.missing.push(format!("the file {name}: {why}"));
            }
        }
        Ok(found)
    }

    /// Takes what a file says.
    fn take(&mut self, name: &str, value: Value) -> Result<(), String> {
        let members = value.as_object().ok_or("expected an object")?;
        if name == CONFIG {
            self.options(members);
            return Ok(());
        }
        match text(&value, "type") {
            "settings" => {
                self.options(value["config"].as_object().ok_or("its config is no object")?);
            }
            "single-setting" => {
                let key = text(&value, "id").to_owned();
                self.config.entry(key).or_insert_with(|| value["value"].clone());
            }
            "profile" => self.profiles.push(record(&value)),
            _ => return Err(format!("it is neither {CONFIG} nor an export of settings or of a profile")),
        }
        Ok(())
    }

    /// Takes settings, nested as a core keeps them.
    fn options(&mut self, nested: &Map<String, Value>) {
        for (key, value) in settings::flatten(nested) {
            self.config.entry(key).or_insert(value);
        }
    }
}

fn contents(file: &Path, ending: &str) -> Result<Value, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > limits::CAPTURED_BODY {
        return Err(format!("it is longer than {} MiB", limits::CAPTURED_BODY >> 20));
    }
    let bytes = bytes(file).map_err(|error| error.to_string())?;
    match ending {
        "json" => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        _ => yaml::read(&bytes),
    }
}

/// A profile that was exported as the record that a core keeps of it.
fn record(export: &Value) -> Value {
    let seconds = |name: &str| {
        let instant: Option<Timestamp> = text(export, name).parse().ok();
        instant.map(Timestamp::as_second)
    };
    let print = |print: &Value| json!({ "Type": print["type"], "Value": print["value"] });
    let prints: Vec<Value> = export["fingerprints"].as_array().into_iter().flatten().map(print).collect();
    json!({
        "ID": export["id"], "Source": "local", "Name": export["name"], "Description": export["description"],
        "Homepage": export["homepage"], "PresentationPath": export["presPath"], "Fingerprints": prints,
        "Config": export["config"], "Icon": export["iconData"], "Internal": export["internal"],
        "Created": seconds("created"), "LastEdited": seconds("lastEdited"),
    })
}
