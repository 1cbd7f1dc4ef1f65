//! Resolvers and cached answers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    ValueChecks,
    scenario::{self, Nameserver, ResolverSource, ResolverState},
};
use serde::{Deserialize, Serialize};

use super::{
    World,
    values::{self, DnsServer},
};

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
    /// Its address, unless only its domain is known.
    pub ip: Option<IpAddr>,
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
    pub fn configured(text: &str, checks: &ValueChecks) -> Option<Self> {
        let DnsServer { kind, ip, port, domain, path, name, blocked_if, search, search_only } =
            DnsServer::parse(text, checks).ok()?;
        let (url, kind) = (text.to_owned(), kind.to_owned());
        let source = ResolverSource::Config;
        Some(Self { url, name, kind, source, ip, port, domain, path, blocked_if, search, search_only })
    }

    /// A nameserver of the system.
    pub fn of_system(nameserver: &Nameserver) -> Self {
        let address = SocketAddr::new(nameserver.ip, 53);
        Self {
            url: format!("dns://{address}"),
            name: String::new(),
            kind: "dns".to_owned(),
            source: ResolverSource::System,
            ip: Some(nameserver.ip),
            port: 53,
            domain: String::new(),
            path: String::new(),
            blocked_if: "zeroip".to_owned(),
            search: Some(nameserver.search.clone()),
            search_only: false,
        }
    }

    /// Address, or domain where there is none, and port.
    pub fn server_address(&self) -> String {
        match self.ip {
            Some(ip) => SocketAddr::new(ip, self.port).to_string(),
            None => format!("{}:{}", self.domain, self.port),
        }
    }

    /// Its address, or its domain where there is none.
    pub fn host(&self) -> String {
        self.ip.map_or_else(|| self.domain.clone(), |ip| ip.to_string())
    }

    /// Its name, or its host.
    pub fn label(&self) -> String {
        if self.name.is_empty() { self.host() } else { self.name.clone() }
    }

    /// Whether a scenario means this one by a name or an address.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.host() == name
    }
}

impl World {
    /// The resolvers: the configured ones first, then the system's.
    pub fn resolvers(&self) -> Vec<Resolver> {
        let read = |url| Resolver::configured(url, &self.behaviour.value_checks);
        let configured = self.config.list(values::NAMESERVERS).into_iter().filter_map(read);
        configured.chain(self.network.nameservers.iter().map(Resolver::of_system)).collect()
    }

    /// Whether a resolver fails.
    pub fn resolver_fails(&self, resolver: &Resolver) -> bool {
        self.dns.states.iter().any(|(name, state)| state.failing && resolver.is_called(name))
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;

    #[test]
    fn a_resolver_has_an_address_or_a_domain() {
        let read = |url| Resolver::configured(url, &Contract::V2_2.behaviour().value_checks).unwrap();
        let fake = read("dns://127.0.0.1:15399?name=Fake&blockedif=empty");
        assert_eq!((fake.server_address().as_str(), fake.label().as_str()), ("127.0.0.1:15399", "Fake"));
        let domain = read("dot://dns.quad9.net");
        assert_eq!(domain.server_address(), "dns.quad9.net:853");
        assert!(domain.is_called("dns.quad9.net") && domain.label() == "dns.quad9.net");
    }
}
