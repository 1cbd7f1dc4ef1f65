//! What a scenario answers, for other tools.

use std::collections::BTreeSet;

use portmaster_simulator::{Contract, Exchange, Exported, Simulator, exchanges};
use serde_json::Value;

fn asked(contract: Contract) -> Vec<Exchange> {
    exchanges(&Simulator::builder(), contract).unwrap()
}

#[test]
fn every_request_that_has_an_example_is_answered_the_same_again() {
    for contract in [Contract::Docs, Contract::V2_2] {
        let all = asked(contract);
        let answered: BTreeSet<&str> = all.iter().map(|one| one.question.template.as_str()).collect();
        let without: Vec<&str> = contract
            .endpoints()
            .iter()
            .map(|one| one.path.as_str())
            .filter(|path| !path.contains('{') && !answered.contains(format!("/{path}").as_str()))
            .collect();
        assert_eq!(without, [""; 0], "{contract}");
        // What is refused is refused to everybody: to log in and out is asked for in another way.
        let is_refused = |one: &&Exchange| matches!(one.status, 401 | 403 | 405);
        let refused: BTreeSet<&str> =
            all.iter().filter(is_refused).map(|one| one.question.template.as_str()).collect();
        let log_in_and_out = BTreeSet::from(["/auth/reset", "/spn/account/login"]);
        assert!(refused.is_subset(&log_in_and_out), "{contract}: {refused:?}");
        assert_eq!(all, asked(contract), "{contract}");
    }
}

#[test]
fn documents_have_what_was_answered() {
    let all = asked(Contract::Docs);
    // Bodies are whole, however they came.
    let framing = |(name, _): &(String, String)| name == "Content-Length" || name == "Transfer-Encoding";
    assert!(!all.iter().any(|one| one.headers.iter().any(framing)));
    assert!(all.iter().any(|one| one.question.template.starts_with("/netquery/") && one.body.len() > 2048));
    let gateways = all.iter().find(|one| one.question.template == "/network/gateways").unwrap();
    let text = std::str::from_utf8(&gateways.body).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let document = |form: Exported| form.document(Contract::Docs, &all);

    let stubs = document(Exported::WireMock);
    let stubs = stubs["mappings"].as_array().unwrap();
    assert_eq!(stubs.len(), all.len());
    let stub = stubs.iter().find(|one| one["request"]["urlPath"] == "/api/v1/network/gateways").unwrap();
    assert_eq!(stub["response"]["body"], text);

    let described = document(Exported::OpenApi);
    let content = &described["paths"]["/network/gateways"]["get"]["responses"]["200"]["content"];
    assert_eq!(content["application/json"]["example"], value);

    let collection = document(Exported::Postman);
    let folders = collection["item"].as_array().unwrap();
    let network = folders.iter().find(|one| one["name"] == "network").unwrap();
    let item = network["item"].as_array().unwrap().iter().find(|one| one["name"] == "GET /network/gateways");
    assert_eq!(item.unwrap()["response"][0]["body"], text);

    let archive = document(Exported::Har);
    let entries = archive["log"]["entries"].as_array().unwrap();
    let entry =
        entries.iter().find(|one| one["request"]["url"] == "http://127.0.0.1:817/api/v1/network/gateways");
    assert_eq!(entry.unwrap()["response"]["content"]["text"], text);
}
