//! What happened to connections and is in no table yet: of each connection only what became of it, so that time that nobody looks
//! at costs no writing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use portmaster_fixtures::scenario::{Bandwidth, ConnectionRow};

use crate::world::{Event, Traffic};

/// So much waits before it is written unasked.
const MOST: usize = 4_000;
/// So many times what happens is written at once after somebody asked, who may well ask again.
const EAGER: usize = 64;

/// A change of the tables.
#[derive(Debug)]
pub(super) enum Step {
    /// A connection that is new or has changed.
    Row(Arc<ConnectionRow>),
    /// Traffic.
    Sample(Bandwidth),
    /// Traffic of connections that were made together.
    Made(Vec<Traffic>),
    /// A connection is live no more, by its id.
    Gone(String),
    /// What a profile has done is another's, which has this name.
    HandedOver { from: String, to: String, name: String },
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Pending {
    /// By their number, in the order in which it came.
    steps: BTreeMap<u64, Step>,
    /// How many there ever were.
    count: u64,
    /// The steps of each connection that what comes later may still change; never told in an order.
    of: HashMap<String, Steps>,
    /// Connections up to this place may be in the tables, or in steps that stay as they are.
    written: u64,
    /// How many connections the world has known.
    ever: u64,
    /// How often it is still written at once.
    eager: usize,
    /// How many write what they took at this moment.
    writing: usize,
}

/// The numbers of a connection's steps.
#[derive(Debug, Default)]
struct Steps {
    rows: Vec<u64>,
    samples: Vec<u64>,
}

impl Pending {
    /// Nothing waits, and tables may hold the first so many connections that the world ever knew.
    pub(super) fn new(written: u64) -> Self {
        Self {
            steps: BTreeMap::new(),
            count: 0,
            of: HashMap::new(),
            written,
            ever: written,
            eager: 0,
            writing: 0,
        }
    }

    /// Adds what happened in a world that has known so many connections. Whether it is to be written now.
    pub(super) fn add(&mut self, events: &[Event], ever: u64) -> bool {
        self.ever = ever;
        let mut is_more = false;
        for event in events {
            match event {
                Event::Connection(row) | Event::Stored(row) => self.row(row),
                Event::Measured(samples) => samples.iter().for_each(|sample| {
                    let number = self.push(Step::Sample(sample.clone()));
                    self.of.entry(sample.conn_id.clone()).or_default().samples.push(number);
                }),
                Event::Made(traffic) => _ = self.push(Step::Made(traffic.clone())),
                Event::Gone(gone, _) => gone.iter().for_each(|one| self.gone(one.id(), one.place)),
                Event::HandedOver { from, to, name } => {
                    self.push(Step::HandedOver { from: from.clone(), to: to.clone(), name: name.clone() });
                    self.keep_as_it_is();
                }
                _ => continue,
            }
            is_more = true;
        }
        if !is_more {
            return false;
        }
        let is_wanted = self.eager > 0;
        self.eager = self.eager.saturating_sub(1);
        is_wanted || self.steps.len() > MOST
    }

    fn push(&mut self, step: Step) -> u64 {
        self.count += 1;
        self.steps.insert(self.count, step);
        self.count
    }

    fn row(&mut self, row: &Arc<ConnectionRow>) {
        let last = self.of.get(&row.id).and_then(|steps| steps.rows.last());
        if let Some(Step::Row(earlier)) = last.and_then(|number| self.steps.get_mut(number))
            && (earlier.live, earlier.history) == (row.live, row.history)
        {
            *earlier = Arc::clone(row);
            return;
        }
        let number = self.push(Step::Row(Arc::clone(row)));
        self.of.entry(row.id.clone()).or_default().rows.push(number);
    }

    fn gone(&mut self, id: &str, place: u64) {
        let Steps { rows, samples } = self.of.remove(id).unwrap_or_default();
        for number in samples {
            self.steps.remove(&number);
        }
        for number in rows {
            if let Some(Step::Row(row)) = self.steps.get_mut(&number) {
                match row.history {
                    true => Arc::make_mut(row).live = false,
                    false => _ = self.steps.remove(&number),
                }
            }
        }
        if place <= self.written {
            self.push(Step::Gone(id.to_owned()));
        }
    }

    /// What came until now is changed no more by what comes later.
    fn keep_as_it_is(&mut self) {
        self.of.clear();
        self.written = self.ever;
    }

    /// Whether somebody who asks now has to wait until something is written. What comes next is written at once for a while.
    pub(super) fn asked(&mut self) -> bool {
        self.eager = EAGER;
        !self.is_empty()
    }

    /// Whether the tables hold all that happened.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.writing == 0
    }

    /// Takes what waits, to be written. Say [`Pending::is_written`] when it is.
    pub(super) fn take(&mut self) -> BTreeMap<u64, Step> {
        self.writing += 1;
        self.keep_as_it_is();
        std::mem::take(&mut self.steps)
    }

    /// What somebody took is in the tables, or failed to get there.
    pub(super) fn is_written(&mut self) {
        self.writing = self.writing.saturating_sub(1);
    }
}
