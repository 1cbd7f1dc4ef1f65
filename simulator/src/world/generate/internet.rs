//! The internet that generated connections reach: invented services in invented networks.
//!
//! Names are below `.example`, addresses and networks are those set aside for documentation (RFC 5737, 3849, 5398).

use super::habits::{self, Habit};

/// A network: who runs it and where it stands.
pub(super) struct Network {
    /// Autonomous system number.
    pub(super) asn: i64,
    /// The organization.
    pub(super) owner: &'static str,
    /// Two letters.
    pub(super) country: &'static str,
    /// Degrees north and east.
    pub(super) place: (f64, f64),
    /// The first three bytes of its IPv4 addresses.
    pub(super) prefix: [u8; 3],
    /// The third part of its IPv6 addresses, after `2001:db8:`.
    pub(super) v6: u16,
}

const fn network(
    asn: i64,
    owner: &'static str,
    country: &'static str,
    place: (f64, f64),
    prefix: [u8; 3],
    v6: u16,
) -> Network {
    Network { asn, owner, country, place, prefix, v6 }
}

const DOC1: [u8; 3] = [192, 0, 2];
const DOC2: [u8; 3] = [198, 51, 100];
const DOC3: [u8; 3] = [203, 0, 113];

/// The networks; services name them by their place in this list.
pub(super) const NETWORKS: [Network; 12] = [
    network(64496, "NORTHWIND-CDN", "US", (37.751, -97.822), DOC1, 0x10),
    network(64497, "Brightwater Cloud GmbH", "DE", (50.11, 8.68), DOC2, 0x20),
    network(64498, "Alpenglow Hosting AG", "AT", (48.2, 16.37), DOC3, 0x30),
    network(64499, "HARBOR-STREAMING", "US", (40.71, -74.01), DOC1, 0x40),
    network(64500, "Île de Données SARL", "FR", (48.86, 2.35), DOC2, 0x50),
    network(64501, "TULIP-EXCHANGE", "NL", (52.37, 4.9), DOC3, 0x60),
    network(64502, "Sakura Net K.K.", "JP", (35.69, 139.69), DOC1, 0x70),
    network(64503, "Fjord Datacenter AS", "NO", (59.91, 10.75), DOC2, 0x80),
    network(64504, "ADLANTERN", "US", (37.39, -122.08), DOC3, 0x90),
    network(64505, "Thames Telecom Ltd", "GB", (51.51, -0.13), DOC1, 0xa0),
    network(64506, "Southern Cross Networks", "AU", (-33.87, 151.21), DOC2, 0xb0),
    network(64507, "Maple Compute Inc", "CA", (43.65, -79.38), DOC3, 0xc0),
];

/// Something that programs connect to.
#[derive(Debug)]
pub(super) struct Service {
    /// The domain with its final dot; `#` stands for the number of one of its machines.
    pub(super) domain: &'static str,
    /// How many machines it has.
    pub(super) machines: u32,
    /// Its network's place in [`NETWORKS`].
    pub(super) network: usize,
    /// The port.
    pub(super) port: i64,
    /// The IP protocol: 6 TCP, 17 UDP.
    pub(super) protocol: i64,
    /// How long a connection lasts in the middle, in seconds.
    pub(super) seconds: u32,
    /// What is received in the middle, in kilobytes.
    pub(super) kilobytes: u32,
    /// The filter list that it is on, or empty.
    pub(super) list: &'static str,
    /// Seconds from one part of a lasting connection's traffic to the next; 0 if all comes at once.
    pub(super) part: u32,
}

const fn web(domain: &'static str, machines: u32, network: usize, seconds: u32, kilobytes: u32) -> Service {
    Service { domain, machines, network, port: 443, protocol: 6, seconds, kilobytes, list: "", part: 0 }
}

const fn quic(domain: &'static str, machines: u32, network: usize, seconds: u32, kilobytes: u32) -> Service {
    Service { protocol: 17, ..web(domain, machines, network, seconds, kilobytes) }
}

const fn other(domain: &'static str, network: usize, port: i64, protocol: i64, seconds: u32) -> Service {
    Service { port, protocol, ..web(domain, 1, network, seconds, 12) }
}

const fn parted(part: u32, service: Service) -> Service {
    Service { part, ..service }
}

const fn listed(domain: &'static str, machines: u32, network: usize, list: &'static str) -> Service {
    Service { list, ..web(domain, machines, network, 4, 3) }
}

