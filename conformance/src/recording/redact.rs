//! Takes what opens a target out of a recording: keys, and sessions. The same secret gets the same stand-in
//! everywhere, so that a recording still makes sense, and replaying it can put the target's own there.

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_wire::secret::{SHORTEST, hidden};
use serde_json::Value;

use super::{stand_in::stand_in, swap::token};
use crate::{
    contrast::{Answered, SESSION},
    suite::{Keys, Taken, Tier},
    target::{Address, Spoken, Transcript},
};

/// The shortest beginning or end of a secret that is taken out of a header that carries one, in characters.
const FRAGMENT: usize = 8;

/// Secrets with what stands for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    pairs: Vec<(String, String)>,
    sessions: usize,
    keys: usize,
}

impl Redactor {
    /// Knows these keys.
    pub(crate) fn new(keys: &Keys) -> Self {
        let mut own = Self::default();
        for tier in Tier::ALL {
            if let Some(key) = keys.get(tier) {
                own.learn(key.secret(), stand_in(tier).to_owned());
            }
        }
        own
    }

    /// Takes the target's address out as well: what it says of itself is not what it is.
    pub(crate) fn hide_address(&mut self, address: &Address) {
        self.learn(&address.authority(), "target".to_owned());
    }

    fn learn(&mut self, secret: &str, stand_in: String) {
        let known = |(one, other): &(String, String)| one == secret || other == secret;
        if secret.is_empty() || secret == stand_in || self.pairs.iter().any(known) {
            return;
        }
        self.pairs.push((secret.to_owned(), stand_in));
        // A secret within another one must not be replaced first.
        self.pairs.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    }

    /// Learns what an answer and the messages of its websocket tell.
    pub(crate) fn learn_from_taken(&mut self, taken: &Taken) {
        self.learn_from(&taken.request.target, &Answered::from(&taken.response));
        for line in taken.transcript.iter().flat_map(Transcript::read) {
            if let Spoken::Came(frame) = line.spoken {
                self.learn_from_message(&frame.payload);
            }
        }
    }

    /// Learns the session that an answer begins, and the keys that it tells.
    pub(crate) fn learn_from(&mut self, target: &str, answered: &Answered) {
        for cookie in answered.headers.get("set-cookie").into_iter().flatten() {
            if let Some(token) = token(cookie).filter(|token| token.len() > SHORTEST) {
                self.sessions += 1;
                self.learn(token, format!("session-{}", self.sessions));
            }
        }
        if let Ok(body) = serde_json::from_slice::<Value>(answered.bytes()) {
            if target.split('?').next().is_some_and(|path| path.ends_with("/app/auth"))
                && let Some(key) = body["key"].as_str()
            {
                self.learn_key(key);
            }
            self.learn_listed(&body);
        }
    }

    /// Learns the keys that a message of the websocket tells.
    fn learn_from_message(&mut self, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload);
        if let Some((_, json)) = text.split_once("|J")
            && let Ok(record) = serde_json::from_str(json)
        {
            self.learn_listed(&record);
        }
    }

    fn learn_key(&mut self, key: &str) {
        if key.len() >= SHORTEST {
            self.keys += 1;
            self.learn(key, format!("unknown-key-{}", self.keys));
        }
    }

    /// Finds `core/apiKeys`, flat, as a tree or as a record, in whatever form an answer has.
    fn learn_listed(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn_listed(item)),
            Value::Object(members) => {
                let is_keys = members.get("Key").is_some_and(|key| key == "core/apiKeys");
                for (name, member) in members {
                    if is_keys || matches!(name.as_str(), "core/apiKeys" | "apiKeys") {
                        self.learn_entries(member);
                    }
                    self.learn_listed(member);
                }
            }
            _ => {}
        }
    }

    fn learn_entries(&mut self, value: &Value) {
        for entry in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.learn_key(entry.split('?').next().unwrap_or_default());
        }
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let hide = |text: String, (secret, stand_in): &(String, String)| match text.contains(secret) {
            true => hidden(&text, secret, stand_in),
            false => text,
        };
        self.pairs.iter().fold(text.to_owned(), hide)
    }

    /// Bytes without secrets.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }

    /// A header's value without secrets. In one that carries credentials, parts of secrets go as well.
    pub(crate) fn header(&self, value: &str, carries: bool) -> String {
        if let Some((scheme, encoded)) = value.split_once(' ')
            && scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) =
                STANDARD.decode(encoded.trim()).ok().and_then(|pair| String::from_utf8(pair).ok())
        {
            return format!("{scheme} {}", STANDARD.encode(self.basic(&pair)));
        }
        let whole = self.text(value);
        if carries
            && let Some((scheme, token)) = whole.split_once(' ')
            && let Some((_, stand_in)) = self.pairs.iter().find(|(secret, _)| secret == token.trim())
        {
            return format!("{scheme} {stand_in}");
        }
        if carries && whole == value { self.fragments(value) } else { whole }
    }

    /// User and password, which may part a key.
    fn basic(&self, pair: &str) -> String {
        super::swap::parted(pair, |text| self.text(text)).unwrap_or_else(|| self.fragments(pair))
    }

    fn fragments(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, stand_in) in &self.pairs {
            for length in (FRAGMENT..secret.len()).rev() {
                let ends = [(secret.get(..length), stand_in.get(..length.min(stand_in.len()))), {
                    let tail = stand_in.len().saturating_sub(length);
                    (secret.get(secret.len() - length..), stand_in.get(tail..))
                }];
                for (fragment, other) in ends {
                    if let (Some(fragment), Some(other)) = (fragment, other)
                        && text.contains(fragment)
                    {
                        text = text.replace(fragment, other);
                    }
                }
            }
        }
        text
    }

    /// An answer without secrets.
    pub(crate) fn answer(&self, answered: &mut Answered) {
        for value in answered.headers.values_mut().flatten() {
            *value = self.text(value);
        }
        if let Some(body) = &mut answered.body {
            body.0 = self.bytes(&body.0);
        }
    }
}

