//! What the core says of itself: version, options, files.

use std::collections::BTreeMap;

use portmaster_fixtures::{
    Contract, Scenario,
    scenario::{ListCategory, ListSource},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{filled, source::Source, text};
use crate::world::{Options, World};

/// The option that holds API keys, which nobody is told.
const KEYS: &str = "core/apiKeys";

/// The core's version; empty if it does not tell.
pub(super) async fn version(source: &mut Source) -> String {
    let told = source.record("core:status/versions").await;
    told.and_then(|told| Some(text(told.get("Core")?, "Version").to_owned())).unwrap_or_default()
}

/// The options that somebody set.
pub(super) async fn config(source: &mut Source, contract: Contract) -> Value {
    let mut values = Map::new();
    for (key, option) in source.records("config:").await {
        let Some(name) = key.strip_prefix("config:") else { continue };
        let Some(value) = option.get("Value").filter(|value| !value.is_null()) else { continue };
        match unfit(contract, name, value) {
            Some(why) => source.miss(why),
            None => _ = values.insert(name.to_owned(), value.clone()),
        }
    }
    Value::Object(values)
}

/// What is to be said of an option that is left out, if it is.
pub(super) fn unfit(contract: Contract, key: &str, value: &Value) -> Option<String> {
    if key == KEYS {
        return Some("the API keys of the core; give --api-key when you serve this".to_owned());
    }
    refused(contract, key, value).map(|why| format!("the option {key}: {why}"))
}

/// Why a world of a contract does not take an option's value, if it does not.
fn refused(contract: Contract, key: &str, value: &Value) -> Option<String> {
    let config = BTreeMap::from([(key.to_owned(), value.clone())]);
    let scenario = Scenario { contract: Some(contract), config, ..Scenario::default() };
    World::mistakes(scenario, Options::default()).into_iter().next().map(|mistake| mistake.text)
}

/// `core`
pub(super) async fn core(source: &mut Source) -> Value {
    let told = source.record("core:status/install-info").await.unwrap_or_default();
    let installed = text(&told, "Time");
    Value::Object(filled([("installed", installed.into())]))
}

/// The files that the core lists; their content stays there.
pub(super) async fn resources(source: &mut Source) -> Value {
    let told = source.record("core:status/simple-versions").await.unwrap_or_default();
    let listed = told.get("Resources").and_then(Value::as_object);
    let file = |(name, one): (&String, &Value)| {
        let version = match text(one, "Version") {
            "" => one.get("SelectedVersion").map_or("", |version| text(version, "VersionNumber")),
            version => version,
        };
        json!({ "name": name, "version": version })
    };
    let files: Vec<Value> = listed.into_iter().flatten().map(file).collect();
    if !files.is_empty() {
        source.miss(format!("the content of {} downloaded files", files.len()));
    }
    files.into()
}

/// `filter_lists`, what there is to choose from. It is the same for everybody.
pub(super) async fn filter_lists(source: &mut Source) -> Value {
    let Some(told) = source.record("cache:intel/filterlists/index").await else { return Value::Null };
    let part = |name: &str| told.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    Value::Object(filled([
        ("version", text(&told, "version").into()),
        ("schemaVersion", text(&told, "schemaVersion").into()),
        ("categories", part("categories").iter().map(known::<ListCategory>).collect()),
        ("sources", part("sources").iter().map(known::<ListSource>).collect()),
    ]))
}

/// The members that a type knows, without those that say nothing.
fn known<T: Serialize + Default>(value: &Value) -> Value {
    let names = [
        "id", "parent", "name", "description", "type", "url", "category", "website", "license", "contribute",
    ];
    let type_ = serde_json::to_value(T::default()).unwrap_or_default();
    let optional = ["parent", "description", "website"];
    let named = |name: &&str| type_.get(*name).is_some() || optional.contains(name);
    let members = names.into_iter().filter(named).filter_map(|name| {
        let text = value.get(name)?.as_str().filter(|text| !text.is_empty())?;
        Some((name.to_owned(), Value::from(text)))
    });
    Value::Object(members.collect())
}
