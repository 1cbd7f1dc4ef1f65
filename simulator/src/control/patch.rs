//! `PATCH /state`: JSON Merge Patch (RFC 7396) of the state, understood as a change.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use jiff::Timestamp;
use portmaster_fixtures::scenario::{
    Account, AccountState, CaptivePortal, Change, Close, ConnectionsChange, CoreChange, Device, DnsChange,
    FailureSeverity, InstantSchema, Location, Login, ModuleFailure, ModulesChange, Nameserver, NetworkChange,
    Notification, NotificationsChange, OnlineStatus, PauseChange, Plan, ResolverState, Resource, SelfCheck,
    Span, SpnChange, SpnStatus, Traceroute, UpdatesChange,
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    changes::{self, Applied},
    input::{self, Part},
    plane::Plane,
    problem::Problem,
    route::{JSON, Route, patch},
};
use crate::world::{World, spn, state::AREAS};

/// The media type of merge patches.
const MERGE_PATCH: &str = "application/merge-patch+json";

pub(super) fn routes() -> Vec<Route> {
    let example = || json!({ "network": { "online": "offline" }, "config": { "spn/enable": null } });
    vec![
        patch("/state", "Change the state", whole)
            .about(
                "A JSON Merge Patch. All of it happens, or nothing does; `null` resets an option, ends a pause, logs an \
                 account out, takes a notification away.",
            )
            .takes_as::<StatePatch>(MERGE_PATCH, Some(example()))
            .takes_as::<StatePatch>(JSON, Some(example()))
            .answers::<Applied>("It happened.")
            .refuses([StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
        patch("/state/{*path}", "Change a part of the state", part)
            .about("The body is the new value, or a JSON Merge Patch of it.")
            .part("path", "The way to the part, by slashes", "network/online")
            .takes_as::<Value>(MERGE_PATCH, Some("offline".into()))
            .takes_as::<Value>(JSON, Some("offline".into()))
            .answers::<Applied>("It happened.")
            .refuses([StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::PAYLOAD_TOO_LARGE]),
    ]
}

/// What can be changed of the state.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct StatePatch {
    /// New values of options, by key; `null` resets one to its default.
    config: BTreeMap<String, Value>,
    /// What the core says of itself.
    #[schemars(with = "CorePatch")]
    core: Option<CorePatch>,
    /// The device's network.
    #[schemars(with = "NetworkPatch")]
    network: Option<NetworkPatch>,
    /// Name resolution.
    #[schemars(with = "DnsPatch")]
    dns: Option<DnsPatch>,
    /// The privacy network.
    #[schemars(with = "SpnPatch")]
    spn: Option<SpnPatch>,
    /// Notifications that are shown, by id; `null` takes one away.
    notifications: BTreeMap<String, Option<Notification>>,
    /// Modules that get into trouble, by the id of the trouble; `null` ends it.
    modules: BTreeMap<String, Option<ModulePatch>>,
    /// The versions of downloaded files, by name.
    updates: BTreeMap<String, String>,
    /// The connections.
    #[schemars(with = "ConnectionsPatch")]
    connections: Option<ConnectionsPatch>,
    /// The pause; `null` ends it.
    #[serde(deserialize_with = "told")]
    pause: Option<Option<PausePatch>>,
}

/// Reads what is there, `null` included.
fn told<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What can be changed of the core.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CorePatch {
    /// Whether it is still starting.
    #[schemars(with = "bool")]
    starting: Option<bool>,
    /// How the integration self-check ends.
    #[schemars(with = "SelfCheck")]
    self_check: Option<SelfCheck>,
    /// Whether the custom filter list names a file that loads.
    #[schemars(with = "bool")]
    custom_list: Option<bool>,
}

/// What can be changed of the network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NetworkPatch {
    /// How far the device gets.
    #[schemars(with = "OnlineStatus")]
    online: Option<OnlineStatus>,
    /// The captive portal in the way; `null` when it is gone.
    #[serde(deserialize_with = "told")]
    #[schemars(with = "Option<CaptivePortal>")]
    captive_portal: Option<Value>,
    /// The default gateways.
    #[schemars(with = "Vec<std::net::IpAddr>")]
    gateways: Option<Vec<std::net::IpAddr>>,
    /// The system's nameservers.
    #[schemars(with = "Vec<Nameserver>")]
    nameservers: Option<Vec<Nameserver>>,
    /// Where the device seems to be.
    #[serde(deserialize_with = "told")]
    #[schemars(with = "Location")]
    location: Option<Value>,
    /// How a traceroute ends.
    #[schemars(with = "Traceroute")]
    traceroute: Option<Traceroute>,
    /// The device's own addresses.
    #[schemars(with = "Vec<std::net::IpAddr>")]
    addresses: Option<Vec<std::net::IpAddr>>,
}

