//! Who may call an endpoint, as its badge says: every endpoint × its methods × who asks.

use portmaster_fixtures::{Contract, Endpoint, Permission};

use super::{family::Family, sample};
use crate::{
    suite::{Check, Context, Exchange, Need, Outcome, Place, Stop, Tier},
    target::Request,
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Nobody,
    With(Tier),
    Itself,
}

const CALLERS: [Caller; 7] = [
    Caller::Nobody,
    Caller::With(Tier::Anyone),
    Caller::With(Tier::UserRead),
    Caller::With(Tier::User),
    Caller::With(Tier::AdminRead),
    Caller::With(Tier::Admin),
    Caller::Itself,
];

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "no-key",
            Self::With(tier) => tier.name(),
            Self::Itself => "self",
        }
    }

    fn needs(self) -> Vec<Need> {
        match self {
            Self::Nobody => vec![Need::Guarded],
            Self::With(tier) => vec![Need::Guarded, Need::Key(tier)],
            Self::Itself => vec![Need::Development],
        }
    }

    fn place(self) -> Place {
        if self == Self::Itself { Place::Development } else { Place::Main }
    }

    /// What this caller may do, reading or writing.
    fn permission(self, reads: bool) -> Permission {
        match self {
            Self::Itself => Permission::Itself,
            Self::With(Tier::UserRead) if reads => Permission::User,
            Self::With(Tier::User) => Permission::User,
            Self::With(Tier::AdminRead) if reads => Permission::Admin,
            Self::With(Tier::Admin) => Permission::Admin,
            _ => Permission::Anyone,
        }
    }

    /// How this caller is refused. One who has no permission at all is asked for a key.
    fn refusal(self) -> Refusal {
        match self {
            Self::Nobody => Refusal::Either,
            Self::With(Tier::Anyone) => Refusal::Asked,
            _ => Refusal::Insufficient,
        }
    }
}

/// The forms of a refusal (core-1.x §5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// 401 with the Bearer challenge.
    Asked,
    /// 403, the key may not do that.
    Insufficient,
    /// 401 with the challenge, or 403 with the reason of an authenticator that looks at the calling program.
    Either,
}

/// The challenge that asks for a Bearer token.
pub(super) const CHALLENGE: &str = "Bearer realm=\"Portmaster API\" domain=\"/\"";

pub(super) const FAMILY: Family = Family {
    name: "badges",
    about: "Who may call an endpoint, as its badge says.",
    tags: &["security"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    checks.extend(CALLERS.map(websocket));
    checks
}

/// The checks of a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks = vec![];
    for endpoint in endpoints {
        for (method, asked) in sample::methods(endpoint) {
            for caller in CALLERS {
                checks.push(badge(endpoint, &method, asked, caller));
            }
        }
    }
    checks
}

fn badge(endpoint: &'static Endpoint, method: &str, asked: Permission, caller: Caller) -> Check {
    let allowed = caller.permission(method == "GET") >= asked;
    let method = method.to_owned();
    let verb = if allowed { "may" } else { "may not" };
    let sentence = format!("{} {verb} call {method} {} (needs {asked}).", caller.name(), endpoint.path);
    let id = format!("badges/{}/{method}/{}", sample::slug(&endpoint.path), caller.name());
    Check::must(id, &endpoint.name, sentence)
        .class(sample::class(endpoint, &method))
        .needs(caller.needs())
        .run(move |context| call(context, sample::request(endpoint, &method), caller, allowed))
}

/// The database websocket carries the badge Admin; the page gives it no method, a websocket begins with GET.
fn websocket(caller: Caller) -> Check {
    let allowed = caller.permission(true) >= Permission::Admin;
    let verb = if allowed { "may" } else { "may not" };
    Check::must(
        format!("badges/database-websocket/GET/{}", caller.name()),
        "Database Websocket API",
        format!("{} {verb} open the database websocket (needs Admin).", caller.name()),
    )
    .needs(caller.needs())
    .run(move |context| async move {
        let request = Request::new("GET", "/api/database/v1")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let exchange = ask(&context, request.clone(), caller).await?;
        if !allowed {
            return refused(&exchange, caller.refusal());
        }
        // The accept value belongs to the key above (RFC 6455 §1.3).
        exchange.status(101)?.header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")?;
        Ok(())
    })
}

async fn ask(context: &Context, request: Request, caller: Caller) -> Result<Exchange, Stop> {
    let request = match caller {
        Caller::With(tier) => request.bearer(context.key(tier)?),
        _ => request,
    };
    context.send_to(caller.place(), request.kept_to_read()).await
}

async fn call(context: Context, request: Request, caller: Caller, allowed: bool) -> Outcome {
    let target = request.target.clone();
    let exchange = ask(&context, request, caller).await?;
    if !allowed {
        return refused(&exchange, caller.refusal());
    }
    // Two endpoints ask for authentication themselves when there is none; the challenge tells them from a
    // refusal.
    let permission = caller.permission(true);
    match target.as_str() {
        "/api/v1/auth/basic" if permission == Permission::Anyone => {
            exchange.error(401, "Authorization required.\n")?;
            exchange.header("WWW-Authenticate", &CHALLENGE.replace("Bearer", "Basic"))?;
        }
        "/api/v1/auth/bearer" if permission == Permission::Anyone => {
            exchange.error(401, "Authorization required.\n")?.header("WWW-Authenticate", CHALLENGE)?;
        }
        _ => {
            let reached =
                !exchange.is_refusal() && !exchange.is_unrouted() && exchange.response.status != 405;
            exchange.expect(reached, "access: neither 401 with the challenge, 403, 404 nor 405")?;
        }
    }
    Ok(())
}

fn refused(exchange: &Exchange, refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::Asked => {
            exchange.error(401, "Authorization required.\n")?.header("WWW-Authenticate", CHALLENGE)?;
        }
        Refusal::Insufficient => {
            exchange.error(403, "Insufficient permissions.\n")?.no_header("WWW-Authenticate")?;
        }
        Refusal::Either if exchange.response.status == 401 => return refused(exchange, Refusal::Asked),
        Refusal::Either => {
            let reason = exchange.response.status == 403
                && !exchange.response.body.is_empty()
                && exchange.response.body != b"Insufficient permissions.\n";
            exchange.expect(reason, "status 401 with the challenge, or 403 with the reason of a denial")?;
            exchange.plain_text()?.no_header("WWW-Authenticate")?;
        }
    }
    Ok(())
}
