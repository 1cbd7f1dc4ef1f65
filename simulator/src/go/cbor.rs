//! CBOR as Go's `fxamacker/cbor` writes it: definite lengths, members in their order, instants as whole seconds; and what it
//! reads where JSON is wanted.

use std::{cell::Cell, net::IpAddr};

use super::{
    packed::{Item, Packed, ReadError, Room},
    tree::Node,
};

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

/// The value that some bytes are, lists and maps in each other no deeper than that, and no more values than that.
///
/// # Errors
/// Why they are none.
pub fn read(bytes: &[u8], depth: usize, values: usize) -> Result<Item, ReadError> {
    if bytes.is_empty() {
        return Err(ReadError::End);
    }
    let mut rest = bytes;
    let values = Cell::new(values);
    let item = item(&mut rest, Room::new(depth, &values))?;
    if rest.is_empty() { Ok(item) } else { Err(ReadError::Extra(rest.len(), bytes.len() - rest.len())) }
}

fn take<'a>(rest: &mut &'a [u8], count: u64) -> Result<&'a [u8], ReadError> {
    let count = usize::try_from(count).map_err(|_| ReadError::Early)?;
    rest.split_off(..count).ok_or(ReadError::Early)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The first byte, and its argument.
fn begin(rest: &mut &[u8]) -> Result<(u8, u64), ReadError> {
    let first = number(take(rest, 1)?) as u8;
    let (major, info) = (first >> 5, first & 31);
    match info {
        0..24 => Ok((first, info.into())),
        24..28 => Ok((first, number(take(rest, 1 << (info - 24))?))),
        // Of no length that is said, up to a break.
        31 if matches!(major, 2..=5) => Ok((first, u64::MAX)),
        31 if major == 7 => Err(ReadError::Break),
        _ => Err(ReadError::Argument(major, info)),
    }
}

fn item(rest: &mut &[u8], room: Room<'_>) -> Result<Item, ReadError> {
    room.value()?;
    let (first, argument) = begin(rest)?;
    let (major, info) = (first >> 5, first & 31);
    let more = |rest: &mut &[u8], had: usize| match info {
        31 if rest.first() == Some(&0xff) => {
            *rest = &rest[1..];
            false
        }
        _ => had as u64 != argument,
    };
    let value = match (major, info) {
        (0, _) => Packed::Int(argument.into()),
        (1, _) => Packed::Int(-1 - i128::from(argument)),
        (2, _) => Packed::Bytes(string(rest, first, argument)?),
        (3, _) => {
            Packed::Text(String::from_utf8(string(rest, first, argument)?).map_err(|_| ReadError::Invalid)?)
        }
        (4, _) => {
            let (room, mut list) = (room.within()?, Vec::new());
            while more(rest, list.len()) {
                list.push(item(rest, room)?);
            }
            Packed::List(list)
        }
        (5, _) => {
            let (room, mut map) = (room.within()?, Vec::new());
            while more(rest, map.len()) {
                let key = item(rest, room)?;
                map.push((key, item(rest, room)?));
            }
            Packed::Map(map)
        }
        // What a tag says of a value hardly counts.
        (6, _) => return item(rest, room.within()?),
        (7, 20 | 21) => Packed::Bool(info == 21),
        (7, 22 | 23) => Packed::Nil,
        (7, 25) => Packed::Float(half(argument as u16)),
        (7, 26) => Packed::Float(f32::from_bits(argument as u32).into()),
        (7, 27) => Packed::Float(f64::from_bits(argument)),
        _ => return Err(ReadError::Invalid),
    };
    Ok(Item { first, value })
}

/// Bytes or a text of a length, or of parts up to a break.
fn string(rest: &mut &[u8], first: u8, length: u64) -> Result<Vec<u8>, ReadError> {
    if first & 31 < 31 {
        return Ok(take(rest, length)?.to_vec());
    }
    let mut whole = Vec::new();
    while rest.first() != Some(&0xff) {
        let (part, length) = begin(rest)?;
        if part >> 5 != first >> 5 || part & 31 == 31 {
            return Err(ReadError::Invalid);
        }
        whole.extend(take(rest, length)?);
    }
    take(rest, 1)?;
    Ok(whole)
}

/// A number of sixteen bits (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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

    // The examples of RFC 8949, appendix A, and what is none.
    #[test]
    fn what_json_has_is_read() {
        let read = |hex: &str| {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            read(&bytes.collect::<Vec<_>>(), 2, 8).map(|item| Value::from(item.value))
        };
        for (form, value) in [
            ("1b000000e8d4a51000", json!(1_000_000_000_000_u64)),
            ("1bffffffffffffffff", json!(u64::MAX)),
            ("3903e7", json!(-1000)),
            ("f93c00", json!(1.0)),
            ("f90001", json!(5.960_464_477_539_063e-8)),
            ("f9c400", json!(-4.0)),
            ("f97c00", json!(null)),
            ("fa47c35000", json!(100_000.0)),
            ("fbc010666666666666", json!(-4.1)),
            ("f4", json!(false)),
            ("f7", json!(null)),
            ("62c3bc", json!("ü")),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("9f018202039f0405ffff", json!([1, [2, 3], [4, 5]])),
            ("bf61610161629f0203ffff", json!({ "a": 1, "b": [2, 3] })),
            ("826161a161626163", json!(["a", { "b": "c" }])),
            ("4101", json!("AQ==")),
            ("5f42010243030405ff", json!("AQIDBAU=")),
            ("a101f4", json!({ "1": false })),
            ("c11a514b67b0", json!(1_363_896_240)),
        ] {
            assert_eq!(read(form), Ok(value), "{form}");
        }
        for (form, error) in [
            ("", ReadError::End),
            ("19", ReadError::Early),
            ("7b7fffffffffffffff", ReadError::Early),
            ("9bffffffffffffffff", ReadError::Early),
            ("bf6161", ReadError::Early),
            ("7f6161", ReadError::Early),
            ("1c", ReadError::Argument(0, 28)),
            ("1f", ReadError::Argument(0, 31)),
            ("ff", ReadError::Break),
            ("8000", ReadError::Extra(1, 1)),
            ("61ff", ReadError::Invalid),
            ("f818", ReadError::Invalid),
            ("818181f4", ReadError::Invalid),
            ("88f6f6f6f6f6f6f6f6", ReadError::Many),
            ("bf0102030405060708ff", ReadError::Many),
            ("7f7f6161ffff", ReadError::Invalid),
        ] {
            assert_eq!(read(form), Err(error), "{form}");
        }
    }
}
