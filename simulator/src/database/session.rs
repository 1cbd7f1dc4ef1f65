//! What one client is up to: its operations, in the order in which their messages came.

use std::{
    collections::{BTreeSet, HashMap},
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
    subscribers::{Place, Subscribers},
};
use crate::{
    core::{Bridge, Shared},
    limits,
    query::Query,
    world::World,
};

/// A client's session.
#[derive(Debug)]
pub(super) struct Session {
    /// The connection's number in the journal.
    connection: u64,
    outbox: Arc<Outbox>,
    subscribers: Arc<Subscribers>,
    bridge: Bridge,
    /// The subscriptions that live.
    subscriptions: BTreeSet<Place>,
    /// The latest of each operation's id. One that another took the id from goes on and cannot be cancelled
    /// (websocket §2.4).
    by_id: HashMap<Bytes, Place>,
}

impl Session {
    pub(super) fn new(
        shared: &Shared,
        connection: u64,
        subscribers: Arc<Subscribers>,
        bridge: Bridge,
    ) -> Self {
        Self {
            outbox: Outbox::new(
                Arc::clone(&shared.unsent),
                shared.journal.clone().map(|book| (book, connection)),
                shared.mutants().mouth(),
            ),
            connection,
            subscribers,
            bridge,
            subscriptions: BTreeSet::new(),
            by_id: HashMap::new(),
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
        let length = message.len();
        let (id, message) = match message::parse(message) {
            Ok(parsed) => parsed,
            Err(Malformed(id, text)) => return self.outbox.error(&id, text),
        };
        let message = match api::call(message) {
            Ok(call) => {
                let reply = (id, Arc::clone(&self.outbox), Arc::clone(&self.subscribers));
                let inside = api::Api { shared: Arc::clone(shared), bridge: self.bridge };
                let work = api::run(inside, reply, call);
                if let Some(later) = now_or_later(Box::pin(work)) {
                    let counted = self.outbox().calls(length);
                    jobs.spawn(async move {
                        later.await;
                        drop(counted);
                    });
                }
                return;
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
                    Ok(_) => outbox.records(id, [record].into()),
                    Err(error) => outbox.error(&id, error),
                },
                Err(error) => outbox.error(&id, &error.to_string()),
            },
            Message::Query(text) => _ = operations::query(world, outbox, &id, &text),
            Message::Subscribe(text) => match operations::subscription(world, &text) {
                Ok(query) => self.subscribe(&id, &text, query),
                Err(error) => outbox.error(&id, &error.to_string()),
            },
            Message::QueryAndSubscribe(text) => {
                if let Some(query) = operations::query(world, outbox, &id, &text) {
                    self.subscribe(&id, &text, query);
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
                if let Some(place) = self.by_id.remove(&id) {
                    self.subscribers.cancel(&place);
                    self.subscriptions.remove(&place);
                    outbox.reply(&id, &[b"done"]);
                } else {
                    outbox.error(&id, "could not find subscription");
                }
            }
        }
    }

    fn subscribe(&mut self, id: &[u8], text: &str, query: Query) {
        if self.subscriptions.len() >= limits::SUBSCRIPTIONS {
            let text = format!("more than {} subscriptions", limits::SUBSCRIPTIONS);
            return self.outbox.error(id, &text);
        }
        let place = match self.subscribers.add(id, (text, query), &self.outbox) {
            Ok(place) => place,
            Err(full) => return self.outbox.error(id, &format!("subscriptions are {full}")),
        };
        self.by_id.insert(Bytes::copy_from_slice(id), place.clone());
        self.subscriptions.insert(place);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.subscribers.leave(self.subscriptions.iter());
    }
}

fn answer(outbox: &Outbox, id: &[u8], result: Result<(), super::OperationError>) {
    match result {
        Ok(()) => outbox.reply(id, &[b"success"]),
        Err(error) => outbox.error(id, &error.to_string()),
    }
}

/// Work that is done at once is done in its turn; other work does not hold up what follows.
fn now_or_later(mut work: Pending) -> Option<Pending> {
    let done = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    (done == Poll::Pending).then_some(work)
}

type Pending = Pin<Box<dyn Future<Output = ()> + Send>>;
