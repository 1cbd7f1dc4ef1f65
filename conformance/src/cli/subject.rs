//! What a target is checked against: a contract by its name, the one that fits the target, or a list of
//! endpoints.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use portmaster_fixtures::{Contract, Endpoint};

use super::trouble::Trouble;
use crate::{
    checks,
    suite::{Check, Key, Keys, Tier},
    target::{Address, Client, Request},
};

/// What `--contract` can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A contract.
    Named(Contract),
    /// The contract that fits the target best.
    Auto,
    /// The list of endpoints that the target itself exports.
    Target,
    /// Such a list in a file.
    File(PathBuf),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let file = || {
            let is_file =
                text.ends_with(".json") || text.contains(['/', '\\']) || PathBuf::from(text).is_file();
            is_file.then(|| Self::File(PathBuf::from(text)))
        };
        match text {
            "auto" => Ok(Self::Auto),
            "target" => Ok(Self::Target),
            _ => text.parse().map(Self::Named).or_else(|fault| {
                file().ok_or_else(|| format!("{fault}, auto, target or the file of a catalogue"))
            }),
        }
    }
}

/// The words of `--help` for an option that takes one of them.
pub(super) fn contract_help(what: &str) -> String {
    format!(
        "{what}: {}; auto, the one that fits the target best; target, the list of endpoints that the target itself \
         exports; or such a list in a file",
        Contract::names()
    )
}

/// What a target is checked against.
#[derive(Debug)]
pub(super) struct Subject {
    /// The name in reports.
    pub(super) name: String,
    /// How it was found, if it was not named.
    pub(super) found: Option<String>,
    /// The contract; for a bare list of endpoints, whatever one: no check of such a list looks at it.
    pub(super) contract: Contract,
    /// The list of endpoints, if that is all there is.
    pub(super) endpoints: Option<&'static [Endpoint]>,
    /// Every check.
    pub(super) checks: Vec<Check>,
}

impl Subject {
    pub(super) fn named(contract: Contract) -> Self {
        Self {
            name: contract.to_string(),
            found: None,
            contract,
            endpoints: None,
            checks: checks::all(contract),
        }
    }

    fn catalogue(name: String, text: &str) -> Result<Self, Trouble> {
        let wrong = |fault: String| Trouble::Usage(format!("{name} is no list of endpoints: {fault}"));
        let endpoints: Vec<Endpoint> =
            serde_json::from_str(text).map_err(|fault| wrong(fault.to_string()))?;
        if endpoints.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = endpoints.iter().find(|one| !seen.insert(&one.path)) {
            return Err(wrong(format!("{} stands in it twice", twice.path)));
        }
        // A program checks against one list, which lives as long as the program.
        let endpoints: &'static [Endpoint] = endpoints.leak();
        let found = format!("a list of {} endpoints; only what follows from it is checked", endpoints.len());
        let checks = checks::of_catalogue(endpoints);
        Ok(Self {
            name,
            found: Some(found),
            contract: Contract::default(),
            endpoints: Some(endpoints),
            checks,
        })
    }

    /// Finds out what is to be checked, asking the target if need be.
    pub(super) async fn find(
        wanted: &Wanted,
        client: &Client,
        address: Option<&Address>,
        keys: &Keys,
    ) -> Result<Self, Trouble> {
        match (wanted, address) {
            (Wanted::Named(contract), _) => Ok(Self::named(*contract)),
            (_, None) => Err(Trouble::Usage(format!(
                "without --target there is a simulator of a contract: name one, {}",
                Contract::names()
            ))),
            (Wanted::File(file), _) => {
                let name = file.display().to_string();
                let text = std::fs::read_to_string(file)
                    .map_err(|fault| Trouble::Usage(format!("cannot read {name}: {fault}")))?;
                Self::catalogue(name, &text)
            }
            (Wanted::Target, Some(address)) => {
                let text = ask(client, address, "endpoints", None).await?;
                Self::catalogue(format!("the export of {address}"), &text)
            }
            (Wanted::Auto, Some(address)) => {
                let export = ask(client, address, "endpoints", None).await?;
                let info = ask(client, address, "debug/info", None).await?;
                let data = ask(client, address, "broadcasts/matching-data", keys.get(Tier::Admin)).await?;
                let (contract, why) = nearest(&export, &info, &data).ok_or_else(|| {
                    Trouble::Usage(format!("{address} lists no endpoints to tell its contract by; name one"))
                })?;
                Ok(Self { found: Some(why), ..Self::named(contract) })
            }
        }
    }
}

