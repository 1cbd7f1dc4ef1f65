//! Setting fields of JSON texts by path as the library does that cores use: leniently, and without touching the rest of
//! the text (websocket §2.8, §3.2).

use std::{borrow::Cow, ops::Range};

use memchr::memchr2;
use portmaster_wire::wildcard::Wildcard;

use crate::limits::{self, Work};

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    /// Whether `*` and `?` stand for other characters.
    wild: bool,
}

/// The pieces of a path: cut at points and bars, a backslash makes the next character plain.
fn parts(path: &str) -> Result<Vec<Part>, String> {
    let mut parts = vec![Part { name: String::new(), wild: false }];
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        let last = parts.len() - 1;
        match char {
            '.' | '|' if parts.len() == limits::KEY_PARTS => {
                return Err(format!("path has more than {} parts", limits::KEY_PARTS));
            }
            '.' | '|' => parts.push(Part { name: String::new(), wild: false }),
            '\\' => parts[last].name.extend(chars.next()),
            other => {
                parts[last].wild |= matches!(other, '*' | '?');
                parts[last].name.push(other);
            }
        }
    }
    Ok(parts)
}

fn skip_blanks(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(|byte| *byte <= b' ') {
        at += 1;
    }
    at
}

/// Where a text that begins at `at` with a quote ends; `None` if it never does.
fn text_end(json: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        next += memchr2(b'"', b'\\', json.get(next..)?)?;
        match json[next] {
            b'"' => return Some(next + 1),
            _ => next += 2,
        }
    }
}

/// Where a value that begins at `at` ends; `None` if it never does.
pub fn value_end(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => text_end(json, at),
        b'{' | b'[' => {
            let mut depth = 0usize;
            let mut next = at;
            loop {
                match json.get(next)? {
                    b'"' => {
                        next = text_end(json, next)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                next += 1;
                if depth == 0 {
                    return Some(next);
                }
            }
        }
        _ => {
            let length = json[at..].iter().position(|byte| *byte <= b' ' || b",]}:".contains(byte));
            Some(length.map_or(json.len(), |length| at + length))
        }
    }
}

/// The members of an object, or the elements of a list with empty names, as far as the text goes: the places of name
/// and value.
pub fn members(json: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
    let open = skip_blanks(json, 0);
    let list = json.get(open) == Some(&b'[');
    let mut at = open + 1;
    std::iter::from_fn(move || {
        while json.get(at).is_some_and(|byte| *byte <= b' ' || *byte == b',') {
            at += 1;
        }
        let name = if list {
            at..at
        } else {
            if json.get(at) != Some(&b'"') {
                return None;
            }
            let end = text_end(json, at)?;
            let name = at..end;
            at = skip_blanks(json, end);
            if json.get(at) != Some(&b':') {
                return None;
            }
            at = skip_blanks(json, at + 1);
            name
        };
        if matches!(json.get(at), None | Some(b']' | b'}')) {
            return None;
        }
        let end = value_end(json, at).filter(|end| *end > at)?;
        let value = at..end;
        at = end;
        Some((name, value))
    })
}

/// A JSON text without its quotes and escapes.
pub fn unquoted(raw: &[u8]) -> Cow<'_, str> {
    match serde_json::from_slice::<Text<'_>>(raw) {
        Ok(text) => text.0,
        Err(_) => {
            let inside = raw.strip_prefix(b"\"").unwrap_or(raw);
            String::from_utf8_lossy(inside.strip_suffix(b"\"").unwrap_or(inside))
        }
    }
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value at a path, as it stands in the text. A path that costs more than there is leads nowhere.
pub fn get<'a>(json: &'a [u8], path: &str, work: &Work) -> Option<Cow<'a, [u8]>> {
    let open = skip_blanks(json, 0);
    find(&json[open..], &parts(path).ok()?, work)
}

fn find<'a>(mut json: &'a [u8], parts: &[Part], work: &Work) -> Option<Cow<'a, [u8]>> {
    for (at, part) in parts.iter().enumerate() {
        if !work.spend(json.len() as u64) {
            return None;
        }
        if json.first()? == &b'[' && part.name == "#" {
            let rest = &parts[at + 1..];
            let elements = members(json).map(|(_, value)| &json[value]);
            if rest.is_empty() {
                return Some(Cow::Owned(elements.count().to_string().into_bytes()));
            }
            let found: Vec<_> = elements.filter_map(|element| find(element, rest, work)).collect();
            return Some(Cow::Owned([b"[", found.join(&b","[..]).as_slice(), b"]"].concat()));
        }
        json = &json[member(json, part, work)?];
    }
    Some(Cow::Borrowed(json))
}

