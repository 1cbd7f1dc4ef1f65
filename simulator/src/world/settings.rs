//! Settings as maps within maps, and by their keys.

use std::collections::BTreeMap;

pub use portmaster_fixtures::scenario::flatten;
use serde_json::{Map, Value};

/// Settings by option key, as in `filter/defaultAction`.
pub type Flat = BTreeMap<String, Value>;

/// Puts settings into maps within maps, with sorted keys. A key below one that has a value itself is dropped.
pub fn nest(flat: Flat) -> Map<String, Value> {
    let mut nested = Map::new();
    for (key, value) in flat {
        let mut parts = key.split('/');
        let last = parts.next_back().unwrap_or_default();
        let place = parts.try_fold(&mut nested, |at, part| {
            at.entry(part).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
        });
        if let Some(place) = place {
            place.insert(last.to_owned(), value);
        }
    }
    nested
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_paths() {
        let nested = json!({"filter": {"lists": ["A"], "blockP2P": true}, "x": 1, "empty": {}});
        let flat = flatten(nested.as_object().unwrap());
        assert_eq!(flat.keys().collect::<Vec<_>>(), ["filter/blockP2P", "filter/lists", "x"]);
        assert_eq!(Value::Object(nest(flat)), json!({"filter": {"blockP2P": true, "lists": ["A"]}, "x": 1}));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_of_keys_with_a_category(
            flat in proptest::collection::btree_map("[a-z]{1,4}/[a-z]{1,4}", any::<i32>().prop_map(Value::from), 0..20)
        ) {
            prop_assert_eq!(flatten(&nest(flat.clone())), flat);
        }
    }
}
