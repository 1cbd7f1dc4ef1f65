//! Answers, and how an endpoint's reply becomes one.

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName},
    http::HeaderValue,
};
use portmaster_fixtures::{Behaviour, Defect};

use super::route::Route;
use crate::api::{Failure, Format, Raw, Reply};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A status, headers and a body, before the headers of every answer are added.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Whether the connection ends with this answer.
    pub(super) close: bool,
    /// Whether the body's length is told; not for 204.
    pub(super) has_length: bool,
}

impl Answer {
    /// No body, and that is told.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), close: false, has_length: true }
    }

    /// A body of a type.
    pub(super) fn of(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { headers: vec![(CONTENT_TYPE, content_type)], body: body.into(), ..Self::empty(status) }
    }

    /// A line of text.
    pub(super) fn error(status: StatusCode, text: &str) -> Self {
        Self::of(status, TEXT, format!("{text}\n"))
    }

    /// Nothing at all.
    pub(super) fn no_content() -> Self {
        Self { has_length: false, ..Self::empty(StatusCode::NO_CONTENT) }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer on the wire: its own headers, those for another origin and, by name already, the common ones, all by name;
    /// then the date and the length.
    pub(super) fn into_response(
        self,
        head: bool,
        common: impl Iterator<Item = (HeaderName, HeaderValue)>,
        mut own: Vec<(HeaderName, HeaderValue)>,
        date: HeaderValue,
    ) -> Response<Bytes> {
        own.extend(self.headers);
        own.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        let mut headers = HeaderMap::with_capacity(own.len() + 9);
        let mut own = own.into_iter().peekable();
        for (name, value) in common {
            while let Some((name, value)) = own.next_if(|(own, _)| own.as_str() < name.as_str()) {
                headers.append(name, value);
            }
            headers.append(name, value);
        }
        for (name, value) in own {
            headers.append(name, value);
        }
        headers.insert(DATE, date);
        // These have no body, whoever says one (RFC 9110 §6.4.1).
        let bodyless = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if self.has_length && !bodyless {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let body = if head || bodyless { Bytes::new() } else { self.body };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Turns a reply into an answer (core-1.x §5.11).
///
/// Replies that wait or work are resolved before.
pub(super) fn render(
    reply: Reply,
    route: &Route,
    method: &Method,
    format: Format,
    behaviour: &Behaviour,
) -> Answer {
    let structured = matches!(reply, Reply::Struct(_));
    let body: Bytes = match reply {
        Reply::Failure(Failure { status, text }) => return Answer::error(status, &text),
        Reply::Raw(Raw { status, headers, body }) => {
            return Answer { headers, body: body.into(), ..Answer::empty(status) };
        }
        Reply::Action(mut text) => {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.into()
        }
        Reply::Data(body) | Reply::Struct(body) | Reply::Record(body) => body,
        Reply::With(name, value, reply) => {
            return render(*reply, route, method, format, behaviour).with(name, value);
        }
        Reply::After(_, reply) => return render(*reply, route, method, format, behaviour),
        // Only who serves has the database; it asked before.
        Reply::Netquery(_) => {
            return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error.");
        }
        Reply::Wait { .. } => return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "timeout"),
    };
    if method == Method::HEAD || body.is_empty() {
        let answer = Answer::no_content();
        return if structured && behaviour.has(Defect::HeadEmptyType) {
            answer.with(CONTENT_TYPE, HeaderValue::from_static(""))
        } else {
            answer
        };
    }
    let negotiated = format.media_type().filter(|_| structured && !behaviour.has(Defect::NegotiatedAsJson));
    if let Some(media_type) = negotiated {
        return Answer::of(StatusCode::OK, HeaderValue::from_static(media_type), body);
    }
    Answer::of(StatusCode::OK, route.content_type.clone(), body)
}
