//! The documents for other tools say what the catalogue says.

use portmaster_simulator::{Contract, asyncapi, openapi};

#[test]
fn every_endpoint_stands_in_the_document() {
    for contract in Contract::ALL {
        let document = openapi(contract);
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), contract.endpoints().len(), "{contract}");
        for endpoint in contract.endpoints().iter().filter(|one| !one.path.contains('{')) {
            let item = &paths[&format!("/{}", endpoint.path)];
            assert_eq!(item.get("get").is_some(), !endpoint.read.is_not_supported(), "{}", endpoint.path);
            let written = endpoint.write_method.to_ascii_lowercase();
            if !written.is_empty() {
                assert!(item[&written]["x-instead-of"].is_null(), "{}", endpoint.path);
                assert_eq!(item[&written]["x-permission"], endpoint.write.role());
            }
        }
    }
}

#[test]
fn a_path_keeps_its_patterns_and_an_answer_its_members() {
    let document = openapi(Contract::Docs);
    let graph = &document["paths"]["/spn/map/{map}/graph{format}"];
    assert_eq!(graph["parameters"][1]["schema"]["pattern"], r"^\.[a-z]{2,4}$");
    let permissions = &document["paths"]["/auth/permissions"]["get"]["responses"]["200"]["content"];
    let schema = &permissions["application/json"]["schema"];
    assert_eq!(schema["properties"]["ReadRole"]["type"], "string");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(document["paths"]["/ping"]["get"]["security"], serde_json::json!([]));
}

#[test]
fn names_of_operations_are_unique() {
    for contract in Contract::ALL {
        let document = openapi(contract);
        let mut names = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in
                item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
            {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(names.insert(name), "{contract}: {method} {path}");
            }
        }
    }
}

#[test]
fn the_websocket_has_its_messages() {
    let document = asyncapi(Contract::V2_2);
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(document["channels"]["database"]["address"], "/api/database/v1");
    let asked = document["operations"]["ask"]["messages"].as_array().unwrap();
    assert_eq!(asked.len(), 9);
}
