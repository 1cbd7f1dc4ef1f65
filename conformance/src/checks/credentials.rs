//! How API keys are carried, and what each is worth.

use base64::{Engine, engine::general_purpose::STANDARD};
use portmaster_fixtures::{Contract, Permission};

use super::{
    badges::CHALLENGE,
    family::Family,
    permissions::{permissions, reports},
    session,
};
use crate::{
    suite::{Check, Context, Exchange, Key, Need, Outcome, SkipReason, Stop, Tier},
    target::Request,
};

/// A key that no target knows, long enough to look like one.
const UNKNOWN: &str = "conformance-unknown-key-71f04c";

/// What is done to a key.
type Twist = fn(&str) -> String;

/// Texts that are almost a key: name, sentence, how they are made of it, and how a shell does that.
const ALMOST: [(&str, &str, Twist, &str); 3] = [
    ("key-upper-case", "A key in upper case is another one.", |key| key.to_uppercase(), "^^"),
    ("key-and-more", "A key with a letter behind it is another one.", |key| format!("{key}x"), "/%/x"),
    (
        "key-cut-off",
        "A key without its last letter is another one.",
        |key| {
            let mut cut = key.to_owned();
            cut.pop();
            cut
        },
        "%?",
    ),
];

pub(super) const FAMILY: Family = Family {
    name: "credentials",
    about: "How API keys and sessions are carried.",
    tags: &["security"],
    checks,
    of_catalogue: None,
};

fn checks(_: Contract) -> Vec<Check> {
    let mut checks = vec![];
    checks.extend(worth());
    checks.extend(bearer());
    checks.extend(basic());
    checks.extend(elsewhere());
    checks.extend(endpoints());
    checks.extend(session::checks());
    checks
}

const CLAUSE: &str = "Authentication";

fn must(id: &str, sentence: &str) -> Check {
    Check::must(format!("credentials/{id}"), CLAUSE, sentence).needs([Need::Guarded])
}

fn should(id: &str, sentence: &str) -> Check {
    Check::should(format!("credentials/{id}"), "core-1.x §5.7", sentence).needs([Need::Guarded])
}

/// Expects `auth/permissions` to report these permissions.
pub(super) async fn worth_of(
    context: &Context,
    request: Request,
    read: Permission,
    write: Permission,
) -> Outcome {
    let exchange = context.send(request).await?;
    reports(&exchange, read, write)
}

async fn nobody(context: &Context, request: Request) -> Outcome {
    worth_of(context, request, Permission::Anyone, Permission::Anyone).await
}

/// What keys of each tier are worth, by `auth/permissions`.
fn worth() -> Vec<Check> {
    use Permission::{Admin, Anyone, User};
    let mut checks = vec![
        Check::must(
            "credentials/permissions/no-key",
            "View Current Permissions",
            "Without a key, both permissions are Anyone.",
        )
        .needs([Need::Guarded])
        .run(async |context| nobody(&context, permissions()).await),
    ];
    for (tier, read, write) in [
        (Tier::Anyone, Anyone, Anyone),
        (Tier::UserRead, User, Anyone),
        (Tier::User, User, User),
        (Tier::AdminRead, Admin, Anyone),
        (Tier::Admin, Admin, Admin),
        (Tier::Expired, Anyone, Anyone),
        (Tier::Future, User, User),
    ] {
        let sentence =
            format!("With the {}, reading is {} and writing {}.", tier.name(), read.role(), write.role());
        checks.push(
            Check::must(
                format!("credentials/permissions/{}", tier.name()),
                "View Current Permissions",
                sentence,
            )
            .needs([Need::Guarded, Need::Key(tier)])
            .run(move |context| async move {
                let request = permissions().bearer(context.key(tier)?);
                worth_of(&context, request, read, write).await
            }),
        );
    }
    checks
}

