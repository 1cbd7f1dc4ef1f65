//! What endpoints that act, or report on the core itself, say and do.

use portmaster_fixtures::{Behaviour, Contract, Permission, Reports, Section};

use super::{family::Family, sample, structure::find_cached};
use crate::{
    suite::{Check, Class, Context, Exchange, Need, Outcome, Place, SkipReason, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "actions",
    about: "What endpoints that act say and do.",
    tags: &["data"],
    checks,
    of_catalogue: None,
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = vec![];
    checks.extend(texts(contract.behaviour()));
    checks.extend(reports(&contract.behaviour().reports));
    checks.extend(dns());
    checks.extend(broadcasts());
    if sample::find(contract, "modules/:moduleName/trigger/:eventName").is_some() {
        checks.extend(internal());
    }
    checks.extend(
        newer()
            .into_iter()
            .filter(|(path, _)| sample::find(contract, path).is_some())
            .map(|(_, check)| check),
    );
    checks
}

fn should(id: &str, sentence: &str) -> Check {
    Check::should(format!("actions/{id}"), "core-1.x §7.1", sentence)
}

fn must(id: &str, title: &str, sentence: &str) -> Check {
    Check::must(format!("actions/{id}"), title, sentence)
}

/// Sends a request with the rights of `permission`.
async fn with(context: &Context, permission: Permission, request: Request) -> Result<Exchange, Stop> {
    let (place, key) = context.rights(permission)?;
    context.send_to(place, request.maybe_bearer(key)).await
}

/// Endpoints that answer with a sentence.
fn texts(behaviour: &Behaviour) -> Vec<Check> {
    let mut checks = vec![must("ping", "Ping", "ping answers Pong.").run(async |context| {
        context.send(Request::api("GET", "ping")).await?.answer(200, "Pong.\n")?;
        Ok(())
    })];
    for (method, path, class, permission, text) in [
        ("GET", "debug/stack/print", Class::Read, Permission::Anyone, "stack printed to stdout"),
        ("POST", "ui/reload", Class::Writes, Permission::User, "all ui archives successfully reloaded"),
        ("POST", "updates/check", Class::Writes, Permission::User, behaviour.updates_check.as_str()),
        ("POST", "core/restart", Class::Disruptive, Permission::Admin, "restart initiated"),
        ("POST", "core/shutdown", Class::Final, Permission::Itself, "shutdown initiated"),
    ] {
        let text = format!("{text}\n");
        checks.push(
            should(path, &format!("{path} says what it has done."))
                .class(class)
                .needs([Need::Rights(permission)])
                .run(move |context| {
                    let text = text.clone();
                    async move {
                        let exchange = with(&context, permission, Request::api(method, path)).await?;
                        exchange.answer(200, &text)?.plain_text()?;
                        Ok(())
                    }
                }),
        );
    }
    checks.push(
        must("spn/reinit/off", "Re-initialize SPN", "Only an SPN that is on can be initialised again.")
            .class(Class::Disruptive)
            .needs([Need::Rights(Permission::Admin)])
            .run(async |context| {
                let (_, key) = context.rights(Permission::Admin)?;
                let request = Request::api("POST", "spn/reinit").maybe_bearer(key);
                let exchange = context.send_to(Place::Bare, request).await?;
                if exchange.response.status == 200 || exchange.response.text().starts_with("failed to stop") {
                    return Err(Stop::Skip(SkipReason::NothingToSee));
                }
                exchange.error(500, "can only re-initialize when the SPN is enabled\n")?;
                Ok(())
            }),
    );
    checks.push(
        must(
            "spn/reinit/on",
            "Re-initialize SPN",
            "An SPN that is on is stopped, its caches reset, and started.",
        )
        .class(Class::Disruptive)
        .needs([Need::Rights(Permission::Admin)])
        .run(async |context| {
            let exchange = with(&context, Permission::Admin, Request::api("POST", "spn/reinit")).await?;
            if exchange.response.text().starts_with("can only re-initialize") {
                return Err(Stop::Skip(SkipReason::NoMap));
            }
            exchange.status(200)?.plain_text()?;
            let said = exchange.response.text().starts_with("Completed SPN re-initialization");
            exchange.expect(said, "a text that begins with \"Completed SPN re-initialization\"")?;
            Ok(())
        }),
    );
    checks.push(
        must(
            "compat/self-check",
            "Run Integration Self-Check",
            "The self-check says whether the integration works.",
        )
        .needs([Need::Rights(Permission::User)])
        .run(async |context| {
            let request = Request::api("GET", "compat/self-check");
            let exchange = with(&context, Permission::User, request).await?;
            exchange.status_in(&[200, 500])?.plain_text()?;
            let failed = exchange.response.text().starts_with("self-check #");
            exchange.expect(
                failed == (exchange.response.status == 500),
                "a success, or an error that names the step",
            )?;
            Ok(())
        }),
    );
    checks
}

/// Reports on the core itself.
fn reports(made_of: &Reports) -> Vec<Check> {
    let mut checks = vec![];
    let info: &[_] = match made_of.info.contains(&Section::ModuleErrors) {
        true => &["Version ", "Platform", "Error", "Log", "Goroutine Stack"],
        false => &["Version ", "Platform", "Log", "Goroutine Stack"],
    };
    for (path, permission, parts) in [
        ("debug/info", Permission::Anyone, info),
        ("debug/core", Permission::Anyone, &["Version ", "Platform", "Status", "Goroutine Stack"]),
        (
            "debug/network",
            Permission::User,
            &["Version ", "Platform", "Status", "Network", "Goroutine Stack"],
        ),
    ] {
        let title =
            if path == "debug/network" { "Get Network Debug Information" } else { "Get Debug Information" };
        checks.push(
            must(
                &format!("{path}/sections"),
                title,
                &format!("{path} has sections for {}.", parts.join(", ")),
            )
            .needs([Need::Rights(permission)])
            .run(move |context| async move {
                let exchange = with(&context, permission, Request::api("GET", path)).await?;
                let text = exchange.status(200)?.response.text();
                let titles: Vec<_> = text.lines().filter(|line| line.starts_with("**")).collect();
                match parts.iter().find(|part| !titles.iter().any(|title| title.contains(*part))) {
                    None => Ok(()),
                    Some(part) => {
                        let got = format!("the sections {}", titles.join(" "));
                        Err(exchange.violation_got(format!("a section about {part}"), got))
                    }
                }
            }),
        );
    }
    for path in ["debug/heap", "debug/allocs"] {
        checks.push(should(path, "A memory profile is a compressed profile.").run(
            move |context| async move {
                let exchange = context.send(Request::api("GET", path)).await?;
                exchange.status(200)?;
                exchange.expect(exchange.response.body.starts_with(&[0x1f, 0x8b]), "gzip data")?;
                Ok(())
            },
        ));
    }
    checks.push(should("debug/stack", "The stack is a goroutine profile in text.").run(async |context| {
        let exchange = context.send(Request::api("GET", "debug/stack")).await?;
        let text = exchange.status(200)?.response.text();
        exchange.expect(text.starts_with("goroutine profile: total "), "a goroutine profile")?;
        Ok(())
    }));
    checks
}

fn dns() -> Vec<Check> {
    vec![
        must("dns/clear", "Clear cached DNS records", "After dns/clear the cache is empty.")
            .class(Class::Disruptive)
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let clear = || with(&context, Permission::User, Request::api("POST", "dns/clear"));
                let first = clear().await?;
                let text = first.status(200)?.response.text();
                let count =
                    text.strip_prefix("cleared ").and_then(|rest| rest.strip_suffix(" dns cache entries\n"));
                first.expect(
                    count.is_some_and(|count| count.parse::<u64>().is_ok()),
                    "cleared N dns cache entries",
                )?;
                clear().await?.answer(200, "cleared 0 dns cache entries\n")?;
                Ok(())
            }),
        must(
            "dns/clear/forgets",
            "Clear cached DNS records",
            "What dns/clear has removed from the cache is not answered any more, unless it was looked up anew.",
        )
        .class(Class::Disruptive)
        .needs([Need::Rights(Permission::User)])
        .run(async |context| {
            let cached = find_cached(&context).await?;
            with(&context, Permission::User, Request::api("POST", "dns/clear")).await?.status(200)?;
            let again = context.send(cached.exchange.request.clone()).await?;
            let fresh = again.response.status == 200 && again.json()?["_meta"] != cached.record["_meta"];
            again.expect(
                again.response.status == 500 || fresh,
                "status 500, or a record with another _meta than before",
            )?;
            Ok(())
        }),
        must("dns/cache/unknown", "Get DNS Record from Cache", "What is not cached is not answered.")
            .needs([Need::Rights(Permission::User)])
            .run(async |context| {
                let request = Request::api("GET", "dns/cache/not-cached.conformance.example.TXT");
                with(&context, Permission::User, request).await?.error(500, "database entry not found\n")?;
                Ok(())
            }),
    ]
}

