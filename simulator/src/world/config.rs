//! Configuration: options, the values that are set, and the API keys that follow from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use portmaster_fixtures::{Behaviour, ConfigOption, Contract, OptionType, ValueChecks};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Meta, Record,
    keys::{self, ApiKey},
    values,
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
    #[serde(skip, default = "unread")]
    behaviour: &'static Behaviour,
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

/// What stands for the behaviour until [`Config::revive`] tells it.
fn unread() -> &'static Behaviour {
    Contract::Docs.behaviour()
}

/// The network levels that are true where a truth was a set of them: all three.
const ALL_LEVELS: f64 = 7.0;

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
    /// The value is of a kind at which cores go down when they compare it.
    #[error("validation of {key} failed: {reason}")]
    Incomparable {
        /// The option.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Config {
    /// The options of a contract, with nothing set.
    pub fn new(contract: Contract, mutants: Mutants) -> Self {
        Self {
            mutants,
            options: contract.options(),
            behaviour: contract.behaviour(),
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

    /// Whether programs can have a value of their own for an option.
    pub fn is_per_app(&self, key: &str) -> bool {
        self.option(key).is_some_and(|option| self.is_for_apps(option))
    }

    /// The options of which [`is_per_app`](Self::is_per_app) is so. All programs' profile is made of them whenever an option
    /// changes.
    pub fn per_app(&self) -> Vec<&'static ConfigOption> {
        self.options.iter().filter(|option| self.is_for_apps(option)).collect()
    }

    fn is_for_apps(&self, option: &ConfigOption) -> bool {
        option.annotations.get(PER_APP) == Some(&Value::Bool(true))
            || self.behaviour.per_app_options.contains(&option.key)
    }

    /// A value in its option's type, as it is read from documents and profiles. Clients that set an option are told other
    /// things ([`set`](Self::set)).
    ///
    /// # Errors
    /// When there is no such option or it does not take the value.
    pub fn read(&self, key: &str, value: Value) -> Result<Value, Refused> {
        let option = self.option(key).ok_or_else(|| Refused::Unknown(key.to_owned()))?;
        let invalid = |reason: String| Refused::Invalid { key: key.to_owned(), reason };
        let value = self.migrated(key, value);
        // Here the choice comes before the type, unlike where an option is set.
        if has_choice(option) && !is_possible(option, &value) {
            let reason = NOT_ALLOWED.to_owned();
            return Err(match value {
                Value::Null => Refused::Incomparable { key: key.to_owned(), reason },
                _ => invalid(reason),
            });
        }
        let compared = migrates(option) && (value.is_array() || value.is_object());
        let checked = match &value {
            Value::Null | Value::Object(_) => {
                Err(invalid(format!("invalid option value type: {}", go_type(&value))))
            }
            Value::Array(entries) => match entries.iter().position(|entry| !entry.is_string()) {
                Some(at) => Err(invalid(format!("entry #{} is not a string", at + 1))),
                None => checked(option, value, "[]string", &self.behaviour.value_checks),
            },
            // One text is no list here.
            Value::String(_) if option.opt_type == OptionType::StringArray => Err(wrong(option, "string")),
            _ => {
                let got = go_type(&value);
                checked(option, value, got, &self.behaviour.value_checks)
            }
        };
        checked.map_err(|refused| match refused {
            Refused::Invalid { key, reason } if compared => Refused::Incomparable { key, reason },
            Refused::Type { key, expected, got } if compared => {
                Refused::Incomparable { key, reason: format!("expected type {expected}, got type {got}") }
            }
            other => other,
        })
    }

    /// A value that an older core may have left behind, as cores read it: what is a truth today was a set of network levels,
    /// and true is what acted in all of them.
    pub fn migrated(&self, key: &str, value: Value) -> Value {
        match value.as_f64() {
            Some(levels) if self.option(key).is_some_and(migrates) => Value::Bool(levels == ALL_LEVELS),
            _ => value,
        }
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
                let got = go_type(&value);
                let value = checked(option, value, got, &self.behaviour.value_checks)?;
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

    /// Whether an option takes a value, in words of a scenario or a person: what [`set`](Self::set) would say, migrated.
    ///
    /// # Errors
    /// When there is no such option or it does not take the value.
    pub fn takes(&self, key: &str, value: Value) -> Result<(), Refused> {
        let option = self.option(key).ok_or_else(|| Refused::Unknown(key.to_owned()))?;
        let value = self.migrated(key, value);
        let got = go_type(&value);
        checked(option, value, got, &self.behaviour.value_checks).map(drop)
    }

    /// Makes what is not saved of what is.
    pub(super) fn revive(&mut self, contract: Contract) {
        self.options = contract.options();
        self.behaviour = contract.behaviour();
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

/// What is said of a value that is none of the possible ones.
const NOT_ALLOWED: &str = "value is not allowed";

/// Whether numbers that an older core left behind are read as truths.
fn migrates(option: &ConfigOption) -> bool {
    option.opt_type == OptionType::Bool && values::was_level(option)
}

/// Whether one of the possible values must be chosen. Lists name their possible entries for user interfaces only.
fn has_choice(option: &ConfigOption) -> bool {
    !option.possible_values.is_empty() && option.opt_type != OptionType::StringArray
}

fn is_possible(option: &ConfigOption, value: &Value) -> bool {
    let same = |one: &Value| match (one.as_f64(), value.as_f64()) {
        (Some(one), Some(value)) => one == value,
        _ => one == value,
    };
    option.possible_values.iter().any(|one| same(&one.value))
}

/// The type in which Go reads a JSON value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn wrong(option: &ConfigOption, got: &'static str) -> Refused {
    let expected = match option.opt_type {
        OptionType::String => "string",
        OptionType::StringArray => "[]string",
        OptionType::Int => "int",
        OptionType::Bool => "bool",
    };
    Refused::Type { key: option.key.clone(), expected, got }
}

/// A number as Go makes a whole one of it: cut, and the least there is where it does not fit.
fn whole(number: &serde_json::Number) -> i64 {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let cut = |float: f64| if (-BEYOND..BEYOND).contains(&float) { float as i64 } else { i64::MIN };
    number.as_i64().unwrap_or_else(|| number.as_f64().map_or(i64::MIN, cut))
}

/// The value in the option's type, if it takes it.
fn checked(
    option: &ConfigOption,
    value: Value,
    got: &'static str,
    checks: &ValueChecks,
) -> Result<Value, Refused> {
    let value = match (option.opt_type, value) {
        (OptionType::String, value @ Value::String(_)) | (OptionType::Bool, value @ Value::Bool(_)) => value,
        (OptionType::Int, Value::Number(number)) => whole(&number).into(),
        (OptionType::StringArray, Value::String(entry)) => Value::Array(vec![Value::String(entry)]),
        (OptionType::StringArray, Value::Array(entries)) if entries.iter().all(Value::is_string) => {
            Value::Array(entries)
        }
        _ => return Err(wrong(option, got)),
    };
    validate(option, &value)
        .and_then(|()| values::check(option, &value, checks))
        .map_err(|reason| Refused::Invalid { key: option.key.clone(), reason })?;
    Ok(value)
}

/// Whether the value is one of the possible ones and matches the option's pattern; the error's text if not.
fn validate(option: &ConfigOption, value: &Value) -> Result<(), String> {
    let pattern = match option.validation_regex.as_str() {
        "" => None,
        text => Regex::new(text).ok(),
    };
    let matches = |text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
    match value {
        Value::Array(entries) => {
            for (at, entry) in entries.iter().enumerate() {
                if !matches(entry.as_str().unwrap_or_default()) {
                    return Err(format!("entry #{} did not match validation regex", at + 1));
                }
            }
        }
        _ if has_choice(option) && !is_possible(option, value) => return Err(NOT_ALLOWED.to_owned()),
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
        // What is looked at first and what acts agree, whatever comes.
        let values = [
            json!(true),
            json!(4),
            json!(-1.5),
            json!(""),
            json!("- *"),
            json!(["+ a.example"]),
            json!([1]),
            json!({}),
        ];
        for (contract, value) in
            Contract::ALL.into_iter().flat_map(|one| values.iter().map(move |value| (one, value)))
        {
            let mut config = Config::new(contract, Mutants::default());
            for option in contract.options() {
                let takes = config.takes(&option.key, value.clone());
                let given = config.migrated(&option.key, value.clone());
                assert_eq!(
                    takes,
                    config.set(&option.key, Some(given), Timestamp::UNIX_EPOCH),
                    "{}",
                    option.key
                );
            }
        }
        assert!(config.dev_mode());
    }

    #[test]
    fn documents_are_told_what_is_wrong_with_a_value() {
        let config = Config::new(Contract::V2_2, Mutants::default());
        let said = |key: &str, value: Value| match config.read(key, value) {
            Ok(value) => value.to_string(),
            Err(Refused::Incomparable { reason, .. }) => format!("crash: {reason}"),
            Err(refused) => {
                let text = refused.to_string();
                text.strip_prefix(&format!("validation of {key} failed: ")).unwrap_or(&text).to_owned()
            }
        };
        for (key, value, expected) in [
            ("core/devMode", json!(1), "expected type bool, got type float64"),
            ("core/devMode", json!("true"), "expected type bool, got type string"),
            ("core/devMode", json!([]), "expected type bool, got type []string"),
            ("core/devMode", json!([7]), "entry #1 is not a string"),
            ("core/devMode", json!({}), "invalid option value type: map[string]interface {}"),
            ("core/devMode", json!(null), "invalid option value type: <nil>"),
            ("core/expertiseLevel", json!(null), "crash: value is not allowed"),
            ("core/expertiseLevel", json!({}), "value is not allowed"),
            ("filter/blockLAN", json!(7), "true"),
            ("filter/blockLAN", json!(6), "false"),
            ("filter/blockLAN", json!("7"), "expected type bool, got type string"),
            ("filter/blockLAN", json!({"a": 1}), "crash: invalid option value type: map[string]interface {}"),
            ("filter/blockLAN", json!([]), "crash: expected type bool, got type []string"),
            ("filter/lists", json!("MAL"), "expected type []string, got type string"),
            ("filter/askTimeout", json!(30.9), "30"),
            ("filter/askTimeout", json!(1e30), "did not match validation regex"),
            ("history/keep", json!(1e30), "-9223372036854775808"),
            (
                "splittun/networkInterface",
                json!(" "),
                "network interface cannot contain only whitespace characters",
            ),
            (
                "filter/endpoints",
                json!(["+ x", "+ ..", "+ **"]),
                "encountered 2 errors, first was: unknown endpoint definition: \"+ ..\"",
            ),
        ] {
            assert_eq!(said(key, value.clone()), expected, "{key} {value}");
        }
    }

    #[test]
    fn what_one_option_of_a_kind_checks_all_of_it_check() {
        for contract in Contract::ALL {
            let config = Config::new(contract, Mutants::default());
            for option in config.options() {
                let is_list = option.annotations.get("safing/portbase:ui:display-hint");
                if is_list == Some(&json!("endpoint list")) {
                    let refused = config.read(&option.key, json!(["+ exa*ple.com"])).unwrap_err().to_string();
                    assert!(refused.contains("unknown endpoint definition"), "{contract} {}", option.key);
                }
            }
        }
    }

    /// Options that do not say it themselves are for programs where they are in the first contract that says it.
    #[test]
    fn options_of_programs_are_the_same_whoever_says_it() {
        let says = |option: &&ConfigOption| option.annotations.contains_key(PER_APP);
        for contract in Contract::ALL {
            let config = Config::new(contract, Mutants::default());
            let saying =
                if config.options().iter().any(|one| says(&one)) { contract } else { Contract::V1_6 };
            let there = saying.options().iter().filter(says).filter_map(|one| config.option(&one.key));
            assert_eq!(config.per_app(), there.collect::<Vec<_>>(), "{contract}");
            assert!(!config.per_app().is_empty());
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
