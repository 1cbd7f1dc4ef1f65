//! What a target is checked against: a contract by its name, the one that fits the target, or a list of
//! endpoints.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use portmaster_fixtures::{Contract, Endpoint, slug};

use super::trouble::Trouble;
use crate::{
    checks::{self, FAMILIES},
    suite::{self, Check, Key, Keys, Tier},
    target::{Address, Client, Request},
};

/// How many endpoints are named that are missing, or more.
const TOLD: usize = 8;

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
            _ => text.parse().map(Self::Named).or_else(|error| {
                file().ok_or_else(|| format!("{error}, auto, target or the file of a catalogue"))
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
        let wrong = |error: String| Trouble::Usage(format!("{name} is no list of endpoints: {error}"));
        let endpoints: Vec<Endpoint> =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if endpoints.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = endpoints.iter().find(|one| !seen.insert(&one.path)) {
            return Err(wrong(format!("{} stands in it twice", twice.path)));
        }
        // A program checks against one list, which lives as long as the program.
        let endpoints: &'static [Endpoint] = endpoints.leak();
        suite::know(endpoints);
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
                let text = portmaster_fixtures::scenario::file::text(file)
                    .map_err(|error| Trouble::Usage(format!("cannot read {name}: {error}")))?;
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
                let download = saved_as(client, address).await?;
                Self::like(&export, &versions(&data, &info, &download)).ok_or_else(|| {
                    Trouble::Usage(format!("{address} lists no endpoints to tell its contract by; name one"))
                })
            }
        }
    }

    /// The contract whose list of endpoints differs least from the exported one; of equal ones the one whose version the target
    /// names. Where the list differs from it, the list counts: of an endpoint that is not in it, only that is checked, and only
    /// worth knowing; of one more, what follows from its entry.
    fn like(export: &str, versions: &[(String, &str)]) -> Option<Self> {
        let listed: Vec<serde_json::Value> = serde_json::from_str(export).ok()?;
        let paths: BTreeSet<&str> = listed.iter().filter_map(|entry| entry["Path"].as_str()).collect();
        if paths.is_empty() {
            return None;
        }
        let of = |contract: Contract| -> BTreeSet<&str> {
            contract.endpoints().iter().map(|one| one.path.as_str()).collect()
        };
        let named = |contract: Contract| versions.iter().any(|(one, _)| *one == contract.behaviour().version);
        let differences = |contract: Contract| of(contract).symmetric_difference(&paths).count();
        let contract = Contract::ALL.into_iter().min_by_key(|&one| (differences(one), !named(one)))?;
        let own = of(contract);
        let missing: Vec<String> = own.difference(&paths).map(|path| slug(path)).collect();
        let more: BTreeSet<&str> = paths.difference(&own).copied().collect();
        let more: Vec<Endpoint> = listed
            .iter()
            .filter(|entry| entry["Path"].as_str().is_some_and(|path| more.contains(path)))
            .filter_map(|entry| serde_json::from_value(entry.clone()).ok())
            .collect();
        let said = |(version, place): &(String, &str)| format!("{place} says version {version}");
        let said = match versions {
            [] => "it does not name its version".to_owned(),
            versions => versions.iter().map(said).collect::<Vec<_>>().join(", "),
        };
        let found = format!("{}; {said}", differing(contract, &missing, &more));
        // A program checks against one list, which lives as long as the program.
        let checks = checks::all(contract).into_iter().filter_map(|check| without(check, &missing));
        let more: &'static [Endpoint] = more.leak();
        suite::know(more);
        let checks = with(checks.collect(), more);
        Some(Self { found: Some(found), checks, ..Self::named(contract) })
    }
}

/// How a list of endpoints differs from a contract's, in words.
fn differing(contract: Contract, missing: &[String], more: &[Endpoint]) -> String {
    let names = |names: Vec<String>| {
        let told = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
        match names.len().saturating_sub(TOLD) {
            0 => told,
            rest => format!("{told} and {rest} more"),
        }
    };
    let mut parts = vec![];
    if !missing.is_empty() {
        parts.push(format!("without {}", names(missing.to_vec())));
    }
    if !more.is_empty() {
        parts.push(format!("with {} beside", names(more.iter().map(|one| slug(&one.path)).collect())));
    }
    match parts.is_empty() {
        true => format!("its list of endpoints is that of {contract}"),
        false => format!("its list of endpoints is that of {contract} {}", parts.join(", ")),
    }
}

/// The check as it is for a target that does not list those endpoints: gone if it is about one of them, but for the one whether it
/// exists, which is worth knowing.
fn without(check: Check, missing: &[String]) -> Option<Check> {
    let is_missing = check.endpoint().is_some_and(|endpoint| missing.iter().any(|one| one == endpoint));
    match is_missing {
        true if check.id.starts_with("catalogue/exists/") => Some(check.worth_knowing()),
        true => None,
        false => Some(check),
    }
}

/// The checks with those of more endpoints, in the order of every list.
fn with(mut checks: Vec<Check>, more: &'static [Endpoint]) -> Vec<Check> {
    let known: BTreeSet<_> = checks.iter().map(|check| check.id.clone()).collect();
    checks.extend(checks::of_catalogue(more).into_iter().filter(|check| !known.contains(&check.id)));
    let place = |check: &Check| FAMILIES.iter().position(|family| family.name == check.family());
    checks.sort_by_key(place);
    checks
}