/// The body of an answer, whatever its status.
async fn ask(client: &Client, address: &Address, path: &str, key: Option<&Key>) -> Result<String, Trouble> {
    let request = Request::api("GET", path).maybe_bearer(key);
    let sent = client.send(address, &request).await;
    sent.map(|response| response.text()).map_err(|fault| Trouble::Unreachable(format!("{address}: {fault}")))
}

/// The contract whose list of endpoints differs least from the exported one, and why it was taken; of equal
/// ones the one whose version the target names.
fn nearest(export: &str, info: &str, data: &str) -> Option<(Contract, String)> {
    let export: Vec<serde_json::Value> = serde_json::from_str(export).ok()?;
    let paths: BTreeSet<&str> = export.iter().filter_map(|entry| entry["Path"].as_str()).collect();
    if paths.is_empty() {
        return None;
    }
    let version = version(info, data);
    let differences = |contract: Contract| {
        let own: BTreeSet<&str> = contract.endpoints().iter().map(|one| one.path.as_str()).collect();
        own.symmetric_difference(&paths).count()
    };
    let named =
        |contract: Contract| version.as_ref().is_some_and(|(one, _)| *one == contract.rules().version);
    let best = Contract::ALL.into_iter().min_by_key(|&one| (differences(one), !named(one)))?;
    let list = match differences(best) {
        0 => format!("its list of endpoints is that of {best}"),
        1 => format!("its list of endpoints differs from that of {best} in one"),
        more => format!("its list of endpoints differs least from that of {best}, in {more}"),
    };
    let version = version.map_or("it does not name its version".to_owned(), |(one, place)| {
        format!("{place} says version {one}")
    });
    Some((best, format!("{list}; {version}")))
}

/// The version that the target names, and where it does.
fn version(info: &str, data: &str) -> Option<(String, &'static str)> {
    let data: Option<serde_json::Value> = serde_json::from_str(data).ok();
    let told = data.and_then(|data| Some(data["Version"].as_str()?.to_owned()));
    if let Some(version) = told.filter(|version| version.contains(|c: char| c.is_ascii_digit())) {
        return Some((version, "broadcasts/matching-data"));
    }
    let line = info.lines().find_map(|line| line.split_once("Version "))?.1;
    let version = line.trim_end_matches(':').trim_end_matches('*');
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| (version.to_owned(), "debug/info"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_told_apart() {
        assert_eq!("auto".parse(), Ok(Wanted::Auto));
        assert_eq!("target".parse(), Ok(Wanted::Target));
        assert_eq!("v2.2".parse(), Ok(Wanted::Named(Contract::V2_2)));
        assert_eq!("./v3".parse(), Ok(Wanted::File("./v3".into())));
        assert_eq!(
            "v9".parse::<Wanted>().unwrap_err(),
            format!(
                "unknown contract \"v9\", expected {}, auto, target or the file of a catalogue",
                Contract::names()
            )
        );
    }

    #[test]
    fn the_nearest_contract_is_found_and_says_why() {
        for contract in Contract::ALL {
            let export = serde_json::to_string(contract.endpoints()).unwrap();
            let (found, why) =
                nearest(&export, "**Version 2.2.0**:\n", "Insufficient permissions.\n").unwrap();
            assert_eq!(found, contract);
            let wanted =
                format!("its list of endpoints is that of {contract}; debug/info says version 2.2.0");
            assert_eq!(why, wanted);
        }
        let newer =
            r#"[{"Path":"ping"},{"Path":"updates/from-url"},{"Path":"control/pause"},{"Path":"brand/new"}]"#;
        let (found, why) = nearest(newer, "", r#"{"Version":"3.0.1"}"#).unwrap();
        assert!(why.ends_with("; broadcasts/matching-data says version 3.0.1"), "{found}: {why}");
        assert!(nearest("Not found.\n", "", "").is_none());
    }

    #[test]
    fn a_list_that_is_none_says_where() {
        for (text, wanted) in [
            ("[]", "x.json is no list of endpoints: it is empty"),
            ("[{\"Path\": 1}]", "x.json is no list of endpoints: invalid type: integer `1`"),
            ("{", "x.json is no list of endpoints: "),
        ] {
            let text_of = Subject::catalogue("x.json".to_owned(), text).unwrap_err().to_string();
            assert!(text_of.starts_with(wanted), "{text_of}");
        }
    }
}
