//! Texts that nest deeply, run long, are wide, or say the same again and again: what brings parsers down.

use proptest::{prelude::*, sample::select};

/// How often something is said: mostly a few times, at times as often as no stack and no patience holds. What fails is made
/// smaller from there.
pub(super) fn times() -> BoxedStrategy<usize> {
    one_of![5 => 1_usize..30, 3 => 30_usize..1_000, 2 => 1_000_usize..20_000].boxed()
}

/// Pieces said again and again, with what is said before and behind them.
fn said(pieces: &'static [(&'static str, &'static str, &'static str)]) -> BoxedStrategy<String> {
    (select(pieces), times())
        .prop_map(|((before, piece, behind), times)| format!("{before}{}{behind}", piece.repeat(times)))
        .boxed()
}

/// A condition of a query.
pub(super) fn condition() -> BoxedStrategy<String> {
    said(&[
        ("", "(", "n == 1"),
        ("", "(n == 1 and ", "n == 2"),
        ("", "not ", "n exists"),
        ("n exists", " and n exists", ""),
        ("n in a", ",a", ""),
        ("Name matches \"", "(a{0,9}){0,9}", "\""),
        ("Name matches \"", "(", "\""),
        ("Name sameas \"", "x", "\""),
    ])
}

/// A selector of a condition, or the path of a member that is inserted.
pub(super) fn path() -> BoxedStrategy<String> {
    // So far away that a list that is filled up to there fills all memory.
    let far = select(vec!["l.100000000", "l.4000000000", "l.9223372036854775807"]).prop_map(str::to_owned);
    let again = said(&[
        ("", "a.", "b"),
        ("", "a|", "b"),
        ("", "0.", "0"),
        ("", "#.", "#"),
        ("", "*a", "b"),
        ("", "?*", "b"),
        ("", "@this.", "a"),
        ("", "[@this,@this].", "0"),
        ("", "#(", ""),
        ("", "\\", ""),
    ]);
    one_of![3 => again, 1 => far].boxed()
}

/// A record with a list and a member of a long name, and what leads into it: the messages of a conversation.
pub(super) fn conversation() -> BoxedStrategy<Vec<String>> {
    const KEY: &str = "core:fuzz/long";
    let asked = one_of![
        path().prop_map(|path| format!("2|insert|{KEY}|{{\"{path}\":1}}")),
        path().prop_map(|path| format!("2|query|query {KEY} where {path} exists")),
        condition().prop_map(|condition| format!("2|query|query {KEY} where {condition}")),
    ];
    (40_usize..200, asked)
        .prop_map(|(length, asked)| {
            let name = "a".repeat(length);
            vec![format!("1|create|{KEY}|J{{\"l\":[],\"{name}\":1}}"), asked]
        })
        .boxed()
}

/// A document of JSON or YAML.
pub(super) fn document() -> BoxedStrategy<String> {
    said(&[
        ("", "[", ""),
        ("", "{\"a\":", ""),
        ("", "[{\"a\":", "1"),
        ("[1", ",1", "]"),
        ("{\"a\":1", ",\"a\":1", "}"),
        ("\"", "\\u0041", "\""),
        ("", "- ", "a"),
        ("a: &a [x", ", *a", "]"),
        ("1", "0", ""),
    ])
}

/// The fields of a head, behind its first line.
pub(super) fn fields() -> BoxedStrategy<String> {
    said(&[("", "X: y\r\n", ""), ("X: ", "y", "\r\n"), ("X: y\r\n", " folded\r\n", ""), ("", "\r", "")])
}
