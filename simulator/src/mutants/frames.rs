//! What becomes of frames of the database websocket.

use std::sync::Arc;

use portmaster_fixtures::mutant::{FrameChange, FrameEdit, FrameKind};
use regex::bytes::Regex;

use super::{Compiled, regex};

/// A change of frames, ready to be applied.
#[derive(Debug)]
pub(super) struct Edit {
    kind: FrameKind,
    pattern: Regex,
    change: FrameChange,
}

impl Edit {
    pub(super) fn new(edit: &FrameEdit) -> Self {
        Self { kind: edit.frame, pattern: regex(&edit.pattern), change: edit.change.clone() }
    }

    fn with(&self, payload: &[u8], with: &str) -> Vec<u8> {
        self.pattern.replace(payload, with.as_bytes()).into_owned()
    }
}

/// What was heard: what is to be done, and what is to be said at once.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The payloads to work on.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Messages for the client.
    pub(crate) answers: Vec<Vec<u8>>,
}

/// Hears what a client sends.
#[derive(Debug)]
pub(crate) struct Ear {
    all: Arc<Compiled>,
    late: Vec<Vec<u8>>,
}

impl Ear {
    pub(super) fn new(all: Arc<Compiled>) -> Self {
        Self { all, late: Vec::new() }
    }

    /// What a frame is heard as.
    pub(crate) fn hear(&mut self, kind: FrameKind, payload: &[u8]) -> Heard {
        let mut heard = Heard { payloads: vec![payload.to_vec()], answers: Vec::new() };
        let mut late = Vec::new();
        for edit in self.all.heard.iter().filter(|edit| edit.kind == kind) {
            for payload in std::mem::take(&mut heard.payloads) {
                if !edit.pattern.is_match(&payload) {
                    heard.payloads.push(payload);
                    continue;
                }
                match &edit.change {
                    FrameChange::Lose => {}
                    FrameChange::Repeat => heard.payloads.extend([payload.clone(), payload]),
                    FrameChange::Late => late.push(payload),
                    FrameChange::With(with) => heard.payloads.push(edit.with(&payload, with)),
                    FrameChange::And(with) => {
                        heard.answers.push(edit.with(&payload, with));
                        heard.payloads.push(payload);
                    }
                    FrameChange::Instead(with) => heard.answers.push(edit.with(&payload, with)),
                    FrameChange::AsText => heard.payloads.push(payload),
                }
            }
        }
        if !heard.payloads.is_empty() {
            heard.payloads.append(&mut self.late);
        }
        self.late.append(&mut late);
        heard
    }
}

/// A frame to send: whether it is a text frame where it is a message, and its payload.
pub(crate) type Spoken = (bool, Vec<u8>);

/// Speaks to a client.
#[derive(Debug)]
pub(crate) struct Mouth {
    all: Arc<Compiled>,
    late: Vec<Spoken>,
}

impl Mouth {
    pub(super) fn new(all: Arc<Compiled>) -> Self {
        Self { all, late: Vec::new() }
    }

    /// What is said in the place of a frame.
    pub(crate) fn say(&mut self, kind: FrameKind, payload: Vec<u8>) -> Vec<Spoken> {
        let mut spoken = vec![(false, payload)];
        let mut late = Vec::new();
        for edit in self.all.said.iter().filter(|edit| edit.kind == kind) {
            for (text, payload) in std::mem::take(&mut spoken) {
                if !edit.pattern.is_match(&payload) {
                    spoken.push((text, payload));
                    continue;
                }
                match &edit.change {
                    FrameChange::Lose => {}
                    FrameChange::Repeat => spoken.extend([(text, payload.clone()), (text, payload)]),
                    FrameChange::Late => late.push((text, payload)),
                    FrameChange::AsText => spoken.push((true, payload)),
                    FrameChange::With(with) | FrameChange::Instead(with) => {
                        spoken.push((text, edit.with(&payload, with)));
                    }
                    FrameChange::And(with) => {
                        let more = edit.with(&payload, with);
                        spoken.extend([(text, payload), (text, more)]);
                    }
                }
            }
        }
        if !spoken.is_empty() {
            spoken.append(&mut self.late);
        }
        self.late.append(&mut late);
        spoken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(said: bool, pattern: &str, change: FrameChange) -> Arc<Compiled> {
        let edit = Edit::new(&FrameEdit { frame: FrameKind::Message, pattern: pattern.to_owned(), change });
        let mut all = Compiled::default();
        if said {
            all.said.push(edit)
        } else {
            all.heard.push(edit)
        };
        Arc::new(all)
    }

    fn said(change: FrameChange, messages: &[&str]) -> Vec<String> {
        let mut mouth = Mouth::new(compiled(true, r"^(\w+)\|done", change));
        let all = messages.iter().flat_map(|one| mouth.say(FrameKind::Message, one.as_bytes().to_vec()));
        all.map(|(text, payload)| {
            format!("{}{}", if text { "T " } else { "" }, String::from_utf8(payload).unwrap())
        })
        .collect()
    }

    #[test]
    fn messages_are_lost_repeated_late_or_others() {
        let messages = ["1|ok|a|J{}", "1|done", "2|done"];
        for (change, wanted) in [
            (FrameChange::Lose, &["1|ok|a|J{}"][..]),
            (FrameChange::Repeat, &["1|ok|a|J{}", "1|done", "1|done", "2|done", "2|done"]),
            (FrameChange::With("$1|end".into()), &["1|ok|a|J{}", "1|end", "2|end"]),
            (FrameChange::AsText, &["1|ok|a|J{}", "T 1|done", "T 2|done"]),
        ] {
            assert_eq!(said(change, &messages), wanted);
        }
        assert_eq!(said(FrameChange::Late, &["1|done", "1|ok|a|J{}"]), ["1|ok|a|J{}", "1|done"]);
    }

    #[test]
    fn what_is_heard_can_be_answered_at_once() {
        let mut ear = Ear::new(compiled(false, r"^(\w+)\|cancel$", FrameChange::Instead("$1|done".into())));
        let heard = ear.hear(FrameKind::Message, b"7|cancel");
        assert_eq!((heard.payloads.len(), heard.answers), (0, vec![b"7|done".to_vec()]));
        assert_eq!(ear.hear(FrameKind::Message, b"7|get|x").payloads, [b"7|get|x".to_vec()]);
        assert_eq!(ear.hear(FrameKind::Ping, b"7|cancel").payloads.len(), 1);
    }
}
