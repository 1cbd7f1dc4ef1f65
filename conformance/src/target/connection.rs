//! A connection that is kept open between requests, for those who send many.

use std::io;

use portmaster_wire::link::Link;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Address, Request, Response, SendError, Websocket, read::Incoming};

/// An open connection. It knows no time limit; who awaits an answer sets one, and drops the connection when
/// that has passed.
#[derive(Debug)]
pub struct Connection {
    incoming: Incoming<Link>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: &Address) -> Result<Self, SendError> {
        Ok(Self { incoming: Incoming::open(address).await? })
    }

    /// Sends a request, which must not ask for the connection's end if there is to be another one, and reads its
    /// answer. [`Response::surplus`] says what has come beyond it so far.
    pub async fn send(&mut self, address: &Address, request: &Request) -> Result<Response, SendError> {
        let written = self.incoming.stream().write_all(&request.bytes(address)).await;
        // A target may answer, and close, before it has read everything: then the answer counts.
        match (self.incoming.response(&request.method).await, written) {
            (Err(SendError::Closed), Err(broken)) => Err(broken.into()),
            (answer, _) => {
                let mut response = answer?;
                response.surplus = if response.status == 101 { 0 } else { self.incoming.left() };
                Ok(response)
            }
        }
    }

    /// Whether nothing has come unasked on it, its end neither, as far as is known here.
    pub(super) fn is_quiet(&self) -> bool {
        let unasked = self.incoming.peer().try_read_buf(&mut &mut [0][..]);
        unasked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends bytes and then nothing more, and reads until the other side closes.
    pub async fn exchange(mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let stream = self.incoming.stream();
        // Who refuses what came may close before all of it is there.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = vec![];
        match stream.read_to_end(&mut answer).await {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(answer),
        }
    }

    /// The websocket that the connection has become with a status 101.
    pub fn into_websocket(self) -> Websocket {
        Websocket::new(self.incoming)
    }
}
