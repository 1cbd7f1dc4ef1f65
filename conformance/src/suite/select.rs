//! Chooses checks by id, level, tag or endpoint.

use std::{collections::BTreeSet, str::FromStr};

use portmaster_wire::wildcard::Wildcard;

use super::{
    check::Check,
    class::{Level, TAGS},
};

/// What one word of a command line selects.
///
/// `badges/ping` is an id or the beginning of ids, `badges/*/no-key` a pattern of ids in which `*` stands for any run
/// of characters and `?` for one. With a prefix the word looks at something else: `level:must`, `tag:security`,
/// `endpoint:dns/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Checks whose id is, begins with or matches this.
    Id(String),
    /// Checks of a level.
    Level(Level),
    /// Checks with a tag.
    Tag(String),
    /// Checks about an endpoint, its path written as in ids: `dns/cache/:query`.
    Endpoint(String),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = ["level", "tag", "endpoint", "id"];
        match text.split_once(':').filter(|(kind, _)| known.contains(kind)) {
            Some(("level", name)) => match name.to_ascii_lowercase().as_str() {
                "must" => Ok(Self::Level(Level::Must)),
                "should" => Ok(Self::Level(Level::Should)),
                "info" => Ok(Self::Level(Level::Info)),
                _ => Err(format!("unknown level \"{name}\", expected must, should or info")),
            },
            Some(("tag", name)) if TAGS.contains(&name) => Ok(Self::Tag(name.to_owned())),
            Some(("tag", name)) => {
                Err(format!("unknown tag \"{name}\", expected one of {}", TAGS.join(", ")))
            }
            Some(("endpoint", path)) => Ok(Self::Endpoint(path.trim_start_matches("/api/v1/").to_owned())),
            Some((_, id)) => Ok(Self::Id(id.to_owned())),
            None => Ok(Self::Id(text.to_owned())),
        }
    }
}

impl Selector {
    fn selects(&self, check: &Check) -> bool {
        match self {
            Self::Id(pattern) => matches(pattern, &check.id),
            Self::Level(level) => check.level == *level,
            Self::Tag(tag) => check.tags().contains(&tag.as_str()),
            Self::Endpoint(pattern) => check.endpoint().is_some_and(|path| matches(pattern, path)),
        }
    }

    /// Selectors of one kind add up, those of different kinds narrow each other down.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A selector that selects nothing.
#[derive(Debug, thiserror::Error)]
#[error("no check {what} \"{pattern}\"{}", .nearest.as_ref().map(|id| format!("; did you mean \"{id}\"?")).unwrap_or_default())]
pub struct Unknown {
    what: &'static str,
    pattern: String,
    nearest: Option<String>,
}

/// What is to run: everything that is wanted, less what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of every kind that is here one selector at least has to fit; everything is wanted when there is none.
    pub only: Vec<Selector>,
    /// None of these may fit.
    pub not: Vec<Selector>,
}

impl Selection {
    /// What these ids and patterns of ids select.
    pub fn ids(patterns: &[&str]) -> Self {
        let only = patterns.iter().map(|&pattern| Selector::Id(pattern.to_owned())).collect();
        Self { only, not: vec![] }
    }

    /// Whether it is endpoints, and nothing else, that are wanted: all of them where nothing is said.
    pub(crate) fn is_of_endpoints(&self) -> bool {
        self.only.iter().all(|one| matches!(one, Selector::Endpoint(_)))
    }

    /// Whether an endpoint of that name is wanted; without a name, what is none.
    pub(crate) fn wants_endpoint(&self, name: Option<&str>) -> bool {
        let patterns = |all: &[Selector]| -> Vec<String> {
            let pattern = |one: &Selector| match one {
                Selector::Endpoint(pattern) => Some(pattern.clone()),
                _ => None,
            };
            all.iter().filter_map(pattern).collect()
        };
        let fits = |pattern: &String| name.is_some_and(|name| matches(pattern, name));
        let only = patterns(&self.only);
        (only.is_empty() || only.iter().any(fits)) && !patterns(&self.not).iter().any(fits)
    }

    /// The checks that are selected, in their own order.
    ///
    /// # Errors
    /// When an id, a pattern or an endpoint is nobody's, with the nearest that is somebody's.
    pub fn of(&self, checks: Vec<Check>) -> Result<Vec<Check>, Unknown> {
        for one in self.only.iter().chain(&self.not) {
            let (what, pattern) = match one {
                Selector::Id(pattern) => ("is called", pattern),
                Selector::Endpoint(pattern) => ("is about the endpoint", pattern),
                Selector::Level(_) | Selector::Tag(_) => continue,
            };
            if !checks.iter().any(|check| one.selects(check)) {
                let nearest = nearest(one, pattern, &checks);
                return Err(Unknown { what, pattern: pattern.clone(), nearest });
            }
        }
        let wanted = |check: &Check| {
            self.only.iter().all(|one| {
                self.only.iter().filter(|other| other.is_like(one)).any(|other| other.selects(check))
            })
        };
        let unwanted = |check: &Check| self.not.iter().any(|one| one.selects(check));
        Ok(checks.into_iter().filter(|check| wanted(check) && !unwanted(check)).collect())
    }
}

pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    Wildcard::new(pattern).fits(text)
        || (!pattern.contains('*') && text.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')))
}

/// The id or endpoint, or the beginning of ids, that is most like the pattern.
fn nearest(selector: &Selector, pattern: &str, checks: &[Check]) -> Option<String> {
    let depth = pattern.split('/').count();
    let names: BTreeSet<String> = checks
        .iter()
        .filter_map(|check| match selector {
            Selector::Endpoint(_) => check.endpoint(),
            _ => Some(check.id.as_str()),
        })
        .flat_map(|name| {
            let beginning: Vec<_> = name.split('/').take(depth).collect();
            [beginning.join("/"), name.to_owned()]
        })
        .collect();
    names
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(pattern, &name), name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(only: &[&str], not: &[&str]) -> Result<Vec<String>, Unknown> {
        let ids = ["badges/dns/clear/POST/no-key", "badges/ping/GET/no-key", "badges/ping/GET/user-key"];
        let mut checks = ids.map(|id| Check::info(id, "", "").tagged(&["security"])).to_vec();
        checks.push(Check::must("structure/dns/resolvers", "", ""));
        let [only, not] = [only, not].map(|words| words.iter().map(|one| one.parse().unwrap()).collect());
        Ok(Selection { only, not }.of(checks)?.into_iter().map(|check| check.id).collect())
    }

    #[test]
    fn ids_beginnings_and_wildcards_select() {
        assert_eq!(ids(&[], &[]).unwrap().len(), 4);
        assert_eq!(ids(&["badges/ping"], &[]).unwrap().len(), 2);
        assert_eq!(ids(&["badges/*/no-key"], &[]).unwrap().len(), 2);
        assert_eq!(ids(&["badges/ping/GET/user-key"], &[]).unwrap(), ["badges/ping/GET/user-key"]);
    }

    #[test]
    fn kinds_narrow_each_other_down_and_negations_take_away() {
        assert_eq!(ids(&["level:must"], &[]).unwrap(), ["structure/dns/resolvers"]);
        assert_eq!(ids(&["endpoint:dns/*"], &[]).unwrap().len(), 2);
        assert_eq!(ids(&["endpoint:dns", "badges"], &[]).unwrap(), ["badges/dns/clear/POST/no-key"]);
        assert_eq!(ids(&["endpoint:dns", "endpoint:ping"], &["*/no-key"]).unwrap().len(), 2);
        assert_eq!(ids(&["tag:security"], &["endpoint:ping"]).unwrap(), ["badges/dns/clear/POST/no-key"]);
        assert!(ids(&["level:must", "badges"], &[]).unwrap().is_empty());
    }

    #[test]
    fn endpoints_are_wanted_by_their_names() {
        let of = |only: &[&str], not: &[&str]| {
            let [only, not] = [only, not].map(|all| all.iter().map(|one| one.parse().unwrap()).collect());
            Selection { only, not }
        };
        let (all, some) = (of(&["badges"], &["endpoint:ping"]), of(&["endpoint:dns/*"], &[]));
        let wanted = |selection: &Selection| {
            [Some("dns/clear"), Some("ping"), None].map(|name| selection.wants_endpoint(name))
        };
        assert_eq!((wanted(&all), all.is_of_endpoints()), ([true, false, true], false));
        assert_eq!((wanted(&some), some.is_of_endpoints()), ([true, false, false], true));
        assert!(Selection::default().is_of_endpoints());
    }

    #[test]
    fn unknown_names_say_their_neighbour() {
        let text = ids(&["badges/pink"], &[]).unwrap_err().to_string();
        assert_eq!(text, "no check is called \"badges/pink\"; did you mean \"badges/ping\"?");
        assert_eq!(ids(&["zzz"], &[]).unwrap_err().to_string(), "no check is called \"zzz\"");
        assert!(ids(&["badges/pin"], &[]).is_err(), "half a word selects nothing");
        let text = ids(&[], &["endpoint:dns/claer"]).unwrap_err().to_string();
        assert_eq!(text, "no check is about the endpoint \"dns/claer\"; did you mean \"dns/clear\"?");
        let text = "level:maybe".parse::<Selector>().unwrap_err();
        assert_eq!(text, "unknown level \"maybe\", expected must, should or info");
        assert!(
            "tag:fast".parse::<Selector>().unwrap_err().starts_with("unknown tag \"fast\", expected one of")
        );
    }
}
