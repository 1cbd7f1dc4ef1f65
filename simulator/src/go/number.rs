//! Numbers and truth values as Go's `strconv` reads them, with its errors' texts.

use super::quote::quote;

/// Reads a decimal integer as `strconv.ParseInt(text, 10, 64)`.
pub fn int(text: &str) -> Result<i64, String> {
    let error = |why: &str| format!("strconv.ParseInt: parsing {}: {why}", quote(text));
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error("invalid syntax"));
    }
    text.parse().map_err(|_| error("value out of range"))
}

/// Reads a float as `strconv.ParseFloat(text, 64)`: decimal, hexadecimal, infinite or not a number.
pub fn float(text: &str) -> Result<f64, String> {
    let error = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", quote(text));
    let Some(plain) = without_underscores(text) else { return Err(error("invalid syntax")) };
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let lower = unsigned.to_ascii_lowercase();
    let value = if matches!(lower.as_str(), "inf" | "infinity") {
        return Ok(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    } else if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    } else if let Some(hex) = lower.strip_prefix("0x") {
        hexadecimal(hex).map(|size| if text.starts_with('-') { -size } else { size })
    } else if unsigned.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) {
        plain.parse().ok()
    } else {
        None
    };
    match value {
        None => Err(error("invalid syntax")),
        Some(value) if value.is_infinite() => Err(error("value out of range")),
        Some(value) => Ok(value),
    }
}

/// The text of a float without underscores; `None` where one does not stand between digits or after `0x`.
fn without_underscores(text: &str) -> Option<String> {
    let lower = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    let hex = lower.starts_with("0x");
    let digit = |byte: u8| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let bytes = lower.as_bytes();
    for (at, _) in lower.match_indices('_') {
        let after_prefix = hex && at == 2;
        let before = at > 0 && digit(bytes[at - 1]);
        if !(before || after_prefix) || !bytes.get(at + 1).is_some_and(|byte| digit(*byte)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Reads what follows `0x`: `1p0`, `1.8p-3`. Bits beyond those of a float are cut off.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let mut exponent: i32 = exponent.parse::<i32>().ok()?.clamp(-100_000, 100_000);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut mantissa = 0_u64;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    for (at, char) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(char.to_digit(16)?);
        let full = mantissa >> 60 != 0;
        if full {
            exponent = exponent.saturating_add(4);
        } else {
            mantissa = mantissa << 4 | digit;
        }
        if at >= whole.len() {
            exponent = exponent.saturating_sub(4);
        }
    }
    // In two steps, so that small results are not lost on the way.
    let half = exponent / 2;
    Some(mantissa as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half))
}

/// Reads a truth value as `strconv.ParseBool`.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal() {
        assert_eq!((int("-5"), int("+1"), int("007")), (Ok(-5), Ok(1), Ok(7)));
        for text in ["", "-", "1.5", "0x1", "1_0", " 1"] {
            assert_eq!(int(text), Err(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")));
        }
        assert_eq!(
            int("99999999999999999999"),
            Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range".to_owned())
        );
    }

    #[test]
    fn floats_have_many_forms() {
        for (text, value) in [
            ("15e-1", 1.5),
            ("-.5", -0.5),
            ("0x1p0", 1.0),
            ("-0X1.8p1", -3.0),
            ("+inf", f64::INFINITY),
            ("1.", 1.0),
            ("1_0", 10.0),
            ("1e1_0", 1e10),
            ("0x_1p0", 1.0),
        ] {
            assert_eq!(float(text), Ok(value), "{text}");
        }
        assert!(float("NaN").unwrap().is_nan());
        for text in [
            "", "banana", "_1", "1_", "1__0", "1_.5", "1._5", "1_e1", "in_f", "0x1", "+nan", "1e", ".",
            "inf1",
        ] {
            assert!(float(text).unwrap_err().ends_with("invalid syntax"), "{text}");
        }
        assert_eq!(
            float("1e999"),
            Err("strconv.ParseFloat: parsing \"1e999\": value out of range".to_owned())
        );
    }
}
