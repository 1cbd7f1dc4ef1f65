//! What a core says of itself: how it was built, when it was installed, what it has downloaded (websocket §5.2, core-1.x §7.1).

use portmaster_fixtures::RecordForm;
use serde_json::{Map, Value, json};

use super::{Body, Meta, Record, World};
use crate::go::json as gojson;

/// A version as one number: a million for each major, a thousand for each minor one. A development build has none.
pub fn numeric(version: &str) -> Option<u64> {
    version.split('.').take(3).try_fold(0, |number, part| Some(number * 1000 + part.parse::<u64>().ok()?))
}

impl World {
    /// How the core was built. Ours was not built where cores are, and says so.
    fn build_info(&self) -> Value {
        let (version, source) = (self.version(), "https://github.com/safing/portmaster");
        match self.behaviour.record_form {
            RecordForm::Early => json!({
                "Name": "Portmaster",
                "Version": version,
                "License": "AGPLv3",
                "Commit": "unknown",
                "BuildOptions": "simulated",
                "BuildUser": "unknown",
                "BuildHost": "unknown",
                "BuildDate": "unknown",
                "BuildSource": source,
            }),
            RecordForm::Late => json!({
                "Name": "Portmaster",
                "Version": version,
                "VersionNumber": numeric(version).map_or("0.0.0", |_| version),
                "License": "GPLv3",
                "Source": source,
                "BuildTime": "unknown",
                "CGO": false,
                "Commit": "unknown",
                "CommitTime": "unknown",
                "Dirty": false,
                "GoVersion": "none",
                "Path": "simulated",
                "Main": { "Path": "simulated", "Version": version },
                "Deps": [],
                "Settings": [],
            }),
        }
    }

    /// Where downloads come from.
    pub fn release_channel(&self) -> &str {
        match self.config.text("core/releaseChannel") {
            "" => "stable",
            channel => channel,
        }
    }

    /// The build and the versions of what was downloaded, as broadcasts are matched with them.
    pub fn simple_versions(&self) -> Value {
        let resources: Map<String, Value> =
            self.resources.iter().map(|one| (one.name.clone(), json!({ "Version": one.version }))).collect();
        json!({ "Build": self.build_info(), "Resources": resources, "Channel": self.release_channel() })
    }

    /// When which version was installed.
    pub fn install_info(&self) -> Value {
        let (at, version) = (self.core.installed.unwrap_or(self.clock.start()), self.version());
        json!({
            "Version": version,
            "NumericVersion": numeric(version).unwrap_or(0),
            "Time": at,
            "NumericDate": at.strftime("%Y%m%d").to_string().parse::<i64>().unwrap_or(0),
            "DaysSinceInstall": self.now().duration_since(at).as_hours().max(0) / 24,
            "UnixTimestamp": at.as_second(),
        })
    }

    /// Keeps the records of all that, as they are written at the start.
    pub(super) fn keep_versions(&mut self, meta: Meta) {
        let versions = json!({
            "Core": self.build_info(), "Resources": {}, "Channel": self.release_channel(), "Beta": false, "Staging": false,
        });
        for (key, value) in [
            ("core:status/versions", versions),
            ("core:status/simple-versions", self.simple_versions()),
            ("core:status/install-info", self.install_info()),
        ] {
            self.keep(Record::new(key, meta, Body::json(gojson::to_vec(&value))));
        }
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::{Contract, Scenario};

    use super::*;
    use crate::world::Options;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(
            ["1.0.0", "2.2.0", "1.6.35", "dev build"].map(numeric),
            [Some(1_000_000), Some(2_002_000), Some(1_006_035), None]
        );
    }

    #[test]
    fn a_development_build_has_no_number_anywhere() {
        let options = Options {
            contract: Some(Contract::V2_2),
            core_version: Some("dev build".to_owned()),
            ..Options::default()
        };
        let world = World::new(Scenario::load("recorded").unwrap(), options).unwrap();
        let kept = |key: &str| -> Value {
            serde_json::from_slice(world.records.core.get(key, world.now()).unwrap().text().unwrap()).unwrap()
        };
        assert_eq!(kept("status/versions")["Core"], world.simple_versions()["Build"]);
        assert_eq!(kept("status/simple-versions")["Build"], world.simple_versions()["Build"]);
        assert_eq!(kept("status/install-info")["NumericVersion"], 0);
        assert_eq!(world.simple_versions()["Build"]["VersionNumber"], "0.0.0");
    }
}
