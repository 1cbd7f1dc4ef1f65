//! Answers, and how an endpoint's reply becomes one.

use std::{cell::RefCell, collections::VecDeque};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, TRANSFER_ENCODING},
    http::HeaderValue,
};
use portmaster_fixtures::{Behaviour, Defect};

use super::{guard, route::Route};
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
    pub(super) length: Length,
}

/// Who tells how long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// The endpoint does, among its own headers.
    Told,
    /// Go does, behind the date, of what fits into its buffer; anything longer comes in chunks (core-1.x §5.11).
    Counted,
    /// Nobody: there is no content.
    Unsaid,
}

/// How much of a body Go holds back to count it, in bytes.
const COUNTED: usize = 2048;

impl Answer {
    /// No body, and that is told.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), close: false, length: Length::Counted }
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
        Self { length: Length::Unsaid, ..Self::empty(StatusCode::NO_CONTENT) }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// An answer with all that goes with it on the wire: its own headers, those for another origin and the security headers, all
/// by name; then the date and the length.
pub(super) struct Whole {
    pub(super) answer: Answer,
    /// Whether only the head is asked for.
    pub(super) head: bool,
    pub(super) behaviour: &'static Behaviour,
    pub(super) dev_mode: bool,
    pub(super) cors: Vec<(HeaderName, HeaderValue)>,
    pub(super) date: HeaderValue,
    /// Whether its body counts as unsent for as long as anybody holds it.
    pub(super) counted: bool,
}

impl Whole {
    /// The answer for hyper.
    pub(super) fn into_response(self) -> Response<Bytes> {
        let status = self.answer.status;
        let mut headers = HeaderMap::with_capacity(16);
        let mut put = |name, value: Text| match name {
            // There is one of these, whoever says another.
            DATE | CONTENT_LENGTH | CONNECTION | TRANSFER_ENCODING => {
                _ = headers.insert(name, value.into_value())
            }
            _ => _ = headers.append(name, value.into_value()),
        };
        self.each(&mut put);
        self.each_of_body(&mut put);
        let mut response = Response::new(self.body());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// Writes the head in the form that hyper gives it; the body that is to follow.
    ///
    /// Answers in a row differ in little: each thread keeps the last heads that it wrote.
    pub(super) fn write(self, out: &mut Vec<u8>) -> Bytes {
        thread_local! {
            static LAST: RefCell<VecDeque<Head>> = const { RefCell::new(VecDeque::new()) };
        }
        LAST.with_borrow_mut(|last| {
            if let Some(head) = last.iter().find(|head| head.is_of(&self)) {
                return out.extend_from_slice(&head.written);
            }
            let head = Head::of(&self);
            out.extend_from_slice(&head.written);
            last.truncate(HEADS - 1);
            last.push_front(head);
        });
        self.each_of_body(|name, value| line(out, &name, &value));
        out.extend_from_slice(b"\r\n\r\n");
        self.body()
    }

    /// The answer's own fields, in order.
    fn own(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut own: Vec<_> = self.cors.iter().chain(&self.answer.headers).cloned().collect();
        own.extend(self.told().map(|length| (CONTENT_LENGTH, HeaderValue::from(length))));
        own.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        own
    }

    /// Every field but those that Go adds for the body and what comes after, in order.
    fn each(&self, mut put: impl FnMut(HeaderName, Text)) {
        let mut own = self.own().into_iter().peekable();
        for (name, value) in guard::security(self.behaviour, self.dev_mode) {
            while let Some((name, value)) = own.next_if(|(own, _)| own.as_str() < name.as_str()) {
                put(name, Text::Own(value));
            }
            put(name, Text::Fixed(value));
        }
        for (name, value) in own {
            put(name, Text::Own(value));
        }
        put(DATE, Text::Own(self.date.clone()));
    }

    /// The fields that Go adds for the body, and of what comes after it.
    fn each_of_body(&self, mut put: impl FnMut(HeaderName, Text)) {
        let length = self.answer.body.len();
        let is_counted = self.answer.length == Length::Counted && !self.is_bodyless();
        // Who asks for the head alone is told of what was written nevertheless.
        if is_counted && length <= COUNTED && !(self.head && length == 0) {
            put(CONTENT_LENGTH, Text::Own(HeaderValue::from(length)));
        }
        if self.answer.close {
            put(CONNECTION, Text::Fixed("close"));
        }
        if self.is_chunked() {
            put(TRANSFER_ENCODING, Text::Fixed("chunked"));
        }
    }

    /// The length, where the endpoint tells it.
    fn told(&self) -> Option<usize> {
        (self.answer.length == Length::Told && !self.is_bodyless()).then_some(self.answer.body.len())
    }

    /// Whether the body is longer than anybody tells; before HTTP/1.1 it ends with the connection.
    pub(super) fn is_chunked(&self) -> bool {
        self.answer.length == Length::Counted
            && self.answer.body.len() > COUNTED
            && !self.head
            && !self.is_bodyless()
    }

    /// What is sent behind the head.
    fn body(self) -> Bytes {
        if self.head || self.is_bodyless() { Bytes::new() } else { self.answer.body }
    }

    /// Whether there is no body, whoever says one (RFC 9110 §6.4.1).
    fn is_bodyless(&self) -> bool {
        matches!(self.answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

/// How many heads a thread keeps.
const HEADS: usize = 4;

/// The head of an answer up to its length, and what it follows from.
struct Head {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    cors: Vec<(HeaderName, HeaderValue)>,
    behaviour: &'static Behaviour,
    dev_mode: bool,
    date: HeaderValue,
    told: Option<usize>,
    written: Vec<u8>,
}

impl Head {
    fn of(whole: &Whole) -> Self {
        let status = whole.answer.status;
        let mut written = b"HTTP/1.1 ".to_vec();
        written.extend_from_slice(status.as_str().as_bytes());
        written.push(b' ');
        written.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
        whole.each(|name, value| line(&mut written, &name, &value));
        Self {
            status,
            headers: whole.answer.headers.clone(),
            cors: whole.cors.clone(),
            behaviour: whole.behaviour,
            dev_mode: whole.dev_mode,
            date: whole.date.clone(),
            told: whole.told(),
            written,
        }
    }

    fn is_of(&self, whole: &Whole) -> bool {
        self.status == whole.answer.status
            && self.dev_mode == whole.dev_mode
            && std::ptr::eq(self.behaviour, whole.behaviour)
            && self.date == whole.date
            && self.told == whole.told()
            && self.headers == whole.answer.headers
            && self.cors == whole.cors
    }
}

/// Writes a field, its name as hyper does.
fn line(out: &mut Vec<u8>, name: &HeaderName, value: &Text) {
    out.extend_from_slice(b"\r\n");
    let mut from = out.len();
    out.extend_from_slice(name.as_str().as_bytes());
    while let Some(first) = out.get_mut(from) {
        first.make_ascii_uppercase();
        from = memchr::memchr(b'-', &out[from..]).map_or(out.len(), |at| from + at + 1);
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
}

/// The value of a field; most are always the same.
enum Text {
    Fixed(&'static str),
    Own(HeaderValue),
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(text) => text.as_bytes(),
            Self::Own(value) => value.as_bytes(),
        }
    }

    fn into_value(self) -> HeaderValue {
        match self {
            Self::Fixed(text) => HeaderValue::from_static(text),
            Self::Own(value) => value,
        }
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
        Reply::Raw(Raw { status, headers, body, told }) => {
            let length = if told { Length::Told } else { Length::Counted };
            return Answer { headers, body: body.into(), length, ..Answer::empty(status) };
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
    let content_type = negotiated.map_or_else(|| route.content_type.clone(), HeaderValue::from_static);
    Answer { length: Length::Told, ..Answer::of(StatusCode::OK, content_type, body) }
}
