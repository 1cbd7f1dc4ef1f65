//! Resolvers and cached answers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{self, Nameserver, ResolverSource, ResolverState};
use serde::{Deserialize, Serialize};

use super::World;
use crate::go::{escape, url::Url};

/// Name resolution.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// What is special about a resolver, by name or address.
    pub states: BTreeMap<String, ResolverState>,
    /// The cached answers, by domain and type as in `example.com.A`.
    pub cache: BTreeMap<String, Cached>,
}

/// A cached answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cached {
    /// What the scenario says of it.
    pub entry: scenario::CacheEntry,
    /// When it was stored.
    pub stored: Timestamp,
    /// The resolver that gave it.
    pub resolver: Resolver,
}

impl Cached {
    /// When it is stale.
    pub fn expires(&self) -> Timestamp {
        self.stored + SignedDuration::from_secs(i64::from(self.entry.ttl))
    }
}

/// A resolver, as its URL says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolver {
    /// The URL, such as `dot://dns.quad9.net?ip=9.9.9.9&name=Quad9&blockedif=empty`.
    pub url: String,
    /// The name, or empty.
    pub name: String,
    /// `dns`, `tcp`, `dot` or `doh`.
    pub kind: String,
    /// Who configured it.
    pub source: ResolverSource,
    /// Its address.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
    /// The domain that its certificate must show, or empty.
    pub domain: String,
    /// The HTTP path of DNS over HTTPS, or empty.
    pub path: String,
    /// What its answer to a blocked domain looks like.
    pub blocked_if: String,
    /// The domains that it is asked for; `None` for a configured one without.
    pub search: Option<Vec<String>>,
    /// Whether it is asked for those only.
    pub search_only: bool,
}

impl Resolver {
    /// Reads a configured resolver's URL; `None` where it is not one.
    pub fn configured(text: &str) -> Option<Self> {
        let url = Url::parse(text)?;
        let pairs = escape::pairs(&url.query);
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (kind, port) = match url.scheme.as_str() {
            "dns" => ("dns", 53),
            "tcp" => ("tcp", 53),
            "dot" | "tls" => ("dot", 853),
            "doh" | "https" => ("doh", 443),
            _ => return None,
        };
        let host = url.hostname().to_owned();
        let given_port = url.host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let (ip, domain) = match host.parse::<IpAddr>() {
            Ok(ip) => (ip, get("verify").unwrap_or_default()),
            Err(_) => (get("ip")?.parse().ok()?, host),
        };
        let search: Option<Vec<String>> =
            get("search").map(|list| list.split(',').map(|domain| format!("{domain}.")).collect());
        Some(Self {
            url: text.to_owned(),
            name: get("name").unwrap_or_default(),
            kind: kind.to_owned(),
            source: ResolverSource::Config,
            ip,
            port: given_port.unwrap_or(port),
            domain,
            path: if kind == "doh" { url.path } else { String::new() },
            blocked_if: get("blockedif").unwrap_or_else(|| "zeroip".to_owned()),
            search,
            search_only: pairs.iter().any(|(key, _)| key == "search-only"),
        })
    }

    /// A nameserver of the system.
    pub fn of_system(nameserver: &Nameserver) -> Self {
        let address = SocketAddr::new(nameserver.ip, 53);
        Self {
            url: format!("dns://{address}"),
            name: String::new(),
            kind: "dns".to_owned(),
            source: ResolverSource::System,
            ip: nameserver.ip,
            port: 53,
            domain: String::new(),
            path: String::new(),
            blocked_if: "zeroip".to_owned(),
            search: Some(nameserver.search.clone()),
            search_only: false,
        }
    }

    /// Address and port.
    pub fn server_address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// Whether a scenario means this one by a name or an address.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.ip.to_string() == name
    }
}

impl World {
    /// The resolvers: the configured ones first, then the system's.
    pub fn resolvers(&self) -> Vec<Resolver> {
        let configured = self.config.list("dns/nameservers").into_iter().filter_map(Resolver::configured);
        configured.chain(self.network.nameservers.iter().map(Resolver::of_system)).collect()
    }

    /// Whether a resolver fails.
    pub fn resolver_fails(&self, resolver: &Resolver) -> bool {
        self.dns.states.iter().any(|(name, state)| state.failing && resolver.is_called(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_its_url() {
        let quad9 =
            Resolver::configured("dot://dns.quad9.net?ip=9.9.9.9&name=Quad9&blockedif=empty").unwrap();
        assert_eq!((quad9.name.as_str(), quad9.kind.as_str(), quad9.port), ("Quad9", "dot", 853));
        assert_eq!(quad9.domain, "dns.quad9.net");
        let fake = Resolver::configured("dns://127.0.0.1:15399?name=Fake&blockedif=empty").unwrap();
        assert_eq!(fake.server_address().to_string(), "127.0.0.1:15399");
        assert!(Resolver::configured("dot://dns.quad9.net").is_none());
    }
}
