//! The JSON Schemas in `schema/`, which are made of the types that are written and read.

use std::{env, fs};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// The schema of a type (draft 2020-12). The published file has to be the same; `UPDATE_DOCS=1` writes it anew.
pub(crate) fn published<T: JsonSchema>(name: &str, title: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    let schema = Value::from(schema);
    let file = format!("{}/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let wanted = format!("{schema:#}\n");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == wanted,
        "{file} is old: UPDATE_DOCS=1 writes it anew"
    );
    schema
}