/// What can be changed of name resolution.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DnsPatch {
    /// How many answers are cached: only 0, which empties the cache.
    #[schemars(with = "u8", range(max = 0))]
    cached: Option<u8>,
    /// The resolvers that fail, by name or address.
    #[schemars(with = "Vec<String>")]
    failing: Option<Vec<String>>,
}

/// What can be changed of the privacy network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SpnPatch {
    /// How far the connection is; `null` lets it follow from the account and the map again.
    #[serde(deserialize_with = "told")]
    status: Option<Option<SpnStatus>>,
    /// The name or the id of the hub that the device is connected to; `null` for the best one.
    #[serde(deserialize_with = "told")]
    home: Option<Option<String>>,
    /// To how many hubs tunnels are open, beside the home hub.
    #[schemars(with = "u16")]
    sessions: Option<u16>,
    /// How the provider answers a login.
    #[schemars(with = "Login")]
    login: Option<Login>,
    /// The account that is logged in; `null` logs it out.
    #[serde(deserialize_with = "told")]
    #[schemars(with = "Option<AccountPatch>")]
    account: Option<Value>,
}

/// What can be changed of the account. What is not named stays: it is only the form of what is merged.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct AccountPatch {
    /// The user's name.
    username: String,
    /// The state.
    state: AccountState,
    /// The balance in cents.
    balance: i64,
    /// The device.
    device: Option<Device>,
    /// The plan.
    plan: Option<Plan>,
    /// When the plan ends.
    #[schemars(with = "Option<InstantSchema>")]
    ends: Option<Timestamp>,
    /// When the next payment is due.
    #[schemars(with = "Option<InstantSchema>")]
    next_billing: Option<Timestamp>,
    /// Who takes the payments.
    payment_provider: String,
    /// When the person logged in.
    #[schemars(with = "Option<InstantSchema>")]
    logged_in: Option<Timestamp>,
    /// Whether the core holds a token with which it can ask the provider.
    token: bool,
}

/// A module that gets into trouble. The trouble's id is its name in the state.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModulePatch {
    /// The module, for example `NameServer` or `Resolver`.
    module: String,
    /// The trouble's title.
    title: String,
    /// What it means.
    #[serde(default)]
    message: String,
    /// How bad it is.
    #[serde(default)]
    severity: FailureSeverity,
}

/// What can be changed of the connections.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ConnectionsPatch {
    /// How many are active: the oldest of those that are too many end.
    #[schemars(with = "u32")]
    active: Option<u32>,
}

/// A pause. What is not named stays as it is in one that goes on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct PausePatch {
    /// How long, from now.
    #[schemars(with = "Span")]
    duration: Option<Span>,
    /// Until when.
    #[schemars(with = "InstantSchema")]
    until: Option<Timestamp>,
    /// Whether only the privacy network rests.
    #[schemars(with = "bool")]
    only_spn: Option<bool>,
}

async fn whole(State(plane): State<Arc<Plane>>, request: Request) -> Result<Json<Applied>, Problem> {
    let patch = input::any(&plane, request).await?;
    plane.aside(move |plane| apply(plane, &patch)).await.map(Json)
}

