//! `account/*`: the features that accounts come with.

use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::world::World;

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("account/features", features),
    Handler::new("account/features/{id:[A-Za-z0-9_-]+}/icon", icon),
];

/// A package that can be bought.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Package {
    name: &'static str,
    hex_color: &'static str,
    #[serde(rename = "InfoURL")]
    info_url: &'static str,
}

const fn package(name: &'static str, hex_color: &'static str) -> Package {
    Package { name, hex_color, info_url: "https://safing.io/pricing/" }
}

const FREE: Package = package("Free", "#ffffff");
const PLUS: Package = package("Plus", "#2fcfae");
const PRO: Package = package("Pro", "#029ad0");

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Feature {
    name: &'static str,
    #[serde(rename = "ID")]
    id: &'static str,
    #[serde(rename = "RequiredFeatureID")]
    required_feature_id: &'static str,
    config_key: &'static str,
    config_scope: &'static str,
    in_package: Package,
    comment: &'static str,
    beta: bool,
    coming_soon: bool,
}

impl Feature {
    /// A feature that is switched by an option, if there is one, and whose options begin with a scope.
    const fn new(id: &'static str, name: &'static str, key: &'static str, scope: &'static str) -> Self {
        Self {
            name,
            id,
            required_feature_id: "",
            config_key: key,
            config_scope: scope,
            in_package: FREE,
            comment: "",
            beta: false,
            coming_soon: false,
        }
    }

    /// The same in a package that costs something.
    const fn sold_in(self, package: Package) -> Self {
        Self { in_package: package, required_feature_id: self.id, ..self }
    }
}

/// All features; which of them a core shows is its contract's.
const FEATURES: &[Feature] = &[
    Feature::new("dns", "Secure DNS", "", "dns/"),
    Feature::new("filter", "Privacy Filter", "", "filter/"),
    Feature::new("history", "Network History", "history/enable", "history/").sold_in(PLUS),
    Feature { beta: true, ..Feature::new("bw-vis", "Bandwidth Visibility", "", "").sold_in(PLUS) },
    Feature::new("support", "Safing Support", "", "").sold_in(PLUS),
    Feature::new("splittun", "Split Tunneling", "splittun/enable", "splittun/"),
    Feature::new("spn", "Safing Privacy Network", "spn/enable", "spn/").sold_in(PRO),
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Features {
    features: Vec<Feature>,
}

fn shown(world: &World) -> Vec<Feature> {
    let find = |id: &String| FEATURES.iter().find(|feature| feature.id == id).copied();
    world.behaviour.features.iter().filter_map(find).collect()
}

fn features(world: &mut World, call: &Call) -> Reply {
    call.structured(&Features { features: shown(world) })
}

/// A picture of our own: the first letter of the feature's name in a ring.
fn icon(world: &mut World, call: &Call) -> Reply {
    match shown(world).into_iter().find(|feature| feature.id == call.part("id")) {
        Some(feature) => Reply::Data(drawn(feature.name).into()),
        None => Reply::failure("feature id not found"),
    }
}

fn drawn(name: &str) -> String {
    let letter = name.chars().next().unwrap_or('?');
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\">\
         <circle cx=\"12\" cy=\"12\" r=\"10\"/><text x=\"12\" y=\"16\" text-anchor=\"middle\" font-size=\"12\" \
         font-family=\"sans-serif\" fill=\"currentColor\" stroke=\"none\">{letter}</text></svg>"
    )
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::FEATURES;

    #[test]
    fn contracts_show_features_that_there_are() {
        for contract in Contract::ALL {
            for id in &contract.behaviour().features {
                assert!(FEATURES.iter().any(|feature| feature.id == id), "{contract}: {id}");
            }
            let keys = FEATURES
                .iter()
                .filter(|feature| contract.behaviour().features.iter().any(|id| id == feature.id));
            for feature in keys.filter(|feature| !feature.config_key.is_empty()) {
                assert!(
                    contract.options().iter().any(|option| option.key == feature.config_key),
                    "{}",
                    feature.id
                );
            }
        }
    }
}
