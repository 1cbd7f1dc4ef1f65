//! YAML as Go's `yaml.v2` reads it, words and all, on the way to JSON.
//!
//! The events come from a parser of YAML 1.2; what they mean is YAML 1.1's, as in the cores: `yes` is true, `012` is ten, of
//! two members of one name the last counts, and what follows the first document is not looked at.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Map, Number, Value};

use super::quote::quote;
use crate::limits;

/// What the tags of YAML itself begin with.
const STANDARD_TAGS: &str = "tag:yaml.org,2002:";

/// Reads the first document of a text as JSON, with members sorted; nothing is null.
///
/// # Errors
/// What Go's converter says, without its first words.
pub fn read(body: &[u8]) -> Result<Value, String> {
    let wrong = |error: &str| format!("yaml: {error}");
    let text = std::str::from_utf8(body).map_err(|_| wrong("invalid leading UTF-8 octet"))?;
    if text.chars().any(|char| char.is_control() && !"\t\r\n\u{85}".contains(char)) {
        return Err(wrong("control characters are not allowed"));
    }
    if let Some(error) = tab_before_all(text) {
        return Err(wrong(&error));
    }
    let options = granit_parser::options! {
        emit_comments: false,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, _) = next.map_err(|error| wrong(&said(&error, text)))?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event)?;
    }
    json(builder.root.unwrap_or(Node::Null))
}

/// A tab where the first line begins starts no token.
fn tab_before_all(text: &str) -> Option<String> {
    let at =
        text.find(|char| !matches!(char, ' ' | '\n' | '\r')).filter(|at| text[*at..].starts_with('\t'))?;
    Some(scanner(text[..at].matches('\n').count(), "found character that cannot start any token"))
}

/// An error of the scanner, whose lines count from one and are not told for the first.
fn scanner(line: usize, what: &str) -> String {
    if line == 0 { what.to_owned() } else { format!("line {}: {what}", line + 1) }
}

/// An error of the parser, whose lines count from nought and are not told for the first.
fn parser(line: usize, what: &str) -> String {
    if line == 0 { what.to_owned() } else { format!("line {line}: {what}") }
}

/// What Go's parser says where ours finds an error.
fn said(error: &ScanError, text: &str) -> String {
    let line = error.marker().line().saturating_sub(1);
    // At the end the next line has begun.
    let breaks = text.matches('\n').count();
    let end = breaks + usize::from(!text.ends_with('\n'));
    let content = "did not find expected node content";
    // In brackets, what comes last says whether a value or the next of several was due.
    let in_brackets = |before: &str, open: char, line: usize| {
        let awaits = before.trim_end().chars().next_back().is_none_or(|last| "[{,:".contains(last));
        let close =
            if open == '[' { "did not find expected ',' or ']'" } else { "did not find expected ',' or '}'" };
        parser(line, if awaits { content } else { close })
    };
    let before = || {
        let at = error.marker().index();
        text.chars().take(at).collect::<String>()
    };
    // What was due in the innermost bracket, or else outside of all.
    let in_flow = |line: usize, outside: &str| {
        let what = match open_bracket(&before()) {
            Some('[') => "did not find expected ',' or ']'",
            Some(_) => "did not find expected ',' or '}'",
            None => outside,
        };
        parser(line, what)
    };
    match error.kind() {
        ErrorKind::UnclosedFlowCollection { open } => in_brackets(text, *open, end),
        ErrorKind::MismatchedFlowCollectionEnd { open, .. } => {
            let before = before();
            let before = before.trim_end_matches([']', '}']);
            in_brackets(before, *open, line)
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            let before = before();
            let awaits = before.trim_end().chars().next_back().is_none_or(|last| last == ':');
            parser(line, if awaits { content } else { "did not find expected key" })
        }
        ErrorKind::ExpectedNodeContent | ErrorKind::UnexpectedEofImplicitFlowMapping => parser(line, content),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            let before = before();
            let own = before.lines().next_back().unwrap_or_default().trim_start();
            let is_entry = own.starts_with("- ") && !own.contains(": ");
            in_flow(
                line,
                if is_entry { "did not find expected '-' indicator" } else { "did not find expected key" },
            )
        }
        ErrorKind::ExpectedFlowSequenceSeparator => parser(line, "did not find expected ',' or ']'"),
        ErrorKind::ExpectedFlowMappingSeparator => parser(line, "did not find expected ',' or '}'"),
        ErrorKind::ExpectedBlockMappingKey => parser(line, "did not find expected key"),
        ErrorKind::ExpectedBlockSequenceEntry => parser(line, "did not find expected '-' indicator"),
        ErrorKind::UnclosedQuotedScalar => scanner(breaks, "found unexpected end of stream"),
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation => scanner(line, "found character that cannot start any token"),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            // That is noticed where the next word begins. Behind a plain one, a comment is looked at, too.
            let own = text.lines().nth(line).unwrap_or_default().trim_start();
            let is_plain = !own.starts_with(['"', '\'', '[', '{', '&', '*']);
            let counts = |line: &str| !line.is_empty() && (is_plain || !line.starts_with('#'));
            let next = text.lines().skip(line + 1).position(|line| counts(line.trim()));
            scanner(next.map_or(end, |after| line + 1 + after), "could not find expected ':'")
        }
        ErrorKind::TabInPlainScalar => {
            let indented = |line: &str| line[..line.len() - line.trim_start().len()].contains('\t');
            let at = text.lines().skip(line).position(indented).unwrap_or_default();
            scanner(line + at, "found a tab character that violates indentation")
        }
        ErrorKind::InvalidColonPlacement => in_flow(line, "did not find expected key"),
        ErrorKind::InvalidQuotedScalarHexEscape => scanner(line, "did not find expected hexdecimal number"),
        ErrorKind::UnsupportedYamlMajorVersion => parser(line, "found incompatible YAML document"),
        other => {
            let whole = other.to_string();
            let what = whole.split_once(", ").map_or(whole.as_str(), |(_, what)| what);
            scanner(line, what)
        }
    }
}

