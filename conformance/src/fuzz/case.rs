//! A case: what is sent to a target, in order. It is data, so that it can be kept and sent again; keys stand in it
//! by their tier only.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    harm::Harm,
    suite::{Allowed, Class, Keys, Tier},
    target::{Frame, Request, opcode},
};

/// The name of the session's cookie (core-2.2 §3).
pub(super) const COOKIE: &str = "Portmaster-API-Token";

/// Steps that follow each other on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Case {
    /// The steps, at least one.
    pub steps: Vec<Step>,
}

impl Case {
    /// The first step that does more to a target than is allowed, counted from 0, and its class.
    pub fn refused(&self, allowed: Allowed) -> Option<(usize, Class)> {
        let harm = Harm::new();
        let classes = self.steps.iter().map(|step| step.class(&harm));
        classes.enumerate().find(|(_, class)| !allowed.permits(*class))
    }
}

impl Case {
    /// Whether something in it meets on purpose.
    pub(super) fn meets(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Meet(_)))
    }
}

impl Step {
    /// What it does to a target.
    fn class(&self, harm: &Harm) -> Class {
        match self {
            Self::Ask(ask) => harm.of_request(&ask.method, &ask.target),
            Self::Talk(talk) => talk.frames.iter().map(|sent| sent.class(harm)).max().unwrap_or(Class::Read),
            Self::Raw(bytes) => harm.of_bytes(&bytes.0),
            Self::Meet(all) => {
                let steps = all.iter().flat_map(|case| &case.steps);
                steps.map(|step| step.class(harm)).max().unwrap_or(Class::Read)
            }
        }
    }
}

/// One step of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A request.
    Ask(Ask),
    /// A conversation over the database websocket.
    Talk(Talk),
    /// Bytes on a connection of their own, that need not be HTTP.
    Raw(Bytes),
    /// Cases that are sent at the same time, each on connections of its own.
    Meet(Vec<Case>),
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The target as it stands in the request line.
    pub target: String,
    /// Who asks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub who: Who,
    /// Header lines beside `Host`, `Content-Length` and what carries the credentials.
    #[serde(default, skip_serializing_if = "is_default")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default, skip_serializing_if = "is_default")]
    pub body: Bytes,
    /// How long the body is said to be, if nothing is sent of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub announced: Option<u64>,
    /// Whether the body goes out in chunks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub chunked: bool,
    /// Whether it is asked twice, for the same answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub twice: bool,
}

/// A conversation over the database websocket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Talk {
    /// Who opens it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub who: Who,
    /// What is sent, frame by frame.
    pub frames: Vec<Sent>,
}

/// A frame that is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// A message.
    Message(Bytes),
    /// A message in so many fragments, at least two.
    Fragments(Bytes, u8),
    /// A ping.
    Ping(Bytes),
    /// A pong that nobody asked for.
    Pong(Bytes),
    /// A frame that breaks the protocol.
    Broken {
        /// The opcode, 0 to 15.
        opcode: u8,
        /// The three reserved bits, 0 to 7.
        reserved: u8,
        /// Whether it is masked.
        masked: bool,
        /// Whether it is the last of its message.
        last: bool,
        /// The payload.
        payload: Bytes,
    },
    /// The end, with a status code.
    Close(u16),
}

