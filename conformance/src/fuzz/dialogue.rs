//! The oracles for conversations over the database websocket (websocket §2).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    case::{Sent, Talk},
    finding::{Finding, Oracle},
};
use crate::target::{Frame, opcode};

/// The operation behind all others of a conversation; nobody else's name has a blank and a bar's neighbour in it.
const LAST: &[u8] = b"fuzz end";

/// The message that is sent behind all others: its answer ends the conversation.
pub(super) fn last() -> Frame {
    Frame::new(opcode::TEXT, [LAST, b"|get|core:fuzz/none"].concat())
}

/// Whether a frame answers it.
pub(super) fn is_last(frame: &Frame) -> bool {
    frame.payload.strip_prefix(LAST).is_some_and(|rest| rest.starts_with(b"|"))
}

/// What has come of a conversation so far.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// Whether a frame broke the protocol, or ended the conversation.
    ends: bool,
    /// The operations that were sent, and how many answers each must have that end it.
    wanted: BTreeMap<Vec<u8>, usize>,
    /// The operations that there are.
    known: BTreeSet<Vec<u8>>,
    pings: Vec<Vec<u8>>,
    finding: Option<Finding>,
    /// Whether the last message was answered.
    over: bool,
}

fn finding(expected: &str, got: impl Into<String>) -> Finding {
    Finding::new(Oracle::Structured, "websocket", expected, got)
}

impl Dialogue {
    pub(super) fn new(talk: &Talk) -> Self {
        let mut new = Self {
            ends: false,
            wanted: BTreeMap::new(),
            known: BTreeSet::from([vec![], LAST.to_vec()]),
            pings: vec![],
            finding: None,
            over: false,
        };
        for sent in &talk.frames {
            match sent {
                Sent::Message(bytes) | Sent::Fragments(bytes, _) => new.expect(&bytes.0),
                Sent::Ping(bytes) => new.pings.push(bytes.0.clone()),
                Sent::Pong(_) => {}
                Sent::Broken { .. } | Sent::Close(_) => new.ends = true,
            }
        }
        new
    }

    /// Notes what a message asks for. The first of an operation's name decides; others share its answers.
    fn expect(&mut self, message: &[u8]) {
        let parts: Vec<&[u8]> = message.splitn(3, |&byte| byte == b'|').collect();
        let id = parts.first().copied().unwrap_or_default().to_vec();
        self.known.insert(id.clone());
        // Behind a frame that breaks the protocol nothing needs an answer, but may have one if it does not.
        if self.ends {
            return;
        }
        let answered = match parts.as_slice() {
            // What makes no message has no name either.
            [_] => vec![],
            [_, method] => {
                if *method == b"cancel" {
                    id
                } else {
                    vec![]
                }
            }
            // Nothing comes of a subscription until something happens.
            [_, b"sub", _] => return,
            [_, b"create" | b"update" | b"insert", rest] if !rest.contains(&b'|') => vec![],
            _ => id,
        };
        *self.wanted.entry(answered).or_default() += 1;
    }

    /// Takes a frame that came.
    pub(super) fn hear(&mut self, frame: &Frame) {
        if self.finding.is_some() {
            return;
        }
        match frame.opcode {
            opcode::PONG => match self.pings.iter().position(|ping| *ping == frame.payload) {
                Some(at) => drop(self.pings.remove(at)),
                None if self.ends => {}
                None => self.finding = Some(finding("pongs with what the pings had", "another pong")),
            },
            opcode::BINARY if frame.last && frame.reserved == 0 && !frame.masked => self.read(&frame.payload),
            opcode::BINARY => self.finding = Some(finding("whole, unmasked frames", "another sort of frame")),
            opcode => self.finding = Some(finding("binary frames", format!("a frame with opcode {opcode}"))),
        }
    }

