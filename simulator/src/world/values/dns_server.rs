//! DNS servers as URLs, such as `dot://dns.quad9.net?ip=9.9.9.9&name=Quad9&blockedif=empty`.

use std::net::IpAddr;

use portmaster_fixtures::ValueChecks;

use crate::go::{escape, quote::quote, url::Url};

/// The values of `blockedif`.
const BLOCKED_IF: &[&str] = &["disabled", "empty", "refused", "zeroip"];

/// What is meant where `blockedif` is absent or empty.
const DEFAULT_BLOCKED_IF: &str = "zeroip";

/// Domains of one part under which many others have theirs, beside the two letters of a country.
const TOP: &[&str] = &[
    "aero", "app", "arpa", "asia", "biz", "cat", "cloud", "club", "com", "coop", "dev", "edu", "gov", "info",
    "int", "jobs", "mil", "mobi", "museum", "name", "net", "network", "online", "org", "post", "pro", "shop",
    "site", "store", "tech", "tel", "top", "travel", "xxx", "xyz",
];

/// What stands before the two letters of a country where registries hand out domains one level lower.
const SECOND: &[&str] = &["ac", "co", "com", "edu", "gov", "net", "org"];

/// A DNS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsServer {
    /// `dns`, `tcp`, `dot` or `doh`.
    pub kind: &'static str,
    /// Its address, if the URL has one.
    pub ip: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// The domain that its certificate must show, or empty.
    pub domain: String,
    /// The HTTP path of DNS over HTTPS, or empty.
    pub path: String,
    /// The name, or empty.
    pub name: String,
    /// How its answer to a blocked domain looks.
    pub blocked_if: String,
    /// The domains that it is asked for first, with a final dot.
    pub search: Option<Vec<String>>,
    /// Whether it is asked for those only.
    pub search_only: bool,
}

impl DnsServer {
    /// Reads a URL.
    ///
    /// # Errors
    /// The cores' words for what is wrong with it.
    pub fn parse(text: &str, checks: &ValueChecks) -> Result<Self, String> {
        let url = Url::read(text)?;
        let (kind, port, is_secure) = match url.scheme.as_str() {
            "dns" => ("dns", 53, false),
            "tcp" => ("tcp", 53, false),
            "dot" | "tls" => ("dot", 853, true),
            "doh" | "https" => ("doh", 443, true),
            other => return Err(format!("DNS resolver scheme {} invalid", quote(other))),
        };
        let host = url.hostname();
        let address = host.parse::<IpAddr>().ok();
        if address.is_none() && !is_secure {
            return Err(format!("resolver IP {} is invalid", quote(host)));
        }
        let port = match url.port() {
            "" => port,
            text => text.parse().map_err(|_| format!("invalid port {}", quote(text)))?,
        };
        let mut pairs = escape::pairs(&url.query);
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !checks.resolver_parameters.contains(name)) {
            // The cores quote what is in quotes already.
            return Err(format!("unknown parameter \"{}\"", quote(name)));
        }
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let verify = get("verify").unwrap_or_default();
        let (ip, domain) = match address {
            _ if !is_secure && !verify.is_empty() => {
                return Err("domain verification is only supported by DoT and DoH servers".to_owned());
            }
            Some(_) if is_secure && verify.is_empty() => {
                return Err("verify parameter must be set when using ip as domain".to_owned());
            }
            Some(ip) => (Some(ip), verify),
            None if !verify.is_empty() => {
                return Err("cannot set the domain name via both the hostname in the URL and the verify \
                            parameter"
                    .to_owned());
            }
            // An address that is none is passed over.
            None => (get("ip").and_then(|ip| ip.parse().ok()), host),
        };
        let blocked_if = match get("blockedif") {
            None | Some("") => DEFAULT_BLOCKED_IF,
            Some(word) if BLOCKED_IF.contains(&word) => word,
            Some(_) => return Err("invalid value for upstream block detection (blockedif=)".to_owned()),
        };
        let search = get("search").filter(|list| !list.is_empty()).map(search).transpose()?;
        let search_only = match get("search-only") {
            None => false,
            Some("") if search.is_some() => true,
            Some("") => return Err("cannot use search-only without search scopes".to_owned()),
            Some(_) => return Err("search-only may only be used as an empty parameter".to_owned()),
        };
        Ok(Self {
            kind,
            ip,
            port,
            domain: domain.to_owned(),
            name: get("name").unwrap_or_default().to_owned(),
            blocked_if: blocked_if.to_owned(),
            search,
            search_only,
            path: if kind == "doh" { url.path } else { String::new() },
        })
    }
}

