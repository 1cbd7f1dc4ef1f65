//! Keeps what checks ask and what is answered, for recordings.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::place::Place;
use crate::target::{Address, Request, Response, Transcript};

/// One question and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// Where it went.
    pub(crate) place: Place,
    /// Where that place listens.
    pub(crate) address: Address,
    /// What was sent.
    pub(crate) request: Request,
    /// What came.
    pub(crate) response: Response,
    /// When the request began.
    pub(crate) started: Timestamp,
    /// How long the answer took.
    pub(crate) took: Duration,
    /// When the answer was there.
    pub(crate) ended: Instant,
    /// What was said on the websocket that the answer opened.
    pub(crate) transcript: Option<Transcript>,
}

/// Questions and answers, in the order in which the answers came. Cheap to clone; all clones are one tape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<Taken>>>);

/// When a question was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun(Timestamp, Instant);

impl Begun {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(Timestamp::now(), Instant::now())
    }
}

impl Tape {
    /// Keeps a question and its answer.
    pub(crate) fn keep(
        &self,
        begun: Begun,
        place: Place,
        address: &Address,
        request: &Request,
        response: &Response,
        transcript: Option<Transcript>,
    ) {
        let taken = Taken {
            place,
            address: address.clone(),
            request: request.clone(),
            response: response.clone(),
            started: begun.0,
            took: begun.1.elapsed(),
            ended: Instant::now(),
            transcript,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
