//! `debug/network/state`: the system's tables of sockets.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use rand::RngExt;
use serde::Serialize;

use crate::{
    api::{Call, Reply, ip::Ip},
    world::{Connection, World, chance},
};

#[derive(Serialize)]
struct Tables {
    #[serde(rename = "TCP4Connections")]
    tcp4_connections: Option<Vec<Socket>>,
    #[serde(rename = "TCP4Listeners")]
    tcp4_listeners: Option<Vec<Bind>>,
    #[serde(rename = "TCP6Connections")]
    tcp6_connections: Option<Vec<Socket>>,
    #[serde(rename = "TCP6Listeners")]
    tcp6_listeners: Option<Vec<Bind>>,
    #[serde(rename = "UDP4Binds")]
    udp4_binds: Option<Vec<Bind>>,
    #[serde(rename = "UDP6Binds")]
    udp6_binds: Option<Vec<Bind>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Address {
    #[serde(rename = "IP")]
    ip: Ip,
    port: u16,
}

/// Who has a socket. Cores look the process up only when they need it, so it is unknown here.
#[derive(Serialize)]
struct Owner {
    #[serde(rename = "PID")]
    pid: i32,
    #[serde(rename = "UID")]
    uid: u32,
    #[serde(rename = "Inode")]
    inode: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Socket {
    local: Address,
    remote: Address,
    #[serde(flatten)]
    owner: Owner,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bind {
    local: Address,
    #[serde(flatten)]
    owner: Owner,
    listens_any: bool,
}

impl Address {
    fn new(address: SocketAddr) -> Self {
        Self { ip: Ip(address.ip()), port: address.port() }
    }
}

impl Owner {
    /// An inode number that follows from the socket's address.
    fn new(local: SocketAddr) -> Self {
        let hash =
            local.to_string().bytes().fold(0_u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
        Self { pid: -1, uid: 0, inode: 100_000 + hash % 400_000 }
    }
}

pub(super) fn state(world: &mut World, call: &Call) -> Reply {
    let active = || world.connections.values().filter(|one| one.active && one.shared.kind == "ip");
    let tcp = |six: bool| {
        let of_programs = active().filter(|one| one.shared.ip_protocol == 6).filter_map(|one| ends(one));
        let all = of_programs.chain(callers_own(world)).filter(|(local, _)| local.is_ipv6() == six);
        some(all.map(|(local, remote)| Socket {
            local: Address::new(local),
            remote: Address::new(remote),
            owner: Owner::new(local),
        }))
    };
    let binds = |protocol: &str, six: bool| {
        let of_programs = active()
            .filter(|one| protocol == "udp" && one.shared.ip_protocol == 17)
            .filter_map(|one| local(one));
        let of_core =
            own_binds(world).into_iter().filter(|(kind, _)| *kind == protocol).map(|(_, address)| address);
        let all: BTreeSet<SocketAddr> =
            of_core.chain(of_programs).filter(|address| address.is_ipv6() == six).collect();
        some(all.into_iter().map(|address| Bind {
            local: Address::new(address),
            owner: Owner::new(address),
            listens_any: address.ip().is_unspecified(),
        }))
    };
    call.structured(&Tables {
        tcp4_connections: tcp(false),
        tcp4_listeners: binds("tcp", false),
        tcp6_connections: tcp(true),
        tcp6_listeners: binds("tcp", true),
        udp4_binds: binds("udp", false),
        udp6_binds: binds("udp", true),
    })
}

/// A table; an empty one is null.
fn some<T>(rows: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let rows: Vec<T> = rows.collect();
    (!rows.is_empty()).then_some(rows)
}

fn local(one: &Connection) -> Option<SocketAddr> {
    Some(SocketAddr::new(one.local_ip().parse().ok()?, u16::try_from(one.local_port).ok()?))
}

fn ends(one: &Connection) -> Option<(SocketAddr, SocketAddr)> {
    let remote = SocketAddr::new(one.remote_ip().parse().ok()?, u16::try_from(one.remote_port).ok()?);
    Some((local(one)?, remote))
}

/// The connection over which the table is asked for: both its ends are on this device. The world knows no ports of
/// callers, so theirs is drawn.
fn callers_own(world: &World) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + use<> {
    let port = chance::fresh(world.chance.seed(), "debug/network/state").random_range(32768..=60999);
    listens(world, "core/listenAddress").into_iter().flat_map(move |api| {
        let caller = SocketAddr::new(api.ip(), port);
        [(api, caller), (caller, api)]
    })
}

/// Where the core itself listens: for the API, for DNS requests over both protocols, and for multicast DNS.
fn own_binds(world: &World) -> Vec<(&'static str, SocketAddr)> {
    const MULTICAST_DNS: u16 = 5353;
    let api = listens(world, "core/listenAddress").map(|address| ("tcp", address));
    let dns = listens(world, "dns/listenAddress").into_iter();
    let dns = dns.flat_map(|address| [("tcp", address), ("udp", address)]);
    let multicast = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
        .map(|ip: IpAddr| ("udp", SocketAddr::new(ip, MULTICAST_DNS)));
    api.into_iter().chain(dns).chain(multicast).collect()
}

/// The address that an option names.
fn listens(world: &World, option: &str) -> Option<SocketAddr> {
    let (host, port) = world.config.text(option).rsplit_once(':')?;
    let ip = match host.trim_matches(['[', ']']) {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().ok()?,
    };
    Some(SocketAddr::new(ip, port.parse().ok()?))
}
