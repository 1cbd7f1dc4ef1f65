//! How large a request may be.

use portmaster_fixtures::{Contract, Permission};

use super::family::Family;
use crate::{
    suite::{Check, Class, Context, Exchange, Need, Stop, Tier},
    target::Request,
};

const CLAUSE: &str = "core-1.x §5.10";
/// The longest body that a core reads, in bytes.
const LONGEST: u64 = 20_000_000;

pub(super) const FAMILY: Family = Family {
    name: "limits",
    about: "How large a request may be.",
    tags: &["http"],
    checks,
    of_catalogue: None,
};

fn checks(_: Contract) -> Vec<Check> {
    let should = |id: &str, sentence: &str| Check::should(format!("limits/{id}"), CLAUSE, sentence);
    let mut checks = vec![];
    for (path, class, permission) in [
        ("ui/reload", Class::Writes, Permission::User),
        ("broadcasts/simulate", Class::Writes, Permission::Admin),
        ("netquery/query", Class::Read, Permission::User),
    ] {
        checks.push(
            should(
                &format!("too-long/{path}"),
                "A body that is announced with more than 20,000,000 bytes is refused with 413.",
            )
            .class(class)
            .needs([Need::Rights(permission)])
            .run(move |context| async move {
                announce(&context, path, LONGEST + 1, permission)
                    .await?
                    .error(413, "too much input data\n")?;
                Ok(())
            }),
        );
    }
    checks.push(
        should(
            "too-long/after-authentication",
            "Who may not call an endpoint is not told that the body is too long.",
        )
        .needs([Need::Guarded, Need::Key(Tier::UserRead)])
        .run(async |context| {
            let request = Request::api("POST", "ui/reload").declare_length(LONGEST + 1);
            let exchange = context.send(request.bearer(context.key(Tier::UserRead)?)).await?;
            exchange.error(403, "Insufficient permissions.\n")?;
            Ok(())
        }),
    );
    checks.push(should("chunked", "A body in chunks is read.").needs([Need::Rights(Permission::User)]).run(
        async |context| {
            let (place, key) = context.rights(Permission::User)?;
            let request = Request::api("POST", "netquery/query").body("{}").chunked().maybe_bearer(key);
            context.send_to(place, request).await?.status(200)?;
            Ok(())
        },
    ));
    checks
}

async fn announce(
    context: &Context,
    path: &str,
    length: u64,
    permission: Permission,
) -> Result<Exchange, Stop> {
    let (place, key) = context.rights(permission)?;
    context.send_to(place, Request::api("POST", path).declare_length(length).maybe_bearer(key)).await
}
