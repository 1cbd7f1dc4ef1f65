//! Examples of bodies, by endpoint; what is drawn is like them.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

static EXAMPLES: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(|| {
    let text = include_str!("bodies.json");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("fuzz/bodies.json: {error}"))
});

/// The examples of an endpoint's bodies; none for one that takes no body, or any.
pub(super) fn examples(slug: &str) -> &'static [Value] {
    EXAMPLES.get(slug).map(Vec::as_slice).unwrap_or_default()
}

/// Tells the names of all members of all examples.
pub(super) fn each_name(tell: &mut impl FnMut(&str)) {
    fn walk(value: &Value, tell: &mut impl FnMut(&str)) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    tell(name);
                    walk(value, tell);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, tell)),
            _ => {}
        }
    }
    EXAMPLES.values().flatten().for_each(|example| walk(example, tell));
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;
    use crate::checks::sample;

    #[test]
    fn examples_are_of_endpoints() {
        for slug in EXAMPLES.keys() {
            let mut all = Contract::ALL.iter().flat_map(|contract| contract.endpoints());
            assert!(all.any(|endpoint| sample::slug(&endpoint.path) == *slug), "{slug}");
        }
    }
}
