//! IP and hardware addresses, each replaced by one of its kind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Veil;

impl Veil {
    /// What stands for an IP or a hardware address, followed by the bits of a network; `None` if it is neither.
    pub(super) fn number(&mut self, word: &str, bits: Option<u32>) -> Option<String> {
        let Ok(ip) = word.parse::<IpAddr>() else {
            let parts: Vec<&str> = word.split(':').collect();
            let is_hardware = parts.len() == 6 && parts.iter().all(|part| part.len() == 2);
            return is_hardware.then(|| self.hardware(word));
        };
        // The networks of a kind are everybody's.
        let is_kind = bits.is_some_and(|bits| bits <= 16 && kind(ip) != "public");
        Some(if is_kind { ip } else { self.address(ip) }.to_string())
    }

    pub(super) fn hardware(&mut self, word: &str) -> String {
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
    pub(super) fn address(&mut self, ip: IpAddr) -> IpAddr {
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
    pub(super) fn network_of(&mut self, kind: &'static str, network: Vec<u16>) -> u32 {
        if let Some(known) = self.networks.get(&(kind, network.clone())) {
            return *known;
        }
        let place = self.next(kind) - 1;
        self.networks.insert((kind, network), place);
        place
    }

    pub(super) fn four(&mut self, ip: Ipv4Addr) -> Ipv4Addr {
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

    pub(super) fn six(&mut self, ip: Ipv6Addr) -> Ipv6Addr {
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
}

/// The kind of an address; those that are the same everywhere stand for themselves.
pub(super) fn kind(ip: IpAddr) -> &'static str {
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
pub(super) fn digits(text: &str) -> u32 {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(u32::MAX)
}
