//! Maps, put together entry by entry. `collect` sorts all entries first, with a sort that is compiled once more for each place where
//! it stands: of many small maps that is much for a test to compile.

use std::collections::BTreeMap;

/// A map of entries in any order; of two with one key the last counts.
pub(crate) fn ordered<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        map.insert(key, value);
    }
    map
}
