//! Where things are: countries as answers describe them, and how near two places are.

use std::net::IpAddr;

use portmaster_fixtures::{Country, CountryForm, scenario::Location};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;

/// The part of a location that says which country it is in; empty for an unknown one (core-1.x §6).
pub fn place(form: CountryForm, code: &str) -> Map<String, Value> {
    let known = Country::find(code);
    let mut place = Map::new();
    match form {
        CountryForm::Code => {
            let continent = known.map_or("", |country| country.continent);
            place.insert("Continent".to_owned(), json!({ "Code": continent }));
            place.insert("Country".to_owned(), json!({ "ISOCode": code }));
        }
        CountryForm::Full => {
            place.insert("Country".to_owned(), known.map_or_else(|| unknown(code), country));
        }
    }
    place
}

/// A country with its name, its middle and its continent (core-2.2 §9).
pub fn country(country: &Country) -> Value {
    json!({
        "Code": country.code,
        "Name": country.name,
        "Center": {
            "AccuracyRadius": Country::RADIUS,
            "Latitude": country.latitude,
            "Longitude": country.longitude,
        },
        "Continent": {
            "Code": country.continent,
            "Region": country.region,
            "Name": country.continent_name(),
        },
    })
}

fn unknown(code: &str) -> Value {
    json!({
        "Code": code,
        "Name": "",
        "Center": { "AccuracyRadius": 0, "Latitude": 0, "Longitude": 0 },
        "Continent": { "Code": "", "Region": "", "Name": "" },
    })
}

/// A point on the earth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// How exact that is, km.
    pub radius: u16,
}

/// Where a location is; nowhere if its radius is not given.
pub fn known(location: &Location) -> Option<Point> {
    (location.radius > 0).then_some(Point {
        latitude: location.latitude,
        longitude: location.longitude,
        radius: location.radius,
    })
}

/// Where an address is and whose.
#[derive(Clone, Debug, PartialEq)]
pub struct Whereabouts {
    /// The country's code; empty if unknown.
    pub country: String,
    /// The number of the autonomous system; 0 if unknown.
    pub asn: u32,
    /// The organization of the autonomous system.
    pub as_org: String,
    /// The place.
    pub place: Option<Point>,
}

impl Whereabouts {
    /// In words: `Australia (AU - AS13335 Cloudflare, Inc.)` (core-2.2 §6.9).
    pub fn words(&self) -> String {
        let name = Country::find(&self.country).map_or("Unknown", |country| country.name);
        format!("{name} ({} - AS{} {})", self.country, self.asn, self.as_org)
    }
}

impl World {
    /// Where an address is, from the narrowest of the networks that the world knows.
    pub fn whereabouts(&self, ip: IpAddr) -> Option<Whereabouts> {
        let known = self.network.known.iter().filter(|network| network.net.contains(&ip));
        let network = known.max_by_key(|network| network.net.prefix_len())?;
        let given = network.latitude.zip(network.longitude);
        Some(Whereabouts {
            country: network.country.clone(),
            asn: network.asn,
            as_org: network.as_org.clone(),
            place: Point::given(given, &network.country),
        })
    }
}

/// The earth's radius, km.
const EARTH: f64 = 6371.0;

/// The distance at which nothing would be near any more, km.
const FAR: f64 = 40_100.0;

/// The radius up to which a place counts as exactly known, km.
const EXACT: f64 = 250.0;

impl Point {
    /// A place by degrees north and east, or else the middle of a country.
    pub fn given(degrees: Option<(f64, f64)>, country: &str) -> Option<Self> {
        let exact = degrees.map(|(latitude, longitude)| Self { latitude, longitude, radius: 100 });
        exact.or_else(|| {
            let Country { latitude, longitude, .. } = *Country::find(country)?;
            Some(Self { latitude, longitude, radius: Country::RADIUS })
        })
    }

    /// The way along the surface to another point, km.
    pub fn distance(self, other: Self) -> f64 {
        let (a, b) = (self.latitude.to_radians(), other.latitude.to_radians());
        let turn = (other.longitude - self.longitude).to_radians();
        let half_chord = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (turn / 2.0).sin().powi(2);
        2.0 * EARTH * half_chord.sqrt().min(1.0).asin()
    }

    /// How near another point is, percent: less over the distance, and less the less exact the points are.
    ///
    /// Recorded values, all from a place known to 1000 km, are `25 × (1 − km / 40100)`. That it is a quarter
    /// because the radius is four times too wide is our reading of them.
    pub fn proximity(self, other: Self) -> f64 {
        let certainty = EXACT / f64::from(self.radius.max(other.radius)).max(EXACT);
        100.0 * certainty * (1.0 - self.distance(other) / FAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proximity_is_as_recorded() {
        let here = Point { latitude: 48.0, longitude: 0.0, radius: 1000 };
        for (latitude, longitude, recorded) in
            [(48.86, 2.34, 24.876963), (37.75, -97.8, 20.322721), (-33.5, 143.2, 14.672394)]
        {
            let there = Point { latitude, longitude, radius: 100 };
            let ours = here.proximity(there);
            assert!((ours - recorded).abs() < 1e-4, "{ours} for {recorded}");
        }
    }

    #[test]
    fn a_country_has_a_continent_in_both_forms() {
        assert_eq!(
            Value::from(place(CountryForm::Code, "DE")),
            json!({ "Continent": { "Code": "EU" }, "Country": { "ISOCode": "DE" } })
        );
        assert_eq!(place(CountryForm::Full, "AD")["Country"]["Continent"]["Region"], "EU-S");
        assert_eq!(
            Value::from(place(CountryForm::Code, "")),
            json!({ "Continent": { "Code": "" }, "Country": { "ISOCode": "" } })
        );
    }
}
