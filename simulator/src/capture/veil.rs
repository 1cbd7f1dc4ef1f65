//! Private data replaced, each by the same everywhere, in the order in which they first appear.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use portmaster_fixtures::{Contract, Country};
use regex::Regex;
use serde_json::{Map, Value};

/// What may be private in a text: a path below a home folder, an address of mail, an IP or hardware address, a domain.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?P<home>(?i:/(?:var/)?home/|/users/|[a-z]:\\+users\\+)[^\s"'<>|*?:;,&()\[\]{}]+)"#,
        r"|(?P<mail>[A-Za-z0-9._%+-]+@(?:[\p{L}0-9_-]+\.)+\p{L}[\p{L}0-9-]*)",
        r"|(?P<six>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.\d{1,3}){3})?)",
        r"|(?P<four>\d{1,3}(?:\.\d{1,3}){3})",
        r"|(?P<domain>(?:[\p{L}0-9_](?:[\p{L}0-9_-]*[\p{L}0-9_])?\.)+\p{L}(?:[\p{L}0-9-]*[\p{L}0-9])?)",
    ))
    .expect("the pattern is one")
});

/// Ends of names that are files more often than domains.
const FILES: &[&str] = &[
    "app", "bin", "bz2", "conf", "cfg", "css", "dat", "db", "deb", "desktop", "dll", "dmg", "exe", "gz",
    "htm", "html", "ini", "jar", "js", "json", "lnk", "log", "md", "mmdb", "msi", "php", "pl", "png", "py",
    "rb", "rpm", "service", "sh", "so", "sock", "svg", "sys", "tar", "tmp", "toml", "txt", "xml", "xz",
    "yaml", "yml", "zip",
];

/// Labels that say what a server is for, and nothing of whose it is.
const USUAL: &[&str] = &[
    "www", "mail", "imap", "smtp", "pop", "api", "cdn", "img", "static", "ns", "ns1", "ns2", "mx", "mx1",
    "mx2", "login", "auth", "ftp", "ntp", "time", "dns", "git", "chat", "video", "update", "updates",
    "download",
];

/// Folders that every home has.
const FOLDERS: &[&str] = &[
    ".local",
    ".config",
    ".cache",
    ".var",
    ".mozilla",
    ".cargo",
    ".npm",
    "share",
    "bin",
    "lib",
    "lib64",
    "opt",
    "app",
    "apps",
    "applications",
    "downloads",
    "documents",
    "desktop",
    "snap",
    "appdata",
    "local",
    "roaming",
    "library",
    "programs",
    "current",
    "x86_64",
    "usr",
];

/// Names that are nobody's.
const NOBODY: &[&str] = &[
    "user",
    "users",
    "root",
    "admin",
    "administrator",
    "default",
    "public",
    "guest",
    "home",
    "desktop",
    "laptop",
    "localhost",
    "portmaster",
    "computer",
    "debian",
    "linux",
    "online",
    "owner",
    "system",
    "test",
    "ubuntu",
    "windows",
    "device",
    "shared",
];

/// How long a name is that is found within words, too, as in `wilhelminas-laptop`.
const TELLING: usize = 6;

/// Replacements, as far as they were needed.
#[derive(Debug, Default)]
pub(super) struct Veil {
    /// What is in every core: addresses and domains of the defaults.
    public: BTreeSet<String>,
    addresses: BTreeMap<IpAddr, IpAddr>,
    /// How many addresses, or networks, of a kind there were.
    counts: BTreeMap<&'static str, u32>,
    networks: BTreeMap<(&'static str, Vec<u16>), u32>,
    sites: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    hardware: BTreeMap<String, String>,
    folders: BTreeMap<String, String>,
    /// Domains that are surely ones.
    known: BTreeSet<String>,
    /// Names of persons and devices, and what stands for them.
    names: BTreeMap<String, String>,
    words: Option<Regex>,
}

impl Veil {
    /// A veil that shows what is in every core of a contract.
    pub(super) fn new(contract: Contract) -> Self {
        let mut veil = Self::default();
        for option in contract.options() {
            let text = option.default_value.to_string();
            veil.public.extend(TOKEN.find_iter(&text).map(|token| token.as_str().to_lowercase()));
        }
        veil
    }