async fn part(
    State(plane): State<Arc<Plane>>,
    Part(path): Part,
    request: Request,
) -> Result<Json<Applied>, Problem> {
    let value = input::any(&plane, request).await?;
    let (steps, patch) = nested(&path, value)?;
    let depth = steps.len();
    plane.aside(move |plane| apply(plane, &patch)).await.map(Json).map_err(|problem| problem.below(depth))
}

/// A value as a patch of the whole state; the steps to it, too.
fn nested(path: &str, value: Value) -> Result<(Vec<&str>, Value), Problem> {
    let (area, rest) = path.split_once('/').unwrap_or((path, ""));
    if !AREAS.contains(&area) {
        return Err(super::state::missing(area, &AREAS));
    }
    // Of these areas all that follows is one name.
    let named = ["config", "notifications", "modules", "updates"].contains(&area);
    let mut steps = vec![area];
    match rest {
        "" => {}
        name if named => steps.push(name),
        rest => steps.extend(rest.split('/')),
    }
    let patch = steps.iter().rev().fold(value, |value, step| json!({ *step: value }));
    Ok((steps, patch))
}

fn apply(plane: &Plane, patch: &Value) -> Result<Applied, Problem> {
    if patch.get("apps").is_some() {
        return Err(Problem::conflict("programs are learned by a change")
            .at("/apps")
            .expected("POST /changes with {\"apps\": {\"add\": [...]}}"));
    }
    let told: StatePatch = input::typed(patch)?;
    // Looked at and changed in one go: what is merged with is what is there.
    plane.with(|world| {
        let change = understood(world, told)?;
        match world.change(&change) {
            Ok(events) => Ok(changes::applied(events)),
            Err(unfit) => Err(changes::refused(unfit)),
        }
    })
}

/// The change that a patch means.
fn understood(world: &World, told: StatePatch) -> Result<Change, Problem> {
    let mut change = Change { config: told.config, ..Change::default() };
    if let Some(core) = told.core {
        let CorePatch { starting, self_check, custom_list } = core;
        change.core = Some(CoreChange { starting, self_check, custom_list });
    }
    if let Some(network) = told.network {
        change.network = Some(of_network(world, network)?);
    }
    if let Some(dns) = told.dns {
        change.dns = Some(of_dns(world, dns));
    }
    if let Some(spn) = told.spn {
        change.spn = Some(of_spn(world, spn)?);
    }
    if !told.notifications.is_empty() {
        let mut notifications = NotificationsChange::default();
        for (id, one) in told.notifications {
            match one {
                None => notifications.remove.push(id),
                Some(one) if !one.id.is_empty() && one.id != id => {
                    return Err(Problem::conflict(
                        "the notification has another id than its name in the state",
                    )
                    .at(format!("/notifications/{}/id", escaped(&id)))
                    .expected(format!("\"{id}\", or no id")));
                }
                Some(one) => notifications.add.push(Notification { id, ..one }),
            }
        }
        change.notifications = Some(notifications);
    }
    if !told.modules.is_empty() {
        let mut modules = ModulesChange::default();
        for (id, one) in told.modules {
            match one {
                None => modules.recover.push(id),
                Some(ModulePatch { module, title, message, severity }) => {
                    modules.fail.push(ModuleFailure { module, id, title, message, severity });
                }
            }
        }
        change.modules = Some(modules);
    }
    if !told.updates.is_empty() {
        let resource = |(name, version)| {
            let present = world.resources.iter().find(|one| one.name == name).cloned();
            Resource { version, ..present.unwrap_or(Resource { name, ..Resource::default() }) }
        };
        change.updates = Some(UpdatesChange { download: told.updates.into_iter().map(resource).collect() });
    }
    if let Some(active) = told.connections.and_then(|told| told.active) {
        change.connections = of_connections(world, active)?;
    }
    match told.pause {
        None => {}
        Some(None) => change.resume = true,
        Some(Some(pause)) => change.pause = Some(of_pause(world, &pause)?),
    }
    Ok(change)
}

