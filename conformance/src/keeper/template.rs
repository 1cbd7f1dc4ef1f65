//! The command line that starts a target, with places to fill in.

use std::{collections::BTreeMap, fmt};

/// The places that a template may have.
const PLACES: [&str; 6] = ["addr", "port", "data", "bin", "dns", "auth"];

/// A command line with `{addr}`, `{port}`, `{data}`, `{bin}`, `{dns}` and `{auth}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<String>);

/// A text that is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--launch: {0}")]
pub struct BadTemplate(String);

impl Template {
    /// Takes a command line apart as a shell would.
    pub(super) fn read(text: &str) -> Result<Self, BadTemplate> {
        let bad = |why: String| BadTemplate(why);
        let words = shlex::split(text).ok_or_else(|| bad(format!("a quote is not closed in {text:?}")))?;
        Self::of(words)
    }

    /// A template of words.
    pub(super) fn of(words: Vec<String>) -> Result<Self, BadTemplate> {
        if words.is_empty() {
            return Err(BadTemplate("it names no program".to_owned()));
        }
        let template = Self(words);
        if !template.has("addr") && !template.has("port") {
            return Err(BadTemplate("{addr} must stand where the target's address goes".to_owned()));
        }
        for word in &template.0 {
            for place in
                word.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(place, _)| place)
            {
                if place.chars().all(|c| c.is_ascii_lowercase()) && !PLACES.contains(&place) {
                    let known = PLACES.map(|place| format!("{{{place}}}")).join(", ");
                    return Err(BadTemplate(format!("nothing is called {{{place}}}; there are {known}")));
                }
            }
        }
        Ok(template)
    }

    /// Whether it has that place.
    pub(super) fn has(&self, place: &str) -> bool {
        self.0.iter().any(|word| word.contains(&format!("{{{place}}}")))
    }

    /// The program and its arguments with every place filled in.
    pub(super) fn fill(&self, places: &BTreeMap<&str, String>) -> (String, Vec<String>) {
        let fill = |word: &String| {
            places
                .iter()
                .fold(word.clone(), |word, (place, value)| word.replace(&format!("{{{place}}}"), value))
        };
        let mut words = self.0.iter().map(fill);
        (words.next().unwrap_or_default(), words.collect())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shlex::try_join(self.0.iter().map(String::as_str)).unwrap_or_else(|_| self.0.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_quotes_kept() {
        let template = Template::read("core --listen {addr} --data '{data}/my core' --dns={dns}").unwrap();
        let places = BTreeMap::from([
            ("addr", "127.0.0.1:7".to_owned()),
            ("data", "/tmp/x".to_owned()),
            ("dns", "127.0.0.1:8".to_owned()),
        ]);
        let (program, words) = template.fill(&places);
        assert_eq!(program, "core");
        assert_eq!(words, ["--listen", "127.0.0.1:7", "--data", "/tmp/x/my core", "--dns=127.0.0.1:8"]);
    }

    #[test]
    fn what_is_no_template_says_why() {
        let why = |text| Template::read(text).unwrap_err().to_string();
        assert_eq!(why("core"), "--launch: {addr} must stand where the target's address goes");
        assert_eq!(why(""), "--launch: it names no program");
        assert_eq!(why("core '{addr}"), "--launch: a quote is not closed in \"core '{addr}\"");
        assert_eq!(
            why("core {addr} {date}"),
            "--launch: nothing is called {date}; there are {addr}, {port}, {data}, {bin}, {dns}, {auth}"
        );
        assert!(Template::read("core --json '{\"a\": 1}' {port}").is_ok());
    }
}
