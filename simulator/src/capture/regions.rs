//! The map's measurements and regions, which only a table ties to hubs.

use std::collections::{BTreeMap, BTreeSet};

use portmaster_fixtures::{Country, scenario::Region};
use serde_json::Value;

/// What the table `spn/map/main/measurements/table` says of a hub.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// The hub's id.
    id: String,
    country: String,
    region: String,
    /// ms.
    latency: f64,
    cost: f64,
}

/// Reads the table; lines that are none are passed over.
pub(super) fn lines(table: &str) -> Vec<Line> {
    let mut lines = table.lines();
    let Some(head) = lines.next() else { return Vec::new() };
    let column = |name: &str, next: &str| {
        let at = |name: &str| head.find(name).map(|at| head[..at].chars().count());
        Some((at(name)?, at(next)?))
    };
    let (Some(country), Some(region)) = (column("Country", "Region"), column("Region", "Latency")) else {
        return Vec::new();
    };
    let cut = |line: &str, (from, to): (usize, usize)| -> String {
        let text: String = line.chars().skip(from).take(to.saturating_sub(from)).collect();
        text.trim().to_owned()
    };
    let line = |text: &str| {
        // Of what has been put in order already, a long name moves the columns.
        let words: Vec<&str> = text.split_whitespace().collect();
        let id = words
            .iter()
            .find(|word| word.len() > 40 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
        Some(Line {
            id: (*id).to_owned(),
            country: cut(text, country),
            region: cut(text, region),
            latency: words.iter().find_map(|word| milliseconds(word))?,
            cost: words.iter().find_map(|word| word.strip_suffix('c')?.parse().ok())?,
        })
    };
    lines.filter_map(line).collect()
}

/// A Go duration of one unit, ms.
fn milliseconds(word: &str) -> Option<f64> {
    let units = [("ms", 1.0), ("µs", 1e-3), ("ns", 1e-6), ("s", 1e3)];
    units.into_iter().find_map(|(unit, factor)| Some(word.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

/// The measurements by hub: the table and the list have the same order, but the list has some more. If only one is left, it
/// is that of the hub that is at home.
pub(super) fn measured(list: &[Value], lines: &[Line], home: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut left = Vec::new();
    let mut lines = lines.iter().peekable();
    for one in list {
        let number = |name: &str| one.get(name).and_then(Value::as_f64).unwrap_or_default();
        let fits = |line: &&Line| {
            (number("Latency") / 1e6 - line.latency).abs() < 0.01
                && (number("CalculatedCost") - line.cost).abs() < 0.01
        };
        match lines.next_if(fits) {
            Some(line) => _ = found.insert(line.id.clone(), one.clone()),
            None => left.push(one),
        }
    }
    if let [one] = left[..]
        && !home.is_empty()
        && !found.contains_key(home)
    {
        found.insert(home.to_owned(), one.clone());
    }
    found
}

/// The regions, as far as continents tell them apart.
pub(super) fn regions(lines: &[Line]) -> Vec<Region> {
    let mut order: Vec<&str> = Vec::new();
    let mut continents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.region.is_empty()) {
        let Some(country) = Country::find(&line.country) else { continue };
        if !order.contains(&line.region.as_str()) {
            order.push(&line.region);
        }
        continents.entry(&line.region).or_default().insert(country.continent);
    }
    let all = continents.values().map(BTreeSet::len).sum::<usize>();
    let distinct: BTreeSet<&str> = continents.values().flatten().copied().collect();
    if all != distinct.len() {
        return Vec::new();
    }
    let region = |name: &str| {
        let continents = continents.get(name).into_iter().flatten().map(|code| (*code).to_owned()).collect();
        Region { name: name.to_owned(), continents }
    };
    order.into_iter().map(region).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "\
Hub Name     Country   Region          Latency     Capacity       Cost      Geo Prox.   Hub ID
Alhena       AT        Europe          4.012ms     659.89Mbit/s   14.11c    100.00%     ZwiMkjxoiqvQzuxYr3vF3jicXqzWCDDNDpc4jbpWCp2GWC
Two Words    US        North America   90.5µs      422.29Mbit/s   14.84c    20.00%      ZwmCKCjSjRMtKYPRV2uNGwDSZhwfik1bmSpuAjAFoEk371
";

    #[test]
    fn the_table_says_which_hub_is_which() {
        let lines = lines(TABLE);
        let list = [
            json!({ "Latency": 6_698_000, "CalculatedCost": 12.8 }),
            json!({ "Latency": 4_012_000, "CalculatedCost": 14.113_576 }),
            json!({ "Latency": 90_500, "CalculatedCost": 14.84 }),
        ];
        let found = measured(&list, &lines, "home");
        assert_eq!(found["ZwiMkjxoiqvQzuxYr3vF3jicXqzWCDDNDpc4jbpWCp2GWC"], list[1]);
        assert_eq!(found["ZwmCKCjSjRMtKYPRV2uNGwDSZhwfik1bmSpuAjAFoEk371"], list[2]);
        assert_eq!(found["home"], list[0]);
        let regions = regions(&lines);
        let told: Vec<_> = regions.iter().map(|one| (one.name.as_str(), one.continents.join(","))).collect();
        assert_eq!(told, [("Europe", "EU".to_owned()), ("North America", "NA".to_owned())]);
    }
}
