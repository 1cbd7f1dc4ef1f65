//! What one client is up to: its operations, in the order in which their messages came.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::{
    api,
    message::{self, Malformed, Message},
    operations,
    outbox::Outbox,
};
use crate::{gateway::Shared, world::World};

/// A client's session.
#[derive(Debug)]
pub(super) struct Session {
    number: u64,
    /// The connection's number in the journal.
    connection: u64,
    outbox: Arc<Outbox>,
    shared: Arc<Shared>,
    /// The subscriptions that live: operation and database. One that another took the operation's id from has none:
    /// it goes on and cannot be cancelled (websocket §2.4).
    subscriptions: Vec<(Option<Bytes>, String)>,
}

impl Session {
    pub(super) fn new(shared: &Arc<Shared>, connection: u64) -> Self {
        Self {
            number: shared.subscribers.session(),
            outbox: Arc::new(Outbox::new(
                shared.journal.clone().map(|book| (book, connection)),
                shared.mutants().mouth(),
            )),
            connection,
            shared: Arc::clone(shared),
            subscriptions: Vec::new(),
        }
    }

    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Does what a message asks for. Calls of the API that wait go on in `jobs`.
    pub(super) fn take(&mut self, shared: &Arc<Shared>, message: BytesMut, jobs: &mut JoinSet<()>) {
        if let Some(book) = &shared.journal {
            book.received(self.connection, &message);
        }
        let (id, message) = match message::parse(message) {
            Ok(parsed) => parsed,
            Err(Malformed(id, text)) => return self.outbox.error(&id, text),
        };
        let message = match api::call(message) {
            Ok(call) => {
                let work = api::run(Arc::clone(shared), Arc::clone(&self.outbox), id, call);
                return now_or_later(Box::pin(work), jobs);
            }
            Err(message) => message,
        };
        let outbox = Arc::clone(&self.outbox);
        // Everything is queued under the world's lock, so that no push overtakes what it follows.
        shared.with(|world| {
            let asked = (!world.reactions.is_empty()).then(|| message.asked());
            self.work(world, &outbox, id, message);
            if let Some((operation, key)) = asked {
                world.react_to_message(operation, &key);
            }
        });
    }

    /// Does what a message asks for, but for calls of the API.
    fn work(&mut self, world: &mut World, outbox: &Arc<Outbox>, id: Bytes, message: Message) {
        match message {
            Message::Get(key) => match operations::get(world, &key) {
                Ok(record) => match record.text() {
                    Ok(_) => outbox.records(id, [Arc::new(record)].into()),
                    Err(fault) => outbox.error(&id, fault),
                },
                Err(fault) => outbox.error(&id, &fault.to_string()),
            },
            Message::Query(text) => _ = operations::query(world, outbox, &id, &text),
            Message::Subscribe(text) => match operations::subscription(world, &text) {
                Ok(query) => self.subscribe(id, query),
                Err(fault) => outbox.error(&id, &fault.to_string()),
            },
            Message::QueryAndSubscribe(text) => {
                if let Some(query) = operations::query(world, outbox, &id, &text) {
                    self.subscribe(id, query);
                }
            }
            Message::Write(key, payload) => {
                answer(outbox, &id, operations::write(world, &key, payload));
            }
            Message::Insert(key, payload) => {
                answer(outbox, &id, operations::insert(world, &key, &payload));
            }
            Message::Delete(key) => answer(outbox, &id, operations::delete(world, &key)),
            Message::Cancel => {
                if self.shared.subscribers.cancel(self.number, &id, &mut self.subscriptions) {
                    outbox.reply(&id, &[b"done"]);
                } else {
                    outbox.error(&id, "could not find subscription");
                }
            }
        }
    }

    fn subscribe(&mut self, id: Bytes, query: crate::query::Query) {
        let database = query.prefix.split_once(':').map_or(query.prefix.as_str(), |(name, _)| name);
        for (earlier, _) in &mut self.subscriptions {
            if earlier.as_ref() == Some(&id) {
                *earlier = None;
            }
        }
        self.subscriptions.push((Some(id.clone()), database.to_owned()));
        self.shared.subscribers.add(self.number, id, query, &self.outbox);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.subscribers.leave(self.number, &self.subscriptions);
        self.outbox.clear();
    }
}

fn answer(outbox: &Outbox, id: &[u8], result: Result<(), super::Fault>) {
    match result {
        Ok(()) => outbox.reply(id, &[b"success"]),
        Err(fault) => outbox.error(id, &fault.to_string()),
    }
}

/// Work that is done at once is done in its turn; other work does not hold up what follows.
fn now_or_later(mut work: Pin<Box<dyn Future<Output = ()> + Send>>, jobs: &mut JoinSet<()>) {
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
        jobs.spawn(work);
    }
}
