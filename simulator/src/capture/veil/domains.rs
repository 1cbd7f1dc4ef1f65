//! Domains: the site is another, what stands before it tells as much as it did.

use std::net::{IpAddr, Ipv4Addr};

use super::Veil;

/// Labels that say what a server is for, and nothing of whose it is.
const USUAL: &[&str] = &[
    "www", "mail", "imap", "smtp", "pop", "api", "cdn", "img", "static", "ns", "ns1", "ns2", "mx", "mx1",
    "mx2", "login", "auth", "ftp", "ntp", "time", "dns", "git", "chat", "video", "update", "updates",
    "download",
];

impl Veil {
    /// What stands for a domain: the same site and the same labels before it.
    pub(super) fn domain(&mut self, told: &str) -> String {
        let name = told.trim_end_matches('.').to_lowercase();
        let dot = if told.ends_with('.') { "." } else { "" };
        if name.is_empty() || name == "localhost" || self.public.contains(&name) {
            return told.to_owned();
        }
        if let Ok(ip) = name.parse::<IpAddr>() {
            return self.address(ip).to_string();
        }
        if let Some(reversed) = self.reverse(&name) {
            return format!("{reversed}{dot}");
        }
        let labels: Vec<&str> = name.split('.').collect();
        let site = labels.len() - site(&labels);
        let key = labels[site..].join(".");
        let base = match self.sites.get(&key) {
            Some(known) => known.clone(),
            None => {
                let (word, kind) = if labels.len() == 1 { ("host", "host") } else { ("site", "site") };
                let stands = format!("{word}{}.example", self.next(kind));
                self.sites.insert(key, stands.clone());
                stands
            }
        };
        let mut out: Vec<String> = labels[..site].iter().map(|label| self.label(label)).collect();
        out.push(base);
        format!("{}{dot}", out.join("."))
    }

    pub(super) fn label(&mut self, label: &str) -> String {
        if USUAL.contains(&label) || label.starts_with('_') || label == "*" {
            return label.to_owned();
        }
        if let Some(known) = self.labels.get(label) {
            return known.clone();
        }
        let stands = format!("n{}", self.next("label"));
        self.labels.insert(label.to_owned(), stands.clone());
        stands
    }

    /// A name under which an address is looked up.
    pub(super) fn reverse(&mut self, name: &str) -> Option<String> {
        if let Some(parts) = name.strip_suffix(".in-addr.arpa") {
            let ip: Ipv4Addr = parts.split('.').rev().collect::<Vec<_>>().join(".").parse().ok()?;
            let IpAddr::V4(stands) = self.address(IpAddr::V4(ip)) else { return None };
            let [a, b, c, d] = stands.octets();
            return Some(format!("{d}.{c}.{b}.{a}.in-addr.arpa"));
        }
        let digits: String = name.strip_suffix(".ip6.arpa")?.split('.').rev().collect();
        let ip = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
        let IpAddr::V6(stands) = self.address(IpAddr::V6(ip.into())) else { return None };
        let digits: Vec<String> =
            format!("{:032x}", u128::from(stands)).chars().rev().map(String::from).collect();
        Some(format!("{}.ip6.arpa", digits.join(".")))
    }
}

/// How many labels at the end of a domain make the site.
fn site(labels: &[&str]) -> usize {
    let second = labels.len().checked_sub(2).map_or("", |at| labels[at]);
    let is_country = labels.last().is_some_and(|label| label.len() == 2);
    match second {
        "co" | "com" | "org" | "net" | "ac" | "gov" | "edu" if is_country && labels.len() > 2 => 3,
        _ => labels.len().min(2),
    }
}
