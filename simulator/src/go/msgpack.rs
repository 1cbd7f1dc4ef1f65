//! MessagePack as Go's `vmihailenco/msgpack` writes it: numbers of a declared width in that width, `int` and `uint` as short
//! as they can be, what has a text of its own as the bytes of that text.

use super::tree::Node;

/// The bytes of a structure.
pub fn to_vec(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, node);
    out
}

fn write(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Nil => out.push(0xc0),
        Node::Bool(truth) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        Node::Int(number) => int(out, *number),
        Node::Sized(number, bits, signed) => sized(out, *number, *bits, *signed),
        Node::Float32(number) => {
            out.push(0xca);
            out.extend(number.to_be_bytes());
        }
        Node::Float64(number) => {
            out.push(0xcb);
            out.extend(number.to_be_bytes());
        }
        Node::Text(text) => {
            head(out, text.len(), Some((0xa0, 32)), [Some(0xd9), Some(0xda), Some(0xdb)]);
            out.extend(text.as_bytes());
        }
        Node::Ip(None) => out.push(0xc0),
        Node::Ip(Some(ip)) => binary(out, ip.to_string().as_bytes()),
        Node::Bytes(bytes) => binary(out, bytes),
        Node::Time(at) => time(out, at.as_second(), at.subsec_nanosecond().unsigned_abs()),
        Node::List(elements) => {
            head(out, elements.len(), Some((0x90, 16)), [None, Some(0xdc), Some(0xdd)]);
            elements.iter().for_each(|one| write(out, one));
        }
        Node::Map(members) => {
            head(out, members.len(), Some((0x80, 16)), [None, Some(0xde), Some(0xdf)]);
            for (name, value) in members {
                write(out, name);
                write(out, value);
            }
        }
    }
}

fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, bytes.len(), None, [Some(0xc4), Some(0xc5), Some(0xc6)]);
    out.extend(bytes);
}

/// A length: within the first byte where it has room, else in one, two or four bytes behind it.
fn head(out: &mut Vec<u8>, length: usize, fixed: Option<(u8, usize)>, longer: [Option<u8>; 3]) {
    if let Some((first, _)) = fixed.filter(|(_, room)| length < *room) {
        out.push(first | length as u8);
        return;
    }
    let bytes = (length as u32).to_be_bytes();
    match (length, longer) {
        (0..0x100, [Some(first), ..]) => out.extend([first, bytes[3]]),
        (0..0x1_0000, [_, Some(first), _]) => {
            out.push(first);
            out.extend(&bytes[2..]);
        }
        (_, [.., last]) => {
            out.push(last.unwrap_or_default());
            out.extend(bytes);
        }
    }
}

/// `int` and `uint`: the shortest form, without a sign where there is none.
fn int(out: &mut Vec<u8>, number: i128) {
    match number {
        0x1_0000_0000.. => sized(out, number, 64, false),
        0x1_0000.. => sized(out, number, 32, false),
        0x100.. => sized(out, number, 16, false),
        0x80.. => sized(out, number, 8, false),
        -32.. => out.push(number as i8 as u8),
        -0x80.. => sized(out, number, 8, true),
        -0x8000.. => sized(out, number, 16, true),
        -0x8000_0000.. => sized(out, number, 32, true),
        _ => sized(out, number, 64, true),
    }
}

fn sized(out: &mut Vec<u8>, number: i128, bits: u8, signed: bool) {
    let size = bits.trailing_zeros() as u8 - 3;
    out.push(if signed { 0xd0 } else { 0xcc } + size);
    out.extend(&number.to_be_bytes()[16 - usize::from(bits) / 8..]);
}

/// An instant, in the shortest form of extension −1 that holds it.
fn time(out: &mut Vec<u8>, seconds: i64, nanos: u32) {
    match u64::try_from(seconds) {
        Ok(seconds) if nanos == 0 && seconds < 1 << 32 => {
            out.extend([0xd6, 0xff]);
            out.extend(&seconds.to_be_bytes()[4..]);
        }
        Ok(seconds) if seconds < 1 << 34 => {
            out.extend([0xd7, 0xff]);
            out.extend((u64::from(nanos) << 34 | seconds).to_be_bytes());
        }
        _ => {
            out.extend([0xc7, 12, 0xff]);
            out.extend(nanos.to_be_bytes());
            out.extend(seconds.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(node: &Node) -> String {
        to_vec(node).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // What vmihailenco/msgpack 5.4.1 writes of the same values.
    #[test]
    fn forms_are_those_of_the_library() {
        let text = |text: &str| Node::Text(text.to_owned());
        for (node, form) in [
            (Node::Nil, "c0"),
            (Node::Sized(1, 8, true), "d001"),
            (Node::Sized(4, 8, false), "cc04"),
            (Node::Sized(80, 16, false), "cd0050"),
            (Node::Sized(1_000_000_000, 64, true), "d3000000003b9aca00"),
            (Node::Int(5), "05"),
            (Node::Int(-1), "ff"),
            (Node::Int(-129), "d1ff7f"),
            (Node::Int(70_000), "ce00011170"),
            (Node::Int(-70_000), "d2fffeee90"),
            (Node::Float32(28.5), "ca41e40000"),
            (Node::Float64(1.0), "cb3ff0000000000000"),
            (Node::Ip(Some("192.0.2.1".parse().unwrap())), "c4093139322e302e322e31"),
            (Node::Ip(None), "c0"),
            (Node::Time("2026-01-02T03:04:05Z".parse().unwrap()), "d6ff695735a5"),
            (Node::Time("2026-01-02T03:04:05.123456789Z".parse().unwrap()), "d7ff1d6f3454695735a5"),
            (
                Node::Map(vec![(text("Read"), Node::Bool(true)), (text("A"), Node::List(vec![text("é")]))]),
                "82a452656164c3a14191a2c3a9",
            ),
        ] {
            assert_eq!(hex(&node), form, "{node:?}");
        }
    }
}
