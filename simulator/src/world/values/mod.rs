//! What options check of their values beyond type, choice and pattern: a file a kind of value.

mod dns_server;
mod endpoint;

use portmaster_fixtures::{ConfigOption, ValueChecks};
use serde_json::Value;

pub use dns_server::DnsServer;

/// The annotation that says how user interfaces show a value, and so what kind of value it is.
const KIND: &str = "safing/portbase:ui:display-hint";

/// The option whose value is a network interface's name.
const INTERFACE: &str = "splittun/networkInterface";

/// The option whose values are DNS servers.
pub const NAMESERVERS: &str = "dns/nameservers";

/// Whether the values of an option were sets of network levels in early cores, and are read as truths if they still are.
pub fn was_level(option: &ConfigOption) -> bool {
    option.annotations.get(KIND).and_then(Value::as_str) == Some("security level")
}

/// Checks a value that has its option's type and matches its pattern.
///
/// # Errors
/// The cores' words for what is wrong with it.
pub fn check(option: &ConfigOption, value: &Value, checks: &ValueChecks) -> Result<(), String> {
    let entries = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    if option.annotations.get(KIND).and_then(Value::as_str) == Some("endpoint list") {
        let errors: Vec<String> =
            entries().filter_map(|entry| endpoint::check(entry, checks).err()).collect();
        return match errors.first() {
            Some(first) => Err(format!("encountered {} errors, first was: {first}", errors.len())),
            None => Ok(()),
        };
    }
    match option.key.as_str() {
        NAMESERVERS => entries().enumerate().try_for_each(|(at, entry)| {
            DnsServer::parse(entry, checks)
                .map(drop)
                .map_err(|error| format!("failed to parse DNS server \"{entry}\" (#{}): {error}", at + 1))
        }),
        INTERFACE => match value.as_str() {
            Some(name) if !name.is_empty() && name.trim().is_empty() => {
                Err("network interface cannot contain only whitespace characters".to_owned())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