/// The place of the value that a part leads to.
fn member(json: &[u8], part: &Part, work: &Work) -> Option<Range<usize>> {
    match json.first()? {
        b'[' => members(json).nth(part.name.parse().ok()?).map(|(_, value)| value),
        b'{' => {
            let pattern = part.wild.then(|| Wildcard::new(&part.name));
            let called = |raw: &[u8]| {
                let name = unquoted(raw);
                match &pattern {
                    None => name == part.name,
                    Some(pattern) => {
                        work.spend(name.len() as u64 * pattern.len() as u64) && pattern.fits(&name)
                    }
                }
            };
            members(json).find(|(name, _)| called(&json[name.clone()])).map(|(_, value)| value)
        }
        _ => None,
    }
}

/// Sets the value at a path; parents that are missing are made. What stands around the outermost value is dropped.
///
/// Paths with `|`, `#`, `@`, `*` or `?` change what they find, and nothing else.
///
/// # Errors
/// The text of the library that cores use, or which bound the path is beyond.
pub fn set(json: &[u8], path: &str, value: &[u8], work: &Work) -> Result<Vec<u8>, String> {
    if path.is_empty() {
        return Err("path cannot be empty".to_owned());
    }
    let open = skip_blanks(json, 0);
    let end = value_end(json, open).unwrap_or(json.len());
    let json = &json[open.min(end)..end];
    let parts = parts(path)?;
    let searched = path.contains(['|', '#', '@', '*', '?']);
    if searched && find(json, &parts, work).is_none() {
        return Ok(json.to_vec());
    }
    // The innermost value that is there, and the parts that it lacks.
    let mut place = 0..json.len();
    let mut lacking = &parts[..];
    while let Some((part, rest)) = lacking.split_first() {
        if !work.spend(place.len() as u64) {
            break;
        }
        let Some(at) = member(&json[place.clone()], part, work) else { break };
        place = place.start + at.start..place.start + at.end;
        lacking = rest;
    }
    if !work.spend(json.len() as u64 + value.len() as u64) {
        return Err(limits::TOO_MUCH_WORK.to_owned());
    }
    let inner = extended(&json[place.clone()], lacking, value)?;
    if place == (0..json.len()) {
        // It is all there is: documents may be large, and one copy will do.
        return Ok(inner);
    }
    Ok([&json[..place.start], &inner, &json[place.end..]].concat())
}

/// A value with a member that it lacks.
fn extended(json: &[u8], lacking: &[Part], value: &[u8]) -> Result<Vec<u8>, String> {
    let Some((part, rest)) = lacking.split_first() else { return Ok(value.to_vec()) };
    let close = json.len().saturating_sub(1);
    match json.first() {
        Some(b'{') => {
            let comma: &[u8] = if members(json).next().is_some() { b"," } else { b"" };
            let name = super::json::to_vec(&part.name);
            Ok([&json[..close], comma, &name, b":", &made(rest, value)?, b"}"].concat())
        }
        Some(b'[') => {
            let count = members(json).count();
            let nulls = match part.name.as_str() {
                "-1" => 0,
                name => {
                    let at: usize = name
                        .parse()
                        .map_err(|_| format!("cannot set array element for non-numeric key '{name}'"))?;
                    at.saturating_sub(count)
                }
            };
            let comma: &[u8] = if count > 0 { b"," } else { b"" };
            Ok([&json[..close], comma, &filling(nulls)?, &made(rest, value)?, b"]"].concat())
        }
        _ => made(lacking, value),
    }
}

/// The nulls before an element.
fn filling(nulls: usize) -> Result<Vec<u8>, String> {
    if nulls > limits::LIST_FILL {
        return Err(format!(
            "more than {} missing list elements before the one to be set",
            limits::LIST_FILL
        ));
    }
    Ok(b"null,".repeat(nulls))
}

