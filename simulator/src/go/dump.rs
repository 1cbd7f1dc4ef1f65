//! Bytes as cores show them in messages: the first line of Go's `hex.Dump`, without the offset.

use std::fmt::Write as _;

/// Bytes on a line.
const LINE: usize = 16;

/// Up to sixteen bytes in hexadecimal, then as text; `<empty>` if there are none.
pub fn first_line(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "<empty>".to_owned();
    }
    let line = &bytes[..bytes.len().min(LINE)];
    let mut hex = String::with_capacity(3 * LINE);
    for (at, byte) in line.iter().enumerate() {
        hex.push_str(match at {
            0 => "",
            8 => "  ",
            _ => " ",
        });
        _ = write!(hex, "{byte:02x}");
    }
    let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
    let text: String = line.iter().map(shown).collect();
    format!("{hex:<48}  |{text}|")
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn lines_have_two_columns() {
        assert_eq!(first_line(b""), "<empty>");
        assert_eq!(first_line(b"{"), format!("7b{}|{{|", " ".repeat(48)));
        assert_eq!(
            first_line(b"{\"ID\":5}"),
            format!("7b 22 49 44 22 3a 35 7d{}|{{\"ID\":5}}|", " ".repeat(27))
        );
        assert_eq!(
            first_line(b"0123456789abcdef\x01more"),
            "30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|"
        );
    }
}
