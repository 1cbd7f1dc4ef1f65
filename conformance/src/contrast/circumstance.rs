//! Whether who asks may do what is asked.

use std::fmt;

use portmaster_fixtures::{Endpoint, Permission};

use crate::suite::{Mode, Tier};

/// What somebody may, to read and to write.
pub(crate) type Levels = (Permission, Permission);

/// What somebody with that key may, to read and to write (core-2.2 §3). A valid key decides, whatever else there is.
pub(crate) fn levels(tier: Option<Tier>, mode: Mode) -> Levels {
    use Permission::{Admin, Anyone, Itself, User};
    if mode == Mode::Development {
        return (Itself, Itself);
    }
    match (tier, mode) {
        (Some(Tier::Anyone), _) => (Anyone, Anyone),
        (Some(Tier::UserRead), _) => (User, Anyone),
        (Some(Tier::User | Tier::Future), _) => (User, User),
        (Some(Tier::AdminRead), _) => (Admin, Anyone),
        (Some(Tier::Admin), _) => (Admin, Admin),
        (Some(Tier::Expired) | None, Mode::Granted) => (Itself, Itself),
        (Some(Tier::Expired) | None, _) => (Anyone, Anyone),
    }
}

/// Whether who asks may do what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Circumstance {
    /// Who asks may.
    May,
    /// Who asks may not.
    MayNot,
    /// The endpoint decides by itself, or does not have the method.
    Open,
    /// There is no endpoint.
    Elsewhere,
}

impl Circumstance {
    /// That of a request to an endpoint, by somebody who may so much.
    pub(crate) fn of(endpoint: Option<&Endpoint>, method: &str, levels: Levels) -> Self {
        let Some(endpoint) = endpoint else { return Self::Elsewhere };
        let (required, held) = match method {
            "GET" | "HEAD" => (endpoint.read, levels.0),
            "POST" | "PUT" | "DELETE" => (endpoint.write, levels.1),
            _ => return Self::Open,
        };
        match required {
            Permission::Dynamic => Self::Open,
            required if required.is_not_supported() => Self::Open,
            required if held >= required => Self::May,
            _ => Self::MayNot,
        }
    }
}

impl fmt::Display for Circumstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::May => "asked by who may",
            Self::MayNot => "asked by who may not",
            Self::Open => "where neither key nor method decides",
            Self::Elsewhere => "where no endpoint is",
        })
    }
}