    /// Replaces what is private in a scenario.
    pub(super) fn over(mut self, scenario: &mut Map<String, Value>, missing: &mut Vec<String>) {
        self.learn(scenario);
        let mut part = |name: &str, work: &mut dyn FnMut(&mut Self, &mut Value)| {
            if let Some(value) = scenario.get_mut(name) {
                work(&mut self, value);
            }
        };
        part("client", &mut |veil, client| members(client).for_each(|(_, path)| veil.path_in(path)));
        part("network", &mut Self::network);
        part("dns", &mut Self::dns);
        part("config", &mut |veil, config| {
            for (key, value) in members(config) {
                if key == "core/metrics/comment" {
                    *value = "comment".into();
                }
                veil.all(value);
            }
        });
        part("spn", &mut Self::spn);
        part("apps", &mut |veil, apps| items(apps).for_each(|app| veil.app(app)));
        part("connections", &mut |veil, rows| items(rows).for_each(|row| veil.row(row)));
        part("notifications", &mut Self::all);
        part("timeline", &mut Self::all);
        for line in missing {
            *line = self.text(line);
        }
    }

    /// Learns the names of persons and devices, and what is a domain.
    fn learn(&mut self, scenario: &Map<String, Value>) {
        let mut people = BTreeSet::new();
        let mut devices = BTreeSet::new();
        each_text(&Value::Object(scenario.clone()), &mut |text| {
            for token in TOKEN.captures_iter(text).filter_map(|found| found.name("home")) {
                if begins(text, token.start()) {
                    people.insert(home(token.as_str()).1.to_owned());
                }
            }
            people.insert(home(text).1.to_owned());
        });
        let at = |path: &[&str]| {
            let mut steps = path.iter();
            let first = steps.next().and_then(|name| scenario.get(*name));
            steps.fold(first, |value, name| value?.get(*name)).and_then(Value::as_str).map(str::to_owned)
        };
        people.extend(at(&["spn", "account", "username"]));
        devices.extend(at(&["spn", "account", "device", "name"]));
        devices.extend(at(&["config", "core/metrics/instance"]));
        let is_one = |name: &String| name.len() > 2 && !NOBODY.contains(&name.to_lowercase().as_str());
        for (kind, names) in [("user", people), ("device", devices)] {
            for name in names.into_iter().filter(is_one) {
                let place = self.next(kind);
                self.names.entry(name.to_lowercase()).or_insert(format!("{kind}{place}"));
            }
        }
        let mut words: Vec<String> = self.names.keys().map(|name| regex::escape(name)).collect();
        // Of two that begin alike, the longer one.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        self.words =
            (!words.is_empty()).then(|| Regex::new(&format!("(?i){}", words.join("|"))).ok()).flatten();
        let cache = scenario.get("dns").and_then(|dns| dns.get("cache"));
        for list in [scenario.get("connections"), cache] {
            for one in list.and_then(Value::as_array).into_iter().flatten() {
                let domain = one.get("domain").and_then(Value::as_str).unwrap_or_default();
                self.known.insert(domain.trim_end_matches('.').to_lowercase());
            }
        }
    }

    fn next(&mut self, kind: &'static str) -> u32 {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        *count
    }

    fn network(&mut self, network: &mut Value) {
        for (name, value) in members(network) {
            match name.as_str() {
                "nameservers" => items(value).for_each(|one| self.nameserver(one)),
                "location" => self.location(value),
                "captive_portal" => {
                    self.all(value);
                    if let Some(Value::String(url)) = value.get_mut("url") {
                        // Portals put into it who asks.
                        url.truncate(url.find(['?', '#']).unwrap_or(url.len()));
                    }
                }
                _ => self.all(value),
            }
        }
    }

    fn nameserver(&mut self, one: &mut Value) {
        for (name, value) in members(one) {
            match name.as_str() {
                "search" => items(value).for_each(|domain| self.domain_in(domain)),
                _ => self.all(value),
            }
        }
    }

    /// The country is left.
    fn location(&mut self, location: &mut Value) {
        let country = location.get("country").and_then(Value::as_str).and_then(Country::find);
        for (name, value) in members(location) {
            match name.as_str() {
                "asn" => *value = 64_500.into(),
                "as_org" => *value = "Example Access".into(),
                "latitude" => *value = country.map_or(0.0, |country| country.latitude).into(),
                "longitude" => *value = country.map_or(0.0, |country| country.longitude).into(),
                "radius" => *value = Country::RADIUS.into(),
                _ => self.all(value),
            }
        }
    }

