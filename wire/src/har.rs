//! HTTP Archive 1.2, as browsers and proxies read it. Messages of websockets stand where Chromium puts them.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

/// The log of an archive, with so many entries.
pub fn archive(creator: &str, version: &str, entries: &[Value]) -> Value {
    json!({
        "log": {
            "version": "1.2",
            "creator": { "name": creator, "version": version },
            "entries": entries,
        }
    })
}

/// A name and a value: a header, a cookie or a part of a query.
pub fn pair(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// An exchange that began at `started` and took so many milliseconds.
pub fn entry(started: &str, took: f64, request: &Request<'_>, response: &Response<'_>) -> Value {
    json!({
        "startedDateTime": started,
        "time": took,
        "request": request.value(),
        "response": response.value(),
        "cache": {},
        "timings": { "send": 0, "wait": took, "receive": 0 },
    })
}

/// Puts the messages of the websocket that an exchange opened into its entry.
pub fn add_messages(entry: &mut Value, messages: Vec<Value>) {
    entry["_resourceType"] = "websocket".into();
    entry["_webSocketMessages"] = messages.into();
}

/// A message of a websocket, at so many seconds since 1970.
pub fn message(sent: bool, time: f64, opcode: u8, data: &str) -> Value {
    let direction = if sent { "send" } else { "receive" };
    json!({ "type": direction, "time": time, "opcode": opcode, "data": data })
}

/// What was asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole URL.
    pub url: String,
    /// The version of HTTP, `HTTP/1.1`.
    pub version: String,
    /// Its cookies, as pairs.
    pub cookies: Vec<Value>,
    /// Its headers, as pairs.
    pub headers: Vec<Value>,
    /// The query, as pairs.
    pub query: Vec<Value>,
    /// How many bytes the body has.
    pub size: usize,
    /// The body: its type, what is kept of it, and a comment on what is not.
    pub body: Option<(&'a str, Cow<'a, str>, Option<String>)>,
}

impl Request<'_> {
    fn value(&self) -> Value {
        let mut value = json!({
            "method": self.method,
            "url": self.url,
            "httpVersion": self.version,
            "cookies": self.cookies,
            "headers": self.headers,
            "queryString": self.query,
            "headersSize": -1,
            "bodySize": self.size,
        });
        if let Some((kind, text, comment)) = &self.body {
            value["postData"] = json!({ "mimeType": kind, "params": [], "text": text });
            if let Some(comment) = comment {
                value["postData"]["comment"] = comment.as_str().into();
            }
        }
        value
    }
}

/// What is kept of a body.
#[derive(Debug)]
pub enum Content<'a> {
    /// Nothing.
    Nothing,
    /// Text.
    Text(&'a str),
    /// Bytes in base64.
    Base64(String),
}

/// What was answered.
#[derive(Debug)]
pub struct Response<'a> {
    /// The status; 0, as browsers write it, where there was no answer.
    pub status: u16,
    /// Its cookies, as pairs.
    pub cookies: Vec<Value>,
    /// Its headers, as pairs.
    pub headers: Vec<Value>,
    /// The body's type.
    pub kind: &'a str,
    /// How many bytes the body has.
    pub size: usize,
    /// The body.
    pub content: Content<'a>,
    /// What is to be said of the body.
    pub comment: Option<String>,
    /// Where the answer leads.
    pub location: &'a str,
}

impl Response<'_> {
    /// No answer.
    pub fn none() -> Self {
        Self {
            status: 0,
            cookies: vec![],
            headers: vec![],
            kind: "",
            size: 0,
            content: Content::Nothing,
            comment: None,
            location: "",
        }
    }

    fn value(&self) -> Value {
        let mut content = json!({ "size": self.size, "mimeType": self.kind });
        match &self.content {
            Content::Nothing => {}
            Content::Text(text) => content["text"] = (*text).into(),
            Content::Base64(text) => {
                content["text"] = text.as_str().into();
                content["encoding"] = "base64".into();
            }
        }
        if let Some(comment) = &self.comment {
            content["comment"] = comment.as_str().into();
        }
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        json!({
            "status": self.status,
            "statusText": reason.unwrap_or_default(),
            "httpVersion": "HTTP/1.1",
            "cookies": self.cookies,
            "headers": self.headers,
            "content": content,
            "redirectURL": self.location,
            "headersSize": -1,
            "bodySize": if self.status == 0 { json!(-1) } else { json!(self.size) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_what_readers_demand() {
        let request = Request {
            method: "POST",
            url: "http://127.0.0.1:817/a?b=c".to_owned(),
            version: "HTTP/1.1".to_owned(),
            cookies: vec![],
            headers: vec![pair("accept", "*/*")],
            query: vec![pair("b", "c")],
            size: 3,
            body: Some(("text/plain", "ab".into(), Some("cut".to_owned()))),
        };
        let one = entry("2026-01-05T08:30:00Z", 1.5, &request, &Response::none());
        assert_eq!(one["request"]["postData"]["comment"], "cut");
        assert_eq!((&one["response"]["status"], &one["response"]["bodySize"]), (&json!(0), &json!(-1)));
        let answer =
            Response { status: 404, content: Content::Base64("AA==".to_owned()), ..Response::none() };
        let answer = answer.value();
        assert_eq!(
            (&answer["statusText"], &answer["content"]["encoding"]),
            (&json!("Not Found"), &json!("base64"))
        );
        assert_eq!(archive("a", "1", &[one])["log"]["entries"].as_array().map(Vec::len), Some(1));
    }
}
