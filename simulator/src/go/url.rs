//! The parts of `net/url` that API keys and origins go through.

use std::net::IpAddr;

use super::{escape, netip, quote::quote};

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
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// The port as written, or empty.
    pub fn port(&self) -> &str {
        let after = self.host.rsplit_once(']').map_or(self.host.as_str(), |(_, after)| after);
        after.rsplit_once(':').map_or("", |(_, port)| port)
    }

    /// Parses as Go's `url.Parse`; `None` where it would fail.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// Parses as Go's `url.Parse`.
    ///
    /// # Errors
    /// Go's words for what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let wrong = |text, why| format!("parse {}: {why}", quote(text));
        let url = Self::without_fragment(before).map_err(|why| wrong(before, why))?;
        escapes(fragment).map_err(|why| wrong(text, why))?;
        Ok(url)
    }

    fn without_fragment(text: &str) -> Result<Self, String> {
        if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (scheme, mut rest) = split_scheme(text).ok_or_else(|| "missing protocol scheme".to_owned())?;
        let mut url = Self { scheme: scheme.to_ascii_lowercase(), ..Self::default() };
        if let Some((before, query)) = rest.split_once('?') {
            query.clone_into(&mut url.query);
            rest = before;
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        if let Some(authority) = rest.strip_prefix("//")
            && !(url.scheme.is_empty() && rest.starts_with("///"))
        {
            let (authority, path) = authority.find('/').map_or((authority, ""), |at| authority.split_at(at));
            let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            url.host = parse_host(&url.scheme, host)?;
            if !userinfo.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b)) {
                return Err("net/url: invalid userinfo".to_owned());
            }
            escapes(userinfo)?;
            rest = path;
        }
        escapes(rest)?;
        let path = escape::decode_path(rest).unwrap_or_default();
        url.path = String::from_utf8_lossy(&path).into_owned();
        Ok(url)
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

/// The byte that an escape at the beginning stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

fn bad_escape(text: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&text[..text.len().min(3)]).into_owned();
    format!("invalid URL escape {}", quote(&shown))
}

/// Whether all escapes are well-formed.
fn escapes(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let bad = (0..bytes.len()).find(|at| bytes[*at] == b'%' && escaped(&bytes[*at..]).is_none());
    bad.map_or(Ok(()), |at| Err(bad_escape(&bytes[at..])))
}

/// Checks a host with its port, brackets and escapes. More than one colon is a mistake only where the scheme is HTTP's.
fn parse_host(scheme: &str, host: &str) -> Result<String, String> {
    let (inside, port) = match host.rfind('[') {
        Some(0) => {
            let close = host.rfind(']').ok_or_else(|| "missing ']' in host".to_owned())?;
            (Some(&host[1..close]), &host[close + 1..])
        }
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {
            let is_strict = matches!(scheme, "http" | "https");
            let colon = if is_strict { host.find(':') } else { host.rfind(':') };
            (None, colon.map_or("", |at| &host[at..]))
        }
    };
    let is_valid = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    if !is_valid {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    let Some(inside) = inside else {
        return Ok(String::from_utf8_lossy(&unescaped_host(host, false)?).into_owned());
    };
    let (name, zone) = inside.split_at(inside.find("%25").unwrap_or(inside.len()));
    let decoded = [unescaped_host(name, false)?, unescaped_host(zone, true)?].concat();
    let decoded = String::from_utf8_lossy(&decoded);
    match netip::parse_addr(&decoded) {
        Ok(IpAddr::V4(_)) => Err("invalid IP-literal".to_owned()),
        Ok(IpAddr::V6(_)) => Ok(format!("[{decoded}]{port}")),
        Err(why) => Err(format!("invalid host: {why}")),
    }
}

/// Go takes escapes in a host for bytes above ASCII only, in zones for anything that may stand there, and for blanks.
fn unescaped_host(text: &str, is_zone: bool) -> Result<Vec<u8>, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"-._~!$&'()*+,;=:[]<>\"".contains(&b);
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let rest = &bytes[at..];
                let value = escaped(rest).ok_or_else(|| bad_escape(rest))?;
                let fits = if is_zone { plain(value) || value == b' ' } else { !value.is_ascii() };
                if !fits && !rest.starts_with(b"%25") {
                    return Err(bad_escape(rest));
                }
                out.push(value);
                at += 3;
            }
            _ if plain(byte) => {
                out.push(byte);
                at += 1;
            }
            _ => {
                let shown = quote(char::from(byte).encode_utf8(&mut [0; 4]));
                return Err(format!("invalid character {shown} in host name"));
            }
        }
    }
    Ok(out)
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

    #[test]
    fn errors_are_gos() {
        for (text, error) in [
            ("dns://2620:fe::fe", "invalid port \":fe\" after host"),
            ("dns://9.9.9.9:-1", "invalid port \":-1\" after host"),
            ("dns://[::1]x", "invalid port \"x\" after host"),
            ("dns://[::1", "missing ']' in host"),
            ("dns://a b", "invalid character \" \" in host name"),
            ("dns://a^b", "invalid character \"^\" in host name"),
            ("dns://%zz", "invalid URL escape \"%zz\""),
            ("dns://exa%6dple", "invalid URL escape \"%6d\""),
            ("dns://9.9.9.9/%zz", "invalid URL escape \"%zz\""),
            ("dns://9.9.9.9#%zz", "invalid URL escape \"%zz\""),
            ("dns://a\u{1}", "net/url: invalid control character in URL"),
            ("dns://us er@9.9.9.9", "net/url: invalid userinfo"),
            ("dns://[1.2.3.4]", "invalid IP-literal"),
            ("dns://a[", "invalid IP-literal"),
            ("dns://[[::1]]", "invalid IP-literal"),
            ("dns://[::1%]", "invalid URL escape \"%\""),
            ("http://a:80:80", "invalid port \":80:80\" after host"),
            ("dns://[1::2::3]", "invalid host: ParseAddr(\"1::2::3\"): multiple :: in address (at \":3\")"),
            ("dns://[x]", "invalid host: ParseAddr(\"x\"): unable to parse IP"),
            ("dns://[::1%25]", "invalid host: ParseAddr(\"::1%\"): zone must be a non-empty string"),
            (":x", "missing protocol scheme"),
        ] {
            assert_eq!(Url::read(text), Err(format!("parse {}: {error}", quote(text))));
        }
        assert_eq!(Url::read("dns://a%#1"), Err("parse \"dns://a%\": invalid URL escape \"%\"".to_owned()));
        let zone = Url::parse("dns://[fe80::1%25eth0]:53").unwrap();
        assert_eq!((zone.hostname(), zone.port()), ("fe80::1%eth0", "53"));
        assert_eq!(Url::parse("dns://9.9.9.9:").unwrap().port(), "");
        assert!(Url::parse("dns://]").is_some() && Url::parse("dns://@").is_some());
    }
}
