//! What stands in a recording for what only one target has: its address, its keys, its sessions.

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_wire::secret::hidden;

use super::{exchange::Exchange, stand_in::stand_in};
use crate::{
    contrast::{Answered, SESSION},
    suite::{Keys, Tier},
    target::{Address, Response},
};

/// Texts that are replaced by others, in both directions apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Swaps {
    host: Option<(String, String)>,
    keys: Vec<(String, String)>,
    sessions: Vec<(String, String)>,
}

impl Swaps {
    /// Puts a target's keys in the place of those in recordings.
    pub(crate) fn with_keys(keys: &Keys) -> Self {
        let keys = Tier::ALL.iter().filter_map(|&tier| {
            let key = keys.get(tier)?;
            Some((stand_in(tier).to_owned(), key.secret().to_owned()))
        });
        Self { keys: keys.filter(|(one, other)| one != other).collect(), ..Self::default() }
    }

    /// Puts a target's address in the place of the recorded one.
    pub(crate) fn host(&mut self, recorded: Option<&str>, address: &Address) {
        self.host = recorded.map(|recorded| (recorded.to_owned(), address.authority()));
    }

    /// Remembers the session that the target gave in the place of the recorded one.
    pub(crate) fn learn_session(&mut self, recorded: &Answered, got: &Response) {
        let recorded = recorded.headers.get("set-cookie").into_iter().flatten();
        let recorded = recorded.filter_map(|cookie| token(cookie));
        for (one, other) in recorded.zip(got.all("set-cookie").filter_map(token)) {
            self.sessions.retain(|(known, _)| known != one);
            self.sessions.push((one.to_owned(), other.to_owned()));
        }
    }

    /// A header's value for the target.
    pub(crate) fn in_header(&self, name: &str, value: &str) -> String {
        let value = replaced(value, self.host.iter().chain(&self.sessions));
        if self.keys.is_empty() {
            return value;
        }
        if name.eq_ignore_ascii_case("authorization")
            && let Some((scheme, encoded)) = value.split_once(' ')
            && scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = STANDARD.decode(encoded).ok().and_then(|pair| String::from_utf8(pair).ok())
        {
            let basic = parted(&pair, |text| replaced(text, &self.keys)).unwrap_or(pair);
            return format!("{scheme} {}", STANDARD.encode(basic));
        }
        replaced(&value, &self.keys)
    }

    /// A whole request for the target.
    pub(crate) fn in_raw(&self, bytes: &[u8]) -> Vec<u8> {
        self.in_bytes(bytes, self.host.iter().chain(&self.sessions).chain(&self.keys))
    }

    /// A request target or a body for the target.
    pub(crate) fn in_body(&self, bytes: &[u8]) -> Vec<u8> {
        self.in_bytes(bytes, &self.keys)
    }

    fn in_bytes<'a>(&self, bytes: &[u8], pairs: impl IntoIterator<Item = &'a (String, String)>) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => replaced(text, pairs).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }

    /// A request's target for the target.
    pub(crate) fn in_target(&self, target: &str) -> String {
        replaced(target, &self.keys)
    }

    /// The answer that is expected of the target.
    pub(crate) fn expected(&self, exchange: &Exchange) -> Answered {
        let mut answer = exchange.response.clone();
        let pairs = || self.host.iter().chain(&self.keys);
        if pairs().next().is_some() {
            for value in answer.headers.values_mut().flatten() {
                *value = replaced(value, pairs());
            }
            if let Some(body) = &mut answer.body {
                body.0 = self.in_bytes(&body.0, pairs());
            }
        }
        answer
    }

    /// A text that a report may show: without the target's keys.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.keys.iter().fold(text.to_owned(), |text, (stand_in, key)| hidden(&text, key, stand_in))
    }
}

fn replaced<'a>(text: &str, pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    pairs.into_iter().fold(
        text.to_owned(),
        |text, (from, to)| {
            if text.contains(from) { text.replace(from, to) } else { text }
        },
    )
}

/// User and password with a key replaced that the colon between them may part; none when there is no key.
pub(crate) fn parted(pair: &str, replace: impl Fn(&str) -> String) -> Option<String> {
    for (at, _) in pair.match_indices(':') {
        let joined = format!("{}{}", &pair[..at], &pair[at + 1..]);
        let other = replace(&joined);
        if other != joined {
            let at = if at == joined.len() { other.len() } else { at.min(other.len()) };
            let at = (0..=at).rev().find(|&at| other.is_char_boundary(at)).unwrap_or_default();
            return Some(format!("{}:{}", &other[..at], &other[at..]));
        }
    }
    Some(replace(pair)).filter(|other| other != pair)
}

/// The token in a session's cookie.
pub(crate) fn token(cookie: &str) -> Option<&str> {
    let rest = cookie.split_once(SESSION)?.1.strip_prefix('=')?;
    rest.split(';').next().filter(|token| !token.is_empty())
}
