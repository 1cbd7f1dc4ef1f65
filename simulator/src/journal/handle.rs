//! The journal's reading side.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{
    Filter, curl,
    entry::Entry,
    filter::{Kind, Matcher},
    har,
    near::{self, NearMiss},
};
use crate::core::{Book, Slot};

/// How many near misses are told.
const MOST_MISSES: usize = 10;

/// What a simulator recorded. Clones are the same journal; it outlives the simulator.
#[derive(Clone, Debug, Default)]
pub struct Journal(pub(super) Option<Arc<Book>>);

/// Entries, and what else there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "control", derive(schemars::JsonSchema))]
pub struct Page {
    /// How many entries were dropped to make room.
    pub dropped: u64,
    /// How many entries are kept.
    pub total: u64,
    /// Those that were asked for, in order.
    pub entries: Vec<Entry>,
}

impl Journal {
    pub(crate) fn new(book: Option<Arc<Book>>) -> Self {
        Self(book)
    }

    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The entries that fit, in order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Simulator, journal::Filter};
    ///
    /// let simulator = Simulator::builder().journal(100).start().await?;
    /// assert!(simulator.journal().entries(&Filter::default()).is_empty());
    /// # Ok(()) }
    /// ```
    pub fn entries(&self, filter: &Filter) -> Vec<Entry> {
        let Some(book) = &self.0 else { return Vec::new() };
        let secrets = book.secrets();
        let matcher = Matcher::new(filter);
        let read = |slot: &Arc<Slot>| {
            Some(slot)
                .filter(|slot| matcher.may_fit(slot))
                .map(|slot| Entry::of(slot, &secrets))
                .filter(|entry| matcher.fits(entry))
        };
        let slots = book.after(filter.since.unwrap_or(0));
        let most = filter.limit.unwrap_or(usize::MAX);
        if filter.since.is_some() {
            return slots.iter().filter_map(read).take(most).collect();
        }
        let mut last: Vec<Entry> = slots.iter().rev().filter_map(read).take(most).collect();
        last.reverse();
        last
    }

    /// The entries that fit, with how many there are and how many were dropped.
    pub fn page(&self, filter: &Filter) -> Page {
        let (total, dropped) = self.0.as_ref().map(|book| book.counts()).unwrap_or_default();
        Page { dropped, total, entries: self.entries(filter) }
    }

    /// How many entries fit.
    pub fn count(&self, filter: &Filter) -> usize {
        self.entries(filter).len()
    }

    /// The entry of a number, if it is kept.
    pub fn entry(&self, seq: u64) -> Option<Entry> {
        let filter = Filter::default().since(seq.checked_sub(1)?).limit(1);
        self.entries(&filter).pop().filter(|entry| entry.seq == seq)
    }

    /// How many entries were dropped to make room: 10,000 of each kind are kept unless [`crate::Builder::journal`] says something
    /// else, and 64 MiB of each kind at most.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |book| book.counts().1)
    }

    /// Forgets all entries. Numbers go on.
    pub fn clear(&self) {
        if let Some(book) = &self.0 {
            book.clear();
        }
    }

    /// The requests that come nearest to what is expected without being it, with what differs. At most ten.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portmaster_simulator::{Simulator, journal::Filter};
    ///
    /// let simulator = Simulator::builder().journal(100).start().await?;
    /// for miss in simulator.journal().near_misses(&Filter::default().method("POST").path("dns/clear")) {
    ///     println!("#{}: {}", miss.seq, miss.differences[0]);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn near_misses(&self, expected: &Filter) -> Vec<NearMiss> {
        let requests = Filter { kind: Some(Kind::Http), since: expected.since, ..Filter::default() };
        let mut all = near::misses(&Matcher::new(expected), self.entries(&requests).into_iter());
        all.truncate(MOST_MISSES);
        all
    }

    /// The requests that fit as an HTTP Archive 1.2. Messages of a websocket stand at the request that opened it, as
    /// `_webSocketMessages`.
    pub fn to_har(&self, filter: &Filter) -> Value {
        har::archive(&self.url(), &self.entries(filter))
    }

    /// The requests that fit as lines for a shell. A secret is a variable there: `PORTMASTER_KEY`.
    pub fn to_curl(&self, filter: &Filter) -> String {
        let url = self.url();
        self.entries(filter).iter().filter_map(|entry| curl::command(&url, entry)).collect()
    }

    /// An entry as a line for a shell, if it is a request that can be sent so.
    pub fn curl(&self, entry: &Entry) -> Option<String> {
        curl::command(&self.url(), entry)
    }

    /// Where the API listens.
    fn url(&self) -> String {
        self.0.as_ref().map(|book| book.url()).unwrap_or_default()
    }
}
