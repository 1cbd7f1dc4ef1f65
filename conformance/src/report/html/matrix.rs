//! The matrix of a report's page: endpoints by who calls them, and what other families say of them.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::signs::{SIGNS, rank};
use crate::{checks::FAMILIES, suite::Record};

/// The family whose ids are `badges/ENDPOINT/METHOD/CALLER`.
const BY_CALLER: &str = "badges";

/// A row: an endpoint and a method, and the check of each caller.
struct Row<'a> {
    endpoint: &'a str,
    method: &'a str,
    checks: Vec<(&'a str, &'a Record)>,
}

/// The matrix, if the report has checks of endpoints by caller.
pub(super) fn table(records: &[Record]) -> Option<Markup> {
    let (rows, callers) = rows(records);
    if rows.is_empty() {
        return None;
    }
    let endpoints: BTreeSet<&str> = rows.iter().map(|row| row.endpoint).collect();
    let others: Vec<(&str, &Record)> =
        records.iter().filter_map(|record| Some((endpoint_of(record, &endpoints)?, record))).collect();
    let concerns: Vec<&str> = FAMILIES
        .iter()
        .map(|family| family.name)
        .filter(|name| others.iter().any(|(_, record)| record.family() == *name))
        .collect();
    let methods = |endpoint: &str| rows.iter().filter(|row| row.endpoint == endpoint).count();
    let first = |at: usize| at == 0 || rows[at - 1].endpoint != rows[at].endpoint;
    Some(html! {
        section #matrix aria-labelledby="matrix-head" {
            h2 #matrix-head { "Endpoints by caller, and by concern" }
            p.legend {
                @for (name, sign, word) in SIGNS {
                    span { i class={ "cell " (name) } aria-hidden="true" { (sign) } " " (word) } " "
                }
                span { "a number: so many checks, shown as the worst of them" }
            }
            div.scroll.tall role="region" aria-labelledby="matrix-head" tabindex="0" {
                table.matrix {
                    thead {
                        tr {
                            th.endpoint rowspan="2" scope="col" { "Endpoint" }
                            th rowspan="2" scope="col" { "Method" }
                            th.group colspan=(callers.len()) scope="colgroup" { "Who calls" }
                            @if !concerns.is_empty() {
                                th.group colspan=(concerns.len()) scope="colgroup" { "What else is checked" }
                            }
                        }
                        tr {
                            @for head in callers.iter().chain(&concerns) {
                                th.turned scope="col" { span { (head) } }
                            }
                        }
                    }
                    @for (at, row) in rows.iter().enumerate() {
                        tr data-endpoint=(row.endpoint) {
                            @if first(at) {
                                th.endpoint scope="rowgroup" rowspan=(methods(row.endpoint)) { (row.endpoint) }
                            }
                            th.method scope="row" { (row.method) }
                            @for caller in &callers {
                                (cell(row.checks.iter().filter(|(name, _)| name == caller).map(|(_, one)| *one)))
                            }
                            @if first(at) {
                                @for concern in &concerns {
                                    @let of = others.iter().filter(|(endpoint, record)| {
                                        *endpoint == row.endpoint && record.family() == *concern
                                    });
                                    (cell_over(methods(row.endpoint), of.map(|(_, record)| *record)))
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// The rows, in the order of the suite, and the callers.
fn rows(records: &[Record]) -> (Vec<Row<'_>>, Vec<&str>) {
    let (mut rows, mut callers) = (Vec::<Row<'_>>::new(), vec![]);
    for record in records.iter().filter(|record| record.family() == BY_CALLER) {
        let mut parts = record.id.rsplitn(3, '/');
        let (Some(caller), Some(method), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let endpoint = rest.split_once('/').map_or(rest, |(_, endpoint)| endpoint);
        if !callers.contains(&caller) {
            callers.push(caller);
        }
        match rows.iter_mut().find(|row| row.endpoint == endpoint && row.method == method) {
            Some(row) => row.checks.push((caller, record)),
            None => rows.push(Row { endpoint, method, checks: vec![(caller, record)] }),
        }
    }
    (rows, callers)
}

/// The endpoint that a check of another family is about: the longest one that its id names after the family, or
/// after the family and one more word.
fn endpoint_of<'a>(record: &Record, endpoints: &BTreeSet<&'a str>) -> Option<&'a str> {
    if record.family() == BY_CALLER {
        return None;
    }
    let parts: Vec<_> = record.id.split('/').collect();
    let found = (1..=2).flat_map(|from| (from + 1..=parts.len()).map(move |to| (from, to)));
    let found =
        found.filter_map(|(from, to)| endpoints.get(parts.get(from..to)?.join("/").as_str()).copied());
    found.max_by_key(|endpoint| endpoint.len())
}

fn cell<'a>(records: impl Iterator<Item = &'a Record>) -> Markup {
    cell_over(1, records)
}

/// A cell over so many rows: the worst verdict, a link to its check, and the number of checks if there are more.
fn cell_over<'a>(rows: usize, records: impl Iterator<Item = &'a Record>) -> Markup {
    let records: Vec<_> = records.collect();
    let Some(worst) = records.iter().min_by_key(|record| rank(record)) else {
        return html! { td.cell.empty rowspan=(rows) {} };
    };
    let (name, sign, _) = SIGNS[rank(worst)];
    let more = records.len() > 1;
    html! {
        td class={ "cell " (name) } rowspan=(rows) {
            a href={ "#" (worst.id) } title={ (worst.id) ": " (name) } {
                span aria-hidden="true" { @if more { (records.len()) } @else { (sign) } }
                span.vh { (name) @if more { ", the worst of " (records.len()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::example, suite::Check};

    #[test]
    fn endpoints_are_found_in_ids() {
        let endpoints =
            BTreeSet::from(["ping", "spn/map/:map/graph:format", "debug/network", "debug/network/state"]);
        let mut record = example::report().run.records.remove(0);
        for (id, wanted) in [
            ("actions/ping", Some("ping")),
            ("content/type/spn/map/:map/graph:format/GET", Some("spn/map/:map/graph:format")),
            ("parameters/debug/network/style/absent", Some("debug/network")),
            ("content/head/debug/network/state", Some("debug/network/state")),
            ("badges/ping/GET/no-key", None),
            ("paths/unknown/of/ping", None),
            ("websocket/operations/get", None),
        ] {
            record.id = Check::info(id, "", "").id;
            assert_eq!(endpoint_of(&record, &endpoints), wanted, "{id}");
        }
    }

    #[test]
    fn a_row_is_an_endpoint_and_a_method() {
        let report = example::report();
        let (rows, callers) = rows(&report.run.records);
        let names: Vec<_> = rows.iter().map(|row| (row.endpoint, row.method, row.checks.len())).collect();
        assert_eq!(names, [("ping", "GET", 3), ("spn/map/:map/pins", "GET", 1)]);
        assert_eq!(callers, ["no-key", "user-key", "admin-key"]);
    }
}
