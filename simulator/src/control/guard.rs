//! Who may ask: programs on this machine, pages of the control plane itself, and beyond loopback whoever has the token.

use std::{iter::once, net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            AUTHORIZATION, CACHE_CONTROL, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE,
            X_CONTENT_TYPE_OPTIONS,
        },
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ctutils::CtEq as _;

use super::problem::Problem;

/// What a request must show before anything is done for it.
#[derive(Clone)]
pub(super) struct Guard {
    /// Whether only this machine can reach the address.
    pub(super) loopback: bool,
    /// The token that is asked for.
    pub(super) token: Option<String>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Guard").field("loopback", &self.loopback).field("token", &token).finish()
    }
}

/// Lets a request through, or refuses it.
pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.admits(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let unauthorized = problem.is(StatusCode::UNAUTHORIZED);
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Guard {
    fn admits(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let forbidden = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
        let host = text(headers.get(HOST)).unwrap_or_default();
        // A page elsewhere may call a name of its own 127.0.0.1: its browser then sends that name.
        let others = headers.get_all(HOST).iter().skip(1).map(|other| text(Some(other)).unwrap_or_default());
        let whole = request.uri().authority().map(Authority::as_str);
        let foreign = once(host).chain(others).chain(whole).find(|host| !is_local(host));
        if let Some(host) = foreign.filter(|_| self.loopback) {
            return Err(forbidden(format!("the host \"{host}\" is not this machine's"))
                .expected("127.0.0.1, [::1] or localhost"));
        }
        if let Some(origin) = headers.get(ORIGIN) {
            let origin = text(Some(origin)).unwrap_or_default();
            if origin.split_once("://").is_none_or(|(_, of)| !of.eq_ignore_ascii_case(host)) {
                return Err(forbidden(format!("pages of the origin \"{origin}\" may not ask"))
                    .expected(format!("no origin, or http://{host}")));
            }
        }
        // The page itself says nothing of the world; it asks for the token.
        if request.uri().path() == "/" {
            return Ok(());
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = bearer(headers).map(|shown| shown.as_bytes().to_vec()).or_else(|| offered(headers));
        if shown.is_some_and(|shown| bool::from(shown.ct_eq(token.as_bytes()))) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::UNAUTHORIZED, "the control plane's token is missing or wrong")
            .expected("Authorization: Bearer TOKEN"))
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers.get(AUTHORIZATION))?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token among the subprotocols of a websocket: a page can send it in no other header.
fn offered(headers: &HeaderMap) -> Option<Vec<u8>> {
    let all = text(headers.get(SEC_WEBSOCKET_PROTOCOL))?;
    let encoded = all.split(',').find_map(|one| one.trim().strip_prefix("bearer."))?;
    URL_SAFE_NO_PAD.decode(encoded).ok()
}

/// Whether a Host header names this machine by a loopback address, or as `localhost`.
fn is_local(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    if !port.strip_prefix(':').unwrap_or(port).bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn hosts_of_this_machine_are_known() {
        for host in ["127.0.0.1", "127.0.0.1:80", "[::1]:9", "LOCALHOST:1", "127.8.9.1"] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "", "evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "localhost.evil", "[::2]",
            "127.0.0.1:80, b", "[::1",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
