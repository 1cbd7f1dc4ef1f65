//! Countries, as answers describe them.

use portmaster_fixtures::CountryForm;
use serde_json::{Map, Value, json};

/// The part of a location that says which country it is in; empty for an unknown one.
pub fn place(form: CountryForm, code: &str) -> Map<String, Value> {
    let (continent, country) = match form {
        CountryForm::Code => (Some(json!({ "Code": "" })), json!({ "ISOCode": code })),
        CountryForm::Full => (
            None,
            json!({
                "Code": code,
                "Name": "",
                "Center": { "AccuracyRadius": 0, "Latitude": 0, "Longitude": 0 },
                "Continent": { "Code": "", "Region": "", "Name": "" },
            }),
        ),
    };
    let mut place = Map::new();
    if let Some(continent) = continent {
        place.insert("Continent".to_owned(), continent);
    }
    place.insert("Country".to_owned(), country);
    place
}
