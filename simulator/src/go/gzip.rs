//! gzip (RFC 1952) without compression: what is made here is small and read by few.

/// The longest block, bytes.
const BLOCK: usize = 0xffff;

/// Bytes in a gzip file, as they are.
pub fn stored(bytes: &[u8]) -> Vec<u8> {
    // Deflate; no name, no time, an unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = bytes.len().div_ceil(BLOCK).max(1);
    for at in 0..blocks {
        let block = &bytes[at * BLOCK..bytes.len().min((at + 1) * BLOCK)];
        let length = block.len() as u16;
        out.push(u8::from(at + 1 == blocks));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend(crc(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// The CRC-32 of gzip.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn others_read_what_is_stored() {
        for length in [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(stored(&bytes).as_slice()).read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes);
        }
    }
}
