//! Base 58 in Bitcoin's alphabet.

use crate::limits;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The text of some bytes.
pub fn encode(bytes: &[u8]) -> String {
    let digits = turned(bytes.iter().copied(), 256, 58);
    digits.into_iter().map(|digit| char::from(ALPHABET[usize::from(digit)])).collect()
}

/// The bytes of a text.
///
/// # Errors
/// With the reason, where it is none.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > limits::BASE58 {
        return Err(format!("provided string is longer than {} bytes", limits::BASE58));
    }
    let digit = |(at, c): (usize, char)| {
        let digit = ALPHABET.iter().position(|one| char::from(*one) == c).map(|digit| digit as u8);
        digit.ok_or_else(|| format!("provided string contained invalid character {c:?} at byte {at}"))
    };
    let digits: Vec<u8> = text.char_indices().map(digit).collect::<Result<_, _>>()?;
    Ok(turned(digits.into_iter(), 58, 256))
}

/// The digits of a number in another base, and as many zeros in front.
fn turned(digits: impl Iterator<Item = u8>, from: u32, to: u32) -> Vec<u8> {
    let (mut turned, mut zeros) = (Vec::new(), 0);
    for digit in digits {
        if digit == 0 && turned.is_empty() {
            zeros += 1;
            continue;
        }
        let mut carry = u32::from(digit);
        for place in &mut turned {
            carry += u32::from(*place) * from;
            (*place, carry) = ((carry % to) as u8, carry / to);
        }
        while carry > 0 {
            turned.push((carry % to) as u8);
            carry /= to;
        }
    }
    turned.extend(std::iter::repeat_n(0, zeros));
    turned.reverse();
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_read_and_written() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"\0", "1"),
            (b"hello world", "StV1DL6CwTryKyV"),
            (b"\0\0\x28\x7f\xb4\xcd", "11233QC4"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Ok(bytes));
        }
        let wrong = "provided string contained invalid character 'I' at byte 2";
        assert_eq!(decode("StI"), Err(wrong.to_owned()));
        assert!(decode(&"z".repeat(2_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }
    }
}
