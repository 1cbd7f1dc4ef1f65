//! What documented parameters do.

use portmaster_fixtures::{Contract, Permission};
use portmaster_wire::percent::encoded;

use super::family::Family;
use crate::{
    suite::{Check, Class, Context, Exchange, Need, Outcome, Place, SkipReason, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "parameters",
    about: "What documented parameters do.",
    tags: &["data"],
    checks,
    of_catalogue: None,
};

fn checks(_: Contract) -> Vec<Check> {
    let mut checks = vec![];
    checks.extend(style());
    checks.extend(debug_network());
    checks.extend(cpu());
    checks.extend(app_auth());
    checks.extend(simulate());
    checks.extend(account());
    checks.extend(graph());
    checks.extend(netquery());
    checks
}

fn must(id: &str, title: &str, sentence: &str) -> Check {
    Check::must(format!("parameters/{id}"), title, sentence)
}

fn should(id: &str, sentence: &str) -> Check {
    Check::should(format!("parameters/{id}"), "core-1.x §7.2", sentence)
}

/// Sends a request with the rights of `permission`.
async fn with(context: &Context, permission: Permission, request: Request) -> Result<Exchange, Stop> {
    let (place, key) = context.rights(permission)?;
    context.send_to(place, request.maybe_bearer(key).kept_to_read()).await
}

async fn get(context: &Context, permission: Permission, path: &str) -> Result<Exchange, Stop> {
    with(context, permission, Request::api("GET", path)).await
}

/// Sends a request with the rights of `permission` to where nobody is logged in, if there is such a place.
async fn bare(context: &Context, permission: Permission, request: Request) -> Result<Exchange, Stop> {
    let (_, key) = context.rights(permission)?;
    context.send_to(Place::Bare, request.maybe_bearer(key)).await
}

/// `style` of the three debug reports.
fn style() -> Vec<Check> {
    let mut checks = vec![];
    for (path, permission) in [
        ("debug/core", Permission::Anyone),
        ("debug/info", Permission::Anyone),
        ("debug/network", Permission::User),
    ] {
        for (id, query, github) in [
            ("github", "?style=github", true),
            ("absent", "", false),
            ("empty", "?style=", false),
            ("upper-case", "?style=GITHUB", false),
            ("unknown", "?style=bogus", false),
        ] {
            let words = if github { "foldable sections for GitHub" } else { "simple markdown" };
            let sentence = format!("{path}{query} is formatted as {words}.");
            let id = format!("{path}/style/{id}");
            let check = match github || query.is_empty() {
                true => must(&id, "Get Debug Information", &sentence),
                false => should(&id, &sentence),
            };
            checks.push(check.needs([Need::Rights(permission)]).run(move |context: Context| async move {
                let exchange = get(&context, permission, &format!("{path}{query}")).await?;
                let text = exchange.status(200)?.plain_text()?.response.text();
                let (foldable, marked) = (text.starts_with("<details>\n<summary>"), text.starts_with("**"));
                if github {
                    exchange.expect(foldable, "a report that begins with <details> and <summary>")?;
                } else {
                    exchange.expect(marked, "a report that begins with a title in **")?;
                }
                Ok(())
            }));
        }
    }
    checks
}

fn debug_network() -> Vec<Check> {
    let mut checks = vec![];
    for (id, query) in [
        ("profile/unknown", "profile=local/conformance-no-such-profile"),
        ("profile/no-source", "profile=conformance"),
        ("where/query", "where=Verdict%20sameas%202"),
        ("where/broken", "where=("),
        ("both", "profile=local/conformance&where=Verdict%20sameas%202&style=github"),
    ] {
        checks.push(
            must(
                &format!("debug/network/{id}"),
                "Get Network Debug Information",
                &format!("debug/network?{query} is still a report."),
            )
            .needs([Need::Rights(Permission::User)])
            .run(move |context| async move {
                let exchange = get(&context, Permission::User, &format!("debug/network?{query}")).await?;
                exchange.status(200)?.plain_text()?;
                Ok(())
            }),
        );
    }
    checks
}

/// `duration` of the CPU profile.
fn cpu() -> Vec<Check> {
    let mut checks = vec![];
    for (id, duration) in [
        ("short", "10ms"),
        ("fraction", "1.5ms"),
        ("zero", "0"),
        ("negative", "-1s"),
        ("microseconds", "1us"),
    ] {
        checks.push(
            must(
                &format!("debug/cpu/duration/{id}"),
                "Get CPU Profile",
                &format!("A profile over {duration} is a compressed profile, at once."),
            )
            .run(move |context| async move {
                let exchange =
                    context.send(Request::api("GET", &format!("debug/cpu?duration={duration}"))).await?;
                exchange.status(200)?;
                exchange.expect(exchange.response.body.starts_with(&[0x1f, 0x8b]), "gzip data")?;
                Ok(())
            }),
        );
    }
    for (id, query, text) in [
        ("bogus", "bogus", "time: invalid duration \"bogus\""),
        ("no-unit", "10", "time: missing unit in duration \"10\""),
        ("blank", "%201ms", "time: invalid duration \" 1ms\""),
        ("unknown-unit", "1x", "time: unknown unit \"x\" in duration \"1x\""),
    ] {
        checks.push(
            should(&format!("debug/cpu/duration/{id}"), &format!("The duration {query} is refused.")).run(
                move |context| async move {
                    let exchange =
                        context.send(Request::api("GET", &format!("debug/cpu?duration={query}"))).await?;
                    exchange.error(500, &format!("failed to parse duration: {text}\n"))?;
                    Ok(())
                },
            ),
        );
    }
    checks
}

/// The parameters of a request for a key, as far as nobody is prompted.
fn app_auth() -> Vec<Check> {
    let mut checks = vec![];
    for (id, query) in [
        ("none", ""),
        ("no-write", "app-name=Conformance&read=user"),
        ("no-read", "app-name=Conformance&write=user"),
        ("read-self", "app-name=Conformance&read=self&write=user"),
        ("write-self", "app-name=Conformance&read=user&write=self"),
        ("anyone", "app-name=Conformance&read=anyone&write=anyone"),
        ("upper-case", "app-name=Conformance&read=USER&write=user"),
    ] {
        checks.push(
            should(
                &format!("app/auth/permission/{id}"),
                &format!("app/auth?{query} asks for no grantable permission."),
            )
            .run(move |context| async move {
                let exchange = context.send(Request::api("GET", &format!("app/auth?{query}"))).await?;
                exchange.error(500, "invalid read permission\n")?;
                Ok(())
            }),
        );
    }
    for (id, query, text) in [
        (
            "bogus",
            "app-name=Conformance&read=user&write=user&ttl=bogus",
            "time: invalid duration \"bogus\"\n",
        ),
        (
            "no-unit",
            "app-name=Conformance&read=user&write=user&ttl=5",
            "time: missing unit in duration \"5\"\n",
        ),
        ("first", "ttl=bogus", "time: invalid duration \"bogus\"\n"),
    ] {
        checks.push(
            should(
                &format!("app/auth/ttl/{id}"),
                "A time-to-live that is no duration is refused before all else.",
            )
            .run(move |context| async move {
                context.send(Request::api("GET", &format!("app/auth?{query}"))).await?.error(500, text)?;
                Ok(())
            }),
        );
    }
    checks
}

/// The body of broadcasts/simulate.
fn simulate() -> Vec<Check> {
    const TITLE: &str = "Simulate Broadcast Notifications";
    const JSON: &str = r#"{"Notifications": {}}"#;
    const YAML: &str = "Notifications: {}\n";
    let mut checks = vec![];
    for (id, query, body) in [
        ("empty", "", ""),
        ("json", "", JSON),
        ("yaml", "", YAML),
        ("state", "?state=true", JSON),
        ("state-empty", "?state=", "{}"),
    ] {
        checks.push(
            must(
                &format!("broadcasts/simulate/{id}"),
                TITLE,
                &format!("The source {body:?} is valid and shows nothing."),
            )
            .class(Class::Writes)
            .needs([Need::Rights(Permission::Admin)])
            .run(move |context| async move {
                let request = Request::api("POST", &format!("broadcasts/simulate{query}")).body(body);
                with(&context, Permission::Admin, request).await?.answer(200, "\n")?.plain_text()?;
                Ok(())
            }),
        );
    }
    for (id, body) in
        [("text", "neither of them"), ("array", "[1]"), ("broken-json", "{"), ("broken-yaml", "a: [")]
    {
        checks.push(
            must(
                &format!("broadcasts/simulate/bad/{id}"),
                TITLE,
                &format!("The source {body:?} is refused."),
            )
            .class(Class::Writes)
            .needs([Need::Rights(Permission::Admin)])
            .run(move |context| async move {
                let request = Request::api("POST", "broadcasts/simulate").body(body);
                let exchange = with(&context, Permission::Admin, request).await?;
                let text = "failed to parse broadcast notifications update: ";
                exchange.status(500)?.plain_text()?;
                exchange.expect(
                    exchange.response.text().starts_with(text),
                    format!("a body that begins with {text:?}"),
                )?;
                Ok(())
            }),
        );
    }
    checks
}

/// The account: purge, refresh, and logging in with nothing.
fn account() -> Vec<Check> {
    let mut checks = vec![];
    for (id, query, text) in [
        ("absent", "", "Logged out.\n"),
        ("set", "?purge=1", "Logged out and user data purged.\n"),
        ("word", "?purge=false", "Logged out and user data purged.\n"),
        ("empty", "?purge", "Logged out.\n"),
    ] {
        let sentence = format!(
            "spn/account/logout{query} logs out{}.",
            if text.len() > 13 { " and purges" } else { "" }
        );
        checks.push(
            must(&format!("spn/account/logout/purge/{id}"), "SPN Logout", &sentence)
                .class(Class::Disruptive)
                .needs([Need::Rights(Permission::Admin)])
                .run(move |context| async move {
                    let request = Request::api("DELETE", &format!("spn/account/logout{query}"));
                    with(&context, Permission::Admin, request).await?.answer(200, text)?;
                    Ok(())
                }),
        );
    }
    for (id, query) in [("absent", ""), ("set", "?refresh=1"), ("empty", "?refresh=")] {
        checks.push(
            must(
                &format!("spn/account/user/profile/refresh/{id}"),
                "SPN User Profile",
                "Without an account the profile is refused with 401, refreshed or not, without a challenge.",
            )
            .needs([Need::Rights(Permission::User)])
            .run(move |context| async move {
                let request = Request::api("GET", &format!("spn/account/user/profile{query}"));
                let exchange = bare(&context, Permission::User, request).await?;
                if exchange.response.status == 200 {
                    return Err(Stop::Skip(SkipReason::NothingToSee));
                }
                exchange.error(401, "not logged in\n")?.no_header("WWW-Authenticate")?;
                Ok(())
            }),
        );
    }
    checks.push(
        must(
            "spn/account/user/profile/refresh/logged-in",
            "SPN User Profile",
            "An empty refresh is none: the stored profile is answered.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(async |context| {
            let stored = get(&context, Permission::User, "spn/account/user/profile").await?;
            if stored.response.status != 200 {
                return Err(Stop::Skip(SkipReason::NoAccount));
            }
            let again = get(&context, Permission::User, "spn/account/user/profile?refresh=").await?;
            let (stored, found) = (stored.json()?, again.status(200)?.json()?);
            again.expect(
                stored["username"] == found["username"],
                format!("the user {}", stored["username"]),
            )?;
            Ok(())
        }),
    );
    checks.push(
        should("spn/account/login/no-credentials", "Without a user name spn/account/login asks for one.")
            .class(Class::Writes)
            .needs([Need::Rights(Permission::Admin)])
            .run(async |context| {
                let request = Request::api("POST", "spn/account/login");
                let exchange = bare(&context, Permission::Admin, request).await?;
                if exchange.response.status == 409 {
                    return Err(Stop::Skip(SkipReason::NothingToSee));
                }
                exchange.error(401, "Login with your SPN account.\n")?;
                exchange.header("WWW-Authenticate", "Basic realm=SPN Login")?;
                Ok(())
            }),
    );
    checks
}

