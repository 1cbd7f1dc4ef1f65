//! Private data replaced, each by the same everywhere, in the order in which they first appear.

mod addresses;
mod domains;
mod paths;
mod texts;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use portmaster_fixtures::{Contract, Country};
use regex::Regex;
use serde_json::{Map, Value};

use paths::{NOBODY, home};
use texts::{TOKEN, begins};

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

    use super::{addresses::kind, *};

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
