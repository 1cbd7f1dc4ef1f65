//! What belongs together: the method and the path of a request.

use super::exchange::Asked;

/// Method and path, without the query.
pub(crate) fn endpoint(request: &Asked) -> String {
    let path = request.target.split('?').next().unwrap_or_default();
    format!("{} {path}", request.method)
}