/// Whether a header carries credentials whatever it is worth.
pub(crate) fn is_credential(name: &str) -> bool {
    ["authorization", "cookie", "x-api-key", SESSION].iter().any(|one| name.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{contrast::Bytes, suite::Key};

    fn redactor() -> Redactor {
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::Admin, "very-secret-sesame"));
        Redactor::new(&keys)
    }

    #[test]
    fn keys_go_wherever_they_stand() {
        let redactor = redactor();
        assert_eq!(redactor.header("Bearer very-secret-sesame", true), "Bearer admin-0123456789abcdef");
        for at in 0..=18 {
            let (user, password) = "very-secret-sesame".split_at(at);
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let hidden = redactor.header(&value, true);
            let pair = STANDARD.decode(hidden.strip_prefix("Basic ").unwrap()).unwrap();
            let pair = String::from_utf8(pair).unwrap();
            assert_eq!(pair.replacen(':', "", 1), "admin-0123456789abcdef");
        }
        assert!(!redactor.header("Bearer very-secret-sesa", true).contains("secret"));
        assert!(!redactor.header("Bearer secret-sesame", true).contains("sesame"));
        assert_eq!(redactor.header("very-secret", false), "very-secret");
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::User, "k"));
        let short = Redactor::new(&keys);
        assert_eq!(short.header("Bearer k", true), "Bearer useruser-0123456789abcdef");
        assert_eq!(short.text("skip"), "skip");
    }

    #[test]
    fn what_an_answer_tells_is_taken_out_from_then_on() {
        let mut redactor = redactor();
        let mut answered = Answered {
            status: 200,
            headers: [("set-cookie".to_owned(), vec![format!("{SESSION}=abcdefgh; Path=/")])].into(),
            body: Some(Bytes(
                json!([{"Key": "core/apiKeys", "Value": ["foreign-key?read=admin"]}])
                    .to_string()
                    .into_bytes(),
            )),
            body_truncated: None,
        };
        redactor.learn_from("/", &answered);
        redactor.answer(&mut answered);
        assert_eq!(answered.headers["set-cookie"], ["Portmaster-API-Token=session-1; Path=/"]);
        assert!(!String::from_utf8_lossy(answered.bytes()).contains("foreign-key"));
        assert_eq!(redactor.header("Portmaster-API-Token=abcdefgh", true), "Portmaster-API-Token=session-1");
        redactor
            .learn_from_message(br#"1|ok|config:core/apiKeys|J{"Key":"core/apiKeys","Value":["third-key"]}"#);
        assert_eq!(redactor.text("third-key"), "unknown-key-2");
        let body = Some(Bytes(br#"{"key":"0011223344"}"#.to_vec()));
        redactor.learn_from("/api/v1/app/auth?x=1", &Answered { body, ..Answered::default() });
        assert_eq!(redactor.text("0011223344"), "unknown-key-3");
    }
}
