//! The parts of `net/url` that API keys and origins go through.

use super::escape;

/// A parsed URL; what nothing here asks for is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// The scheme in lower case, or empty.
    pub scheme: String,
    /// Host and port as written, or empty.
    pub host: String,
    /// The decoded path.
    pub path: String,
    /// What follows the scheme where no slash does, as in `mailto:x`.
    pub opaque: String,
    /// The raw query.
    pub query: String,
}

impl Url {
    /// The host without its port and brackets.
    pub fn hostname(&self) -> &str {
        let host = self.host.as_str();
        if let Some(rest) = host.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        }
    }

    /// Parses as Go's `url.Parse`; `None` where it would fail.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
            return None;
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (scheme, mut rest) = split_scheme(text)?;
        let mut url = Self { scheme: scheme.to_ascii_lowercase(), ..Self::default() };
        if let Some((before, query)) = rest.split_once('?') {
            query.clone_into(&mut url.query);
            rest = before;
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Some(url);
            }
            // "first path segment in URL cannot contain colon"
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return None;
            }
        }
        if let Some(authority) = rest.strip_prefix("//")
            && !(url.scheme.is_empty() && rest.starts_with("///"))
        {
            let (authority, path) = authority.find('/').map_or((authority, ""), |at| authority.split_at(at));
            let host = match authority.rsplit_once('@') {
                Some((userinfo, host)) => {
                    userinfo_is_valid(userinfo).then_some(())?;
                    host
                }
                None => authority,
            };
            url.host = parse_host(host)?;
            rest = path;
        }
        url.path = String::from_utf8_lossy(&escape::decode_path(rest)?).into_owned();
        Some(url)
    }
}

/// Splits `scheme:rest`; `None` where a colon comes first.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => return Some(("", text)),
        }
    }
    Some(("", text))
}

fn userinfo_is_valid(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b))
        && escape::decode_path(text).is_some()
}

/// Checks a host with its port, brackets and escapes.
fn parse_host(host: &str) -> Option<String> {
    let port = if let Some(inside) = host.strip_prefix('[') {
        let (_, after) = inside.rsplit_once(']')?;
        after
    } else {
        if host.contains('[') || host.contains(']') {
            return None;
        }
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let port_is_valid =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    if !port_is_valid {
        return None;
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"-._~!$&'()*+,;=:[]<>\"%".contains(&b);
    if !host.bytes().all(plain) {
        return None;
    }
    if !host.contains('%') {
        return Some(host.to_owned());
    }
    // Go takes escapes in a host for bytes above ASCII only, in zones for anything.
    let decoded = escape::decode_path(host)?;
    if !host.starts_with('[') && decoded.iter().any(|b| b.is_ascii() && !plain(*b)) {
        return None;
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_urls() {
        let key = Url::parse("slash/key/02?read=admin").unwrap();
        assert_eq!((key.path.as_str(), key.query.as_str()), ("slash/key/02", "read=admin"));
        assert_eq!(Url::parse("pct%41key04").unwrap().path, "pctAkey04");
        assert_eq!(Url::parse("http://host/path-key05").unwrap().path, "/path-key05");
        assert_eq!(Url::parse("x:y16").unwrap().opaque, "y16");
        assert_eq!(Url::parse(":bad15"), None);
        assert_eq!(Url::parse("frag-11?read=user#frag").unwrap().query, "read=user");
    }

    #[test]
    fn origins_are_checked() {
        assert_eq!(Url::parse("//127.0.0.1:8171").unwrap().host, "127.0.0.1:8171");
        assert_eq!(Url::parse("127.0.0.1:8171"), None);
        assert_eq!(Url::parse("http://[::1"), None);
        assert_eq!(Url::parse("http://a b"), None);
        assert_eq!(Url::parse("http://host:port"), None);
        assert_eq!(Url::parse("http://[::1]:80").unwrap().hostname(), "::1");
        assert_eq!(Url::parse("http://u:p@host:1/x").unwrap().host, "host:1");
    }
}
