//! Whether a recorded line may be sent to a target that runs already.

use std::collections::BTreeMap;

use super::{
    exchange::Asked,
    line::Line,
    script::{Act, Script},
};
use crate::{
    harm::Harm,
    suite::{Allowed, Class},
    target::opcode,
};

/// What may be sent to a target.
#[derive(Debug)]
pub(crate) struct Guard {
    allowed: Allowed,
    harm: Harm,
}

impl Guard {
    /// A guard that lets through what is allowed.
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self { allowed, harm: Harm::new() }
    }

    /// The class of a line that is not allowed.
    pub(super) fn refuses(&self, line: &Line) -> Option<Class> {
        let class = match line {
            Line::Exchange(one) => self.exchange(&one.request),
            Line::Script(one) => self.script(one),
        };
        (!self.allowed.permits(class)).then_some(class)
    }

    fn exchange(&self, asked: &Asked) -> Class {
        match &asked.raw {
            Some(raw) => self.harm.of_bytes(&raw.0),
            None => self.harm.of_request(&asked.method, &asked.target),
        }
    }

    fn script(&self, script: &Script) -> Class {
        // The message that the present fragments make, a connection each.
        let mut messages: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        let mut worst = Class::Read;
        for step in &script.steps {
            let class = match &step.act {
                Act::Send { opcode: kind, said } if matches!(*kind, opcode::TEXT | opcode::BINARY) => {
                    let payload = said.payload();
                    let class = self.harm.of_message(&payload);
                    messages.insert(&step.conn, payload);
                    class
                }
                Act::Send { opcode: opcode::CONTINUATION, said } => {
                    let message = messages.entry(&step.conn).or_default();
                    message.extend(said.payload());
                    self.harm.of_message(message)
                }
                // A mask hides what is in it.
                Act::Raw(_) => Class::Disruptive,
                _ => Class::Read,
            };
            worst = worst.max(class);
        }
        worst
    }
}
