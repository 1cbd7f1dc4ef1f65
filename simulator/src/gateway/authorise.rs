//! Who asks, and whether that is enough.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE},
    http::{HeaderValue, request::Parts},
};
use portmaster_fixtures::{Defect, Permission, scenario::Client};

use super::render::Answer;
use crate::{
    core::{By, ExternalAuth, Pass},
    world::{
        World, keys,
        session::{self, Token},
    },
};

/// A caller who was let in.
pub(super) struct Admitted {
    /// What the caller may do.
    pub(super) token: Token,
    /// A cookie for the session that began.
    pub(super) cookie: Option<HeaderValue>,
}

/// Why a request is not let in.
pub(super) enum Refusal {
    /// For good.
    Answer(Answer),
    /// Not before the prompt of this id is answered, or gone; then it is decided anew.
    Prompt(String),
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// The prompt that a request has waited for, among its extensions.
#[derive(Clone)]
pub(super) struct Prompted(pub(super) String);

/// Decides about a request that needs a permission, for reading or for writing (core-1.x §5.9). How, is noted in `pass`.
pub(super) fn authorise(
    world: &mut World,
    external: ExternalAuth,
    request: &Parts,
    required: Permission,
    write: bool,
    pass: &mut Option<Pass>,
) -> Result<Admitted, Refusal> {
    let mut note = |token, by| *pass = Some(Pass { required, token, by });
    note(Token::ANYONE, By::Nothing);
    if required == Permission::Anyone {
        return Ok(Admitted { token: Token::ANYONE, cookie: None });
    }
    let (token, cookie, denial) = match identify(world, external, request)? {
        Identity::Known(token, by) => {
            note(token, by);
            (token, None, None)
        }
        Identity::Granted(cookie) => {
            note(Token::ITSELF, By::Authenticator);
            (Token::ITSELF, Some(cookie), None)
        }
        Identity::Denied(text) => (Token::ANYONE, None, Some(text)),
        Identity::Asking if required > Permission::Anyone => {
            return Err(Refusal::Prompt(world.ask_for_access()));
        }
        Identity::Asking | Identity::Unknown => (Token::ANYONE, None, None),
    };
    let has = if write { token.write } else { token.read };
    if has >= required.max(Permission::Anyone) {
        return Ok(Admitted { token, cookie });
    }
    Err(Refusal::Answer(match denial {
        Some(text) => Answer::error(StatusCode::FORBIDDEN, text.trim_end_matches('\n')),
        None if token == Token::ANYONE => Answer::error(StatusCode::UNAUTHORIZED, "Authorization required.")
            .with(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="Portmaster API" domain="/""#)),
        None => Answer::error(StatusCode::FORBIDDEN, "Insufficient permissions."),
    }))
}

/// Decides about a request that somebody inside vouches for.
pub(super) fn vouched(token: Token, required: Permission, write: bool) -> Result<Admitted, Answer> {
    let has = if write { token.write } else { token.read };
    if has >= required.max(Permission::Anyone) {
        return Ok(Admitted { token, cookie: None });
    }
    Err(Answer::error(StatusCode::FORBIDDEN, "Insufficient permissions."))
}

enum Identity {
    /// Development Mode, a key or a session.
    Known(Token, By),
    /// A program that the external authenticator lets in, with its new cookie.
    Granted(HeaderValue),
    /// A program that it refuses, with its reason.
    Denied(String),
    /// A program about which a person has yet to decide.
    Asking,
    /// Nobody in particular.
    Unknown,
}

/// In this order: Development Mode, key, session cookie, external authenticator.
fn identify(world: &mut World, external: ExternalAuth, request: &Parts) -> Result<Identity, Answer> {
    let headers = &request.headers;
    if world.dev_mode() {
        return Ok(Identity::Known(Token::ITSELF, By::DevelopmentMode));
    }
    let now = world.now();
    if let Some(secret) = presented_key(headers) {
        match keys::find(world.config.api_keys(), &secret, now, world.mutants.comparison()) {
            Some(token) => return Ok(Identity::Known(token, By::Key)),
            None if secret.len() < 4 && world.behaviour.has(Defect::ShortKeyEmpty200) => {
                return Err(Answer::empty(StatusCode::OK));
            }
            None => {}
        }
    }
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    if let Some(cookie) = session::cookie(cookies)
        && let Some(token) = world.sessions.refresh(cookie, now)
    {
        return Ok(Identity::Known(token, By::Session));
    }
    Ok(match (external, request.extensions.get::<Prompted>()) {
        (ExternalAuth::None, _) => Identity::Unknown,
        (ExternalAuth::Deny, _) => Identity::Denied(denial(&world.client)),
        (ExternalAuth::Grant, _) => granted(world),
        (ExternalAuth::Prompt, None) => Identity::Asking,
        (ExternalAuth::Prompt, Some(Prompted(prompt))) if world.allowed_access(prompt) => granted(world),
        (ExternalAuth::Prompt, Some(_)) => Identity::Denied(denial(&world.client)),
    })
}

/// A program that is let in: a session begins.
fn granted(world: &mut World) -> Identity {
    let id = world.begin_session(Token::ITSELF);
    let cookie = format!("{}={id}; Path=/; HttpOnly; SameSite=Strict", session::COOKIE);
    Identity::Granted(HeaderValue::from_str(&cookie).expect("base64 is plain ASCII"))
}

/// The key in the first Authorization header. A Basic header that cannot be read presents the empty key.
fn presented_key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    if let Some(key) = value.strip_prefix(b"Bearer ") {
        return Some(String::from_utf8_lossy(key).into_owned());
    }
    let encoded = value.strip_prefix(b"Basic ")?;
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    let text = String::from_utf8_lossy(&decoded);
    Some(text.split_once(':').map(|(user, password)| format!("{user}{password}")).unwrap_or_default())
}

/// Why a foreign program is refused (core-1.x §5.8).
fn denial(client: &Client) -> String {
    let paths: String = client.paths.iter().take(3).map(|path| format!("{path}\n")).collect();
    let root = client.authorized_root.as_deref().unwrap_or("/opt/safing/portmaster/updates/.");
    format!(
        "The requesting process is not authorized to access the Portmaster API.\nChecked process paths:\n{paths}\n\
         The authorized root path is {root}\n\
         You can enable the Development Mode to disable API authentication for development purposes.\n\
         For production use please create an API key in the settings.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        presented_key(&headers)
    }

    #[test]
    fn keys_come_as_bearer_or_basic() {
        assert_eq!(key("Bearer secret").as_deref(), Some("secret"));
        assert_eq!(key("Basic c2VjOnJldA==").as_deref(), Some("secret"));
        assert_eq!(key("Basic !!!!").as_deref(), Some(""));
        assert_eq!(key("Basic bm9jb2xvbg==").as_deref(), Some(""));
        assert_eq!(key("bearer secret"), None);
        assert_eq!(key("Bearer"), None);
        assert_eq!(key("Token secret"), None);
    }
}
