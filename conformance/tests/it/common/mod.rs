//! What the tests share: targets of their own, and the program.

mod program;
mod targets;

pub(crate) use program::{Ended, PROGRAM, command, ended, program};
pub(crate) use targets::{
    Answer, Asked, Behind, Target, between, context, context_as, dumb, misbehaving, misbehaving_as, relaying,
    run, verdicts,
};
