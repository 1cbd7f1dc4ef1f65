//! The clients, as others know them: served, and told what happens.

use std::{fmt, io, sync::Arc};

use bytes::BytesMut;
use portmaster_wire::link::Link;

use super::{connection, difference, map, network, subscribers::Subscribers};
use crate::{
    core::{Bridge, Listener, Shared, Websocket, Work},
    world::{Event, World},
};

/// The clients of a core.
pub(crate) struct Clients {
    subscribers: Arc<Subscribers>,
    bridge: Bridge,
}

impl Clients {
    /// None yet; their calls of the API go over this bridge.
    pub(crate) fn new(bridge: Bridge) -> Arc<Self> {
        Arc::new(Self { subscribers: Arc::default(), bridge })
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscribers.fmt(f)
    }
}

impl Websocket for Clients {
    fn serve(
        self: Arc<Self>,
        stream: Link,
        input: BytesMut,
        number: u64,
        shared: Arc<Shared>,
    ) -> Work<io::Result<()>> {
        let subscribers = Arc::clone(&self.subscribers);
        Box::pin(connection::serve(stream, input, number, shared, (subscribers, self.bridge)))
    }
}

impl Listener for Clients {
    fn any(&self) -> bool {
        self.subscribers.any()
    }

    fn tell(&self, world: &World, event: &Event) {
        match event {
            Event::Hubs(ids) => map::publish(&self.subscribers, world, ids),
            Event::Connection(row) | Event::Told(row) => {
                network::publish(&self.subscribers, row, world.behaviour);
            }
            Event::Program(name, was) => {
                network::publish_program(&self.subscribers, world, name, was.as_deref())
            }
            Event::Record(record) => self.subscribers.publish(record),
            Event::Gone(gone, at) => network::publish_gone(&self.subscribers, gone, *at, world.behaviour),
            _ => {}
        }
    }

    fn replaced(&self, before: &World, after: &World) {
        difference::publish(&self.subscribers, before, after);
    }

    fn dropped(&self) -> u64 {
        self.subscribers.dropped()
    }
}
