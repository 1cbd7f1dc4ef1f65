//! `updates/get`: the files that the core has downloaded (core-2.2 §6.11).

use hyper::{
    Method, StatusCode,
    header::{ACCEPT, HeaderName},
    http::HeaderValue,
};
use portmaster_fixtures::{Defect, scenario::Resource};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Call, Handler, Raw, Reply};
use crate::{
    go::{json, mime},
    world::World,
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new(
        r"updates/get/{artifact_path:[A-Za-z0-9/\.\-_]{1,255}}/{artifact_name:[A-Za-z0-9\.\-_]{1,255}}",
        by_name,
    )
    .saying(&[404, 406]),
    Handler::new(r"updates/get/{identifier:[A-Za-z0-9/\.\-_]{1,255}}", by_identifier).saying(&[404, 406]),
];

/// Cores since 2.0: only the last part of the path counts.
fn by_name(world: &mut World, call: &Call) -> Reply {
    let name = call.part("artifact_name");
    let found = world.resources.iter().find(|one| one.name.rsplit('/').next() == Some(name));
    answer(world, call, found)
}

/// Core 1.6: the whole path counts.
fn by_identifier(world: &mut World, call: &Call) -> Reply {
    let identifier = call.part("identifier");
    let found = world.resources.iter().find(|one| one.name == identifier);
    answer(world, call, found)
}

fn answer(world: &World, call: &Call, found: Option<&Resource>) -> Reply {
    let Some(resource) = found else {
        return Reply::error(StatusCode::NOT_FOUND, world.behaviour.missing_bundle.text.clone());
    };
    let Some(content) = &resource.content else {
        let name = &resource.name;
        return Reply::failure(world.missing_file(&["intel", name]));
    };
    let accept = call.headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    let own = mime::of(&resource.name);
    let wanted = match wanted(&String::from_utf8_lossy(accept), &resource.name) {
        Wanted::Unsupported if !world.behaviour.has(Defect::OwnTypeRefused) && names(accept, own) => {
            Wanted::AsIs
        }
        wanted => wanted,
    };
    // Nothing is written for who wants the head alone.
    let written = |body: Vec<u8>| if call.method == Method::HEAD { Vec::new() } else { body };
    let mut raw = match wanted {
        Wanted::AsIs => Raw::new(own, written(content.clone().into_bytes())),
        Wanted::Json => match serde_saphyr::from_str::<Value>(content) {
            Ok(value) => {
                let content_type = match world.behaviour.has(Defect::ConvertedAsYaml) {
                    true => own,
                    false => "application/json; charset=utf-8",
                };
                Raw::new(content_type, written(json::to_vec(&sorted(value))))
            }
            Err(error) => Raw::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("failed to convert {}: {error}", resource.name),
            ),
        },
        Wanted::Unsupported => {
            Raw::text(StatusCode::NOT_ACCEPTABLE, "conversion to requested format not supported")
        }
    };
    let hash: String = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    // The file was found before its form was looked at: refusals name it, too.
    for (name, value) in [("resource-version", resource.version.clone()), ("resource-sha256", hash)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            raw = raw.with(HeaderName::from_static(name), value);
        }
    }
    raw.into()
}

/// Whether an Accept header names a type.
fn names(accept: &[u8], content_type: &str) -> bool {
    let media = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    String::from_utf8_lossy(accept).split(',').any(|entry| media(entry) == media(content_type))
}

fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// The form in which a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    AsIs,
    Json,
    Unsupported,
}

