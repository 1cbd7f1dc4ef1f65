//! The session that an external authenticator's grant begins. Only a target that grants this program access
//! has one.

use portmaster_fixtures::Permission;

use super::permissions::{permissions, reports};
use crate::{
    suite::{Check, Context, Exchange, Need, Outcome, Place, Stop, Tier},
    target::Request,
};

const COOKIE: &str = "Portmaster-API-Token";

fn check(id: &str, sentence: &str) -> Check {
    Check::should(format!("credentials/session/{id}"), "core-1.x §5.8", sentence).needs([Need::Granted])
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check("begins", "A granted request without a session gets one: a cookie for this site only.")
            .run(begins),
        check("differs", "Two sessions have different tokens.").run(differs),
        check("continues", "A request with the cookie belongs to the session and gets no other.")
            .run(continues),
        check("beside-unknown-key", "An unknown key does not end the session.").run(beside_unknown_key),
        check("first-cookie", "Of two cookies of that name the first counts.").run(first_cookie),
        check("unknown-cookie", "An unknown token begins a new session.").run(unknown_cookie),
        check("key-wins", "A valid key counts more than a session, even if it may less.")
            .needs([Need::Key(Tier::UserRead)])
            .run(key_wins),
        check("reset", "auth/reset ends the session.").run(reset),
        check("not-for-anyone", "What needs no authentication, or does not exist, begins no session.")
            .run(not_for_anyone),
        check("head", "HEAD begins a session, too.").run(head),
    ]
}

async fn send(context: &Context, request: Request) -> Result<Exchange, Stop> {
    context.send_to(Place::Granted, request).await
}

/// The token in the answer's cookie.
fn token(exchange: &Exchange) -> Result<String, Stop> {
    let cookie = exchange.response.header("set-cookie").unwrap_or_default();
    let value = cookie.strip_prefix(&format!("{COOKIE}=")).and_then(|rest| rest.split(';').next());
    match value {
        Some(token) if !token.is_empty() => Ok(token.to_owned()),
        _ => Err(exchange.violation_got(format!("a cookie {COOKIE}"), format!("Set-Cookie: {cookie:?}"))),
    }
}

/// The request with a session's cookie.
fn with(request: Request, token: &str) -> Request {
    request.header("Cookie", format!("{COOKIE}={token}"))
}

async fn begin(context: &Context) -> Result<String, Stop> {
    token(&send(context, permissions()).await?)
}

async fn begins(context: Context) -> Outcome {
    let exchange = send(&context, permissions()).await?;
    reports(&exchange, Permission::Itself, Permission::Itself)?;
    let token = token(&exchange)?;
    exchange.header("Set-Cookie", &format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"))?;
    let sound = token.len() == 43 && token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    exchange.expect(sound, "a token of 43 characters in base64url")?;
    Ok(())
}

async fn differs(context: Context) -> Outcome {
    let first = begin(&context).await?;
    let exchange = send(&context, permissions()).await?;
    exchange.expect(token(&exchange)? != first, "another token than that of the session before")?;
    Ok(())
}

async fn continues(context: Context) -> Outcome {
    let token = begin(&context).await?;
    let exchange = send(&context, with(permissions(), &token)).await?;
    exchange.no_header("Set-Cookie")?;
    reports(&exchange, Permission::Itself, Permission::Itself)
}

async fn beside_unknown_key(context: Context) -> Outcome {
    let token = begin(&context).await?;
    let request = with(permissions(), &token).header("Authorization", "Bearer conformance-unknown");
    let exchange = send(&context, request).await?;
    exchange.no_header("Set-Cookie")?;
    reports(&exchange, Permission::Itself, Permission::Itself)
}

async fn first_cookie(context: Context) -> Outcome {
    let token = begin(&context).await?;
    let first = permissions().header("Cookie", format!("{COOKIE}={token}; {COOKIE}=unknown"));
    send(&context, first).await?.no_header("Set-Cookie")?;
    let second = permissions().header("Cookie", format!("{COOKIE}=unknown; {COOKIE}={token}"));
    self::token(&send(&context, second).await?).map(drop)
}

async fn unknown_cookie(context: Context) -> Outcome {
    token(&send(&context, with(permissions(), "unknown")).await?).map(drop)
}

async fn key_wins(context: Context) -> Outcome {
    let token = begin(&context).await?;
    let request = with(permissions(), &token).bearer(context.key(Tier::UserRead)?);
    let exchange = send(&context, request).await?;
    exchange.no_header("Set-Cookie")?;
    reports(&exchange, Permission::User, Permission::Anyone)
}

async fn reset(context: Context) -> Outcome {
    let token = begin(&context).await?;
    send(&context, with(Request::api("GET", "auth/reset"), &token)).await?.status(401)?;
    let exchange = send(&context, with(permissions(), &token)).await?;
    self::token(&exchange).map(drop)
}

async fn not_for_anyone(context: Context) -> Outcome {
    for request in
        [Request::api("GET", "ping"), Request::api("GET", "nope"), Request::api("POST", "auth/permissions")]
    {
        send(&context, request).await?.no_header("Set-Cookie")?;
    }
    Ok(())
}

async fn head(context: Context) -> Outcome {
    token(&send(&context, Request::api("HEAD", "auth/permissions")).await?).map(drop)
}