fn broadcasts() -> Vec<Check> {
    const SOURCE: &str =
        r#"{"Notifications":{"conformance":{"Title":"A test","Message":"Of the conformance suite."}}}"#;
    vec![
        must(
            "broadcasts/simulate/twice",
            "Simulate Broadcast Notifications",
            "A notification of the source is displayed, and while it is shown not displayed again.",
        )
        .class(Class::Writes)
        .needs([Need::Rights(Permission::Admin)])
        .run(async |context| {
            let simulate = || {
                with(&context, Permission::Admin, Request::api("POST", "broadcasts/simulate").body(SOURCE))
            };
            let line = |what: &str| format!("{:>30}: {what}\n", "conformance");
            let (shown, active) = (line("displayed"), line("broadcast skipped: already active"));
            let first = simulate().await?;
            let text = first.status(200)?.response.text();
            first.expect(text == shown || text == active, format!("{shown:?}"))?;
            simulate().await?.answer(200, &active)?;
            Ok(())
        }),
        must(
            "broadcasts/reset-state",
            "Resets the Broadcast Notification States",
            "The states are deleted; when there are none, it says so.",
        )
        .class(Class::Disruptive)
        .needs([Need::Rights(Permission::Admin)])
        .run(async |context| {
            let reset = || with(&context, Permission::Admin, Request::api("POST", "broadcasts/reset-state"));
            let first = reset().await?;
            if first.status_in(&[200, 500])?.response.status == 500 {
                first.error(500, "database entry not found\n")?;
            }
            first.plain_text()?;
            Ok(())
        }),
    ]
}

