//! CBOR as Go's `fxamacker/cbor` writes it: definite lengths, members in their order, instants as whole seconds.

use std::net::IpAddr;

use super::tree::Node;

/// The bytes of a structure.
pub fn to_vec(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, node);
    out
}

fn write(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Nil => out.push(0xf6),
        Node::Bool(truth) => out.push(if *truth { 0xf5 } else { 0xf4 }),
        Node::Int(number) | Node::Sized(number, ..) => int(out, *number),
        Node::Float32(number) => {
            out.push(0xfa);
            out.extend(number.to_be_bytes());
        }
        Node::Float64(number) => {
            out.push(0xfb);
            out.extend(number.to_be_bytes());
        }
        Node::Text(text) => {
            head(out, 3, text.len() as u64);
            out.extend(text.as_bytes());
        }
        Node::Bytes(bytes) => {
            head(out, 2, bytes.len() as u64);
            out.extend(bytes);
        }
        Node::Ip(None) => out.push(0xf6),
        Node::Ip(Some(ip)) => {
            let sixteen = match ip {
                IpAddr::V4(four) => four.to_ipv6_mapped(),
                IpAddr::V6(six) => *six,
            };
            head(out, 2, 16);
            out.extend(sixteen.octets());
        }
        Node::Time(at) => int(out, at.as_second().into()),
        Node::List(elements) => {
            head(out, 4, elements.len() as u64);
            elements.iter().for_each(|one| write(out, one));
        }
        Node::Map(members) => {
            head(out, 5, members.len() as u64);
            for (name, value) in members {
                write(out, name);
                write(out, value);
            }
        }
    }
}

fn int(out: &mut Vec<u8>, number: i128) {
    let (major, value) = if number < 0 { (1, -1 - number) } else { (0, number) };
    head(out, major, u64::try_from(value).unwrap_or(u64::MAX));
}

/// A major type with its argument, as short as it can be.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..24 => out.push(major | bytes[7]),
        24..0x100 => out.extend([major | 24, bytes[7]]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend(&bytes[6..]);
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(node: &Node) -> String {
        to_vec(node).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // What fxamacker/cbor 2.7.0 writes of the same values.
    #[test]
    fn forms_are_those_of_the_library() {
        let text = |text: &str| Node::Text(text.to_owned());
        for (node, form) in [
            (Node::Nil, "f6"),
            (Node::Sized(-3, 8, true), "22"),
            (Node::Sized(200, 8, false), "18c8"),
            (Node::Int(1 << 40), "1b0000010000000000"),
            (Node::Int(-70_000), "3a0001116f"),
            (Node::Float32(28.5), "fa41e40000"),
            (Node::Float64(1.0), "fb3ff0000000000000"),
            (Node::Ip(Some("192.0.2.1".parse().unwrap())), "5000000000000000000000ffffc0000201"),
            (Node::Ip(None), "f6"),
            (Node::Time("2026-01-02T03:04:05.5Z".parse().unwrap()), "1a695735a5"),
            (
                Node::Map(vec![(text("Read"), Node::Bool(true)), (text("A"), Node::List(vec![text("é")]))]),
                "a26452656164f561418162c3a9",
            ),
        ] {
            assert_eq!(hex(&node), form, "{node:?}");
        }
    }
}