/// The domains of a list; none may be so high that most others are below it.
fn search(list: &str) -> Result<Vec<String>, String> {
    let checked = |(at, domain): (usize, &str)| {
        if is_dangerously_high(domain.strip_suffix('.').unwrap_or(domain)) {
            return Err(format!(
                "failed to validate search domain #{}: search domain {} is dangerously high up the hierarchy, \
                 stay at or below {}",
                at + 1,
                quote(domain),
                quote(&format!("*.{domain}")),
            ));
        }
        Ok(format!("{}.", domain.strip_suffix('.').unwrap_or(domain)))
    };
    list.split(',').enumerate().map(checked).collect()
}

fn is_dangerously_high(domain: &str) -> bool {
    let is_country = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    match domain.rsplit_once('.') {
        None => TOP.contains(&domain) || is_country(domain),
        Some((above, country)) => SECOND.contains(&above) && is_country(country),
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<DnsServer, String> {
        DnsServer::parse(text, &Contract::V2_2.behaviour().value_checks)
    }

    #[test]
    fn a_server_is_its_url() {
        let quad9 = parsed("dot://dns.quad9.net?ip=9.9.9.9&name=Quad9&blockedif=empty").unwrap();
        assert_eq!((quad9.kind, quad9.port, quad9.name.as_str()), ("dot", 853, "Quad9"));
        assert_eq!((quad9.domain.as_str(), quad9.ip), ("dns.quad9.net", "9.9.9.9".parse().ok()));
        let path = parsed("https://dns.quad9.net:8443/dns-query").unwrap();
        assert_eq!((path.kind, path.port, path.path.as_str(), path.ip), ("doh", 8443, "/dns-query", None));
        let search = parsed("dns://[2620:fe::fe]?search=a.example,b.example&search-only").unwrap();
        assert_eq!(search.search, Some(vec!["a.example.".to_owned(), "b.example.".to_owned()]));
        assert!(search.search_only);
        for fine in [
            "dns://9.9.9.9:0",
            "dns://user@9.9.9.9/path#frag",
            "dns://9.9.9.9?blockedif=",
            "dns://9.9.9.9?search=",
            "dns://9.9.9.9?search=.bad.",
            "dns://9.9.9.9?search=localhost",
            "dns://9.9.9.9?name=%zz",
            "dns://9.9.9.9?name=A&name=B",
            "dns://9.9.9.9?link-local",
            "tcp://9.9.9.9?ip=1.1.1.1",
            "tls://9.9.9.9?verify=-",
            "dot://dns.quad9.net?ip=nope",
        ] {
            assert!(parsed(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn errors_are_in_the_cores_words() {
        for (text, error) in [
            ("dns://dns.example", "resolver IP \"dns.example\" is invalid"),
            ("dns://", "resolver IP \"\" is invalid"),
            ("dns://[fe80::1%25eth0]", "resolver IP \"fe80::1%eth0\" is invalid"),
            ("dns://2620:fe::fe", "parse \"dns://2620:fe::fe\": invalid port \":fe\" after host"),
            ("dns://9.9.9.9:65536", "invalid port \"65536\""),
            ("dns://9.9.9.9?nosuch=1", "unknown parameter \"\"nosuch\"\""),
            ("dns://9.9.9.9?path=/x", "unknown parameter \"\"path\"\""),
            ("dns://9.9.9.9?verify=x", "domain verification is only supported by DoT and DoH servers"),
            ("dot://9.9.9.9", "verify parameter must be set when using ip as domain"),
            (
                "dot://?verify=x",
                "cannot set the domain name via both the hostname in the URL and the verify parameter",
            ),
            ("dns://9.9.9.9?blockedif=x", "invalid value for upstream block detection (blockedif=)"),
            ("dns://9.9.9.9?search-only", "cannot use search-only without search scopes"),
            ("dns://9.9.9.9?search=a.b&search-only=1", "search-only may only be used as an empty parameter"),
            (
                "dns://9.9.9.9?search=a.example,com",
                "failed to validate search domain #2: search domain \"com\" is dangerously high up the \
                 hierarchy, stay at or below \"*.com\"",
            ),
        ] {
            assert_eq!(parsed(text), Err(error.to_owned()), "{text}");
        }
        assert!(DnsServer::parse("dns://9.9.9.9?path=/x", &Contract::V1_0.behaviour().value_checks).is_ok());
    }

    proptest! {
        #[test]
        fn any_address_and_port(ip in any::<IpAddr>(), port in any::<u16>()) {
            let text = format!("dns://{}", std::net::SocketAddr::new(ip, port));
            let server = parsed(&text).unwrap();
            prop_assert_eq!((server.ip, server.port), (Some(ip), port));
        }

        #[test]
        fn no_text_is_too_odd(text in "(dns|dot|doh)?(://)?.{0,30}") {
            let _ = parsed(&text);
        }
    }
}
