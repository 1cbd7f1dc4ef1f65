//! The OpenAPI document with what a scenario answers as examples, for Prism and whatever else serves such a document.

use portmaster_fixtures::Contract;
use serde_json::Value;

use super::Exchange;
use crate::describe::openapi;

/// The document. Only what succeeded with text is an example.
pub(super) fn document(contract: Contract, exchanges: &[Exchange]) -> Value {
    let mut document = openapi(contract);
    for exchange in exchanges.iter().filter(|one| one.status == 200) {
        let Ok(text) = std::str::from_utf8(&exchange.body) else { continue };
        let kind = exchange.kind();
        let mime = kind.split(';').next().unwrap_or_default();
        let question = &exchange.question;
        let operation = &mut document["paths"][&question.template][question.method.to_ascii_lowercase()];
        let Some(content) = operation["responses"]["200"]["content"].as_object_mut() else { continue };
        // An answer may have another type than the one that is documented.
        let at = if content.contains_key(mime) { mime.to_owned() } else { kind.to_owned() };
        let value = if mime == "application/json" { serde_json::from_str(text).ok() } else { None };
        content.entry(at).or_insert_with(|| Value::Object(Default::default()))["example"] =
            value.unwrap_or_else(|| text.into());
    }
    document
}