/// The body of an answer, whatever its status.
async fn ask(client: &Client, address: &Address, path: &str, key: Option<&Key>) -> Result<String, Trouble> {
    let request = Request::api("GET", path).maybe_bearer(key);
    let sent = client.send(address, &request).await;
    sent.map(|response| response.text()).map_err(|error| Trouble::Unreachable(format!("{address}: {error}")))
}

/// The name under which a profile of the target's memory would be saved.
async fn saved_as(client: &Client, address: &Address) -> Result<String, Trouble> {
    let sent = client.send(address, &Request::api("HEAD", "debug/heap")).await;
    let answer = sent.map_err(|error| Trouble::Unreachable(format!("{address}: {error}")))?;
    Ok(answer.header("Content-Disposition").unwrap_or_default().to_owned())
}

/// The versions that the target gives itself, and where it first says so.
fn versions(data: &str, info: &str, download: &str) -> Vec<(String, &'static str)> {
    let data: Option<serde_json::Value> = serde_json::from_str(data).ok();
    let line = info.lines().find_map(|line| line.strip_prefix("**")?.strip_prefix("Version "));
    let name = download.rsplit_once("-profile_v").and_then(|(_, name)| name.split_once(".pprof"));
    let told = [
        (data.and_then(|data| Some(data["Version"].as_str()?.to_owned())), "broadcasts/matching-data"),
        (line.map(|line| line.trim_end_matches(':').trim_end_matches('*').to_owned()), "debug/info"),
        (name.map(|(version, _)| version.to_owned()), "debug/heap"),
    ];
    let mut all: Vec<(String, &'static str)> = Vec::new();
    for (version, place) in told {
        let Some(version) = version.filter(|one| !one.is_empty()) else { continue };
        if !all.iter().any(|(known, _)| *known == version) {
            all.push((version, place));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Level;

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
        let list = |contract: Contract| serde_json::to_string(contract.endpoints()).unwrap();
        // Where two have the same list, the version decides.
        let by_list =
            |contract: &Contract| *contract == Contract::V2_2 || list(*contract) != list(Contract::V2_2);
        for contract in Contract::ALL.into_iter().filter(by_list) {
            let export = list(contract);
            let told = versions("Insufficient permissions.\n", "**Version 2.2.0**:\n", "");
            let subject = Subject::like(&export, &told).unwrap();
            assert_eq!(subject.contract, contract);
            let wanted =
                format!("its list of endpoints is that of {contract}; debug/info says version 2.2.0");
            assert_eq!(subject.found, Some(wanted));
            let ids = |checks: &[Check]| checks.iter().map(|check| check.id.clone()).collect::<Vec<_>>();
            assert_eq!(ids(&subject.checks), ids(&checks::all(contract)));
        }
        let newer =
            r#"[{"Path":"ping"},{"Path":"updates/from-url"},{"Path":"control/pause"},{"Path":"brand/new"}]"#;
        let told = versions(r#"{"Version":"3.0.1"}"#, "**Version 3.0.1**:", "");
        let why = Subject::like(newer, &told).unwrap().found.unwrap();
        assert!(why.ends_with("; broadcasts/matching-data says version 3.0.1"), "{why}");
        assert!(Subject::like("Not found.\n", &[]).is_none());
    }

    #[test]
    fn of_equal_lists_the_version_counts() {
        let export = serde_json::to_string(Contract::V2_2.endpoints()).unwrap();
        let saved = "attachment; filename=\"portmaster-memory-heap-profile_v2.1.19.pprof\"";
        let subject = Subject::like(&export, &versions("", "**Version dev build**:\n", saved)).unwrap();
        assert_eq!(subject.contract, Contract::V2_1);
        assert_eq!(
            subject.found.unwrap(),
            "its list of endpoints is that of v2.1; debug/info says version dev build, debug/heap says version 2.1.19"
        );
    }

    #[test]
    fn a_version_between_two_is_checked_by_its_own_list() {
        let mut list = serde_json::to_value(Contract::V2_2.endpoints()).unwrap();
        let list = list.as_array_mut().unwrap();
        list.retain(|entry| entry["Path"] != "interop/ping");
        let mut more = list.iter().find(|entry| entry["Path"] == "ping").unwrap().clone();
        more["Path"] = "brand/new".into();
        list.push(more);
        let export = serde_json::to_string(&list).unwrap();
        let told = [("2.2.0".to_owned(), "debug/info")];
        let subject = Subject::like(&export, &told).unwrap();
        assert_eq!(
            subject.found.unwrap(),
            "its list of endpoints is that of v2.2 without interop/ping, with brand/new beside; debug/info says version 2.2.0"
        );
        let about = |endpoint: &str| -> Vec<_> {
            let has = |check: &&Check| check.id.contains(&format!("/{endpoint}"));
            subject.checks.iter().filter(has).map(|check| (check.id.as_str(), check.level)).collect()
        };
        assert_eq!(about("interop/ping"), [("catalogue/exists/interop/ping", Level::Info)]);
        assert!(about("brand/new").contains(&("catalogue/entry/brand/new", Level::Must)));
        let families: Vec<_> = subject.checks.iter().map(Check::family).collect();
        let mut once = families.clone();
        once.dedup();
        let distinct: BTreeSet<_> = families.into_iter().collect();
        assert_eq!(once.len(), distinct.len(), "a family stands together");
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
