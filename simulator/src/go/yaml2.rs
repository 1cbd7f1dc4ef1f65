//! YAML as Go's `yaml.v2` writes what was JSON: members sorted, two blanks a level, lists not indented, and lines broken
//! behind the eightieth column.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{
    json,
    yaml::{is_plain, reads_as_something_else},
};

/// Blanks a level.
const STEP: usize = 2;

/// The column behind which a line is broken at the next blank.
const WIDTH: usize = 80;

/// Writes a structure.
pub fn to_string(value: &Value) -> String {
    let mut writer = Writer::default();
    match value {
        Value::Object(members) if !members.is_empty() => writer.mapping(members, 0, true),
        Value::Array(elements) if !elements.is_empty() => writer.sequence(elements, 0, true),
        other => {
            writer.scalar(other, STEP);
            writer.put("\n");
        }
    }
    writer.out
}

/// What is written, and how many characters of the last line.
#[derive(Default)]
struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column = match text.rfind('\n') {
            Some(at) => text[at + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
    }

    fn line(&mut self, indent: usize) {
        self.put("\n");
        self.put(&" ".repeat(indent));
    }

    /// Members, one a line; the first goes on the line that has begun if `inline`.
    fn mapping(&mut self, members: &Map<String, Value>, indent: usize, inline: bool) {
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_by(|a, b| order(a.0, b.0));
        for (at, (name, value)) in sorted.into_iter().enumerate() {
            if at > 0 || !inline {
                self.put(&" ".repeat(indent));
            }
            self.text(name, None);
            self.put(":");
            match value {
                Value::Object(members) if !members.is_empty() => {
                    self.put("\n");
                    self.mapping(members, indent + STEP, false);
                }
                Value::Array(elements) if !elements.is_empty() => {
                    self.put("\n");
                    self.sequence(elements, indent, false);
                }
                other => {
                    self.put(" ");
                    self.scalar(other, indent + STEP);
                    self.put("\n");
                }
            }
        }
    }

    fn sequence(&mut self, elements: &[Value], indent: usize, inline: bool) {
        for (at, value) in elements.iter().enumerate() {
            if at > 0 || !inline {
                self.put(&" ".repeat(indent));
            }
            self.put("- ");
            match value {
                Value::Object(members) if !members.is_empty() => self.mapping(members, indent + STEP, true),
                Value::Array(inner) if !inner.is_empty() => self.sequence(inner, indent + STEP, true),
                other => {
                    self.scalar(other, indent + STEP);
                    self.put("\n");
                }
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.text(text, Some(indent)),
            Value::Number(number) => self.put(&shown(number)),
            other => self.put(&other.to_string()),
        }
    }

    /// A text; one that is a key, without an indent, stays on its line.
    fn text(&mut self, text: &str, indent: Option<usize>) {
        let special = text.chars().any(|char| !is_printable(char));
        let broken = text.contains('\n');
        let another = text != "<<" && reads_as_something_else(text);
        if let (true, Some(indent)) = (broken && !special && !another && is_block(text), indent) {
            self.block(text, indent);
        } else if special || broken || another || text.is_empty() {
            self.double_quoted(text, indent);
        } else if is_plain(text) {
            self.folded(text, indent, |_, _| true);
        } else {
            self.put("'");
            let last = text.chars().count() - 1;
            self.folded(text, indent, |at, _| at > 0 && at < last);
            self.put("'");
        }
    }

    /// A text on one line, or on several where a line is long: plain, or within single quotes if those are doubled.
    fn folded(&mut self, text: &str, indent: Option<usize>, may: impl Fn(usize, char) -> bool) {
        let quoted = self.out.ends_with('\'');
        let mut before = None;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, char)) = chars.next() {
            let alone = before != Some(' ') && chars.peek().is_none_or(|(_, next)| *next != ' ');
            match indent {
                Some(indent) if char == ' ' && alone && self.column > WIDTH && may(at, char) => {
                    self.line(indent);
                }
                _ if char == '\'' && quoted => self.put("''"),
                _ => self.put(char.encode_utf8(&mut [0; 4])),
            }
            before = Some(char);
        }
    }

    fn double_quoted(&mut self, text: &str, indent: Option<usize>) {
        self.put("\"");
        let last = text.chars().count().saturating_sub(1);
        let mut before = None;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, char)) = chars.next() {
            match indent {
                Some(indent)
                    if char == ' '
                        && before != Some(' ')
                        && self.column > WIDTH
                        && (1..last).contains(&at) =>
                {
                    self.line(indent);
                    if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put("\\");
                    }
                }
                _ => self.put(&escaped(char)),
            }
            before = Some(char);
        }
        self.put("\"");
    }

    fn block(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        self.put(match text {
            text if !text.ends_with('\n') => "-",
            text if text.ends_with("\n\n") || text == "\n" => "+",
            _ => "",
        });
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.put("\n");
            if !line.is_empty() {
                self.put(&" ".repeat(indent));
                self.put(line);
            }
        }
    }
}

