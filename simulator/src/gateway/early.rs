//! What is answered before there is a route: malformed requests, refused origins, unclean paths.

use bytes::Bytes;
use hyper::{
    Method, Response, StatusCode,
    header::{CONNECTION, HOST, LOCATION},
    http::{HeaderValue, request::Parts},
};

use super::{guard::Origin, path::Path, render::Answer};

/// Go's own checks of a request, before a core sees it.
pub(super) fn wellformed(request: &Parts) -> Result<Path, Answer> {
    let bad = |text: &str| {
        Answer::of(
            StatusCode::BAD_REQUEST,
            HeaderValue::from_static("text/plain; charset=utf-8"),
            text.to_owned(),
        )
    };
    if request.headers.get_all(HOST).iter().count() > 1 {
        return Err(bad("400 Bad Request"));
    }
    Path::read(request.uri.path()).ok_or_else(|| bad("400 Bad Request"))
}

/// There is nothing at this path.
pub(super) fn not_found() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "Not found.")
}

/// There is nothing that can be asked so.
pub(super) fn not_allowed() -> Answer {
    Answer::error(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.")
}

/// An answer of the HTTP layer itself: no security headers, no date, and the connection ends.
pub(super) fn malformed(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What needs neither a route nor a caller: refused origins and unclean paths.
pub(super) fn before_route(origin: &Origin, path: &Path, parts: &Parts) -> Option<Answer> {
    match origin {
        Origin::Invalid => return Some(Answer::error(StatusCode::FORBIDDEN, "Invalid Origin.")),
        Origin::Refused => return Some(Answer::error(StatusCode::FORBIDDEN, "Cross-Origin Request Denied.")),
        Origin::Absent | Origin::Allowed(_) => {}
    }
    let clean = path.redirect.as_ref()?;
    let base = match (parts.uri.scheme(), parts.uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        (None, Some(authority)) => format!("//{authority}"),
        _ => String::new(),
    };
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{base}{clean}{query}");
    Some(redirect(StatusCode::MOVED_PERMANENTLY, "Moved Permanently", &to, &parts.method))
}

/// A redirect as Go's `http.Redirect` writes it.
pub(super) fn redirect(status: StatusCode, text: &str, to: &str, method: &Method) -> Answer {
    let location = HeaderValue::from_str(to).expect("an encoded path and a query that came over HTTP");
    let answer = if matches!(*method, Method::GET | Method::HEAD) {
        let body = match *method {
            Method::GET => format!("<a href=\"{}\">{text}</a>.\n\n", html_escaped(to)),
            // Nothing is written that could be counted.
            _ => String::new(),
        };
        Answer::of(status, HeaderValue::from_static("text/html; charset=utf-8"), body)
    } else {
        Answer::empty(status)
    };
    answer.with(LOCATION, location)
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
