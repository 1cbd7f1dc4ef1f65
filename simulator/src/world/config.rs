//! Configuration: options, the values that are set, and the API keys that follow from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use portmaster_fixtures::{ConfigOption, Contract, OptionType};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Meta, Record,
    keys::{self, ApiKey},
};
use crate::mutants::Mutants;

/// The annotation of options that programs can have a value of their own for.
const PER_APP: &str = "safing/portmaster:settable-per-app";

/// The options of a contract and what is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(skip)]
    options: &'static [ConfigOption],
    values: BTreeMap<String, Value>,
    #[serde(skip)]
    keys: Arc<[ApiKey]>,
    /// The options whose new values act only after a restart.
    pending: BTreeSet<String>,
    /// Deliberate misbehaviours, some of which read keys differently.
    #[serde(skip)]
    mutants: Mutants,
    /// Read by every request, so not looked up in the values each time.
    #[serde(skip)]
    dev_mode: bool,
}

/// Why a value was refused (websocket §5.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such option.
    #[error("option \"{0}\" does not exist")]
    Unknown(String),
    /// The value is of another type.
    #[error("validation of {key} failed: expected type {expected}, got type {got}")]
    Type {
        /// The option.
        key: String,
        /// Its type.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// The value is not one that the option takes.
    #[error("validation of {key} failed: {reason}")]
    Invalid {
        /// The option.
        key: String,
        /// Why.
        reason: String,
    },
}

impl Config {
    /// The options of a contract, with nothing set.
    pub fn new(contract: Contract, mutants: Mutants) -> Self {
        Self {
            mutants,
            options: contract.options(),
            values: BTreeMap::new(),
            keys: Arc::new([]),
            pending: BTreeSet::new(),
            dev_mode: false,
        }
    }