/// The bracket that is open at the end of a text; what is in quotes is none.
fn open_bracket(text: &str) -> Option<char> {
    let (mut open, mut quoted) = (Vec::new(), None);
    for char in text.chars() {
        match char {
            '"' | '\'' if quoted == Some(char) => quoted = None,
            '"' | '\'' if quoted.is_none() => quoted = Some(char),
            '[' | '{' if quoted.is_none() => open.push(char),
            ']' | '}' if quoted.is_none() => _ = open.pop(),
            _ => {}
        }
    }
    open.pop()
}

/// A value of YAML, with the keys of its mappings as they are.
#[derive(Clone, Debug)]
enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// The mark of a mapping whose members join the one that it is in.
    Merge,
}

/// A collection that is being read.
struct Open {
    anchor: usize,
    is_map: bool,
    items: Vec<Node>,
}

/// Makes a value of events.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (String, Option<Node>)>,
    /// The anchor of the value that came last, whose name is the next event.
    last: usize,
    values: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref())?;
                self.define(anchor, Some(node.clone()));
                self.put(node)?;
            }
            Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _) => {
                let is_map = matches!(event, Event::MappingStart(..));
                self.define(anchor, None);
                self.open.push(Open { anchor, is_map, items: Vec::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, is_map, items }) = self.open.pop() else { return Ok(()) };
                let node = if is_map { Node::Map(members(items)?) } else { Node::List(items) };
                if let Some((_, place)) = self.anchors.get_mut(&anchor) {
                    *place = Some(node.clone());
                }
                self.put(node)?;
            }
            Event::Anchor(id, name) => {
                let last = self.last;
                if let Some((place, _)) = self.anchors.get_mut(&if id == 0 { last } else { id }) {
                    *place = name.into_owned();
                }
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some((_, Some(node))) => {
                    let node = node.clone();
                    self.values += count(&node);
                    if self.values > limits::YAML_VALUES {
                        return Err("yaml: document contains excessive aliasing".to_owned());
                    }
                    self.put(node)?;
                }
                Some((name, None)) => return Err(format!("yaml: anchor '{name}' value contains itself")),
                None => return Err("yaml: unknown anchor referenced".to_owned()),
            },
            Event::UnresolvedAlias(name) => return Err(format!("yaml: unknown anchor '{name}' referenced")),
            _ => {}
        }
        Ok(())
    }

    fn define(&mut self, anchor: usize, node: Option<Node>) {
        if anchor != 0 {
            self.last = anchor;
            self.anchors.insert(anchor, (String::new(), node));
        }
    }

    fn put(&mut self, node: Node) -> Result<(), String> {
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = self.root.take().or(Some(node)),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    1 + match node {
        Node::List(items) => items.iter().map(count).sum(),
        Node::Map(members) => members.iter().map(|(key, value)| count(key) + count(value)).sum(),
        _ => 0,
    }
}

