//! What may be another, and is no difference: data (`masks.yaml`), each with its reason.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Masks {
    prose: Vec<Named>,
    times: Vec<Named>,
    statements: Vec<Named>,
    headers: Vec<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    #[serde(rename = "reason")]
    _reason: String,
}

static OURS: LazyLock<Masks> = LazyLock::new(|| {
    let text = include_str!("masks.yaml");
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("contrast/masks.yaml: {error}"))
});

fn has(all: &[Named], name: &str) -> bool {
    all.iter().any(|one| one.name == name)
}

impl Masks {
    /// Our own file. A mistake in it is a defect of this crate, found by its tests.
    pub(super) fn get() -> &'static Self {
        &OURS
    }

    /// The names of the times of a record.
    pub(super) fn times(&self) -> impl Iterator<Item = &str> {
        self.times.iter().map(|one| one.name.as_str())
    }

    /// Whether a header is not compared, its name in lower case.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        has(&self.headers, name)
    }

    /// Hides what is prose, wherever it stands.
    pub(super) fn hide_prose(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_prose(item)),
            Value::Object(members) => {
                for (key, value) in members {
                    match value {
                        Value::String(text) if has(&self.prose, key) => *text = "…".to_owned(),
                        _ => self.hide_prose(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes a server's own SQL out of an answer of netquery.
    pub(super) fn drop_statements(&self, value: &mut Value) {
        if let Value::Object(members) = value {
            let own = |key: &str, value: &Value| {
                has(&self.statements, key) || (key == "query" && value.is_string())
            };
            members.retain(|key, value| !own(key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mask_has_a_reason() {
        let Masks { prose, times, statements, headers } = Masks::get();
        for one in [prose, times, statements, headers].into_iter().flatten() {
            assert!(!one._reason.is_empty(), "{}", one.name);
        }
        assert!(Masks::get().hides_header("date") && !Masks::get().hides_header("location"));
    }
}
