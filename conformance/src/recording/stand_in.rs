//! What stands in every recording for the keys of its target.

use serde_json::{Map, Value};

use crate::suite::Tier;

/// The key of a tier in every recording. It opens nothing but targets that were set up for recordings.
pub(crate) fn stand_in(tier: Tier) -> &'static str {
    match tier {
        Tier::Anyone => "anyone-0123456789abcdef",
        Tier::UserRead => "userread-0123456789abcdef",
        Tier::User => "useruser-0123456789abcdef",
        Tier::AdminRead => "adminread-0123456789abcdef",
        Tier::Admin => "admin-0123456789abcdef",
        Tier::Expired => "expired-0123456789abcdef",
        Tier::Future => "future-0123456789abcdef",
    }
}

/// The order in which a target is given the standard keys.
const STANDARD_KEYS: [Tier; 7] =
    [Tier::UserRead, Tier::User, Tier::AdminRead, Tier::Admin, Tier::Anyone, Tier::Expired, Tier::Future];

/// The standard keys as they stand in `core/apiKeys`.
pub(crate) fn standard_keys() -> Vec<String> {
    STANDARD_KEYS.iter().map(|&tier| format!("{}{}", stand_in(tier), tier.permissions())).collect()
}

/// The headers with which a script's connections are opened when it does not say.
pub(crate) fn admin_headers() -> Map<String, Value> {
    let bearer = format!("Bearer {}", stand_in(Tier::Admin));
    Map::from_iter([("Authorization".to_owned(), bearer.into())])
}