fn bearer() -> Vec<Check> {
    let mut checks = vec![
        must("bearer/user-key", "An API key in a Bearer Authorization header is accepted.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| accepted(&context, |key| guarded().bearer(key)).await),
        must("bearer/expired-key", "An expired key opens nothing.").needs([Need::Key(Tier::Expired)]).run(
            async |context| {
                let exchange = context.send(guarded().bearer(context.key(Tier::Expired)?)).await?;
                refused(&exchange)
            },
        ),
        must("bearer/future-key", "A key that has not expired yet is accepted.")
            .needs([Need::Key(Tier::Future)])
            .run(async |context| {
                context.send(guarded().bearer(context.key(Tier::Future)?)).await?.status(200)?;
                Ok(())
            }),
        must("bearer/unknown-key", "A key that is not in the settings opens nothing.").run(async |context| {
            refused(&context.send(guarded().header("Authorization", format!("Bearer {UNKNOWN}"))).await?)
        }),
        should("bearer/trailing-blank", "Blanks after the key do not belong to it.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let key = context.key(Tier::User)?;
                let shown = format!("Bearer ${}  ", key.tier.variable());
                let value = format!("Bearer {}  ", key.secret());
                context.send(guarded().secret_header("Authorization", value, shown)).await?.status(200)?;
                Ok(())
            }),
    ];
    // Each of these makes the credentials something else than a Bearer token.
    for (id, scheme, what) in [
        ("scheme-lower-case", "bearer", "The scheme in lower case is not Bearer."),
        ("scheme-upper-case", "BEARER", "The scheme in upper case is not Bearer."),
        ("two-blanks", "Bearer ", "Two blanks after the scheme belong to the key."),
        ("scheme-token", "Token", "The scheme Token is none."),
        ("scheme-digest", "Digest", "The scheme Digest is none."),
    ] {
        checks.push(should(&format!("bearer/{id}"), what).needs([Need::Key(Tier::User)]).run(
            move |context| async move {
                let request = permissions().scheme(scheme, context.key(Tier::User)?);
                nobody(&context, request).await
            },
        ));
    }
    // Each of these is a known key but for some letters. The second text is what a shell makes of its variable.
    for (id, what, other, shown) in ALMOST {
        checks.push(should(&format!("bearer/{id}"), what).needs([Need::Key(Tier::User)]).run(
            move |context| async move {
                let key = context.key(Tier::User)?;
                let value = other(key.secret());
                if value == key.secret() {
                    return Err(Stop::Skip(SkipReason::NothingToSee));
                }
                let shown = format!("Bearer ${{{}{shown}}}", key.tier.variable());
                nobody(
                    &context,
                    permissions().secret_header("Authorization", format!("Bearer {value}"), shown),
                )
                .await
            },
        ));
    }
    for (id, value) in [
        ("nothing", "Bearer"),
        ("blank", "Bearer "),
        ("empty-header", ""),
        ("one-letter", "Bearer a"),
        ("three-letters", "Bearer abc"),
    ] {
        let sentence = format!("{value:?} is treated as no key.");
        checks.push(should(&format!("bearer/{id}"), &sentence).run(move |context| async move {
            nobody(&context, permissions().header("Authorization", value)).await
        }));
    }
    checks
}

fn basic() -> Vec<Check> {
    vec![
        must(
            "basic/every-split",
            "An API key in a Basic Authorization header is accepted, wherever user and password part.",
        )
        .needs([Need::Key(Tier::User)])
        .run(async |context| {
            let key = context.key(Tier::User)?;
            for at in 0..=key.secret().len() {
                if key.secret().is_char_boundary(at) {
                    context.send(as_basic(guarded(), "Basic", key, at)).await?.status(200)?;
                }
            }
            Ok(())
        }),
        must("basic/admin-key", "An Admin key in a Basic header is worth as much as in a Bearer header.")
            .needs([Need::Key(Tier::Admin)])
            .run(async |context| {
                let request = as_basic(permissions(), "Basic", context.key(Tier::Admin)?, 0);
                worth_of(&context, request, Permission::Admin, Permission::Admin).await
            }),
        must("basic/expired-key", "An expired key in a Basic header opens nothing.")
            .needs([Need::Key(Tier::Expired)])
            .run(async |context| {
                refused(&context.send(as_basic(guarded(), "Basic", context.key(Tier::Expired)?, 3)).await?)
            }),
        must("basic/unknown-key", "An unknown key in a Basic header opens nothing.").run(async |context| {
            let value = format!("Basic {}", STANDARD.encode(format!("{UNKNOWN}:")));
            refused(&context.send(guarded().header("Authorization", value)).await?)
        }),
        should("basic/scheme-lower-case", "The scheme in lower case is not Basic.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let request = as_basic(permissions(), "basic", context.key(Tier::User)?, 4);
                nobody(&context, request).await
            }),
        should("basic/not-base64", "Basic credentials that are no base64 are treated as none.")
            .run(async |context| nobody(&context, permissions().header("Authorization", "Basic %%%")).await),
        should("basic/no-colon", "Basic credentials without a colon are treated as none.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let key = context.key(Tier::User)?;
                let shown = format!("Basic $(printf %s \"${}\" | base64 -w0)", key.tier.variable());
                let value = format!("Basic {}", STANDARD.encode(key.secret()));
                nobody(&context, permissions().secret_header("Authorization", value, shown)).await
            }),
        should("basic/empty", "Basic credentials with nothing but a colon are treated as none.")
            .run(async |context| nobody(&context, permissions().header("Authorization", "Basic Og==")).await),
    ]
}

