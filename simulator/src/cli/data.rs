//! A core's data folder, as far as a simulator has one: `config.json`, which holds the settings that somebody has made
//! (websocket §5.1).

use std::{collections::BTreeMap, io::Write, path::Path};

use portmaster_fixtures::scenario::file;
use portmaster_simulator::Contract;
use serde_json::{Map, Value};

const FILE: &str = "config.json";

/// The settings in a folder; none where there is no file. Options that the contract does not have are left alone, as a core does.
pub(crate) fn read(folder: &Path, contract: Contract) -> BTreeMap<String, Value> {
    let text = file::bytes(&folder.join(FILE)).unwrap_or_default();
    let tree: Value = serde_json::from_slice(&text).unwrap_or_default();
    let known = contract.options().iter();
    known.filter_map(|option| Some((option.key.clone(), at(&tree, &option.key)?.clone()))).collect()
}

fn at<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('/').try_fold(tree, |tree, part| tree.get(part))
}

/// Says before anything is changed that nothing can be kept in a folder, which may be there to be read only.
pub(crate) fn prepare(folder: &Path) {
    let (file, there) = (folder.join(FILE), folder.join(FILE).exists());
    let opened = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::File::options().append(true).create(true).open(&file));
    match opened {
        Ok(_) if there => {}
        Ok(_) => _ = std::fs::remove_file(file),
        Err(error) => unkept(folder, &error),
    }
}

fn unkept(folder: &Path, error: &std::io::Error) {
    let _ = writeln!(std::io::stderr().lock(), "cannot keep the settings in {}: {error}", folder.display());
}

/// Keeps settings in a folder. That it cannot be written is said, and no reason to end.
pub(crate) fn write(folder: &Path, settings: &BTreeMap<String, Value>) {
    let text = format!("{:#}\n", nested(settings));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(FILE), text));
    if let Err(error) = written {
        unkept(folder, &error);
    }
}

/// Keys with slashes become objects within each other.
fn nested(settings: &BTreeMap<String, Value>) -> Value {
    let mut tree = Map::new();
    for (key, value) in settings {
        let mut parts: Vec<&str> = key.split('/').collect();
        let Some(last) = parts.pop() else { continue };
        let place = parts.iter().try_fold(&mut tree, |tree, part| {
            tree.entry(*part).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
        });
        if let Some(place) = place {
            place.insert(last.to_owned(), value.clone());
        }
    }
    Value::Object(tree)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = BTreeMap::from([
            ("core/devMode".to_owned(), json!(true)),
            ("core/log/level".to_owned(), json!("info")),
            ("spn/enable".to_owned(), json!(false)),
        ]);
        prepare(folder.path());
        assert!(!folder.path().join(FILE).exists(), "nothing is written that nobody has set");
        write(folder.path(), &settings);
        prepare(folder.path());
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let tree: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(tree["core"], json!({ "devMode": true, "log": { "level": "info" } }));
        assert_eq!(read(folder.path(), Contract::Docs), settings);
        assert!(read(&folder.path().join("nowhere"), Contract::Docs).is_empty());
    }
}
