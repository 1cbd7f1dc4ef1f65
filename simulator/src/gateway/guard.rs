//! What stands before everything: security headers, and who may ask from another origin.

use hyper::{
    HeaderMap,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS, X_XSS_PROTECTION,
    },
    http::HeaderValue,
};
use portmaster_fixtures::Behaviour;

use crate::go::url::Url;

/// The security headers of every answer (core-1.x §5.2), with the content policy unless Development Mode is on.
pub(super) fn security(
    behaviour: &'static Behaviour,
    dev_mode: bool,
) -> impl Iterator<Item = (HeaderName, &'static str)> {
    let policy = (!dev_mode).then(|| (CONTENT_SECURITY_POLICY, &*behaviour.content_security_policy));
    policy.into_iter().chain([
        (REFERRER_POLICY, &*behaviour.referrer_policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_DNS_PREFETCH_CONTROL, "off"),
        (X_FRAME_OPTIONS, "deny"),
        (X_XSS_PROTECTION, "1; mode=block"),
    ])
}

/// What the origin of a request means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// There is none.
    Absent,
    /// It may ask.
    Allowed(HeaderValue),
    /// It cannot be read.
    Invalid,
    /// It may not ask.
    Refused,
}

impl Origin {
    /// Looks at the first Origin header (core-1.x §5.3).
    pub(super) fn of(headers: &HeaderMap, dev_mode: bool) -> Self {
        let Some(value) = headers.get(ORIGIN).filter(|value| !value.is_empty()) else { return Self::Absent };
        let text = String::from_utf8_lossy(value.as_bytes());
        let Some(origin) = Url::parse(&text) else { return Self::Invalid };
        let host = headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes())).unwrap_or_default();
        let same = origin.host == *host || origin.hostname() == host;
        let extension = origin.scheme == "chrome-extension";
        let developing = dev_mode && matches!(origin.hostname(), "127.0.0.1" | "localhost");
        if same || extension || developing { Self::Allowed(value.clone()) } else { Self::Refused }
    }

    /// The headers that let an allowed origin read the answer, in the order of their names.
    pub(super) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let Self::Allowed(origin) = self else { return Vec::new() };
        let fixed = HeaderValue::from_static;
        vec![
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, fixed("true")),
            (ACCESS_CONTROL_ALLOW_HEADERS, fixed("*")),
            (ACCESS_CONTROL_ALLOW_METHODS, fixed("*")),
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (ACCESS_CONTROL_EXPOSE_HEADERS, fixed("*")),
            (ACCESS_CONTROL_MAX_AGE, fixed("60")),
            (VARY, fixed("Origin")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origin: &'static str, host: &'static str, dev_mode: bool) -> Origin {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(HOST, HeaderValue::from_static(host));
        Origin::of(&headers, dev_mode)
    }

    #[test]
    fn the_same_host_may_ask_whatever_the_scheme() {
        for origin in
            ["http://127.0.0.1:817", "https://127.0.0.1:817", "//127.0.0.1:817", "http://u@127.0.0.1:817/x"]
        {
            assert!(matches!(of(origin, "127.0.0.1:817", false), Origin::Allowed(_)), "{origin}");
        }
        assert!(matches!(of("http://name:99", "name", false), Origin::Allowed(_)));
        assert_eq!(of("http://name", "name:99", false), Origin::Refused);
    }

    #[test]
    fn others_may_not() {
        for origin in ["null", "file://", "moz-extension://x", "http://evil.example", "http://LOCALHOST:1"] {
            assert_eq!(of(origin, "127.0.0.1:817", true), Origin::Refused, "{origin}");
        }
        assert_eq!(of("127.0.0.1:817", "127.0.0.1:817", false), Origin::Invalid);
        assert!(matches!(of("Chrome-Extension://id", "h", false), Origin::Allowed(_)));
        assert!(matches!(of("http://localhost:4200", "h", true), Origin::Allowed(_)));
        assert_eq!(of("http://localhost:4200", "h", false), Origin::Refused);
    }
}