impl Sent {
    /// Whether the connection ends with it: answers to what was sent before may not get out any more.
    pub(super) const fn ends(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Close(_))
    }

    /// What it does to a target.
    fn class(&self, harm: &Harm) -> Class {
        match self {
            Self::Message(bytes) | Self::Fragments(bytes, _) | Self::Broken { payload: bytes, .. } => {
                harm.of_message(&bytes.0)
            }
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) => Class::Read,
        }
    }

    /// The frames on the wire.
    pub(super) fn frames(&self) -> Vec<Frame> {
        match self {
            Self::Message(bytes) => vec![Frame::new(opcode::TEXT, bytes.0.clone())],
            Self::Fragments(bytes, parts) => {
                let parts = usize::from((*parts).max(2));
                let size = bytes.0.len().div_ceil(parts).max(1);
                let mut pieces: Vec<&[u8]> = bytes.0.chunks(size).collect();
                pieces.resize(parts.max(pieces.len()), &[]);
                let last = pieces.len() - 1;
                let frame = |(at, piece): (usize, &&[u8])| {
                    let kind = if at == 0 { opcode::TEXT } else { opcode::CONTINUATION };
                    Frame { last: at == last, ..Frame::new(kind, piece.to_vec()) }
                };
                pieces.iter().enumerate().map(frame).collect()
            }
            Self::Ping(bytes) => vec![Frame::new(opcode::PING, bytes.0.clone())],
            Self::Pong(bytes) => vec![Frame::new(opcode::PONG, bytes.0.clone())],
            Self::Broken { opcode, reserved, masked, last, payload } => vec![Frame {
                opcode: *opcode,
                reserved: *reserved,
                masked: *masked,
                last: *last,
                payload: payload.0.clone(),
            }],
            Self::Close(code) => vec![Frame::close(*code)],
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Somebody without credentials.
    #[default]
    Nobody,
    /// Somebody with a key, as a Bearer token.
    Bearer(Tier),
    /// The same by Basic authentication: so many characters of the key as the user, the rest as the password.
    Basic(Tier, u8),
    /// Somebody with this `Authorization`, which no key of the target is in.
    Stranger(String),
    /// Somebody with the cookie that the last answer of this case set; without any if none did.
    Session,
    /// Somebody with this value of the session's cookie.
    Cookie(String),
    /// Somebody with a key and a cookie that nobody knows.
    Both(Tier, String),
    /// Somebody with what is a key but for one thing.
    Nearly(Tier, Slip),
    /// Somebody with a key, and then another `Authorization`, which does not count.
    Twice(Tier, String),
}

/// What keeps a key from being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Slip {
    /// Its letters are capitals.
    Upper,
    /// Its last letter is missing.
    Short,
    /// There is a letter more.
    Long,
    /// There is a blank before it.
    Blank,
    /// It stands behind a scheme that is none.
    Scheme,
}

impl Slip {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [Self::Upper, Self::Short, Self::Long, Self::Blank, Self::Scheme];

    /// The header's value.
    fn value(self, secret: &str) -> String {
        match self {
            Self::Upper => format!("Bearer {}", secret.to_uppercase()),
            Self::Short => {
                let end = secret.char_indices().next_back().map_or(0, |(at, _)| at);
                format!("Bearer {}", &secret[..end])
            }
            Self::Long => format!("Bearer {secret}x"),
            Self::Blank => format!("Bearer  {secret}"),
            Self::Scheme => format!("Token {secret}"),
        }
    }
}

impl Who {
    /// The tier of the key, if there is one.
    pub(super) fn tier(&self) -> Option<Tier> {
        match self {
            Self::Bearer(tier) | Self::Basic(tier, _) | Self::Both(tier, _) | Self::Twice(tier, _) => {
                Some(*tier)
            }
            _ => None,
        }
    }

    /// A name for it that says its kind only.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Bearer(tier) => format!("bearer {}", tier.name()),
            Self::Basic(tier, _) => format!("basic {}", tier.name()),
            Self::Both(tier, _) => format!("bearer {} and a cookie", tier.name()),
            Self::Stranger(text) => {
                format!("an unknown {}", text.split(' ').next().unwrap_or_default().to_lowercase())
            }
            Self::Nearly(..) => "nearly a key".to_owned(),
            Self::Twice(tier, _) => format!("bearer {}, said twice", tier.name()),
            Self::Session => "the session".to_owned(),
            Self::Cookie(_) => "an unknown cookie".to_owned(),
        }
    }

    /// Adds the credentials to a request.
    pub(super) fn sign(&self, request: Request, keys: &Keys, session: Option<&str>) -> Request {
        let cookie = |request: Request, value: &str| request.header("Cookie", format!("{COOKIE}={value}"));
        let tier = if let Self::Nearly(tier, _) = self { Some(*tier) } else { self.tier() };
        let key = tier.and_then(|tier| keys.get(tier));
        match (self, key) {
            (Self::Stranger(text), _) => request.header("Authorization", text.clone()),
            (Self::Session, _) => {
                session.map_or_else(|| request.clone(), |value| cookie(request.clone(), value))
            }
            (Self::Cookie(value), _) => cookie(request, value),
            (Self::Bearer(_), Some(key)) => request.bearer(key),
            (Self::Twice(_, other), Some(key)) => request.bearer(key).header("Authorization", other.clone()),
            (Self::Nearly(tier, slip), Some(key)) => {
                let shown = slip.value(&format!("${}", tier.variable()));
                request.secret_header("Authorization", slip.value(key.secret()), shown)
            }
            (Self::Both(_, value), Some(key)) => cookie(request.bearer(key), value),
            (Self::Basic(tier, at), Some(key)) => {
                let secret = key.secret();
                let at = usize::from(*at).min(secret.len());
                let (user, password) = secret.split_at_checked(at).unwrap_or((secret, ""));
                let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
                request.secret_header("Authorization", value, format!("Basic ${}", tier.variable()))
            }
            _ => request,
        }
    }
}

