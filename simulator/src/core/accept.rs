//! Takes connections, for the API and for the control plane.

use std::{future::Future, sync::Arc, time::Duration};

use portmaster_wire::link::Link;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc::UnboundedReceiver},
    task::JoinSet,
};

/// Serves connections, from outside and from within the program, so many at once, until the task is dropped; others wait in the
/// listener's queue. With the first that has to wait `make_room` is asked.
pub(crate) async fn accept<S>(
    (listener, mut within): (TcpListener, Option<UnboundedReceiver<Link>>),
    most: usize,
    make_room: impl Fn(),
    mut serve: impl FnMut(Link) -> S,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(most));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Out of file descriptors or a peer that is gone already: the listener itself goes on.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| Link::from(stream)),
            Some(link) = async { within.as_mut()?.recv().await } => Ok(link),
        };
        let Ok(link) = accepted else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if room.available_permits() == 0 {
            make_room();
        }
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let served = serve(link);
        connections.spawn(async move {
            let _place = place;
            served.await;
        });
    }
}
