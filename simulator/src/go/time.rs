//! Reading RFC 3339 times, with the core's words for what is wrong.

use std::fmt::Write as _;

use jiff::{SignedDuration, civil};

/// The layout that messages quote.
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// A time as the tables store it, `YYYY-MM-DD HH:MM:SS` in UTC, from RFC 3339; fractions of a second are dropped.
pub fn stored_form(text: &str) -> Result<String, String> {
    let time = parse(text)?;
    Ok(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Unix seconds of an RFC 3339 time; fractions of a second are dropped.
///
/// # Errors
/// With the core's words.
pub fn unix_seconds(text: &str) -> Result<i64, String> {
    let time = parse(text)?;
    Ok(time.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_secs())
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a [u8],
}

impl Reader<'_> {
    fn cannot(&self, rest: &[u8], element: &str) -> String {
        format!(
            "parsing time {} as \"{LAYOUT}\": cannot parse {} as \"{element}\"",
            quote(self.whole),
            quote(rest)
        )
    }

    fn out_of_range(&self, what: &str) -> String {
        format!("parsing time {}: {what} out of range", quote(self.whole))
    }

    /// Digits, as many as `at_most`, at least `at_least`.
    fn number(&mut self, element: &str, at_least: usize, at_most: usize) -> Result<i64, String> {
        let digits = self.rest.iter().take(at_most).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < at_least {
            return Err(self.cannot(self.rest, element));
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Ok(number.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    fn within(&self, value: i64, range: std::ops::Range<i64>, what: &str) -> Result<i64, String> {
        if range.contains(&value) { Ok(value) } else { Err(self.out_of_range(what)) }
    }

    fn separator(&mut self, expected: u8) -> Result<(), String> {
        if self.rest.first() != Some(&expected) {
            return Err(self.cannot(self.rest, (expected as char).encode_utf8(&mut [0; 4])));
        }
        self.rest = &self.rest[1..];
        Ok(())
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Result<i64, String> {
        let here = self.rest;
        if here.first() == Some(&b'Z') {
            self.rest = &here[1..];
            return Ok(0);
        }
        let digits = |from: usize| -> Option<i64> {
            let pair = here.get(from..from + 2)?;
            pair.iter()
                .all(u8::is_ascii_digit)
                .then(|| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
        };
        let sign = match here.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => 0,
        };
        let (Some(hours), Some(b':'), Some(minutes)) = (digits(1), here.get(3), digits(4)) else {
            return Err(self.cannot(here, "Z07:00"));
        };
        self.rest = &here[6..];
        self.within(hours, 0..25, "time zone offset hour")?;
        self.within(minutes, 0..61, "time zone offset minute")?;
        if sign == 0 {
            return Err(self.cannot(here, "Z07:00"));
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

fn parse(text: &str) -> Result<civil::DateTime, String> {
    let mut reader = Reader { whole: text, rest: text.as_bytes() };
    let year = reader.number("2006", 4, 4)?;
    reader.separator(b'-')?;
    let month = reader.number("01", 2, 2)?;
    let month = reader.within(month, 1..13, "month")?;
    reader.separator(b'-')?;
    let day = reader.number("02", 2, 2)?;
    reader.separator(b'T')?;
    let hour = reader.number("15", 1, 2)?;
    let hour = reader.within(hour, 0..24, "hour")?;
    reader.separator(b':')?;
    let minute = reader.number("04", 2, 2)?;
    let minute = reader.within(minute, 0..60, "minute")?;
    reader.separator(b':')?;
    let second = reader.number("05", 2, 2)?;
    let second = reader.within(second, 0..60, "second")?;
    if let [b'.' | b',', b'0'..=b'9', ..] = reader.rest {
        let digits = reader.rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        reader.rest = &reader.rest[1 + digits..];
    }
    let east = reader.offset()?;
    if !reader.rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(text), quote(reader.rest)));
    }
    // The ranges above make every conversion below exact; only the day depends on the month.
    let fits = |value: i64| i8::try_from(value).unwrap_or_default();
    let day_error = |_| reader.out_of_range("day");
    let date = civil::Date::new(i16::try_from(year).unwrap_or_default(), fits(month), fits(day))
        .map_err(day_error)?;
    let local = date.at(fits(hour), fits(minute), fits(second), 0);
    Ok(local.saturating_sub(SignedDuration::from_secs(east)))
}

/// Quotes as the messages of Go's package `time` do: everything outside printable ASCII as bytes.
pub fn quote(text: impl AsRef<[u8]>) -> String {
    let mut out = String::from("\"");
    for &byte in text.as_ref() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(byte as char);
            }
            b' '..0x80 => out.push(byte as char),
            _ => _ = write!(out, "\\x{byte:02x}"),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions() {
        for (text, stored) in [
            ("2026-06-01T12:00:00Z", "2026-06-01 12:00:00"),
            ("2026-06-01T11:00:00+01:00", "2026-06-01 10:00:00"),
            ("2026-06-01T23:30:00.999-01:00", "2026-06-02 00:30:00"),
            ("2026-06-01T9:00:00Z", "2026-06-01 09:00:00"),
            ("0000-01-01T00:00:00Z", "0000-01-01 00:00:00"),
        ] {
            assert_eq!(stored_form(text).unwrap(), stored);
        }
    }

    #[test]
    fn errors() {
        let prefix = "as \"2006-01-02T15:04:05Z07:00\": cannot parse";
        for (text, rest) in [
            ("yesterday", format!("{prefix} \"yesterday\" as \"2006\"")),
            ("", format!("{prefix} \"\" as \"2006\"")),
            ("2026-06-01", format!("{prefix} \"\" as \"T\"")),
            ("2026-06-01 12:00:00", format!("{prefix} \" 12:00:00\" as \"T\"")),
            ("2026-06-01T12:00:00", format!("{prefix} \"\" as \"Z07:00\"")),
            ("2026-06-01T12:00:00+0200", format!("{prefix} \"+0200\" as \"Z07:00\"")),
            ("2026-6-01T12:00:00Z", format!("{prefix} \"6-01T12:00:00Z\" as \"01\"")),
        ] {
            assert_eq!(stored_form(text).unwrap_err(), format!("parsing time \"{text}\" {rest}"));
        }
        for (text, what) in [
            ("2026-13-01T12:00:00Z", "month out of range"),
            ("2026-06-31T12:00:00Z", "day out of range"),
            ("2026-06-01T25:00:00Z", "hour out of range"),
            ("2026-06-01T12:00:00Zx", "extra text: \"x\""),
        ] {
            assert_eq!(stored_form(text).unwrap_err(), format!("parsing time \"{text}\": {what}"));
        }
    }
}
