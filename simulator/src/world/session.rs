//! Sessions of programs that the external authenticator let in.

use crate::limits;
use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::Permission;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Chance, World};

/// How long a session lives after its last use (core-1.x §5.8).
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// The name of the cookie.
pub const COOKIE: &str = "Portmaster-API-Token";

/// The session that cookies name: the first one counts.
pub fn cookie<'a>(cookies: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value.trim_matches('"')).next()
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// For GET and HEAD.
    pub read: Permission,
    /// For POST, PUT and DELETE.
    pub write: Permission,
}

impl Token {
    /// Nothing but what everybody may.
    pub const ANYONE: Self = Self { read: Permission::Anyone, write: Permission::Anyone };
    /// Everything.
    pub const ITSELF: Self = Self { read: Permission::Itself, write: Permission::Itself };
}

/// The sessions. They are found by the cookie's digest, so that the time of a search says nothing about a cookie.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    #[serde(with = "super::saved::pairs")]
    by_digest: BTreeMap<[u8; 32], Session>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    token: Token,
    expires: Timestamp,
}

impl Sessions {
    /// Begins a session: the cookie's value, 43 characters.
    fn begin(&mut self, token: Token, now: Timestamp, chance: &mut Chance) -> String {
        if self.by_digest.len() >= limits::SESSIONS {
            self.by_digest.retain(|_, session| session.expires > now);
        }
        if self.by_digest.len() >= limits::SESSIONS
            && let Some(oldest) =
                self.by_digest.iter().min_by_key(|(_, s)| s.expires).map(|(digest, _)| *digest)
        {
            self.by_digest.remove(&oldest);
        }
        let cookie = URL_SAFE_NO_PAD.encode(chance.bytes::<32>("sessions"));
        self.by_digest.insert(digest(&cookie), Session { token, expires: now + LIFETIME });
        cookie
    }

    /// What a cookie stands for; its life begins anew.
    pub fn refresh(&mut self, cookie: &str, now: Timestamp) -> Option<Token> {
        let session = self.by_digest.get_mut(&digest(cookie)).filter(|session| session.expires > now)?;
        session.expires = now + LIFETIME;
        Some(session.token)
    }

    /// Ends a session.
    pub fn end(&mut self, cookie: &str) {
        self.by_digest.remove(&digest(cookie));
    }
}

fn digest(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

impl World {
    /// Begins a session for a program: the cookie's value.
    pub fn begin_session(&mut self, token: Token) -> String {
        let now = self.now();
        self.sessions.begin(token, now, &mut self.chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_session_cookie_counts() {
        let sent = ["a=b; Portmaster-API-Token=one; Portmaster-API-Token=two"];
        assert_eq!(cookie(sent.into_iter()), Some("one"));
    }

    #[test]
    fn a_session_ends_five_minutes_after_its_last_use() {
        let mut sessions = Sessions::default();
        let mut chance = Chance::new(1);
        let start = Timestamp::UNIX_EPOCH;
        let cookie = sessions.begin(Token::ITSELF, start, &mut chance);
        assert_eq!(cookie.len(), 43);
        let later = start + SignedDuration::from_mins(4);
        assert_eq!(sessions.refresh(&cookie, later), Some(Token::ITSELF));
        assert_eq!(sessions.refresh(&cookie, later + SignedDuration::from_mins(4)), Some(Token::ITSELF));
        assert_eq!(sessions.refresh(&cookie, later + SignedDuration::from_mins(10)), None);
    }
}
