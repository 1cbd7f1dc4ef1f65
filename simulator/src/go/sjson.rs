//! Setting fields of JSON texts by path as the library does that cores use: leniently, and without touching the rest of
//! the text (websocket §2.8, §3.2).

use std::{borrow::Cow, ops::Range};

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    /// Whether `*` and `?` stand for other characters.
    wild: bool,
}

/// The pieces of a path: cut at points and bars, a backslash makes the next character plain.
fn parts(path: &str) -> Vec<Part> {
    let mut parts = vec![Part { name: String::new(), wild: false }];
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        let last = parts.len() - 1;
        match char {
            '.' | '|' => parts.push(Part { name: String::new(), wild: false }),
            '\\' => parts[last].name.extend(chars.next()),
            other => {
                parts[last].wild |= matches!(other, '*' | '?');
                parts[last].name.push(other);
            }
        }
    }
    parts
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => fits(rest, name) || (!name.is_empty() && fits(pattern, &name[1..])),
        (Some((b'?', rest)), Some((_, others))) => fits(rest, others),
        (Some((one, rest)), Some((other, others))) => one == other && fits(rest, others),
        _ => false,
    }
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
        match json.get(next)? {
            b'"' => return Some(next + 1),
            b'\\' => next += 2,
            _ => next += 1,
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

/// The value at a path, as it stands in the text.
pub fn get<'a>(json: &'a [u8], path: &str) -> Option<Cow<'a, [u8]>> {
    let parts = parts(path);
    let open = skip_blanks(json, 0);
    find(&json[open..], &parts)
}

fn find<'a>(json: &'a [u8], parts: &[Part]) -> Option<Cow<'a, [u8]>> {
    let Some((part, rest)) = parts.split_first() else { return Some(Cow::Borrowed(json)) };
    match json.first()? {
        b'[' if part.name == "#" => {
            let elements = members(json).map(|(_, value)| &json[value]);
            if rest.is_empty() {
                return Some(Cow::Owned(elements.count().to_string().into_bytes()));
            }
            let found: Vec<_> = elements.filter_map(|element| find(element, rest)).collect();
            Some(Cow::Owned([b"[", found.join(&b","[..]).as_slice(), b"]"].concat()))
        }
        b'[' => {
            let at: usize = part.name.parse().ok()?;
            let (_, value) = members(json).nth(at)?;
            find(&json[value], rest)
        }
        b'{' => {
            let (_, value) = members(json).find(|(name, _)| is_called(&json[name.clone()], part))?;
            find(&json[value], rest)
        }
        _ => None,
    }
}

fn is_called(raw: &[u8], part: &Part) -> bool {
    let name = unquoted(raw);
    if part.wild { fits(part.name.as_bytes(), name.as_bytes()) } else { name == part.name }
}

/// Sets the value at a path; parents that are missing are made. What stands around the outermost value is dropped.
///
/// Paths with `|`, `#`, `@`, `*` or `?` change what they find, and nothing else.
///
/// # Errors
/// The text of the library that cores use.
pub fn set(json: &[u8], path: &str, value: &[u8]) -> Result<Vec<u8>, String> {
    if path.is_empty() {
        return Err("path cannot be empty".to_owned());
    }
    let open = skip_blanks(json, 0);
    let end = value_end(json, open).unwrap_or(json.len());
    let json = &json[open.min(end)..end];
    let searched = path.contains(['|', '#', '@', '*', '?']);
    if searched && get(json, path).is_none() {
        return Ok(json.to_vec());
    }
    put(json, &parts(path), value)
}

fn put(json: &[u8], parts: &[Part], value: &[u8]) -> Result<Vec<u8>, String> {
    let Some((part, rest)) = parts.split_first() else { return Ok(value.to_vec()) };
    let replaced = |at: Range<usize>| -> Result<Vec<u8>, String> {
        let inner = put(&json[at.clone()], rest, value)?;
        Ok([&json[..at.start], &inner, &json[at.end..]].concat())
    };
    let close = json.len().saturating_sub(1);
    match json.first() {
        Some(b'{') => {
            if let Some((_, at)) = members(json).find(|(name, _)| is_called(&json[name.clone()], part)) {
                return replaced(at);
            }
            let comma: &[u8] = if members(json).next().is_some() { b"," } else { b"" };
            let name = super::json::to_vec(&part.name);
            Ok([&json[..close], comma, &name, b":", &made(rest, value), b"}"].concat())
        }
        Some(b'[') => {
            let count = members(json).count();
            let at = match part.name.as_str() {
                "-1" => count,
                name => name
                    .parse()
                    .map_err(|_| format!("cannot set array element for non-numeric key '{name}'"))?,
            };
            if let Some((_, at)) = members(json).nth(at) {
                return replaced(at);
            }
            let mut out = json[..close].to_vec();
            for filled in count..=at {
                if filled > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(if filled == at { b"" } else { b"null" });
            }
            out.extend_from_slice(&made(rest, value));
            out.push(b']');
            Ok(out)
        }
        _ => Ok(made(parts, value)),
    }
}

/// A value with the parents that it needs.
fn made(parts: &[Part], value: &[u8]) -> Vec<u8> {
    let Some((part, rest)) = parts.split_first() else { return value.to_vec() };
    let inner = made(rest, value);
    match (part.name.as_str(), part.name.parse::<u16>()) {
        ("-1", _) => [b"[", inner.as_slice(), b"]"].concat(),
        (_, Ok(at)) => [b"[", "null,".repeat(at.into()).as_bytes(), &inner, b"]"].concat(),
        (name, Err(_)) => [b"{", super::json::to_vec(&name).as_slice(), b":", &inner, b"}"].concat(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set_in(json: &str, path: &str, value: &str) -> String {
        String::from_utf8(set(json.as_bytes(), path, value.as_bytes()).unwrap()).unwrap()
    }

    fn got(json: &str, path: &str) -> Option<String> {
        get(json.as_bytes(), path).map(|raw| String::from_utf8(raw.into_owned()).unwrap())
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
        assert_eq!(set(b"[1]", "k", b"1").unwrap_err(), "cannot set array element for non-numeric key 'k'");
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
            let json = set(br#"{"zzzzz":[1,2],"k":"v"}"#, &path, value.to_string().as_bytes()).unwrap();
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
            prop_assert_eq!(get(&json, &path).unwrap().into_owned(), value.to_string().into_bytes());
        }

        #[test]
        fn no_text_brings_it_down(json in "[\\[\\]{}\":,a1 \\\\]{0,40}", path in "[a.#*\\\\0-9]{1,8}") {
            let _ = get(json.as_bytes(), &path);
            let _ = set(json.as_bytes(), &path, b"1");
        }
    }
}