/// Several headers, and places where a key does not count.
fn elsewhere() -> Vec<Check> {
    vec![
        should("two-headers/first-counts", "Of two Authorization headers the first counts.")
            .needs([Need::Key(Tier::User), Need::Key(Tier::Admin)])
            .run(async |context| {
                let request =
                    permissions().bearer(context.key(Tier::User)?).bearer(context.key(Tier::Admin)?);
                worth_of(&context, request, Permission::User, Permission::User).await
            }),
        should("two-headers/unknown-first", "A known key in the second Authorization header does not count.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let request = permissions().header("Authorization", format!("Bearer {UNKNOWN}"));
                let request = request.bearer(context.key(Tier::User)?);
                nobody(&context, request).await
            }),
        should("header-name-case", "The case of the header's name does not matter.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let key = context.key(Tier::User)?;
                let shown = format!("Bearer ${}", key.tier.variable());
                let request =
                    permissions().secret_header("aUTHORIZATION", format!("Bearer {}", key.secret()), shown);
                worth_of(&context, request, Permission::User, Permission::User).await
            }),
        should("elsewhere/x-api-key", "A key in the header X-API-Key does not count.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let key = context.key(Tier::User)?;
                let shown = format!("${}", key.tier.variable());
                nobody(&context, permissions().secret_header("X-API-Key", key.secret().to_owned(), shown))
                    .await
            }),
        should("elsewhere/query", "A key in the query does not count.").needs([Need::Key(Tier::User)]).run(
            async |context| {
                let key = context.key(Tier::User)?.secret();
                for name in ["key", "token", "api-key", "access_token"] {
                    nobody(&context, Request::api("GET", &format!("auth/permissions?{name}={key}"))).await?;
                }
                Ok(())
            },
        ),
        should("elsewhere/cookie", "A key in the session's cookie does not count.")
            .needs([Need::Key(Tier::User)])
            .run(async |context| {
                let key = context.key(Tier::User)?;
                let value = format!("Portmaster-API-Token={}", key.secret());
                let shown = format!("Portmaster-API-Token=${}", key.tier.variable());
                nobody(&context, permissions().secret_header("Cookie", value, shown)).await
            }),
    ]
}

/// The endpoints that ask for credentials, or drop them.
fn endpoints() -> Vec<Check> {
    let mut checks = vec![];
    for (name, title) in [("basic", "Request HTTP Basic Auth"), ("bearer", "Request HTTP Bearer Auth")] {
        let challenge =
            if name == "basic" { CHALLENGE.replace("Bearer", "Basic") } else { CHALLENGE.to_owned() };
        let path = format!("auth/{name}");
        checks.push(
            Check::must(
                format!("credentials/{path}/no-key"),
                title,
                format!("{path} asks for HTTP authentication when there is none."),
            )
            .needs([Need::Guarded])
            .run({
                let path = path.clone();
                move |context: Context| {
                    let (path, challenge) = (path.clone(), challenge.clone());
                    async move {
                        let exchange = context.send(Request::api("GET", &path)).await?;
                        exchange
                            .error(401, "Authorization required.\n")?
                            .header("WWW-Authenticate", &challenge)?;
                        Ok(())
                    }
                }
            }),
        );
        checks.push(
            Check::must(
                format!("credentials/{path}/user-key"),
                title,
                format!("{path} asks for nothing when the request is authenticated."),
            )
            .needs([Need::Guarded, Need::Key(Tier::User)])
            .run(move |context: Context| {
                let path = path.clone();
                async move {
                    let exchange =
                        context.send(Request::api("GET", &path).bearer(context.key(Tier::User)?)).await?;
                    exchange.answer(200, "Authenticated.\n")?.plain_text()?.no_header("WWW-Authenticate")?;
                    Ok(())
                }
            }),
        );
    }
    for (id, keyed) in [("no-key", false), ("user-key", true)] {
        let needs = keyed.then_some(Need::Key(Tier::User));
        checks.push(
            Check::must(
                format!("credentials/auth/reset/{id}"),
                "Reset Authenticated Session",
                "auth/reset makes the browser forget everything: 401, Clear-Site-Data and an expired cookie.",
            )
            .needs(needs)
            .run(move |context| async move {
                let key = if keyed { Some(context.key(Tier::User)?) } else { None };
                let exchange = context.send(Request::api("GET", "auth/reset").maybe_bearer(key)).await?;
                exchange.error(401, "Session deleted.\n")?;
                exchange.header("WWW-Authenticate", "None realm=\"Portmaster API\"")?;
                exchange.header("Clear-Site-Data", "*")?;
                exchange.header("Set-Cookie", "Portmaster-API-Token=; Max-Age=0")?;
                Ok(())
            }),
        );
    }
    checks
}

/// A request that needs User.
fn guarded() -> Request {
    Request::api("GET", "network/gateways")
}

async fn accepted(context: &Context, with: impl Fn(&Key) -> Request) -> Outcome {
    context.send(with(context.key(Tier::User)?)).await?.status(200)?;
    Ok(())
}

fn refused(exchange: &Exchange) -> Result<(), Stop> {
    exchange.expect(exchange.is_refusal(), "a refusal: 401 with the challenge, or 403")?;
    Ok(())
}

/// Adds the key as Basic credentials, its first `at` bytes as the user and the rest as the password.
fn as_basic(request: Request, scheme: &str, key: &Key, at: usize) -> Request {
    let at = (0..=at).rev().find(|&at| key.secret().is_char_boundary(at)).unwrap_or(0);
    let (user, password) = key.secret().split_at(at);
    let name = key.tier.variable();
    let shown = format!("{scheme} $(printf %s \"${{{name}:0:{at}}}:${{{name}:{at}}}\" | base64 -w0)");
    request.secret_header(
        "Authorization",
        format!("{scheme} {}", STANDARD.encode(format!("{user}:{password}"))),
        shown,
    )
}