/// Whether a text of several lines keeps its blanks in a block.
fn is_block(text: &str) -> bool {
    !text.ends_with(' ') && !text.contains(" \n")
}

fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}')
        && !matches!(char, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

fn escaped(char: char) -> String {
    match char {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        other if is_printable(other) => other.to_string(),
        other => match u32::from(other) {
            code @ ..=0xff => format!("\\x{code:02X}"),
            code @ ..=0xffff => format!("\\u{code:04X}"),
            code => format!("\\U{code:08X}"),
        },
    }
}

/// A number: whole ones in full, others with an exponent from a million on.
fn shown(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let whole = json::float(float);
    if whole.parse::<i64>().is_ok() || whole.parse::<u64>().is_ok() {
        return whole;
    }
    let scientific = format!("{float:e}");
    match scientific.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => float.to_string(),
    }
}

/// The order of members: as people sort, numbers in texts by their value, and what is no letter before letters.
fn order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (left, right) = (a[at], b[at]);
    match (left.is_alphabetic(), right.is_alphabetic()) {
        (true, true) => return left.cmp(&right),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A nought behind another digit is part of a number that has begun.
    let begun = (left == '0' || right == '0')
        && a[..at].iter().rev().take_while(|char| char.is_ascii_digit()).any(|char| *char != '0');
    let number = |chars: &[char]| {
        let digits = chars[at..].iter().take_while(|char| char.is_ascii_digit());
        digits.fold((i64::from(begun), at), |(value, end), digit| {
            (value.wrapping_mul(10).wrapping_add(i64::from(u32::from(*digit) - 48)), end + 1)
        })
    };
    number(&a).cmp(&number(&b)).then(left.cmp(&right))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // What ghodss/yaml 1.0.0 with yaml.v2 2.4.0 writes.
    #[test]
    fn texts_are_quoted_where_go_quotes_them() {
        let texts = json!([
            "yes", "tRue", "12", "1_000", "12:30", "12:99", "2026-01-02", "192.0.2.1", "", "a: b", "it's",
            "'x", "- x", "a\nb", "a\n", "a\n\n", "\na", " a", "a \nb", "x:", "#ffffff", "a\tb", "\u{1}",
            "\u{7f}", "\u{feff}", "a\\b", "~", "1e3", "<<", "08", "+ example.com"
        ]);
        let expected = "- \"yes\"\n- tRue\n- \"12\"\n- \"1_000\"\n- \"12:30\"\n- 12:99\n- \"2026-01-02\"\n- 192.0.2.1\n- \"\"\n\
            - 'a: b'\n- it's\n- '''x'\n- '- x'\n- |-\n  a\n  b\n- |\n  a\n- |+\n  a\n\n- |2-\n\n  a\n- ' a'\n- \"a \\nb\"\n- 'x:'\n\
            - '#ffffff'\n- \"a\\tb\"\n- \"\\x01\"\n- \"\\x7F\"\n- \"\\uFEFF\"\n- a\\b\n- \"~\"\n- \"1e3\"\n- <<\n- \"08\"\n\
            - + example.com\n";
        assert_eq!(to_string(&texts), expected);
    }

    #[test]
    fn numbers_and_structures_are_as_go_writes_them() {
        let value = json!({
            "numbers": [1, 1.5, 1_234_567.5, 0.00001, 1e21, 21_742_903_296.0],
            "nested": [[], [[1, 2], [3]], { "a": 1, "b": [] }, { "c": { "d": [1] } }],
        });
        let expected = "nested:\n- []\n- - - 1\n    - 2\n  - - 3\n- a: 1\n  b: []\n- c:\n    d:\n    - 1\n\
            numbers:\n- 1\n- 1.5\n- 1.2345675e+06\n- 1e-05\n- 1e+21\n- 21742903296\n";
        assert_eq!(to_string(&value), expected);
    }

    #[test]
    fn members_are_sorted_as_people_sort() {
        let value = json!({ "k": 0, "__": 0, "AD": 0, "a10": 0, "a9": 0, "_x": 0, "1": 0, "10": 0, "2": 0 });
        let names: Vec<String> = to_string(&value)
            .lines()
            .map(|line| line[..line.len() - 3].trim_matches('"').to_owned())
            .collect();
        assert_eq!(names, ["__", "_x", "1", "2", "10", "AD", "a9", "a10", "k"]);
    }

    #[test]
    fn long_lines_are_broken() {
        let words =
            "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll mmmm nnnn oooo pppp qqqq rrrr";
        assert_eq!(
            to_string(&json!({ "long": words, "single": format!("it: {words}") })),
            "long: aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll mmmm nnnn oooo pppp\n  qqqq rrrr\n\
             single: 'it: aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll mmmm nnnn\n  oooo pppp qqqq rrrr'\n"
        );
    }
}