fn of_network(world: &World, told: NetworkPatch) -> Result<NetworkChange, Problem> {
    let NetworkPatch { online, captive_portal, gateways, nameservers, location, traceroute, addresses } =
        told;
    let captive_portal = match captive_portal {
        None => None,
        Some(Value::Null) => Some(None),
        Some(patch) => {
            Some(Some(merged(json!(world.network.captive_portal), patch, "/network/captive_portal")?))
        }
    };
    let location = location.map(|patch| merged(json!(world.network.location), patch, "/network/location"));
    let location = location.transpose()?;
    Ok(NetworkChange { online, captive_portal, gateways, nameservers, location, traceroute, addresses })
}

fn of_dns(world: &World, told: DnsPatch) -> DnsChange {
    let mut change = DnsChange { clear: told.cached.is_some(), ..DnsChange::default() };
    if let Some(failing) = told.failing {
        for one in world.resolvers() {
            let name = one.label();
            if world.resolver_fails(&one) && !failing.contains(&name) {
                change.resolvers.insert(name, ResolverState { failing: false });
            }
        }
        change.resolvers.extend(failing.into_iter().map(|name| (name, ResolverState { failing: true })));
    }
    change
}

fn of_spn(world: &World, told: SpnPatch) -> Result<SpnChange, Problem> {
    let SpnPatch { status, home, sessions, login, account } = told;
    let account = match account {
        None => None,
        Some(Value::Null) => Some(None),
        Some(patch) => Some(Some(merged::<Account>(
            json!(world.account().map(spn::Account::told)),
            patch,
            "/spn/account",
        )?)),
    };
    Ok(SpnChange { status, home, sessions, login, account, hubs: None })
}

fn of_connections(world: &World, wanted: u32) -> Result<Option<ConnectionsChange>, Problem> {
    let active = world.connections.values().filter(|row| row.active).count();
    let active = u32::try_from(active).unwrap_or(u32::MAX);
    match active.checked_sub(wanted) {
        Some(0) => Ok(None),
        Some(fewer) => Ok(Some(ConnectionsChange { open: None, close: Some(Close::Some(fewer)) })),
        None => {
            Err(Problem::conflict(format!("{active} connections are active; more are opened by a change"))
                .at("/connections/active")
                .expected(format!(
                    "at most {active}, or POST /changes with {{\"connections\": {{\"open\": N}}}}"
                )))
        }
    }
}

fn of_pause(world: &World, told: &PausePatch) -> Result<PauseChange, Problem> {
    let present = world.pause.as_ref();
    let until = told.until.or(present.map(|pause| pause.until));
    let duration = match (told.duration, until) {
        (Some(duration), _) => duration,
        (None, Some(until)) => Span(until.duration_since(world.now()).try_into().unwrap_or_default()),
        (None, None) => {
            return Err(Problem::conflict("it is not said how long the pause is")
                .at("/pause")
                .expected("duration or until"));
        }
    };
    let only_spn = told.only_spn.unwrap_or(present.is_some_and(|pause| pause.only_spn));
    Ok(PauseChange { duration, only_spn })
}

/// A part of the state with a patch over it.
///
/// # Errors
/// When what comes of it is not of the part's type.
fn merged<T: DeserializeOwned + JsonSchema + 'static>(
    present: Value,
    patch: Value,
    at: &str,
) -> Result<T, Problem> {
    input::typed(&merge(present, patch)).map_err(|problem| problem.with(StatusCode::CONFLICT).under(at))
}

/// A JSON Merge Patch over a value (RFC 7396, section 2).
fn merge(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            let below = members.get_mut(&name).map(Value::take).unwrap_or_default();
            members.insert(name, merge(below, value));
        }
    }
    members.into()
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn patches_are_merged_as_the_standard_says() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
            assert_eq!(merge(read(target), read(patch)), read(result), "{target} {patch}");
        }
    }
}