/// A value with the parents that it needs.
fn made(parts: &[Part], value: &[u8]) -> Result<Vec<u8>, String> {
    let mut before = Vec::new();
    let mut behind = Vec::new();
    for part in parts {
        let (open, inside, close) = match (part.name.as_str(), part.name.parse::<u16>()) {
            ("-1", _) => (b'[', Vec::new(), b']'),
            (_, Ok(at)) => (b'[', filling(at.into())?, b']'),
            (name, Err(_)) => (b'{', [&super::json::to_vec(&name)[..], b":"].concat(), b'}'),
        };
        before.push(open);
        before.extend(inside);
        behind.push(close);
    }
    behind.reverse();
    Ok([&before, value, &behind].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plenty() -> Work {
        Work::new(limits::MESSAGE_WORK)
    }

    fn set_in(json: &str, path: &str, value: &str) -> String {
        String::from_utf8(set(json.as_bytes(), path, value.as_bytes(), &plenty()).unwrap()).unwrap()
    }

    fn got(json: &str, path: &str) -> Option<String> {
        get(json.as_bytes(), path, &plenty()).map(|raw| String::from_utf8(raw.into_owned()).unwrap())
    }

    #[test]
    fn values_are_found() {
        let json = r#" { "a" : {"b":[1,{"c":2}]}, "x.y":3, "a":9 } rest"#;
        for (path, value) in [
            ("a.b.0", Some("1")),
            ("a.b.1.c", Some("2")),
            ("a.b.#", Some("2")),
            ("a.b.#.c", Some("[2]")),
            (r"x\.y", Some("3")),
            ("x*", Some("3")),
            ("?.b.0", Some("1")),
            ("a.#", None),
            ("nope", None),
        ] {
            assert_eq!(got(json, path).as_deref(), value, "{path}");
        }
    }

    #[test]
    fn the_rest_of_a_text_stays_as_it_was() {
        assert_eq!(set_in("  { \"n\" : 1 , \"n\":2 } x", "n", "7"), "{ \"n\" : 7 , \"n\":2 }");
        assert_eq!(set_in("{ \"n\":1 }", "m", "2"), "{ \"n\":1 ,\"m\":2}");
        assert_eq!(set_in("{}", "q.r.s", "7"), r#"{"q":{"r":{"s":7}}}"#);
        assert_eq!(set_in(r#"{"l":["a"]}"#, "l.3", "1"), r#"{"l":["a",null,null,1]}"#);
        assert_eq!(set_in(r#"{"l":["a"]}"#, "l.-1", "1"), r#"{"l":["a",1]}"#);
        assert_eq!(set_in(r#"{"a":1}"#, "b|c", "1"), r#"{"a":1}"#);
        assert_eq!(set_in("12", "a", "1"), r#"{"a":1}"#);
        assert_eq!(
            set(b"[1]", "k", b"1", &plenty()).unwrap_err(),
            "cannot set array element for non-numeric key 'k'"
        );
    }

    #[test]
    fn no_path_costs_more_than_there_is() {
        let refused = |json: &str, path: &str| set(json.as_bytes(), path, b"1", &plenty()).unwrap_err();
        assert_eq!(refused("{}", &"a.".repeat(20_000)), "path has more than 100 parts");
        for (json, path) in [("[]", "4000000000"), ("{\"l\":[1]}", "l.20000"), ("{}", "a.60000.60000")] {
            assert_eq!(
                refused(json, path),
                "more than 10000 missing list elements before the one to be set",
                "{path}"
            );
        }
        let name = "a".repeat(100_000);
        let work = plenty();
        assert_eq!(get(format!("{{\"{name}\":1}}").as_bytes(), &("*a".repeat(10_000) + "b"), &work), None);
        assert!(work.is_spent());
    }

    #[test]
    fn a_cut_off_text_is_read_as_far_as_it_goes() {
        let json = br#"{"S":"y","n":"#;
        let names: Vec<_> = members(json).map(|(name, _)| unquoted(&json[name]).into_owned()).collect();
        assert_eq!(names, ["S"]);
    }

    proptest! {
        #[test]
        fn what_was_set_is_found(names in prop::collection::vec("[a-z]{1,4}", 1..4), value in 0u32..99) {
            let path = names.join(".");
            let json = set(br#"{"zzzzz":[1,2],"k":"v"}"#, &path, value.to_string().as_bytes(), &plenty()).unwrap();
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
            prop_assert_eq!(get(&json, &path, &plenty()).unwrap().into_owned(), value.to_string().into_bytes());
        }

        #[test]
        fn no_text_brings_it_down(json in "[\\[\\]{}\":,a1 \\\\]{0,40}", path in "[a.#*\\\\0-9]{1,8}") {
            let _ = get(json.as_bytes(), &path, &plenty());
            let _ = set(json.as_bytes(), &path, b"1", &plenty());
        }
    }
}
