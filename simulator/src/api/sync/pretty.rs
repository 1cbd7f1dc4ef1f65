//! JSON as exports have it: a blank a level, sorted names, short lists on one line.

use crate::go::{
    json,
    read::{Kind, Raw},
};

/// The column behind which a list is not on one line any more.
const WIDTH: usize = 80;

/// Writes a valid value; literals stay as they are. The members named `without` at the top are left out.
pub(super) fn pretty(value: Raw<'_>, without: &str) -> String {
    let mut out = String::new();
    write(&mut out, value, 0, 0, without);
    out
}

/// `column` is how much of the line is written, counted with the line break before it as cores do.
fn write(out: &mut String, value: Raw<'_>, depth: usize, column: usize, without: &str) {
    match value.kind() {
        Kind::Object => object(out, value, depth, without),
        Kind::Array => {
            let line = on_one_line(value).filter(|line| line.len() + column <= WIDTH);
            match line {
                Some(line) => out.push_str(&line),
                None => array(out, value, depth),
            }
        }
        _ => out.push_str(&value.literal()),
    }
}

fn object(out: &mut String, value: Raw<'_>, depth: usize, without: &str) {
    let mut members: Vec<_> = value.members().filter(|(name, _)| name != without).collect();
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.push('{');
    for (at, (name, member)) in members.iter().enumerate() {
        let name = json::to_string(name);
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        indent(out, depth + 1);
        out.push_str(&name);
        out.push_str(": ");
        write(out, *member, depth + 1, 1 + depth + 1 + name.len() + 2, "");
    }
    close(out, members.is_empty(), depth, '}');
}

fn array(out: &mut String, value: Raw<'_>, depth: usize) {
    let elements: Vec<_> = value.elements().collect();
    out.push('[');
    for (at, element) in elements.iter().enumerate() {
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        indent(out, depth + 1);
        // Behind a comma the line break takes the place of a blank and is not counted.
        write(out, *element, depth + 1, depth + 1 + usize::from(at == 0), "");
    }
    close(out, elements.is_empty(), depth, ']');
}

fn close(out: &mut String, empty: bool, depth: usize, bracket: char) {
    if !empty {
        out.push('\n');
        indent(out, depth);
    }
    out.push(bracket);
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth));
}

/// A list without objects, on one line.
fn on_one_line(value: Raw<'_>) -> Option<String> {
    match value.kind() {
        Kind::Object => None,
        Kind::Array => {
            let elements: Option<Vec<String>> = value.elements().map(on_one_line).collect();
            Some(format!("[{}]", elements?.join(", ")))
        }
        _ => Some(value.literal().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lists_stay_on_a_line() {
        let text = br#"{"b":{"long":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","c"],"a":[1, 2]},"a":[{}],"x":{},"y":[],"gone":1}"#;
        insta::assert_snapshot!(pretty(Raw::checked(text).unwrap(), "gone"), @r#"
        {
         "a": [
          {}
         ],
         "b": {
          "a": [1, 2],
          "long": [
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
           "c"
          ]
         },
         "x": {},
         "y": []
        }
        "#);
    }
}
