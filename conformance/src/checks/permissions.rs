//! `auth/permissions`, by which a check sees what a caller may do.

use portmaster_fixtures::Permission;
use serde_json::json;

use crate::{
    suite::{Exchange, Outcome},
    target::Request,
};

/// Asks what the caller may do.
pub(super) fn permissions() -> Request {
    Request::api("GET", "auth/permissions")
}

/// Expects an answer of `auth/permissions` to report these permissions.
pub(super) fn reports(exchange: &Exchange, read: Permission, write: Permission) -> Outcome {
    let wanted = json!({
        "Read": read.number(), "Write": write.number(), "ReadRole": read.role(), "WriteRole": write.role(),
    });
    exchange.expect(exchange.response.status == 200, format!("status 200 and {wanted}"))?;
    let found = exchange.json()?;
    exchange.expect(found == wanted, wanted.to_string())?;
    Ok(())
}
