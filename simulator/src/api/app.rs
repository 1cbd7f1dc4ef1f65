//! `app/*`: the program that asks.

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::Defect;
use serde::Serialize;
use serde_json::Value;

use super::{Call, Format, Handler, Reply};
use crate::{
    go::duration,
    world::{Change, Notification, World, notifications::Action},
};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("app/auth", auth), Handler::new("app/profile", profile)];

/// What a core says when it cannot tell who asks.
const NOT_FOUND: &str = "failed to find PID of connection: could not find connection in system state tables";

#[derive(Serialize)]
struct Profile<'a> {
    name: &'a str,
    profile: String,
    source: &'static str,
}

/// The program that asks. In a world that names none it is what cores take a program for that they cannot identify.
struct Caller {
    name: String,
    path: String,
    profile: String,
}

impl Caller {
    fn of(world: &World) -> Self {
        match world.caller() {
            Some(app) => {
                Self { name: app.name.clone(), path: app.path.clone(), profile: world.profile_id(app) }
            }
            None => Self {
                name: "Unidentified Processes".to_owned(),
                path: String::new(),
                profile: "_unidentified".to_owned(),
            },
        }
    }
}

fn profile(world: &mut World, call: &Call) -> Reply {
    if world.behaviour.has(Defect::CallerNotFound) {
        return Reply::failure(NOT_FOUND);
    }
    let caller = Caller::of(world);
    call.structured(&Profile { name: &caller.name, profile: caller.profile, source: "local" })
}

/// Asks the person for a key. The order of the checks is the core's (core-2.2 §6.2).
fn auth(world: &mut World, call: &Call) -> Reply {
    if let Some(ttl) = call.filled("ttl")
        && let Err(error) = duration::parse(&ttl)
    {
        return Reply::failure(error);
    }
    for name in ["read", "write"] {
        if !matches!(call.parameter(name).as_deref(), Some("user" | "admin")) {
            return Reply::failure("invalid read permission");
        }
    }
    if world.behaviour.has(Defect::CallerNotFound) {
        return Reply::failure(format!("failed to identify requesting process: {NOT_FOUND}"));
    }
    let Caller { name: profile, path, .. } = Caller::of(world);
    let ttl = call.filled("ttl").and_then(|ttl| duration::parse(&ttl).ok()).unwrap_or(DEFAULT_TTL);
    let grant = Grant {
        read: call.parameter("read").unwrap_or_default(),
        write: call.parameter("write").unwrap_or_default(),
        ttl: SignedDuration::from_nanos(ttl),
    };
    let now = world.now();
    let event_id = format!("core:authorize-app-{}", now.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC"));
    let name = call.parameter("app-name").unwrap_or_default();
    let action =
        |id: &str, text: &str| Action { id: id.to_owned(), text: text.to_owned(), ..Action::default() };
    let end = now.as_second() + PATIENCE;
    let stays = world.behaviour.has(Defect::PromptsStay);
    let notification = Notification {
        kind: 2,
        title: "An app asks for access to the Portmaster".to_owned(),
        message: format!("May {name} ({profile}) query and change the Portmaster?\n\nBinary: {path}"),
        show_on_system: world.config.flag("core/useSystemNotifications"),
        expires: if stays { end.saturating_mul(1_000_000_000) } else { end },
        available_actions: Some(vec![action("allow", "Authorize"), action("deny", "Deny")]),
        awaited: true,
        ..Notification::new(event_id.clone(), now)
    };
    if let Err(refused) = world.apply(Change::Notify(Box::new(notification))) {
        return Reply::failure(refused.to_string());
    }
    let format = call.format;
    let asked = event_id.clone();
    Reply::Wait { event_id, then: Box::new(move |world| answered(world, &asked, &grant, format)) }
}

/// How long the person has, s (core-2.2 §6.2).
const PATIENCE: i64 = 60;

/// How long a key is valid unless the program says otherwise: a day, ns (core-1.x §7.2).
const DEFAULT_TTL: i64 = 24 * 3_600_000_000_000;

/// What a program asks for.
struct Grant {
    read: String,
    write: String,
    ttl: SignedDuration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    key: String,
    valid_until: Timestamp,
}

/// What follows from the person's choice: a key, or nothing.
fn answered(world: &mut World, event_id: &str, grant: &Grant, format: Format) -> Reply {
    let chosen = world.notification(event_id).map(|one| one.selected_action_id.clone());
    if chosen.as_deref() != Some("allow") {
        return Reply::failure("access denied");
    }
    let key: String = world.chance.bytes::<8>("app/auth").iter().map(|byte| format!("{byte:02x}")).collect();
    let valid_until = world.now().saturating_add(grant.ttl).unwrap_or(Timestamp::MAX);
    let mut keys: Vec<Value> = world.config.list("core/apiKeys").into_iter().map(Value::from).collect();
    keys.push(format!("{key}?expires={valid_until}&read={}&write={}", grant.read, grant.write).into());
    let change = Change::Config { key: "core/apiKeys".to_owned(), value: Some(keys.into()) };
    match world.apply(change) {
        Ok(()) => Reply::structure(format.write(&Granted { key, valid_until })),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}
