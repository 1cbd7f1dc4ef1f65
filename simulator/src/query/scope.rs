//! The scope of an address (netquery §4).

use std::net::IpAddr;

/// 1 the host, 2 the link, 3 the site, 4 global, 5 local multicast, 6 global multicast, 0 none.
pub fn of(ip: IpAddr) -> i8 {
    match ip {
        _ if ip.is_loopback() => 1,
        _ if ip.is_unspecified() => 0,
        IpAddr::V4(v4) if v4.is_multicast() => match v4.octets() {
            [224, 0, 0, _] | [239, ..] => 5,
            _ => 6,
        },
        IpAddr::V4(v4) if v4.is_link_local() => 2,
        IpAddr::V4(v4) if v4.is_private() || v4.is_broadcast() => 3,
        // Carrier-grade NAT, 100.64.0.0/10.
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 64..=127, ..]) => 3,
        IpAddr::V6(v6) if v6.is_multicast() => match v6.octets()[1] & 0x0f {
            0x0..=0x8 => 5,
            _ => 6,
        },
        IpAddr::V6(v6) if v6.is_unicast_link_local() => 2,
        IpAddr::V6(v6) if v6.is_unique_local() => 3,
        _ => 4,
    }
}