/// The members of a mapping; those that are merged give way to its own.
fn members(items: Vec<Node>) -> Result<Vec<(Node, Node)>, String> {
    let (mut own, mut merged) = (Vec::new(), Vec::new());
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if !matches!(key, Node::Merge) {
            own.push((key, value));
            continue;
        }
        let sources = match value {
            Node::List(list) => list,
            one => vec![one],
        };
        for source in sources.into_iter().rev() {
            let Node::Map(members) = source else {
                return Err("yaml: map merge requires map or sequence of maps as the value".to_owned());
            };
            merged.extend(members);
        }
    }
    merged.append(&mut own);
    Ok(merged)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, String> {
    let is_plain = style == ScalarStyle::Plain;
    let resolved = if is_plain { plain(text) } else { Node::Text(text.to_owned()) };
    let Some(tag) = tag else { return Ok(resolved) };
    let kind = tag.suffix_in_namespace(STANDARD_TAGS);
    let kind = kind.as_deref().unwrap_or_default();
    let cannot = || {
        let found = match resolved {
            Node::Null => "null",
            Node::Bool(_) => "bool",
            Node::Int(_) | Node::Uint(_) => "int",
            Node::Float(_) => "float",
            _ => "str",
        };
        Err(format!("yaml: cannot decode !!{found} `{text}` as a !!{kind}"))
    };
    match (kind, &resolved) {
        ("binary", _) => {
            let bytes =
                STANDARD.decode(text).map_err(|_| "yaml: !!binary value contains invalid base64 data")?;
            Ok(Node::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        ("int", Node::Int(_) | Node::Uint(_)) | ("bool", Node::Bool(_)) | ("null", Node::Null) => {
            Ok(resolved)
        }
        ("float", Node::Float(_)) => Ok(resolved),
        ("float", Node::Int(number)) => Ok(Node::Float(*number as f64)),
        ("int" | "bool" | "null" | "float" | "timestamp", _) => cannot(),
        ("", _) if tag.is_custom() && !matches!(tag.suffix(), "" | "!") => Ok(resolved),
        _ => Ok(Node::Text(text.to_owned())),
    }
}

/// What a text without quotes is.
fn plain(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Node::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Node::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Node::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Node::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Node::Float(f64::NEG_INFINITY),
        "<<" => return Node::Merge,
        _ => {}
    }
    if text.starts_with(|char: char| char.is_ascii_digit() || "+-.".contains(char)) {
        let digits = text.replace('_', "");
        if let Some(number) = whole(&digits) {
            return number;
        }
        let is_float = digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
            && digits.bytes().any(|byte| byte.is_ascii_digit());
        if let Some(float) = digits.parse().ok().filter(|_| is_float) {
            return Node::Float(float);
        }
    }
    Node::Text(text.to_owned())
}

/// A whole number as Go's `strconv.ParseInt` reads one that says its base itself.
fn whole(text: &str) -> Option<Node> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = u64::from_str_radix(digits, base).ok()?;
    match (i64::try_from(number), is_negative) {
        (Ok(number), true) => Some(Node::Int(-number)),
        (Ok(number), false) => Some(Node::Int(number)),
        (Err(_), true) => (number == 1 << 63).then_some(Node::Int(i64::MIN)),
        (Err(_), false) => Some(Node::Uint(number)),
    }
}

