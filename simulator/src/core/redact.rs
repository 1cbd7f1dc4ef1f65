//! Secrets that no reader of the journal sees.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use portmaster_wire::secret::{SHORTEST, is_told};
use regex::bytes::{Captures, Regex};

use crate::{
    limits,
    world::{Config, keys::ApiKey},
};

/// What stands in the place of a secret: in `Authorization`, in cookies, in members of a query or of a body whose names
/// speak of keys, tokens or passwords, and wherever an API key of `core/apiKeys` appears.
pub const MASK: &str = "[redacted]";

/// What no reader may see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    texts: BTreeSet<String>,
    /// How many bytes they have.
    size: usize,
    /// The same by their beginnings, the longest first.
    by_start: HashMap<[u8; SHORTEST], Vec<String>>,
    /// The keys that they were last taken from.
    keys: Option<Arc<[ApiKey]>>,
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression")
}

/// A list of keys by its name: in JSON, be it in a text within JSON, and in YAML.
static NAMED: LazyLock<Regex> = LazyLock::new(|| regex(r#"(apiKeys\\*"?\s*:\s*)(\[[^\]]*\]|\\*"[^"\\]*)"#));
static YAML: LazyLock<Regex> = LazyLock::new(|| regex(r"(apiKeys:[ \t]*\r?\n)((?:[ \t]*-[^\n]*\n?)+)"));

/// A list as the value of the option's record. Which record a value belongs to, the key before it says.
static VALUE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(core/apiKeys)|(Key\\*"\s*:)|(\\*"Value\\*"\s*:\s*)(\[[^\]]*\]|\\*"[^"\\]*)"#));

/// A text of a list: what is before its secret, and the secret.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| regex(r#"(\\*")([^"\\,\[\]?]+)"#));
static DASHED: LazyLock<Regex> = LazyLock::new(|| regex(r#"(-[ \t]*["']?)([^\s?"']+)"#));

/// Members of bodies whose names speak of a secret, and what they hold: texts and numbers in JSON, be it in a text within
/// JSON, lines of YAML, and fields of a form. What breaks off is hidden up to its end.
static MEMBERS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let name = r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential)[\w.-]*|[\w.-]*api[_-]?key";
    [
        regex(&format!(r#"(?is-u)("(?:{name})"\s*:\s*)("(?:[^"\\]|\\.)*"?|-?[0-9][0-9.e+-]*)"#)),
        regex(&format!(
            r#"(?is-u)(\\+"(?:{name})\\+"\s*:\s*)(\\"(?:[^"\\]|\\\\(?:\\.|[^\\]))*(?:\\")?|\\{{2,}}"[^"]*"?|-?[0-9][0-9.e+-]*)"#
        )),
        regex(&format!(r"(?im-u)(^[ \t]*(?:-[ \t]+)?(?:{name})[ \t]*:[ \t]+)([^\s][^\r\n]*)")),
        regex(&format!(r"(?i-u)((?:^|[?&])(?:{name})=)([^&\s]+)")),
    ]
});

impl Secrets {
    /// Takes the keys of a configuration along. Earlier ones stay secret.
    pub(crate) fn learn(&mut self, config: &Config) {
        let secrets = config.api_keys().iter().map(ApiKey::secret);
        // As it is written, a key may be percent-encoded.
        let written = config.list("core/apiKeys");
        let written = written.iter().map(|entry| entry.split_once('?').map_or(*entry, |(secret, _)| secret));
        for secret in secrets.chain(written).filter(|secret| secret.len() >= SHORTEST) {
            if self.size <= limits::SECRETS && self.texts.insert(secret.to_owned()) {
                self.size += secret.len();
            }
        }
        self.keys = Some(Arc::clone(config.keys()));
    }

    /// Makes them ready to be looked for.
    pub(crate) fn compile(mut self) -> Self {
        // Of two where one begins with the other, the longer one comes first.
        for text in self.texts.iter().rev() {
            if let Some(start) = text.as_bytes().first_chunk() {
                self.by_start.entry(*start).or_default().push(text.clone());
            }
        }
        self
    }

    /// Bytes without secrets.
    pub(crate) fn hide(&self, bytes: &[u8]) -> Vec<u8> {
        if self.size > limits::SECRETS {
            // There are more than are remembered: any byte may be one of theirs.
            return MASK.into();
        }
        let hidden = without_members(without_lists(bytes));
        if self.by_start.is_empty() { hidden } else { self.without_texts(&hidden) }
    }

    /// Bytes without the texts that are secrets.
    fn without_texts(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(start) = rest.first_chunk() {
            let alike = self.by_start.get(start).into_iter().flatten();
            let at = bytes.len() - rest.len();
            let told = |text: &&String| rest.starts_with(text.as_bytes()) && is_told(bytes, at, text.len());
            match alike.clone().find(told) {
                Some(text) => {
                    out.extend_from_slice(MASK.as_bytes());
                    rest = &rest[text.len()..];
                }
                None => {
                    out.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        out.extend_from_slice(rest);
        out
    }

    /// A text without secrets.
    pub(crate) fn hide_text(&self, text: &str) -> String {
        String::from_utf8(self.hide(text.as_bytes())).unwrap_or_else(|_| MASK.to_owned())
    }

    /// A request's target without the values of members that are secrets.
    pub(crate) fn hide_target(&self, target: &str) -> String {
        let target = self.hide_text(target);
        let Some((path, query)) = target.split_once('?') else { return target };
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if !value.is_empty() && is_secret(name) => format!("{name}={MASK}"),
                _ => pair.to_owned(),
            })
            .collect();
        format!("{path}?{}", pairs.join("&"))
    }

    /// A header without its secret: schemes, the names of cookies and their attributes stay.
    pub(crate) fn hide_header(&self, name: String, value: String) -> (String, String) {
        let hidden = match name.as_str() {
            "authorization" | "proxy-authorization" => match value.split_once(' ') {
                Some((scheme, _)) => format!("{scheme} {MASK}"),
                None => MASK.to_owned(),
            },
            "cookie" => value.split(';').map(|pair| cookie(pair.trim())).collect::<Vec<_>>().join("; "),
            "set-cookie" => match value.split_once(';') {
                Some((pair, attributes)) => format!("{};{attributes}", cookie(pair)),
                None => cookie(&value),
            },
            // A client proves with it that it is talked to; it opens nothing.
            "sec-websocket-key" => value,
            other if is_secret(other) => MASK.to_owned(),
            _ => self.hide_text(&value),
        };
        (name, hidden)
    }
}

fn cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={MASK}"),
        None => MASK.to_owned(),
    }
}

/// Whether a member or a header of this name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "password", "passwd", "secret"].iter().any(|word| name.contains(word))
}

/// The bytes without the secrets in lists of API keys.
fn without_lists(bytes: &[u8]) -> Vec<u8> {
    let masked = |item: &Regex, list: &[u8]| {
        item.replace_all(list, |item: &Captures<'_>| [&item[1], MASK.as_bytes()].concat()).into_owned()
    };
    let mut of_keys = false;
    let values = VALUE.replace_all(bytes, |found: &Captures<'_>| {
        let value = found.get(4).filter(|_| of_keys);
        if found.get(3).is_none() {
            of_keys = found.get(1).is_some();
        }
        match value {
            Some(list) => [&found[3], &masked(&QUOTED, list.as_bytes())].concat(),
            None => found[0].to_vec(),
        }
    });
    let named = NAMED
        .replace_all(&values, |found: &Captures<'_>| [&found[1], &masked(&QUOTED, &found[2])[..]].concat());
    let yaml = YAML
        .replace_all(&named, |found: &Captures<'_>| [&found[1], &masked(&DASHED, &found[2])[..]].concat());
    yaml.into_owned()
}

/// The bytes without the secrets in members whose names speak of one. Quotes stay, so that JSON does.
fn without_members(mut bytes: Vec<u8>) -> Vec<u8> {
    for members in &*MEMBERS {
        let hidden = members.replace_all(&bytes, |found: &Captures<'_>| {
            let value = &found[2];
            let opened = value
                .iter()
                .position(|&byte| byte == b'"')
                .filter(|at| value[..*at].iter().all(|&byte| byte == b'\\'));
            let quote = opened.map_or(&b""[..], |at| &value[..=at]);
            let closes = !quote.is_empty() && value.len() >= 2 * quote.len() && value.ends_with(quote);
            [&found[1], quote, MASK.as_bytes(), if closes { quote } else { b"" }].concat()
        });
        if let Cow::Owned(hidden) = hidden {
            bytes = hidden;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        Secrets::default().hide_text(text)
    }

    #[test]
    fn lists_of_keys_are_hidden_wherever_they_stand() {
        for (text, expected) in [
            (r#"{"core/apiKeys":["a?read=user","bc"],"x":["y"]}"#, r#"{"core/apiKeys":["#),
            (r#"1|update|config:core/apiKeys|J{"Value":["a","bc"]}"#, "1|update|config:core/apiKeys|J"),
            (r#"[{"Key":"core/apiKeys","Name":"n","Value":["a","bc"]}]"#, r#"[{"Key":"core/apiKeys","#),
            (r#"{"Body":"{\"Key\":\"core/apiKeys\",\"Value\":[\"a\",\"bc\"]}"}"#, r#"{"Body":"#),
            ("core/apiKeys:\n  - a?read=user\n  - bc\nother: bc\n", "core/apiKeys:\n"),
            (r#"{"core":{"apiKeys":["a","bc"]}}"#, r#"{"core":{"apiKeys":["#),
        ] {
            let got = hidden(text);
            assert!(got.starts_with(expected), "{got}");
            assert_eq!(got.matches(MASK).count(), 2, "{got}");
        }
        let got = hidden(r#"{"core/apiKeys":["geheim?read=user&write=admin"]}"#);
        assert_eq!(got, r#"{"core/apiKeys":["[redacted]?read=user&write=admin"]}"#);
        let text = r#"{"Key":"core/apiKeys","DefaultValue":[]}"#;
        assert_eq!(hidden(text), text);
    }

    #[test]
    fn passwords_in_bodies_are_hidden() {
        for (text, expected) in [
            (
                r#"{"user":"ada","password":"ge\"he,im","n":1}"#,
                r#"{"user":"ada","password":"[redacted]","n":1}"#,
            ),
            (r#"{ "Password" : 4711, "x": 1 }"#, r#"{ "Password" : [redacted], "x": 1 }"#),
            (r#"{"accessToken":"geheim"#, r#"{"accessToken":"[redacted]"#),
            (r#"{"password":""}"#, r#"{"password":"[redacted]"}"#),
            (
                r#"{"Body":"{\"password\":\"ge\\\"heim\",\"n\":1}"}"#,
                r#"{"Body":"{\"password\":\"[redacted]\",\"n\":1}"}"#,
            ),
            ("user: ada\npassword: ge heim\nn: 1\n", "user: ada\npassword: [redacted]\nn: 1\n"),
            ("user=ada&password=geheim&n=1", "user=ada&password=[redacted]&n=1"),
            (
                r#"1|create|api:spn/account/login|J{"password":"geheim"}"#,
                r#"1|create|api:spn/account/login|J{"password":"[redacted]"}"#,
            ),
            (r#"{"password":null,"note":"password: none"}"#, r#"{"password":null,"note":"password: none"}"#),
            (r#"{"Name":"Token","Key":"a"}"#, r#"{"Name":"Token","Key":"a"}"#),
        ] {
            assert_eq!(hidden(text), expected);
        }
    }

    #[test]
    fn known_keys_are_hidden_whatever_their_number_and_length() {
        let secrets = |texts: Vec<String>| {
            let size = texts.iter().map(String::len).sum();
            Secrets { texts: texts.into_iter().collect(), size, ..Secrets::default() }.compile()
        };
        let long = "k".repeat(2 << 20);
        let many: Vec<String> = (0..50_000).map(|at| format!("geheim-{at:020}")).collect();
        let some = secrets([&many[..], std::slice::from_ref(&long)].concat());
        assert_eq!(some.hide_text(&format!("<{}>", many[4711])), "<[redacted]>");
        assert_eq!(some.hide_text(&format!("<{long}>")), "<[redacted]>");
        assert_eq!(some.hide_text("<geheim>"), "<geheim>");
        let short = secrets(vec!["demo".to_owned()]);
        assert_eq!(short.hide_text("demo, demonstration"), "[redacted], demonstration");
        let alike = secrets(vec!["geheim-1".to_owned(), "geheim-123".to_owned()]);
        assert_eq!(alike.hide_text("geheim-1234, geheim-12"), "[redacted]4, [redacted]2");
        let too_many = secrets(vec!["k".repeat(limits::SECRETS + 1)]);
        assert_eq!(too_many.hide_text("anything"), MASK);
    }

    #[test]
    fn members_and_headers_that_are_secrets_are_hidden() {
        let secrets = Secrets::default();
        assert_eq!(secrets.hide_target("/a?apikey=x&b=y&token="), "/a?apikey=[redacted]&b=y&token=");
        for (name, value, expected) in [
            ("authorization", "Bearer x", "Bearer [redacted]"),
            ("authorization", "x", "[redacted]"),
            ("cookie", "a=b; c=d", "a=[redacted]; c=[redacted]"),
            ("set-cookie", "a=b; Path=/", "a=[redacted]; Path=/"),
            ("x-api-key", "x", "[redacted]"),
            ("accept", "x", "x"),
        ] {
            let (_, got) = secrets.hide_header(name.to_owned(), value.to_owned());
            assert_eq!(got, expected, "{name}");
        }
    }
}