/// What an Accept header asks of a file: YAML becomes JSON, nothing else becomes anything, not even itself.
fn wanted(accept: &str, name: &str) -> Wanted {
    let mut types = accept.split(',').map(|entry| entry.split(';').next().unwrap_or_default().trim());
    if accept.is_empty() || types.clone().any(|media| matches!(media, "*" | "*/*")) {
        return Wanted::AsIs;
    }
    let is_yaml = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
    if is_yaml && types.any(|media| media == "application/json") { Wanted::Json } else { Wanted::Unsupported }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use portmaster_fixtures::{Contract, Permission, Scenario};

    use super::*;
    use crate::{
        api::{Failure, Format},
        world::{Options, session::Token},
    };

    const FILES: &str = "
resources:
  - { name: all/intel/news.yaml, version: 1.2.3, content: 'b: [x, 1]' }
  - { name: later.txt, version: 2.0.0 }
";

    fn get(contract: Contract, name: &'static str, value: &str, accept: &'static str) -> Reply {
        let scenario = Scenario::parse("test", FILES).expect("a scenario");
        let options = Options { contract: Some(contract), ..Options::default() };
        let mut world = World::new(scenario, options).expect("a world");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let call = Call {
            method: Method::GET,
            path: vec![(name, value.to_owned())],
            query: String::new(),
            headers,
            body: None,
            token: Token { read: Permission::User, write: Permission::User },
            format: Format::default(),
        };
        let run = if name == "identifier" { by_identifier } else { by_name };
        run(&mut world, &call)
    }

    #[test]
    fn files_come_with_their_version_and_hash() {
        let Reply::Raw(raw) = get(Contract::V2_2, "artifact_name", "news.yaml", "application/json") else {
            panic!("no file")
        };
        assert_eq!(raw.body, br#"{"b":["x",1]}"#);
        let header = |name: &str| {
            raw.headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("content-type").as_deref(), Some("application/yaml; charset=utf-8"));
        assert_eq!(header("resource-version").as_deref(), Some("1.2.3"));
        // Of the file, whatever form it is asked for in.
        let hash: String = Sha256::digest("b: [x, 1]").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(header("resource-sha256"), Some(hash));
    }

    #[test]
    fn a_refused_form_names_the_file_too() {
        let Reply::Raw(raw) = get(Contract::V2_2, "artifact_name", "news.yaml", "text/html") else {
            panic!()
        };
        let names: Vec<_> = raw.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((raw.status.as_u16(), &names[1..]), (406, &["resource-version", "resource-sha256"][..]));
    }

    #[test]
    fn contracts_look_for_files_in_their_own_way() {
        let found = |contract, name, value| matches!(get(contract, name, value, ""), Reply::Raw(_));
        assert!(found(Contract::V1_6, "identifier", "all/intel/news.yaml"));
        assert!(!found(Contract::V1_6, "identifier", "news.yaml"));
        assert!(found(Contract::V2_2, "artifact_name", "news.yaml"));
        for (contract, name, text) in [
            (Contract::V1_6, "identifier", "404 the requested file could not be found"),
            (Contract::V2_2, "artifact_name", "404 file not found"),
        ] {
            let Reply::Failure(Failure { status, text: said }) = get(contract, name, "nope", "") else {
                panic!()
            };
            assert_eq!(format!("{} {said}", status.as_u16()), text);
        }
        let Reply::Failure(later) = get(Contract::V2_2, "artifact_name", "later.txt", "") else { panic!() };
        assert!(later.text.ends_with("later.txt: no such file or directory"), "{}", later.text);
    }

    #[test]
    fn only_yaml_becomes_something_else() {
        for (accept, name, form) in [
            ("", "a.json", Wanted::AsIs),
            ("text/plain, */*;q=0.1", "a.json", Wanted::AsIs),
            ("*", "a.bin", Wanted::AsIs),
            ("application/json;q=1", "a.yaml", Wanted::Json),
            ("application/json", "a.json", Wanted::Unsupported),
            ("application/yaml", "a.yaml", Wanted::Unsupported),
            ("image/*", "a.yaml", Wanted::Unsupported),
            (",", "a.yaml", Wanted::Unsupported),
        ] {
            assert_eq!(wanted(accept, name), form, "{accept} {name}");
        }
    }
}
