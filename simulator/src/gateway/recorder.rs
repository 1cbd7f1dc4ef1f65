//! What the journal is told of a request on its way. Without a journal nothing is done.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{StatusCode, http::request::Parts};

use crate::core::{Book, Fields, Http, Kept, Outcome, Pass, Slot, Told};

/// Notes what becomes of a request.
pub(super) struct Recorder {
    noted: Option<Noted>,
}

struct Noted {
    book: Arc<Book>,
    /// The request, until it begins.
    request: Option<Http>,
    slot: Option<Arc<Slot>>,
    /// The entry that went for it: freed when all is done, not while the world is locked.
    gone: Option<Arc<Slot>>,
    pass: Option<Pass>,
    acted: Vec<String>,
}

impl Recorder {
    pub(super) fn new(book: Option<&Arc<Book>>, connection: u64, parts: &Parts) -> Self {
        let noted = |book: &Arc<Book>| Noted {
            book: Arc::clone(book),
            request: Some(Http::new(connection, parts)),
            slot: None,
            gone: None,
            pass: None,
            acted: Vec::new(),
        };
        Self { noted: book.map(noted) }
    }

    /// It begins. Called while the world is locked, so that entries stand in the order in which the world was asked.
    pub(super) fn begin(&mut self) {
        if let Some(noted) = &mut self.noted
            && let Some(request) = noted.request.take()
        {
            let (slot, gone) = noted.book.begin(request);
            (noted.slot, noted.gone) = (Some(slot), gone);
        }
    }

    /// Its body came.
    pub(super) fn body(&self, body: &Bytes) {
        if let Some(Noted { slot: Some(slot), .. }) = &self.noted {
            Book::body(slot, body);
        }
    }

    /// How it was let in, or not.
    pub(super) fn pass(&mut self, pass: Option<Pass>) {
        if let Some(noted) = &mut self.noted {
            noted.pass = pass;
        }
    }

    /// Faults or rules of these places acted on it.
    pub(super) fn acted(&mut self, what: &str, places: &[usize]) {
        if let Some(noted) = &mut self.noted {
            noted.acted.extend(places.iter().map(|place| format!("{what}/{place}")));
        }
    }

    /// It is answered. A body that counts as unsent while it is held is copied.
    pub(super) fn end(
        mut self,
        status: StatusCode,
        fields: impl FnOnce() -> Fields,
        body: &Bytes,
        counted: bool,
    ) {
        self.close(Outcome::Answered, || Told {
            status: status.as_u16(),
            headers: fields(),
            body: if counted { Kept::copy(body) } else { Kept::own(body) },
        });
    }

    /// Its connection is reset in the place of an answer.
    pub(super) fn reset(mut self) {
        self.close(Outcome::Reset, Told::default);
    }

    fn close(&mut self, outcome: Outcome, told: impl FnOnce() -> Told) {
        if let Some(Noted { book, slot: Some(slot), gone, pass, acted, .. }) = self.noted.take() {
            book.end(&slot, outcome, told(), pass, acted);
            drop(gone);
        }
    }
}

/// Its connection ended while it waited.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.close(Outcome::Broken, Told::default);
    }
}
