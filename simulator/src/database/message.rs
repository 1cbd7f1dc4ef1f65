//! A client's messages (websocket §2).

use bytes::{Bytes, BytesMut};

/// What a client asks for.
#[derive(Debug)]
pub(super) enum Message {
    /// One record.
    Get(String),
    /// Records once, then the end.
    Query(String),
    /// Changes from now on.
    Subscribe(String),
    /// Records once, then changes.
    QueryAndSubscribe(String),
    /// Writes a record, whether it is there or not. The payload begins with its format.
    Write(String, Bytes),
    /// Sets members of a record.
    Insert(String, Bytes),
    /// Deletes a record.
    Delete(String),
    /// Ends a subscription.
    Cancel,
}

impl Message {
    /// The operation and the key or the query, as rules name them.
    pub(super) fn asked(&self) -> (&'static str, String) {
        match self {
            Self::Get(key) => ("get", key.clone()),
            Self::Query(text) => ("query", text.clone()),
            Self::Subscribe(text) => ("sub", text.clone()),
            Self::QueryAndSubscribe(text) => ("qsub", text.clone()),
            Self::Write(key, _) => ("update", key.clone()),
            Self::Insert(key, _) => ("insert", key.clone()),
            Self::Delete(key) => ("delete", key.clone()),
            Self::Cancel => ("cancel", String::new()),
        }
    }
}

/// A message that is none: the operation's id and the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) Bytes, pub(super) &'static str);

const MALFORMED: &str = "bad request: malformed message";
const UNKNOWN: &str = "bad request: unknown method";

/// Reads a message: the operation's id and what is asked.
pub(super) fn parse(message: BytesMut) -> Result<(Bytes, Message), Malformed> {
    let message = message.freeze();
    let nobody = || Malformed(Bytes::new(), MALFORMED);
    let (id, rest) = cut(&message).ok_or_else(nobody)?;
    let Some((method, rest)) = cut(&rest) else {
        return if rest == "cancel" { Ok((id, Message::Cancel)) } else { Err(nobody()) };
    };
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let asked = match &method[..] {
        b"get" => Message::Get(text(&rest)),
        b"query" => Message::Query(text(&rest)),
        b"sub" => Message::Subscribe(text(&rest)),
        b"qsub" => Message::QueryAndSubscribe(text(&rest)),
        b"delete" => Message::Delete(text(&rest)),
        b"create" | b"update" | b"insert" => {
            // Without a payload the core forgets whose message it is.
            let (key, payload) = cut(&rest).ok_or_else(nobody)?;
            if &method[..] == b"insert" {
                Message::Insert(text(&key), payload)
            } else if payload.len() < 2 {
                return Err(Malformed(id, MALFORMED));
            } else {
                Message::Write(text(&key), payload)
            }
        }
        _ => return Err(Malformed(id, UNKNOWN)),
    };
    Ok((id, asked))
}

/// What is before the first bar and behind it.
fn cut(bytes: &Bytes) -> Option<(Bytes, Bytes)> {
    let at = bytes.iter().position(|byte| *byte == b'|')?;
    Some((bytes.slice(..at), bytes.slice(at + 1..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> Option<(String, &'static str)> {
        let Malformed(id, text) = parse(BytesMut::from(message)).err()?;
        Some((String::from_utf8_lossy(&id).into_owned(), text))
    }

    #[test]
    fn malformed_messages_are_told_apart() {
        for message in ["hello", "", "1|foo", "1|get", "|", "cancel", "1|create|core:x", "1|CANCEL"] {
            assert_eq!(error(message), Some((String::new(), MALFORMED)), "{message}");
        }
        for message in ["1|create|k|", "1|update|k|J"] {
            assert_eq!(error(message), Some(("1".to_owned(), MALFORMED)), "{message}");
        }
        for message in ["1|cancel|x", "1| get|x", "1|GET|x", "1||"] {
            assert_eq!(error(message), Some(("1".to_owned(), UNKNOWN)), "{message}");
        }
        for message in ["1|cancel", "|get|x", "1|get|a|b", "1|insert|k|", "1|create|k|J{}"] {
            assert_eq!(error(message), None, "{message}");
        }
    }
}