/// `map` and `format` of a graph.
fn graph() -> Vec<Check> {
    let title = "Get SPN map graph";
    let ask = async |context: &Context, path: &str| {
        let (place, key) = context.rights(Permission::User)?;
        let exchange = context.send_to(place, Request::api("GET", path).maybe_bearer(key).kept()).await?;
        let off = exchange.response.status == 503;
        if off { Err(Stop::Skip(SkipReason::NoMap)) } else { Ok::<_, Stop>(exchange) }
    };
    vec![
        must("spn/map/:map/graph/dot", title, "The format dot is a graph in the language of Graphviz.")
            .needs([Need::Rights(Permission::User)])
            .run(move |context| async move {
                let exchange = ask(&context, "spn/map/main/graph.dot").await?;
                if exchange.response.body == b"Map not found.\n" {
                    return Err(Stop::Skip(SkipReason::NoMap));
                }
                let text = exchange.status(200)?.response.text();
                exchange.expect(text.starts_with("graph ") && text.ends_with("}\n"), "a graph { … }")?;
                Ok(())
            }),
        must("spn/map/:map/graph/unknown-format", title, "Formats but dot and html are refused.")
            .needs([Need::Rights(Permission::User)])
            .run(move |context| async move {
                let exchange = ask(&context, "spn/map/main/graph.svg").await?;
                if exchange.response.body == b"Map not found.\n" {
                    return Err(Stop::Skip(SkipReason::NoMap));
                }
                exchange.error(400, "Unsupported format.\n")?;
                Ok(())
            }),
        must(
            "spn/map/:map/graph/unknown-map",
            title,
            "Only maps that exist have a graph; the main map is main.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(move |context| async move {
            ask(&context, "spn/map/conformance/graph.dot").await?.error(404, "Map not found.\n")?;
            Ok(())
        }),
        should("spn/map/:map/pins/unknown-map", "Only maps that exist have pins.")
            .needs([Need::Rights(Permission::User)])
            .run(move |context| async move {
                ask(&context, "spn/map/conformance/pins").await?.error(500, "map not found\n")?;
                Ok(())
            }),
    ]
}

