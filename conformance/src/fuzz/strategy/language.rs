//! Questions to the databases, from their grammar (websocket §4).

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    extremes,
    text::{edge, text, word},
};

/// Beginnings of keys.
const PREFIXES: [&str; 22] = [
    "core:", "core:profiles/", "core:profiles/local/", "core:fuzz/", "core:status/", "cache:",
    "cache:intel/", "config:", "config:core/", "config:core/expertiseLevel", "runtime:",
    "runtime:system/status", "runtime:spn/status", "runtime:layeredProfile/", "notifications:",
    "notifications:all/", "network:", "network:tree", "network:tree/2301-1/ip", "map:main/", "nope:", "",
];

/// A beginning of keys.
pub(super) fn prefix() -> BoxedStrategy<String> {
    one_of![6 => select(&PREFIXES[..]).prop_map(str::to_owned), 1 => text()].boxed()
}

fn key() -> BoxedStrategy<String> {
    const KEYS: [&str; 12] = [
        "Name", "Value", "Key", "Type", "OptType", "ID", "Source", "n", "a.b", "l.0", "l.#", "_meta.Created",
    ];
    one_of![
        50 => select(&KEYS[..]).prop_map(str::to_owned),
        10 => word(),
        10 => text(),
        1 => extremes::path(),
    ]
    .boxed()
}

/// A condition without the word `where`.
pub(super) fn condition() -> BoxedStrategy<String> {
    const OPERATORS: [&str; 26] = [
        "==", ">", ">=", "<", "<=", "f==", "f>", "f>=", "f<", "f<=", "sameas", "s==", "contains", "co",
        "startswith", "sw", "endswith", "ew", "in", "matches", "re", "is", "equals", "=", "SAMEAS", "not",
    ];
    const VALUES: [&str; 14] = [
        "1", "0", "-3", "1.5", "true", "false", "TRUE", "a,b", "a", "\"\"", "\"two words\"", "[a-z]+", "(",
        "x\\",
    ];
    let value = one_of![4 => select(&VALUES[..]).prop_map(str::to_owned), 1 => edge(), 1 => text()];
    let not = || select(vec!["", "", "", "not "]);
    let compared = (not(), key(), not(), select(&OPERATORS[..]), value)
        .prop_map(|(not, key, inner, operator, value)| format!("{not}{key} {inner}{operator} {value}"));
    let exists = (not(), key(), select(vec!["exists", "ex"]))
        .prop_map(|(not, key, exists)| format!("{not}{key} {exists}"));
    let leaf = one_of![50 => compared, 10 => exists, 10 => text(), 1 => extremes::condition()];
    leaf.prop_recursive(3, 8, 3, move |inner| {
        let joined = (vec(inner.clone(), 1..4), select(vec![" and ", " or ", " "]))
            .prop_map(|(all, word)| all.join(word));
        let group = (not(), inner).prop_map(|(not, inner)| format!("{not}({inner})"));
        one_of![2 => joined, 1 => group]
    })
    .boxed()
}

/// A whole question, with the word `query` in front.
pub(super) fn question() -> BoxedStrategy<String> {
    let clause = one_of![
        4 => condition().prop_map(|condition| format!("where {condition}")),
        1 => key().prop_map(|key| format!("orderby {key}")),
        1 => edge().prop_map(|number| format!("limit {number}")),
        1 => edge().prop_map(|number| format!("offset {number}")),
        1 => (0_u32..30).prop_map(|number| format!("limit {number}")),
    ];
    let verb = option::weighted(0.05, text());
    (verb, prefix(), vec(clause, 0..3))
        .prop_map(|(verb, prefix, clauses)| {
            let mut text = format!("{} {prefix}", verb.as_deref().unwrap_or("query"));
            for clause in clauses {
                text.push(' ');
                text += &clause;
            }
            text
        })
        .boxed()
}
