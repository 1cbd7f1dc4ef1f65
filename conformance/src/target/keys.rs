//! API keys by what they may do.

use std::{collections::BTreeMap, fmt};

use portmaster_wire::secret::hidden;
use serde::{Deserialize, Serialize};

use super::Request;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A key that carries no permission.
    Anyone,
    /// A key that may read as User.
    UserRead,
    /// A key that may read and write as User.
    User,
    /// A key that may read as Admin.
    AdminRead,
    /// A key that may read and write as Admin.
    Admin,
    /// An Admin key that expired in 2020.
    Expired,
    /// A User key that expires in 2099.
    Future,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 7] =
        [Self::Anyone, Self::UserRead, Self::User, Self::AdminRead, Self::Admin, Self::Expired, Self::Future];

    /// The name in ids and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone-key",
            Self::UserRead => "user-read-key",
            Self::User => "user-key",
            Self::AdminRead => "admin-read-key",
            Self::Admin => "admin-key",
            Self::Expired => "expired-key",
            Self::Future => "future-key",
        }
    }

    /// The shell variable that stands for such a key in reports.
    pub fn variable(self) -> String {
        self.name().to_uppercase().replace('-', "_")
    }

    /// What such a key's entry in `core/apiKeys` has after the key itself.
    pub(crate) fn permissions(self) -> &'static str {
        match self {
            Self::Anyone => "",
            Self::UserRead => "?read=user",
            Self::User => "?read=user&write=user",
            Self::AdminRead => "?read=admin",
            Self::Admin => "?read=admin&write=admin",
            Self::Expired => "?read=admin&write=admin&expires=2020-01-01T00:00:00Z",
            Self::Future => "?read=user&write=user&expires=2099-01-01T00:00:00Z",
        }
    }
}

/// An API key. It never shows its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// What it may do.
    pub tier: Tier,
    secret: String,
}

impl Key {
    /// A key of that tier.
    pub fn new(tier: Tier, secret: impl Into<String>) -> Self {
        Self { tier, secret: secret.into() }
    }

    /// The text itself, for the one who sends it.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.tier.variable())
    }
}

impl Request {
    /// Adds the key as a Bearer token.
    pub fn bearer(self, key: &Key) -> Self {
        self.scheme("Bearer", key)
    }

    /// Adds the key as a token of any scheme.
    pub fn scheme(self, scheme: &str, key: &Key) -> Self {
        let shown = format!("{scheme} ${}", key.tier.variable());
        self.secret_header("Authorization", format!("{scheme} {}", key.secret), shown)
    }

    /// Adds the key, if there is one.
    pub fn maybe_bearer(self, key: Option<&Key>) -> Self {
        match key {
            Some(key) => self.bearer(key),
            None => self,
        }
    }
}

/// The keys that are known.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    keys: BTreeMap<Tier, Key>,
}

impl Keys {
    /// Adds a key, or replaces the one of its tier.
    pub fn insert(&mut self, key: Key) {
        self.keys.insert(key.tier, key);
    }

    /// The key of a tier.
    pub fn get(&self, tier: Tier) -> Option<&Key> {
        self.keys.get(&tier)
    }

    /// Replaces every known key in a text by the variable that stands for it.
    pub fn redact(&self, text: &str) -> String {
        self.replace(text, |variable| format!("${variable}"))
    }

    /// The same within a word of a shell command that stands in single quotes.
    pub(crate) fn redact_quoted(&self, text: &str) -> String {
        self.replace(text, |variable| format!("'\"${variable}\"'"))
    }

    fn replace(&self, text: &str, shown: impl Fn(&str) -> String) -> String {
        let hide = |text: String, key: &Key| hidden(&text, &key.secret, &shown(&key.tier.variable()));
        self.keys.values().fold(text.to_owned(), hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hide_themselves() {
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::User, "sesame"));
        assert_eq!(format!("{keys:?}"), "Keys { keys: {User: $USER_KEY} }");
        assert_eq!(keys.redact("[\"sesame?read=user\"]"), "[\"$USER_KEY?read=user\"]");
        let request = Request::api("GET", "ping").bearer(keys.get(Tier::User).unwrap());
        assert_eq!(request.headers[0].shown.as_deref(), Some("Bearer $USER_KEY"));
        keys.insert(Key::new(Tier::Admin, "a"));
        let report = "a text that says an Admin key opens all";
        assert_eq!(keys.redact(report), report);
        assert_eq!(keys.redact("Authorization: Bearer a"), "Authorization: Bearer $ADMIN_KEY");
    }
}
