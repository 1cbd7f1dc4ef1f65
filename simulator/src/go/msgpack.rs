//! MessagePack as Go's `vmihailenco/msgpack` writes it: numbers of a declared width in that width, `int` and `uint` as short
//! as they can be, what has a text of its own as the bytes of that text; and what it reads.

use std::cell::Cell;

use jiff::Timestamp;

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

/// The value that some bytes begin with, lists and maps in each other no deeper than that, and no more values than that.
///
/// # Errors
/// Why they begin with none.
pub fn read(bytes: &[u8], depth: usize, values: usize) -> Result<Item, ReadError> {
    let values = Cell::new(values);
    item(&mut &*bytes, Room::new(depth, &values))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], ReadError> {
    let error = if rest.is_empty() { ReadError::End } else { ReadError::Early };
    rest.split_off(..count).ok_or(error)
}

fn number(rest: &mut &[u8], bytes: usize) -> Result<u64, ReadError> {
    Ok(take(rest, bytes)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn length(rest: &mut &[u8], bytes: usize) -> Result<usize, ReadError> {
    usize::try_from(number(rest, bytes)?).map_err(|_| ReadError::Early)
}

fn item(rest: &mut &[u8], room: Room<'_>) -> Result<Item, ReadError> {
    room.value()?;
    let first = number(rest, 1)? as u8;
    let small = usize::from(first);
    let value = match first {
        0xc0 => Packed::Nil,
        0xc2 | 0xc3 => Packed::Bool(first == 0xc3),
        0x00..=0x7f | 0xe0..=0xff => Packed::Int((first as i8).into()),
        0xcc..=0xcf => Packed::Int(number(rest, 1 << (first - 0xcc))?.into()),
        0xd0 => Packed::Int((number(rest, 1)? as i8).into()),
        0xd1 => Packed::Int((number(rest, 2)? as i16).into()),
        0xd2 => Packed::Int((number(rest, 4)? as i32).into()),
        0xd3 => Packed::Int((number(rest, 8)? as i64).into()),
        0xca => Packed::Float(f32::from_bits(number(rest, 4)? as u32).into()),
        0xcb => Packed::Float(f64::from_bits(number(rest, 8)?)),
        0xc4..=0xc6 => {
            let length = length(rest, 1 << (first - 0xc4))?;
            Packed::Bytes(take(rest, length)?.to_vec())
        }
        0xa0..=0xbf => text(rest, small & 31)?,
        0xd9..=0xdb => {
            let length = length(rest, 1 << (first - 0xd9))?;
            text(rest, length)?
        }
        0x90..=0x9f => list(rest, small & 15, room)?,
        0xdc | 0xdd => {
            let length = length(rest, 2 << (first - 0xdc))?;
            list(rest, length, room)?
        }
        0x80..=0x8f => map(rest, small & 15, room)?,
        0xde | 0xdf => {
            let length = length(rest, 2 << (first - 0xde))?;
            map(rest, length, room)?
        }
        0xd4..=0xd8 => instant(rest, 1 << (first - 0xd4))?,
        0xc7..=0xc9 => {
            let length = length(rest, 1 << (first - 0xc7))?;
            instant(rest, length)?
        }
        0xc1 => return Err(ReadError::Invalid),
    };
    Ok(Item { first, value })
}

fn text(rest: &mut &[u8], length: usize) -> Result<Packed, ReadError> {
    Ok(Packed::Text(String::from_utf8_lossy(take(rest, length)?).into_owned()))
}

fn list(rest: &mut &[u8], length: usize, room: Room<'_>) -> Result<Packed, ReadError> {
    let (room, mut list) = (room.within()?, Vec::new());
    while list.len() < length {
        list.push(item(rest, room)?);
    }
    Ok(Packed::List(list))
}

fn map(rest: &mut &[u8], length: usize, room: Room<'_>) -> Result<Packed, ReadError> {
    let (room, mut map) = (room.within()?, Vec::new());
    while map.len() < length {
        let key = item(rest, room)?;
        map.push((key, item(rest, room)?));
    }
    Ok(Packed::Map(map))
}

/// What extends the form: instants, and nothing else here.
fn instant(rest: &mut &[u8], length: usize) -> Result<Packed, ReadError> {
    let kind = number(rest, 1)? as u8;
    let at = match (kind, length) {
        (0xff, 4) => Timestamp::from_second(number(rest, 4)? as i64),
        (0xff, 8) => {
            let both = number(rest, 8)?;
            Timestamp::new((both & ((1 << 34) - 1)) as i64, (both >> 34) as i32)
        }
        (0xff, 12) => {
            let nanoseconds = number(rest, 4)? as i32;
            Timestamp::new(number(rest, 8)? as i64, nanoseconds)
        }
        _ => return Err(ReadError::Invalid),
    };
    at.map(Packed::Time).map_err(|_| ReadError::Invalid)
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