/// What endpoints of newer cores say, with the endpoint that a contract must have (core-2.2 §6).
fn newer() -> Vec<(&'static str, Check)> {
    let mut checks = vec![];
    for (method, path, class, permission, text) in [
        ("GET", "ready", Class::Read, Permission::Anyone, "Portmaster is ready.\n"),
        ("GET", "interop/ping", Class::Read, Permission::Anyone, "\n"),
        ("POST", "interop/ping", Class::Read, Permission::Anyone, "\n"),
        (
            "POST",
            "netquery/history/cleanup",
            Class::Disruptive,
            Permission::User,
            "Deleted outdated connections.\n",
        ),
        ("POST", "control/resume", Class::Disruptive, Permission::Admin, "Resume initiated\n"),
        ("POST", "updates/apply", Class::Disruptive, Permission::User, "upgrade triggered\n"),
    ] {
        let check = Check::should(
            format!("actions/{path}/{method}"),
            "core-2.2 §6",
            format!("{method} {path} of a core that runs says {:?}.", text.trim_end()),
        );
        let check = check.class(class).needs([Need::Rights(permission)]).run(move |context| async move {
            with(&context, permission, Request::api(method, path)).await?.answer(200, text)?;
            Ok(())
        });
        checks.push((path, check));
    }
    for (id, path, permission, body, status, text) in [
        ("empty", "control/pause", Permission::Admin, "", 500, "unexpected end of JSON input\n"),
        ("no-duration", "control/pause", Permission::Admin, "{}", 500, "invalid pause duration\n"),
        ("no-content", "profile/icon", Permission::User, "", 400, "no content\n"),
        ("no-type", "profile/icon", Permission::User, "x", 400, "no content type\n"),
    ] {
        let check = Check::should(
            format!("actions/{path}/{id}"),
            "core-2.2 §6",
            format!("{path} refuses the body {body:?} with its reason."),
        );
        let check =
            check.class(Class::Writes).needs([Need::Rights(permission)]).run(move |context| async move {
                let request = Request::api("POST", path).body(body);
                with(&context, permission, request).await?.error(status, text)?;
                Ok(())
            });
        checks.push((path, check));
    }
    checks
}

/// Triggers, which only Portmaster itself may pull.
fn internal() -> Vec<Check> {
    let mut checks = vec![];
    for (id, path, status, text) in [
        ("known", "config/trigger/config%20change", 200, "event successfully injected\n"),
        (
            "unknown-event",
            "status/trigger/x",
            500,
            "failed to inject event: module \"status\" has no event named \"x\"\n",
        ),
        ("unknown-module", "a/trigger/b", 500, "failed to inject event: module \"a\" does not exist\n"),
        (
            "slashes",
            "a/trigger/b/trigger/c",
            500,
            "failed to inject event: module \"a/trigger/b\" does not exist\n",
        ),
    ] {
        checks.push(
            must(
                &format!("modules/trigger/{id}"),
                "Trigger Event",
                &format!(
                    "The trigger modules/{path} {}.",
                    if status == 200 { "is pulled" } else { "does not exist" }
                ),
            )
            .class(Class::Disruptive)
            .needs([Need::Development])
            .run(move |context: Context| async move { trigger(&context, path, status, text).await }),
        );
    }
    checks
}

async fn trigger(context: &Context, path: &str, status: u16, text: &str) -> Outcome {
    let request = Request::api("POST", &format!("modules/{path}"));
    context.send_to(Place::Development, request).await?.answer(status, text)?.plain_text()?;
    Ok(())
}
