//! API keys: entries of `core/apiKeys` such as `secret?read=user&write=admin&expires=2030-01-01T00:00:00Z`.

use std::fmt;

use ctutils::CtEq as _;
use jiff::Timestamp;
use portmaster_fixtures::{Permission, mutant::Comparison};

use super::session::Token;
use crate::{
    go::{escape, url::Url},
    mutants::Mutants,
};

/// A key with what it allows.
#[derive(Clone)]
pub struct ApiKey {
    secret: String,
    /// What its bearer may do.
    pub token: Token,
    /// The instant from which it is void.
    pub expires: Option<Timestamp>,
}

impl ApiKey {
    /// The secret, for whoever has to keep it out of sight.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// A key never shows its secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("token", &self.token)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// What the entries of the option came to.
pub(super) struct Loaded {
    /// The keys, in order.
    pub(super) keys: Vec<ApiKey>,
    /// The entries that parse and are not expired.
    pub(super) kept: Vec<String>,
    /// Whether an entry is expired.
    pub(super) any_expired: bool,
}

/// Reads the entries of the option. What does not parse is skipped.
pub(super) fn load(entries: &[&str], now: Timestamp, mutants: &Mutants) -> Loaded {
    let mut loaded = Loaded { keys: Vec::new(), kept: Vec::new(), any_expired: false };
    for entry in entries {
        let Some(key) = parse(&mutants.key_entry(entry)) else { continue };
        if key.expires.is_some_and(|expires| expires <= now) {
            loaded.any_expired = true;
            continue;
        }
        loaded.kept.push((*entry).to_owned());
        loaded.keys.push(key);
    }
    loaded
}

/// Whether an entry of the option is a key; a core skips those that are none.
pub fn is_key(entry: &str) -> bool {
    parse(entry).is_some()
}

/// Reads one entry: a URL whose decoded path is the secret (core-2.2 §3).
fn parse(entry: &str) -> Option<ApiKey> {
    let url = Url::parse(entry)?;
    if url.path.is_empty() {
        return None;
    }
    let pairs = escape::pairs(&url.query);
    let first =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let expires = match first("expires") {
        "" => None,
        text => Some(text.parse().ok()?),
    };
    let token = Token { read: permission(first("read"))?, write: permission(first("write"))? };
    Some(ApiKey { secret: url.path, token, expires })
}

fn permission(word: &str) -> Option<Permission> {
    match word.to_ascii_lowercase().as_str() {
        "" | "anyone" => Some(Permission::Anyone),
        "user" => Some(Permission::User),
        "admin" => Some(Permission::Admin),
        _ => None,
    }
}

/// What a presented secret allows now. Of duplicates the last entry counts. Every key is compared, in constant time.
pub fn find(keys: &[ApiKey], secret: &str, now: Timestamp, comparison: Comparison) -> Option<Token> {
    let mut found = None;
    for key in keys {
        if equal(&key.secret, secret, comparison) {
            found = key.expires.is_none_or(|expires| expires > now).then_some(key.token);
        }
    }
    found
}

/// Whether a presented secret is the known one.
fn equal(known: &str, presented: &str, comparison: Comparison) -> bool {
    let presented = match comparison {
        Comparison::Exact => presented,
        Comparison::AnyCase => return known.eq_ignore_ascii_case(presented),
        Comparison::Prefix => return presented.starts_with(known),
        Comparison::Trimmed => presented.trim(),
        Comparison::Nothing => return true,
    };
    known.as_bytes().ct_eq(presented.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(entries: &[&str], secret: &str) -> Option<(i8, i8)> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let loaded = load(entries, now, &Mutants::default());
        find(&loaded.keys, secret, now, Comparison::Exact)
            .map(|token| (token.read.number(), token.write.number()))
    }

    #[test]
    fn permissions_are_read_in_any_case_and_may_be_missing() {
        assert_eq!(token(&["k?read=ADMIN&write=User"], "k"), Some((3, 2)));
        assert_eq!(token(&["k"], "k"), Some((1, 1)));
        assert_eq!(token(&["k?read=root"], "k"), None);
        assert_eq!(token(&["k?read=self"], "k"), None);
        assert_eq!(token(&["k?read=admin;write=admin"], "k"), Some((1, 1)));
    }

    #[test]
    fn the_last_of_duplicates_counts() {
        assert_eq!(token(&["k?read=user", "k?read=admin"], "k"), Some((3, 1)));
    }

    #[test]
    fn expired_entries_go_and_take_invalid_ones_along() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let loaded = load(
            &["old?expires=2020-01-01T00:00:00Z", "bad?read=root", "good?read=user"],
            now,
            &Mutants::default(),
        );
        assert!(loaded.any_expired);
        assert_eq!(loaded.kept, ["good?read=user"]);
    }

    #[test]
    fn a_debugged_key_keeps_its_secret() {
        let loaded = load(&["geheim?read=user"], Timestamp::UNIX_EPOCH, &Mutants::default());
        assert!(!format!("{:?}", loaded.keys).contains("geheim"));
    }
}