/// A value as JSON.
fn json(node: Node) -> Result<Value, String> {
    Ok(match node {
        Node::Null => Value::Null,
        Node::Bool(flag) => flag.into(),
        Node::Int(number) => number.into(),
        Node::Uint(number) => number.into(),
        Node::Float(float) => match Number::from_f64(float) {
            // As Go writes one.
            Some(number) if float.fract() == 0.0 && float.abs() < 1e15 => {
                number.as_f64().map_or(Value::Null, |float| (float as i64).into())
            }
            Some(number) => Value::Number(number),
            None => {
                let shown = if float.is_nan() {
                    "NaN"
                } else if float > 0.0 {
                    "+Inf"
                } else {
                    "-Inf"
                };
                return Err(format!("json: unsupported value: {shown}"));
            }
        },
        Node::Text(text) => text.into(),
        Node::Merge => "<<".into(),
        Node::List(items) => Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?),
        Node::Map(members) => {
            let mut sorted = BTreeMap::new();
            for (name, value) in members {
                sorted.insert(key(name, &value)?, json(value)?);
            }
            Value::Object(sorted.into_iter().collect::<Map<_, _>>())
        }
    })
}

fn key(node: Node, value: &Node) -> Result<String, String> {
    match node {
        Node::Text(text) => Ok(text),
        Node::Merge => Ok("<<".to_owned()),
        Node::Bool(flag) => Ok(flag.to_string()),
        Node::Int(number) => Ok(number.to_string()),
        Node::Uint(number) => Ok(number.to_string()),
        Node::Float(float) if float.is_nan() => Ok(".nan".to_owned()),
        Node::Float(float) if float.is_infinite() => {
            Ok(if float > 0.0 { ".inf" } else { "-.inf" }.to_owned())
        }
        Node::Float(float) => Ok(float.to_string()),
        Node::Null => {
            let value = if matches!(value, Node::Null) { "<nil>".to_owned() } else { shown(value) };
            Err(format!("Unsupported map key of type: %!s(<nil>), key: <nil>, value: {value}"))
        }
        Node::List(_) | Node::Map(_) => Err(format!("yaml: invalid map key: {}", shown(&node))),
    }
}