    fn dns(&mut self, dns: &mut Value) {
        if let Some(Value::Object(states)) = dns.get_mut("resolvers") {
            *states =
                std::mem::take(states).into_iter().map(|(name, state)| (self.text(&name), state)).collect();
        }
        for entry in dns.get_mut("cache").into_iter().flat_map(items) {
            for (name, value) in members(entry) {
                match name.as_str() {
                    "domain" => self.domain_in(value),
                    "answer" | "ns" => items(value).for_each(|line| self.answer(line)),
                    _ => self.all(value),
                }
            }
        }
    }

    /// What a text record says is anybody's.
    fn answer(&mut self, line: &mut Value) {
        let Some(told) = line.as_str() else { return };
        let replaced = match told.split_once(' ') {
            Some(("TXT" | "SPF", _)) => "TXT \"text\"".to_owned(),
            Some((kind @ ("CNAME" | "NS" | "PTR" | "DNAME"), domain)) => {
                format!("{kind} {}", self.domain(domain))
            }
            _ => self.text(told),
        };
        *line = replaced.into();
    }

    fn spn(&mut self, spn: &mut Value) {
        if let Some(account) = spn.get_mut("account") {
            if let Some(name) = account.get_mut("username") {
                self.name_in(name, "user");
            }
            if let Some(device) = account.get_mut("device") {
                if let Some(name) = device.get_mut("name") {
                    self.name_in(name, "device");
                }
                if let Some(id) = device.get_mut("id") {
                    *id = "00000000-0000-4000-8000-000000000001".into();
                }
            }
        }
        let hubs = spn.get_mut("map").and_then(|map| map.get_mut("hubs"));
        for hub in hubs.into_iter().flat_map(items) {
            for (name, value) in members(hub) {
                if matches!(name.as_str(), "contact" | "ipv4" | "ipv6") {
                    self.all(value);
                }
            }
        }
    }

    fn name_in(&mut self, value: &mut Value, kind: &'static str) {
        let known = value.as_str().and_then(|name| self.names.get(&name.to_lowercase()));
        *value = known.cloned().unwrap_or_else(|| format!("{kind}1")).into();
    }

    fn app(&mut self, app: &mut Value) {
        for (name, value) in members(app) {
            match name.as_str() {
                "path" => self.path_in(value),
                "id" | "created" | "edited" => {}
                // What a program was told to do is nobody's business.
                "processes" => items(value).for_each(|one| {
                    if let Some(one) = one.as_object_mut() {
                        one.shift_remove("cmd_line");
                    }
                }),
                "name" => self.words_in(value),
                _ => self.all(value),
            }
        }
    }

    fn row(&mut self, row: &mut Value) {
        for (name, value) in members(row) {
            match name.as_str() {
                "path" => self.path_in(value),
                "domain" => self.domain_in(value),
                "profile_name" => self.words_in(value),
                "id" | "local_ip" | "remote_ip" | "extra_data" => self.all(value),
                _ => {}
            }
        }
    }

    fn path_in(&mut self, value: &mut Value) {
        let path = value.as_str().map(|path| self.path(path));
        *value = path.into();
    }

    fn domain_in(&mut self, value: &mut Value) {
        let domain = value.as_str().map(|domain| self.domain(domain));
        *value = domain.into();
    }

    fn words_in(&mut self, value: &mut Value) {
        let text = value.as_str().map(|text| self.unnamed(text));
        *value = text.into();
    }