    fn read(&mut self, message: &[u8]) {
        let shown = || String::from_utf8_lossy(&message[..message.len().min(200)]).into_owned();
        let mut parts = message.splitn(3, |&byte| byte == b'|');
        let id = parts.next().unwrap_or_default();
        let kind = parts.next().unwrap_or_default();
        let rest = parts.next();
        if !self.known.contains(id) {
            let mut odd = finding("answers to what was asked", shown());
            odd.cause = "an answer to nothing".to_owned();
            self.finding = Some(odd);
            return;
        }
        if id == LAST {
            self.over = true;
            return;
        }
        let ends = match (kind, rest) {
            (b"done" | b"success", None) => true,
            (b"error", Some(text)) if !text.is_empty() => {
                let text = String::from_utf8_lossy(text);
                let lower = text.to_lowercase();
                if ["panic", "runtime error", "internal server error"].iter().any(|word| lower.contains(word))
                {
                    let crash = Finding::new(
                        Oracle::NoServerError,
                        "websocket",
                        "an error that says what is wrong",
                        text,
                    );
                    self.finding = Some(crash);
                    return;
                }
                true
            }
            (b"warning", Some(_)) | (b"del", Some(_)) => false,
            (b"ok" | b"new" | b"upd", Some(rest)) => {
                if !is_record(rest) {
                    let mut odd = finding("KEY|J and a JSON object", shown());
                    odd.cause = format!("{} without a record", String::from_utf8_lossy(kind));
                    self.finding = Some(odd);
                    return;
                }
                // The rows of a query that shares its name with a get count for both.
                kind == b"ok"
            }
            _ => {
                let mut odd = finding("ID|KIND, with a text where the kind has one", shown());
                odd.cause = format!(
                    "an answer of the kind {}",
                    crate::keeper::normalised(&String::from_utf8_lossy(kind))
                );
                self.finding = Some(odd);
                return;
            }
        };
        if ends {
            let name = if self.wanted.contains_key(id) { id } else { &[] };
            if let Some(left) = self.wanted.get_mut(name) {
                *left = 0;
            }
        }
    }

    /// Whether nothing more need be waited for.
    pub(super) fn is_over(&self) -> bool {
        let answered = self.over && self.wanted.values().all(|left| *left == 0) && self.pings.is_empty();
        self.finding.is_some() || (answered && !self.ends) || (self.over && self.ends)
    }

    /// What is wrong when the connection has ended, or, `silent`, when nothing more came in time.
    pub(super) fn verdict(self, silent: bool) -> Option<Finding> {
        if self.finding.is_some() {
            return self.finding;
        }
        if self.ends && !silent {
            return None;
        }
        if self.is_over() {
            return None;
        }
        let missing =
            self.wanted.iter().filter(|(_, left)| **left > 0).map(|(id, _)| String::from_utf8_lossy(id));
        let missing: Vec<_> = missing.collect();
        let (got, cause) = match (silent, self.ends) {
            (true, true) => ("the connection stays open".to_owned(), "stays open"),
            (true, false) => (format!("no answer to the operations {missing:?}"), "no answer"),
            (false, _) => {
                (format!("the connection ended before {missing:?} were answered"), "connection ended")
            }
        };
        let expected = if self.ends { "the end of the connection" } else { "an answer to every operation" };
        let mut finding = Finding::new(Oracle::Answered, "websocket", expected, got);
        finding.cause = cause.to_owned();
        Some(finding)
    }
}

/// Whether it is a key, a bar, J and an object; a key may have bars of its own.
fn is_record(rest: &[u8]) -> bool {
    let starts = rest.windows(2).enumerate().filter(|(_, two)| *two == b"|J").map(|(at, _)| at + 2);
    starts.into_iter().any(|at| {
        serde_json::from_slice::<&serde_json::value::RawValue>(&rest[at..])
            .is_ok_and(|raw| raw.get().starts_with('{'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(sent: &[&str], heard: &[&str]) -> Dialogue {
        let frames = sent.iter().map(|text| Sent::Message((*text).into())).collect();
        let mut dialogue = Dialogue::new(&Talk { frames, ..Talk::default() });
        for text in heard {
            dialogue.hear(&Frame { masked: false, ..Frame::new(opcode::BINARY, *text) });
        }
        dialogue
    }

    #[test]
    fn conversations_in_order_are_over_and_right() {
        let all = dialogue(
            &["1|get|core:x", "2|query|query core:", "3|sub|query core:", "x", "4|nope|a", "1|cancel"],
            &[
                "1|error|database entry not found",
                "2|ok|core:a|b|J{\"_meta\":{}}",
                "2|done",
                "|error|bad request: malformed message",
                "4|error|bad request: unknown method",
                "3|new|core:y|J{}",
                "fuzz end|error|database entry not found",
            ],
        );
        assert!(all.is_over());
        assert_eq!(all.verdict(false), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cause = |sent: &[&str], heard: &[&str], silent| {
            dialogue(sent, heard).verdict(silent).map(|one| one.cause)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(cause(&["1|get|x"], &["fuzz end|error|x"], true), some("no answer"));
        assert_eq!(cause(&["1|get|x"], &[], false), some("connection ended"));
        assert_eq!(cause(&["1|get|x"], &["9|done"], false), some("an answer to nothing"));
        assert_eq!(cause(&["1|get|x"], &["1|ok|x|J{"], false), some("ok without a record"));
        assert_eq!(cause(&["1|get|x"], &["1|well"], false), some("an answer of the kind well"));
        assert_eq!(cause(&["1|get|x"], &["1|error"], false), some("an answer of the kind error"));
        assert!(cause(&["1|get|x"], &["1|error|panic: oh"], false).is_some());
    }
}
