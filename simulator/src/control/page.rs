//! `/`: the control plane for people. One page that fetches nothing but the control plane's own routes.

use std::sync::LazyLock;

use axum::{
    http::{
        HeaderName, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use portmaster_fixtures::Country;
use sha2::{Digest as _, Sha256};

use super::route::{Route, get};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const CONSOLE: &str = include_str!("page/console.js");
const SOCKET: &str = include_str!("page/socket.js");

pub(super) fn routes() -> Vec<Route> {
    vec![get("/", "Show the control plane to a person", read).answers_as::<String>(
        StatusCode::OK,
        "text/html",
        "The page.",
    )]
}

/// The page with its style, its scripts and the middles of countries, and the policy that lets it run nothing else.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let countries: Vec<_> = Country::all()
        .values()
        .filter(|one| !one.continent.is_empty())
        .map(|one| format!("[{},{}]", one.latitude, one.longitude))
        .collect();
    let script = SCRIPT.replace("/*countries*/", &countries.join(","));
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         style-src {}; script-src {} {} {}",
        hash(STYLE),
        hash(&script),
        hash(CONSOLE),
        hash(SOCKET),
    );
    let page = HTML.replace("/*style*/", STYLE).replace("/*script*/", &script);
    (page.replace("/*console*/", CONSOLE).replace("/*socket*/", SOCKET), policy)
});

async fn read() -> impl IntoResponse {
    let (page, policy) = &*PAGE;
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page.as_str())
}