    /// Every text in a value, names of members too.
    fn all(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.all(item)),
            Value::Object(members) => {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(name, mut value)| {
                        self.all(&mut value);
                        (self.text(&name), value)
                    })
                    .collect();
            }
            _ => {}
        }
    }

    /// A text without what is private in it.
    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = 0;
        for found in TOKEN.captures_iter(text) {
            let Some(token) = found.get(0) else { continue };
            out.push_str(&text[rest..token.start()]);
            rest = token.end();
            let before = text[..token.start()].chars().next_back();
            let after = text[token.end()..].chars().next();
            let word = token.as_str();
            let replaced = if self.public.contains(&word.to_lowercase()) {
                None
            } else if found.name("home").is_some() {
                begins(text, token.start()).then(|| self.path(word))
            } else if found.name("mail").is_some() {
                word.rsplit_once('@').map(|(_, domain)| format!("someone@{}", self.domain(domain)))
            } else if found.name("six").is_some() || found.name("four").is_some() {
                let whole = |char: Option<char>| !char.is_some_and(char::is_alphanumeric);
                let bits = text[token.end()..].strip_prefix('/').map(digits);
                (whole(before) && whole(after)).then(|| self.number(word, bits)).flatten()
            } else {
                self.domain_like(word)
            };
            out.push_str(&replaced.unwrap_or_else(|| word.to_owned()));
        }
        out.push_str(&text[rest..]);
        self.unnamed(&out)
    }

    /// What stands for a word that looks like a domain; `None` for a file. A known domain may follow upon a hyphen, as in
    /// `prompt-www.example.com`.
    fn domain_like(&mut self, word: &str) -> Option<String> {
        let lower = word.to_lowercase();
        let end = lower.rsplit('.').next().unwrap_or_default();
        if self.known.contains(&lower) {
            return Some(self.domain(word));
        }
        let behind = |(at, _): (usize, &str)| self.known.contains(&lower[at + 1..]).then_some(at + 1);
        if let Some(at) = lower.match_indices('-').find_map(behind) {
            return Some(format!("{}{}", &lower[..at], self.domain(&lower[at..])));
        }
        (!FILES.contains(&end)).then(|| self.domain(word))
    }

    /// A text without names of persons and devices. Short names count as whole words only.
    fn unnamed(&self, text: &str) -> String {
        let Some(words) = &self.words else { return text.to_owned() };
        let stand_in = |found: &regex::Captures<'_>| {
            let name = &found[0];
            let (start, end) = found.get(0).map_or((0, 0), |found| (found.start(), found.end()));
            let apart = |char: Option<char>| !char.is_some_and(char::is_alphanumeric);
            let is_word = apart(text[..start].chars().next_back()) && apart(text[end..].chars().next());
            let known = self.names.get(&name.to_lowercase());
            known
                .filter(|_| is_word || name.chars().count() >= TELLING)
                .cloned()
                .unwrap_or_else(|| name.to_owned())
        };
        words.replace_all(text, stand_in).into_owned()
    }

    /// What stands for an IP or a hardware address, followed by the bits of a network; `None` if it is neither.
    fn number(&mut self, word: &str, bits: Option<u32>) -> Option<String> {
        let Ok(ip) = word.parse::<IpAddr>() else {
            let parts: Vec<&str> = word.split(':').collect();
            let is_hardware = parts.len() == 6 && parts.iter().all(|part| part.len() == 2);
            return is_hardware.then(|| self.hardware(word));
        };
        // The networks of a kind are everybody's.
        let is_kind = bits.is_some_and(|bits| bits <= 16 && kind(ip) != "public");
        Some(if is_kind { ip } else { self.address(ip) }.to_string())
    }

    fn hardware(&mut self, word: &str) -> String {
        let word = word.to_lowercase();
        if let Some(known) = self.hardware.get(&word) {
            return known.clone();
        }
        let [_, _, high, low] = self.next("hardware").to_be_bytes();
        let stands = format!("00:00:5e:00:{high:02x}:{low:02x}");
        self.hardware.insert(word, stands.clone());
        stands
    }

    /// What stands for an address: one of the same kind, or of the ranges for documentation.
    fn address(&mut self, ip: IpAddr) -> IpAddr {
        if let Some(known) = self.addresses.get(&ip) {
            return *known;
        }
        let stands = match ip {
            IpAddr::V4(ip) => IpAddr::V4(self.four(ip)),
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => match self.address(IpAddr::V4(four)) {
                    IpAddr::V4(four) => IpAddr::V6(four.to_ipv6_mapped()),
                    six => six,
                },
                None => IpAddr::V6(self.six(six)),
            },
        };
        self.addresses.insert(ip, stands);
        stands
    }

    /// The place of a network among those of its kind, from 0.
    fn network_of(&mut self, kind: &'static str, network: Vec<u16>) -> u32 {
        if let Some(known) = self.networks.get(&(kind, network.clone())) {
            return *known;
        }
        let place = self.next(kind) - 1;
        self.networks.insert((kind, network), place);
        place
    }

    fn four(&mut self, ip: Ipv4Addr) -> Ipv4Addr {
        let [a, b, c, d] = ip.octets();
        let kind = kind(IpAddr::V4(ip));
        match kind {
            "itself" => ip,
            // The network is another, the place in it the same.
            "ten" | "twelve" | "sixteen" | "shared" | "link" => {
                let place = self.network_of(kind, [a, b, c].map(u16::from).to_vec());
                let [.., high, low] = place.to_be_bytes();
                match kind {
                    "ten" => Ipv4Addr::new(10, high, low, d),
                    "twelve" => Ipv4Addr::new(172, 16 + high % 16, low, d),
                    "sixteen" => Ipv4Addr::new(192, 168, low, d),
                    "shared" => Ipv4Addr::new(100, 64 + high % 64, low, d),
                    _ => Ipv4Addr::new(169, 254, low, d),
                }
            }
            _ => {
                let place = self.next("public") - 1;
                match (place / 254, place % 254 + 1) {
                    (0, host) => Ipv4Addr::new(192, 0, 2, host as u8),
                    (1, host) => Ipv4Addr::new(198, 51, 100, host as u8),
                    (2, host) => Ipv4Addr::new(203, 0, 113, host as u8),
                    // More than there are for documentation; these are for benchmarks.
                    _ => Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (place - 762) % 131_072),
                }
            }
        }
    }

    fn six(&mut self, ip: Ipv6Addr) -> Ipv6Addr {
        let kind = kind(IpAddr::V6(ip));
        if kind == "itself" {
            return ip;
        }
        let [a, b, c, d, ..] = ip.segments();
        let place = self.next("six");
        let (high, low) = ((place >> 16) as u16, place as u16);
        match kind {
            "link" => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, high, low),
            "local" => {
                let net = self.network_of("local", vec![a, b, c, d]) as u16;
                Ipv6Addr::new(0xfd00, 0, 0, net, 0, 0, high, low)
            }
            _ => {
                let net = self.network_of("public six", vec![a, b, c]) as u16;
                Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, high, low)
            }
        }
    }

    /// What stands for a domain: the same site and the same labels before it.
    fn domain(&mut self, told: &str) -> String {
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

    fn label(&mut self, label: &str) -> String {
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
    fn reverse(&mut self, name: &str) -> Option<String> {
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

    /// A path: below a home folder, everything but what every home has and the program's name.
    fn path(&mut self, path: &str) -> String {
        let (before, owner, after) = home(path);
        if owner.is_empty() {
            return self.unnamed(path);
        }
        let person = match self.names.get(&owner.to_lowercase()) {
            Some(known) => known.clone(),
            None if NOBODY.contains(&owner.to_lowercase().as_str()) => owner.to_owned(),
            None => "someone".to_owned(),
        };
        let is_mark = |char: char| char == '/' || char == '\\';
        let mut out = format!("{before}{person}");
        let mut parts = after.split_inclusive(is_mark).peekable();
        while let Some(part) = parts.next() {
            let name = part.trim_end_matches(is_mark);
            let kept = name.is_empty() || FOLDERS.contains(&name.to_lowercase().as_str());
            if parts.peek().is_none() || kept {
                out.push_str(&self.unnamed(part));
                continue;
            }
            let stands = match self.folders.get(name) {
                Some(known) => known.clone(),
                None => {
                    let stands = format!("folder{}", self.next("folder"));
                    self.folders.insert(name.to_owned(), stands.clone());
                    stands
                }
            };
            out.push_str(&stands);
            out.push_str(&part[name.len()..]);
        }
        out
    }
}

/// A path before its owner's name, that name, and the rest; no name if it is not below a home folder.
fn home(path: &str) -> (&str, &str, &str) {
    static HOME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?i:/(?:var/)?home/|/users/|[a-z]:\\+users\\+)").expect("the pattern is one")
    });
    let Some(start) = HOME.find(path) else { return (path, "", "") };
    let rest = &path[start.end()..];
    let end = rest.find(['/', '\\']).unwrap_or(rest.len());
    (&path[..start.end()], &rest[..end], &rest[end..])
}