/// The query of netquery: in `q` when reading, in the body when writing.
fn netquery() -> Vec<Check> {
    let should = |id: &str, sentence: &str| {
        Check::should(format!("parameters/netquery/{id}"), "netquery §1", sentence)
            .needs([Need::Rights(Permission::User)])
    };
    let mut checks = vec![];
    for (id, query, body) in [
        ("no-query", "", "invalid query: unexpected end of JSON input\n"),
        ("garbage", "?q=garbage", "invalid query: invalid character 'g' looking for beginning of value\n"),
        (
            "array",
            "?q=%5B%5D",
            "invalid query: json: cannot unmarshal array into Go value of type netquery.QueryRequestPayload\n",
        ),
        (
            "unknown-column",
            "?q=%7B%22query%22%3A%7B%22nope%22%3A1%7D%7D",
            "generating where clause: 1 error occurred:\n\t* column nope is not allowed\n\n\n",
        ),
        (
            "unknown-selected",
            "?q=%7B%22select%22%3A%5B%22nope%22%5D%7D",
            "perparing selected fields: column name \"nope\" not allowed\n",
        ),
        (
            "unknown-group",
            "?q=%7B%22groupBy%22%3A%5B%22nope%22%5D%7D",
            "generating group-by clause: column name \"nope\" not allowed\n",
        ),
        (
            "unknown-order",
            "?q=%7B%22orderBy%22%3A%22nope%22%7D",
            "generating order-by clause: column name \"nope\" not allowed\n",
        ),
    ] {
        checks.push(
            should(&format!("bad/{id}"), &format!("netquery/query{query} is refused with its reason.")).run(
                move |context| async move {
                    let exchange = get(&context, Permission::User, &format!("netquery/query{query}")).await?;
                    exchange.error(400, body)?;
                    Ok(())
                },
            ),
        );
    }
    checks.push(should("delete", "netquery knows no DELETE.").run(async |context| {
        let exchange = with(&context, Permission::User, Request::api("DELETE", "netquery/query")).await?;
        exchange.error(400, "invalid HTTP method\n")?;
        Ok(())
    }));
    checks.push(
        Check::must(
            "parameters/netquery/same-both-ways",
            "Query Connections",
            "A query in the body is answered like the same query in the parameter q.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(same_both_ways),
    );
    checks.push(should("page-size", "pageSize bounds how many connections are answered.").run(
        async |context| {
            let exchange =
                get(&context, Permission::User, "netquery/query?q=%7B%22pageSize%22%3A1%7D").await?;
            let value = exchange.status(200)?.json()?;
            let rows = value["results"].as_array().map_or(0, Vec::len);
            exchange.expect(rows <= 1, "one connection at most")?;
            Ok(())
        },
    ));
    checks
}

async fn same_both_ways(context: Context) -> Outcome {
    let query = r#"{"select":["verdict",{"$count":{"field":"*","as":"n"}}],"query":{"type":"dns"},"groupBy":["verdict"]}"#;
    let encoded = encoded(query, |_| false);
    let read = get(&context, Permission::User, &format!("netquery/query?q={encoded}")).await?;
    let request = Request::api("POST", "netquery/query").body(query);
    let written = with(&context, Permission::User, request).await?;
    let (a, b) = (read.status(200)?.json()?, written.status(200)?.json()?);
    written.expect(a["results"] == b["results"], format!("results {}", a["results"]))?;
    Ok(())
}