impl Ask {
    /// Whether it wants permission to write.
    pub(super) fn writes(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "DELETE")
    }

    /// The request on the wire, on a connection that is kept.
    pub(super) fn request(&self, keys: &Keys, session: Option<&str>) -> Request {
        let mut request = Request::new(&self.method, self.target.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value.clone());
        }
        request = self.who.sign(request, keys, session);
        request = match self.announced {
            // Nobody waits for what does not come.
            Some(length) => return request.declare_length(length).header("Connection", "close"),
            None => request.body(self.body.0.clone()),
        };
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
            request = request.header("Connection", "keep-alive");
        }
        if self.chunked { request.chunked() } else { request }
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Bytes; in JSON a string, or `{"base64": …}` when they are no UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Written {
    Text(String),
    Binary { base64: String },
}

#[cfg(test)]
impl schemars::JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Written::json_schema(generator);
        schema.insert("description".to_owned(), "Bytes: a text, or base64 when they are no UTF-8.".into());
        schema
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text.to_owned()),
            Err(_) => Written::Binary { base64: STANDARD.encode(&self.0) },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into_bytes(),
            Written::Binary { base64 } => STANDARD.decode(base64).map_err(serde::de::Error::custom)?,
        }))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Key;

    #[test]
    fn a_case_is_read_as_it_was_written_and_holds_no_key() {
        let mut keys = Keys::default();
        keys.insert(Key::new(Tier::User, "sesame"));
        let case = Case {
            steps: vec![
                Step::Ask(Ask {
                    method: "POST".to_owned(),
                    target: "/api/v1/netquery/query".to_owned(),
                    who: Who::Basic(Tier::User, 3),
                    headers: vec![("Accept".to_owned(), "*/*".to_owned())],
                    body: Bytes(vec![0xff, 0x00]),
                    ..Ask::default()
                }),
                Step::Talk(Talk {
                    who: Who::Bearer(Tier::Admin),
                    frames: vec![Sent::Message("1|get|core:x".into()), Sent::Close(1000)],
                }),
                Step::Raw("GET\r\n\r\n".into()),
            ],
        };
        let text = serde_json::to_string(&case).unwrap();
        assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), case);
        assert!(!text.contains("sesame"));
        let Step::Ask(ask) = &case.steps[0] else { panic!("an ask") };
        let sent = ask.request(&keys, None);
        assert_eq!(sent.headers[1].value, format!("Basic {}", STANDARD.encode("ses:ame")));
    }

    #[test]
    fn what_a_case_does_is_known_before_it_is_sent() {
        let ask = |method: &str, target: &str| {
            Step::Ask(Ask { method: method.to_owned(), target: target.to_owned(), ..Ask::default() })
        };
        let talk = |text: &str| {
            Step::Talk(Talk { frames: vec![Sent::Fragments(text.into(), 2)], ..Talk::default() })
        };
        let none = Allowed { writes: false, disruptive: false };
        let refused = |steps: &[Step]| Case { steps: steps.to_vec() }.refused(none);
        let read = ask("GET", "/api/v1/ping");
        assert_eq!(refused(&[read.clone(), talk("1|get|core:x")]), None);
        assert_eq!(refused(&[read.clone(), ask("POST", "/api/v1/dns/clear")]), Some((1, Class::Disruptive)));
        assert_eq!(refused(&[talk("1|create|core:conformance/x|J{}")]), Some((0, Class::Writes)));
        assert_eq!(refused(&[Step::Raw("POST /api/v1/ui/reload".into())]), Some((0, Class::Writes)));
    }

    #[test]
    fn fragments_make_one_message() {
        for (bytes, parts) in [("abcdef", 3), ("a", 4), ("", 2), ("abc", 2)] {
            let frames = Sent::Fragments(bytes.into(), parts).frames();
            assert_eq!(frames.len(), usize::from(parts));
            let whole: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.clone()).collect();
            assert_eq!(whole, bytes.as_bytes());
            assert!(frames[..frames.len() - 1].iter().all(|frame| !frame.last));
            assert!(frames.last().unwrap().last);
        }
    }
}