/// Whether a path may begin at a place of a text: not within a URL.
fn begins(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|char: char| char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | ']'))
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

/// The kind of an address; those that are the same everywhere stand for themselves.
fn kind(ip: IpAddr) -> &'static str {
    match ip {
        ip if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() => "itself",
        IpAddr::V4(ip) if ip.is_broadcast() => "itself",
        IpAddr::V4(ip) => match ip.octets() {
            [10, ..] => "ten",
            [172, 16..=31, ..] => "twelve",
            [192, 168, ..] => "sixteen",
            [100, 64..=127, ..] => "shared",
            [169, 254, ..] => "link",
            _ => "public",
        },
        IpAddr::V6(ip) if ip.is_unicast_link_local() => "link",
        IpAddr::V6(ip) if ip.is_unique_local() => "local",
        IpAddr::V6(_) => "public",
    }
}

/// The number that a text begins with.
fn digits(text: &str) -> u32 {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(u32::MAX)
}

fn items(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn each_text(value: &Value, work: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => work(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, work)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            work(name);
            each_text(value, work);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_lose_what_is_private_and_nothing_else() {
        let mut veil = Veil::new(Contract::V2_2);
        for (told, expected) in [
            ("lib.so and soffice.bin at 09:30:00", "lib.so and soffice.bin at 09:30:00"),
            ("a 11.22.33.44:443, b 11.22.33.45", "a 192.0.2.1:443, b 192.0.2.2"),
            ("again 11.22.33.44", "again 192.0.2.1"),
            ("- 10.0.0.0/8", "- 10.0.0.0/8"),
            ("127.0.0.1 and ::1 and 224.0.0.251", "127.0.0.1 and ::1 and 224.0.0.251"),
            ("+ *.shop.invalid TCP/443", "+ *.site1.example TCP/443"),
            ("https://www.shop.invalid/a?b", "https://www.site1.example/a?b"),
            ("my.shop.invalid your.shop.co.uk", "n1.site1.example n2.site2.example"),
            ("someone.else@shop.invalid", "someone@site1.example"),
            ("[2a02::1]:53", "[2001:db8::1]:53"),
            ("::ffff:11.22.33.44", "::ffff:192.0.2.1"),
            ("de:ad:be:ef:00:01", "00:00:5e:00:00:01"),
            ("77-1-6-10.1.2.3-40-11.22.33.44-443", "77-1-6-10.0.0.3-40-192.0.2.1-443"),
            ("https://shop.invalid/home/page", "https://site1.example/home/page"),
            ("prompt-www.shop.invalid", "n3.site1.example"),
            ("1.0.0 of 2026-03-16T09:30:00Z", "1.0.0 of 2026-03-16T09:30:00Z"),
        ] {
            assert_eq!(veil.text(told), expected);
        }
    }

    #[test]
    fn looked_up_addresses_are_those_of_the_answers() {
        let mut veil = Veil::default();
        assert_eq!(veil.domain("44.33.22.11.in-addr.arpa."), "1.2.0.192.in-addr.arpa.");
        assert_eq!(veil.text("11.22.33.44"), "192.0.2.1");
        let name = format!("{}.ip6.arpa.", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.a.2");
        assert!(veil.domain(&name).ends_with(".8.b.d.0.1.0.0.2.ip6.arpa."));
    }

    #[test]
    fn homes_keep_what_every_home_has() {
        let mut veil = Veil::default();
        let scenario = serde_json::json!({ "apps": [{ "path": "/home/mina/x" }] });
        veil.learn(scenario.as_object().unwrap());
        assert_eq!(
            veil.path("/home/mina/.local/share/Steam/bin/steam"),
            "/home/user1/.local/share/folder1/bin/steam"
        );
        assert_eq!(
            veil.path(r"C:\Users\mina\AppData\Local\Acme\a.exe"),
            r"C:\Users\user1\AppData\Local\folder2\a.exe"
        );
        assert_eq!(veil.path("/usr/bin/vlc"), "/usr/bin/vlc");
        assert_eq!(veil.path("/home/user/x"), "/home/user/x");
        assert_eq!(
            veil.text("run /home/mina/a as mina_2, not as minato"),
            "run /home/user1/a as user1_2, not as minato"
        );
    }

    proptest! {
        #[test]
        fn different_addresses_stay_different_and_of_their_kind(all in proptest::collection::btree_set(any::<u32>(), 1..2000)) {
            let mut veil = Veil::default();
            let mut seen = BTreeSet::new();
            for bits in all {
                let ip = IpAddr::V4(bits.into());
                let stands = veil.address(ip);
                prop_assert_eq!(kind(ip), kind(stands), "{} for {}", stands, ip);
                prop_assert!(seen.insert(stands), "{} twice", stands);
                prop_assert_eq!(veil.address(ip), stands);
            }
        }

        #[test]
        fn different_domains_stay_different(all in proptest::collection::btree_set("([a-c]{1,2}\\.){0,3}(com|co\\.uk|box)", 1..60)) {
            let mut veil = Veil::default();
            let stands: BTreeSet<String> = all.iter().map(|domain| veil.domain(domain)).collect();
            prop_assert_eq!(stands.len(), all.len());
            prop_assert!(stands.iter().all(|domain| domain.ends_with(".example")));
        }
    }
}