/// What a sort of program connects to. The first of several that fit is taken; the last fits all.
#[derive(Debug)]
pub(super) struct Role {
    /// Parts of program names in lower case.
    pub(super) words: &'static [&'static str],
    /// The services, the often used ones first.
    pub(super) services: &'static [Service],
    /// What its programs do while they live.
    pub(super) habits: &'static [Habit],
}

/// The sorts of programs.
pub(super) const ROLES: [Role; 6] = [
    Role {
        words: &["firefox", "chrom", "edge", "browser", "safari", "brave"],
        services: &[
            web("www.dailyplanet.example.", 1, 0, 25, 420),
            quic("img#.cdn.northwind.example.", 48, 0, 18, 900),
            web("static#.morgenblatt.example.", 12, 1, 20, 260),
            parted(10, quic("video-#.harborstream.example.", 64, 3, 240, 48_000)),
            web("www.wiki.example.", 1, 5, 30, 180),
            web("api.wetterdienst.example.", 1, 2, 6, 14),
            web("forum.bergfreunde.example.", 1, 2, 40, 150),
            web("shop.marché.example.", 1, 4, 35, 340),
            web("search.example.", 3, 0, 8, 60),
            web("maps#.atlas.example.", 8, 6, 22, 700),
            web("login.example.com.", 1, 1, 5, 18),
            web("fonts.typeset.example.", 2, 7, 10, 90),
            listed("pixel#.adlantern.example.", 16, 8, "TRAC"),
            listed("metrics.adlantern.example.", 1, 8, "TRAC"),
            listed("popunder.clickmill.example.", 1, 5, "AD"),
            web("news#.antipodes.example.", 6, 10, 28, 310),
        ],
        habits: habits::BROWSER,
    },
    Role {
        words: &["mail", "thunderbird", "outlook", "evolution"],
        services: &[
            parted(60, other("imap.postfach.example.", 1, 993, 6, 600)),
            other("smtp.postfach.example.", 1, 465, 6, 6),
            web("autoconfig.postfach.example.", 1, 1, 3, 8),
            web("caldav.fjord.example.", 1, 7, 15, 40),
            listed("open.mailbeacon.example.", 4, 8, "TRAC"),
            other("imap.postfach.example.", 1, 993, 6, 3),
        ],
        habits: habits::MAIL,
    },
    Role {
        words: &["signal", "telegram", "discord", "slack", "chat", "zoom", "teams", "element"],
        services: &[
            parted(60, web("chat.pigeonpost.example.", 4, 9, 1_800, 220)),
            quic("media#.pigeonpost.example.", 12, 9, 60, 3_400),
            other("turn.pigeonpost.example.", 11, 3478, 17, 420),
            parted(120, web("push.relay.example.", 2, 0, 3_000, 12)),
        ],
        habits: habits::CHAT,
    },
    Role {
        words: &["spotify", "music", "vlc", "steam", "game", "player"],
        services: &[
            parted(10, web("audio#.harborstream.example.", 24, 3, 200, 5_200)),
            web("api.harborstream.example.", 1, 3, 10, 44),
            web("cover.harborstream.example.", 4, 3, 8, 380),
            parted(10, other("match.playfield.example.", 6, 27015, 17, 900)),
            listed("events.adlantern.example.", 2, 8, "TRAC"),
        ],
        habits: habits::PLAYER,
    },
    Role {
        words: &[
            "update", "apt", "dnf", "packagekit", "snap", "git", "cargo", "pip", "curl", "wget", "python",
            "node",
        ],
        services: &[
            web("packages.maple.example.", 4, 11, 12, 2_600),
            parted(5, web("mirror#.fjord.example.", 6, 7, 45, 18_000)),
            web("git.forge.example.", 2, 1, 9, 640),
            other("archive.maple.example.", 11, 80, 6, 20),
            web("api.forge.example.", 1, 1, 4, 22),
        ],
        habits: habits::UPDATER,
    },
    Role {
        words: &[],
        services: &[
            web("api.brightwater.example.", 3, 1, 15, 60),
            parted(30, web("sync.alpenglow.example.", 2, 2, 120, 900)),
            web("time-and-place.example.", 1, 5, 4, 6),
            other("ntp.pool.example.", 9, 123, 17, 1),
            web("telemetry.brightwater.example.", 1, 1, 5, 20),
            listed("collect.clickmill.example.", 3, 5, "TRAC"),
            quic("edge#.northwind.example.", 20, 0, 30, 480),
        ],
        habits: habits::OTHER,
    },
];