/// A value as Go's `%#v` shows it.
fn shown(node: &Node) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match node {
        Node::Null => "interface {}(nil)".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Int(number) => number.to_string(),
        Node::Uint(number) => format!("{number:#x}"),
        Node::Float(float) => super::json::float(*float),
        Node::Text(text) => quote(text),
        Node::Merge => quote("<<"),
        Node::List(items) => format!("[]interface {{}}{{{}}}", list(items.iter().map(shown).collect())),
        Node::Map(members) => {
            let members = members.iter().map(|(name, value)| format!("{}:{}", shown(name), shown(value)));
            format!("map[interface {{}}]interface {{}}{{{}}}", list(members.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Observed with Go's `ghodss/yaml` over `yaml.v2`.
    #[test]
    fn values_are_those_of_yaml_1_1() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("a: yes\nb: off\nc: 'yes'", json!({"a": true, "b": false, "c": "yes"})),
            (
                "a: 012\nb: 0x10\nc: 0o7\nd: 1_000\ne: 1e3",
                json!({"a": 10, "b": 16, "c": 7, "d": 1000, "e": 1000}),
            ),
            ("a: 2001-01-01", json!({"a": "2001-01-01"})),
            ("a: 1\na: 2", json!({"a": 2})),
            ("1: 2\ntrue: 3\n1.5: x", json!({"1": 2, "1.5": "x", "true": 3})),
            ("---\na: b\n---\nc: d", json!({"a": "b"})),
            ("? x", json!({"x": null})),
            ("a: &x {k: 1}\nb: {<<: *x, m: 2}", json!({"a": {"k": 1}, "b": {"k": 1, "m": 2}})),
            // `n` is false, as a key, too.
            ("n: {k: y}", json!({"false": {"k": true}})),
            ("a: !!binary aGk=", json!({"a": "hi"})),
            ("a: ! 5", json!({"a": "5"})),
            ("{\"a\": [1, \"x\"]}", json!({"a": [1, "x"]})),
            ("a: |\n  x\n  y\n", json!({"a": "x\ny\n"})),
            ("type: x\r\nconfig:\r\n  a: b\r\n", json!({"config": {"a": "b"}, "type": "x"})),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(value), "{text:?}");
        }
    }

    /// Observed with Go's `ghodss/yaml` over `yaml.v2`.
    #[test]
    fn errors_are_in_gos_words() {
        for (text, error) in [
            ("type: settings\nconfig: [", "yaml: line 2: did not find expected node content"),
            ("notifications: {t: {title: [}}", "yaml: did not find expected node content"),
            ("a: {", "yaml: line 1: did not find expected node content"),
            ("key: [1, 2", "yaml: line 1: did not find expected ',' or ']'"),
            ("key: {a: 1", "yaml: line 1: did not find expected ',' or '}'"),
            ("a: 'x", "yaml: found unexpected end of stream"),
            ("a: b: c", "yaml: mapping values are not allowed in this context"),
            ("x\ny: z", "yaml: line 2: mapping values are not allowed in this context"),
            ("\t", "yaml: found character that cannot start any token"),
            ("\ttype: x", "yaml: found character that cannot start any token"),
            ("@x", "yaml: found character that cannot start any token"),
            ("&a {t: *a}", "yaml: anchor 'a' value contains itself"),
            ("a: *b", "yaml: unknown anchor 'b' referenced"),
            ("a: !!binary x", "yaml: !!binary value contains invalid base64 data"),
            ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
            ("- a\nb: c", "yaml: line 1: did not find expected '-' indicator"),
            ("a: b\n- c", "yaml: line 1: did not find expected key"),
            ("<<: x", "yaml: map merge requires map or sequence of maps as the value"),
            ("a: \"\\z\"", "yaml: found unknown escape character"),
            ("\u{1}", "yaml: control characters are not allowed"),
            ("a: .inf", "json: unsupported value: +Inf"),
            ("a: b\nc\n", "yaml: line 3: could not find expected ':'"),
            ("a: b\nc", "yaml: line 3: could not find expected ':'"),
            ("a: b\nc\n\n# x\nd: e", "yaml: line 4: could not find expected ':'"),
            ("a: b\n\"c\"\n\n# x\nd: e", "yaml: line 5: could not find expected ':'"),
            ("a: b\nc\n\n\n", "yaml: line 5: could not find expected ':'"),
            ("a: b\n\tc: d\n", "yaml: line 2: found a tab character that violates indentation"),
            ("x: y\na: [b\nc: d\n", "yaml: line 2: did not find expected ',' or ']'"),
            ("a: [1,,2]", "yaml: did not find expected node content"),
            ("x: 1\na: \"b\" c", "yaml: line 1: did not find expected key"),
            ("a: ['b' c]", "yaml: did not find expected ',' or ']'"),
            ("- {a: \"b\" c}", "yaml: did not find expected ',' or '}'"),
            ("- \"b\" c", "yaml: did not find expected '-' indicator"),
            ("~: b", "Unsupported map key of type: %!s(<nil>), key: <nil>, value: \"b\""),
            ("~: ~", "Unsupported map key of type: %!s(<nil>), key: <nil>, value: <nil>"),
            (
                "[a, 1.5, true, ~]: x",
                "yaml: invalid map key: []interface {}{\"a\", 1.5, true, interface {}(nil)}",
            ),
            (
                "{a: {b: 1}, c: []}: x",
                "yaml: invalid map key: map[interface {}]interface {}{\"a\":map[interface {}]interface {}{\"b\":1}, \
                 \"c\":[]interface {}{}}",
            ),
        ] {
            assert_eq!(read(text.as_bytes()), Err(error.to_owned()), "{text:?}");
        }
        assert_eq!(read(b"a: \xff"), Err("yaml: invalid leading UTF-8 octet".to_owned()));
    }

    #[test]
    fn aliases_do_not_explode() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..9 {
            let inner = format!("*a{}, ", at - 1).repeat(10);
            text += &format!("a{at}: &a{at} [{inner}]\n");
        }
        assert_eq!(read(text.as_bytes()), Err("yaml: document contains excessive aliasing".to_owned()));
    }

    proptest! {
        #[test]
        fn json_is_yaml(names in proptest::collection::btree_map("[a-z]{1,6}", "[ -~]{0,12}", 0..6)) {
            let value = serde_json::to_value(&names).unwrap();
            prop_assert_eq!(read(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn no_text_is_too_odd(text in "[a-c:\\[\\]{},&*!'\"|>?#\\-\n\t 01.]{0,40}") {
            let _ = read(text.as_bytes());
        }
    }
}