    /// The options, sorted by key.
    pub fn options(&self) -> &'static [ConfigOption] {
        self.options
    }

    /// An option by its key.
    pub fn option(&self, key: &str) -> Option<&'static ConfigOption> {
        self.options.iter().find(|option| option.key == key)
    }

    /// What is set, by key.
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The value that is in effect: what is set, or the default.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).or_else(|| self.option(key).map(|option| &option.default_value))
    }

    /// Whether Development Mode is on.
    pub fn dev_mode(&self) -> bool {
        self.dev_mode
    }

    /// A yes-or-no option; no if there is none.
    pub fn flag(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A text option; empty if there is none.
    pub fn text(&self, key: &str) -> &str {
        self.value(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The entries of a list option.
    pub fn list(&self, key: &str) -> Vec<&str> {
        let entries = self.value(key).and_then(Value::as_array);
        entries.map(|entries| entries.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    /// Whether programs can have a value of their own for an option. Contracts that do not say so of any option follow the
    /// first one that does.
    pub fn is_per_app(&self, key: &str) -> bool {
        let says = |option: &ConfigOption| option.annotations.get(PER_APP) == Some(&Value::Bool(true));
        if self.options.iter().any(says) {
            return self.option(key).is_some_and(says);
        }
        let first = Contract::ALL.into_iter().find(|one| one.options().iter().any(says));
        let first = first.into_iter().flat_map(Contract::options);
        self.option(key).is_some() && first.filter(|one| one.key == key).any(says)
    }

    /// The options of which [`is_per_app`](Self::is_per_app) is so. All programs' profile is made of them whenever an option
    /// changes.
    pub fn per_app(&self) -> Vec<&'static ConfigOption> {
        let says = |option: &&ConfigOption| option.annotations.get(PER_APP) == Some(&Value::Bool(true));
        let own: Vec<&'static ConfigOption> = self.options.iter().filter(says).collect();
        if own.is_empty() {
            return self.options.iter().filter(|option| self.is_per_app(&option.key)).collect();
        }
        own
    }

    /// A value in its option's type.
    ///
    /// # Errors
    /// When there is no such option or it does not take the value.
    pub fn read(&self, key: &str, value: Value) -> Result<Value, Refused> {
        let option = self.option(key).ok_or_else(|| Refused::Unknown(key.to_owned()))?;
        // Here the choice comes before the type, unlike where an option is set.
        let choice = !option.possible_values.is_empty() && option.opt_type != OptionType::StringArray;
        if choice && !option.possible_values.iter().any(|one| one.value == value) {
            return Err(Refused::Invalid { key: key.to_owned(), reason: "value is not allowed".to_owned() });
        }
        checked(option, value)
    }

    /// The API keys that are valid or will expire.
    pub fn api_keys(&self) -> &[ApiKey] {
        &self.keys
    }

    /// The same as one value, which is another one whenever the keys were read anew.
    pub fn keys(&self) -> &Arc<[ApiKey]> {
        &self.keys
    }

    /// Sets an option, or resets it with `None`.
    ///
    /// # Errors
    /// When there is no such option or it does not take the value.
    pub fn set(&mut self, key: &str, value: Option<Value>, now: Timestamp) -> Result<(), Refused> {
        let option = self.option(key).ok_or_else(|| Refused::Unknown(key.to_owned()))?;
        match value.filter(|value| !value.is_null()) {
            Some(value) => {
                let value = checked(option, value)?;
                self.values.insert(key.to_owned(), value);
            }
            None => {
                self.values.remove(key);
            }
        }
        if key == "core/apiKeys" {
            self.load_keys(now);
        }
        self.dev_mode = self.flag("core/devMode");
        Ok(())
    }

    /// Makes what is not saved of what is.
    pub(super) fn revive(&mut self, contract: Contract) {
        self.options = contract.options();
        // No key is expired by then: what was kept is what was loaded, and it goes when it is loaded the next time.
        self.keys = keys::load(&self.list("core/apiKeys"), Timestamp::MIN, &self.mutants).keys.into();
        self.dev_mode = self.flag("core/devMode");
    }

    /// Notes that an option's new value acts only after a restart.
    pub(super) fn mark_pending(&mut self, key: &str) {
        if self.option(key).is_some_and(|option| option.requires_restart) {
            self.pending.insert(key.to_owned());
        }
    }

    /// An option as a record of `config:` (websocket §5.1).
    pub fn record(&self, key: &str) -> Option<Record> {
        let option = self.option(key)?;
        let mut value = serde_json::to_value(option).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            if self.pending.contains(key)
                && let Some(notes) = members.get_mut("Annotations").and_then(Value::as_object_mut)
            {
                notes.insert("safing/portbase:options:restart-pending".to_owned(), true.into());
                notes.sort_keys();
            }
            if let Some(own) = self.values.get(key) {
                members.insert("Value".to_owned(), own.clone());
            }
        }
        Some(Record::of(format!("config:{key}"), Meta::default(), value))
    }

    /// Reads the API keys anew. As in the cores, an expired one is taken out of the option, and with it those that were
    /// skipped as invalid (core-2.2 §3).
    fn load_keys(&mut self, now: Timestamp) {
        let loaded = keys::load(&self.list("core/apiKeys"), now, &self.mutants);
        if loaded.any_expired {
            let kept = loaded.kept.into_iter().map(Value::String).collect();
            self.values.insert("core/apiKeys".to_owned(), Value::Array(kept));
        }
        self.keys = loaded.keys.into();
    }
}

/// The value in the option's type, if it takes it.
fn checked(option: &ConfigOption, value: Value) -> Result<Value, Refused> {
    let expected = match option.opt_type {
        OptionType::String => "string",
        OptionType::StringArray => "[]string",
        OptionType::Int => "int",
        OptionType::Bool => "bool",
    };
    let got = match &value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    let wrong = || Refused::Type { key: option.key.clone(), expected, got };
    let value = match (option.opt_type, value) {
        (OptionType::String, value @ Value::String(_)) | (OptionType::Bool, value @ Value::Bool(_)) => value,
        (OptionType::Int, Value::Number(number)) => {
            let whole = number.as_i64().or_else(|| number.as_f64().map(|float| float as i64));
            Value::from(whole.ok_or_else(wrong)?)
        }
        (OptionType::StringArray, Value::String(entry)) => Value::Array(vec![Value::String(entry)]),
        (OptionType::StringArray, Value::Array(entries)) if entries.iter().all(Value::is_string) => {
            Value::Array(entries)
        }
        _ => return Err(wrong()),
    };
    validate(option, &value).map_err(|reason| Refused::Invalid { key: option.key.clone(), reason })?;
    Ok(value)
}

/// Whether the value is one of the possible ones and matches the option's pattern; the fault's text if not.
fn validate(option: &ConfigOption, value: &Value) -> Result<(), String> {
    let pattern = match option.validation_regex.as_str() {
        "" => None,
        text => Regex::new(text).ok(),
    };
    let possible = |value: &Value| {
        option.possible_values.is_empty() || option.possible_values.iter().any(|one| one.value == *value)
    };
    let matches = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    match value {
        // Lists name their possible entries for user interfaces only; the pattern is what binds them.
        Value::Array(entries) => {
            for (at, entry) in entries.iter().enumerate() {
                if !matches(entry.as_str().unwrap_or_default()) {
                    return Err(format!("entry #{} did not match validation regex", at + 1));
                }
            }
        }
        _ if !possible(value) => return Err("value is not allowed".to_owned()),
        Value::String(text) if !matches(text) => return Err("did not match validation regex".to_owned()),
        Value::Number(number) if !matches(&number.to_string()) => {
            return Err("did not match validation regex".to_owned());
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_checked_before_they_act() {
        let mut config = Config::new(Contract::Docs, Mutants::default());
        let mut set = |key: &str, value: Value| {
            config.set(key, Some(value), Timestamp::UNIX_EPOCH).map_err(|refused| refused.to_string())
        };
        assert_eq!(set("core/devMode", json!(true)), Ok(()));
        assert_eq!(set("nope", json!(1)), Err("option \"nope\" does not exist".to_owned()));
        assert_eq!(
            set("core/devMode", json!("yes")),
            Err("validation of core/devMode failed: expected type bool, got type string".to_owned())
        );
        assert!(set("filter/defaultAction", json!("maybe")).is_err());
        assert!(config.dev_mode());
    }

    #[test]
    fn options_of_programs_are_the_same_one_by_one() {
        for contract in Contract::ALL {
            let config = Config::new(contract, Mutants::default());
            let one_by_one = config.options().iter().filter(|option| config.is_per_app(&option.key));
            let keys = |option: &ConfigOption| option.key.clone();
            let all: Vec<String> = config.per_app().into_iter().map(keys).collect();
            assert_eq!(all, one_by_one.map(keys).collect::<Vec<_>>(), "{contract}");
            assert!(!all.is_empty());
        }
    }

    #[test]
    fn null_resets_to_the_default() {
        let mut config = Config::new(Contract::Docs, Mutants::default());
        config.set("core/devMode", Some(json!(true)), Timestamp::UNIX_EPOCH).unwrap();
        config.set("core/devMode", None, Timestamp::UNIX_EPOCH).unwrap();
        assert!(!config.dev_mode());
    }
}
