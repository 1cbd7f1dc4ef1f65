//! What may not meet: what there is only one of in a core, so that two who want it at once disturb each other.

use serde::{Deserialize, Serialize};

use super::{check::Check, class::Class};

/// What there is only one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alone {
    /// The settings: two that are written at once may stop a core for good.
    Settings,
    /// The profiler of the processor: a second profile is refused.
    Profiler,
    /// The self-check: a second one waits for the first.
    SelfCheck,
    /// The core's life: whatever else is asked while it restarts is not answered.
    Lifecycle,
}

impl Alone {
    /// What somebody needs alone who asks the endpoint of that name.
    pub(crate) fn of_endpoint(name: &str) -> Option<Self> {
        match name {
            "debug/cpu" => Some(Self::Profiler),
            "compat/self-check" => Some(Self::SelfCheck),
            "core/restart" | "core/shutdown" => Some(Self::Lifecycle),
            _ if name.starts_with("modules/") => Some(Self::Lifecycle),
            _ => None,
        }
    }
}

impl Check {
    /// What it needs alone.
    pub fn alone(&self) -> Option<Alone> {
        let of_endpoint = self.endpoint().and_then(Alone::of_endpoint);
        let settings =
            || (self.family() == "websocket" && self.id.contains("/config/")).then_some(Alone::Settings);
        match of_endpoint {
            // What only looks at such an endpoint ends nothing.
            Some(Alone::Lifecycle) if self.class < Class::Disruptive => None,
            Some(alone) => Some(alone),
            None => settings(),
        }
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Contract;

    use super::*;
    use crate::checks;

    #[test]
    fn checks_say_what_they_need_alone() {
        let all = checks::all(Contract::V2_2);
        let alone = |id: &str| all.iter().find(|check| check.id == id).map(Check::alone);
        assert_eq!(alone("actions/core/restart"), Some(Some(Alone::Lifecycle)));
        assert_eq!(alone("actions/compat/self-check"), Some(Some(Alone::SelfCheck)));
        assert_eq!(alone("content/head/debug/cpu"), Some(Some(Alone::Profiler)));
        assert_eq!(alone("websocket/config/unknown"), Some(Some(Alone::Settings)));
        assert_eq!(alone("catalogue/exists/core/restart"), Some(None));
        assert_eq!(alone("actions/ping"), Some(None));
    }
}
