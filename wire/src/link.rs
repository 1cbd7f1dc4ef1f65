//! A connection between a client and a server: over TCP, or within the program, where it needs nothing of the system.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// How many bytes are on their way at most.
const ROOM: usize = 256 << 10;

/// Leads to a server of this program.
#[derive(Clone, Debug)]
pub struct Dialer(UnboundedSender<Link>);

impl Dialer {
    /// A dialer, and where the server finds those who connect.
    pub fn new() -> (Self, UnboundedReceiver<Link>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    /// Connects.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn connect(&self) -> io::Result<Link> {
        let (client, server) = Link::within();
        self.0.send(server).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(client)
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct Link(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Within(End),
}

impl From<TcpStream> for Link {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

/// Bytes on their way to one end.
#[derive(Debug, Default)]
struct Way {
    bytes: BytesMut,
    /// Nothing more comes.
    over: bool,
    /// It ended with a reset.
    reset: bool,
    /// Nobody reads it any more.
    unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Way {
    fn has_news(&self) -> bool {
        self.over || !self.bytes.is_empty()
    }

    fn takes_more(&self) -> bool {
        self.over || self.unread || self.bytes.len() < ROOM
    }
}

#[derive(Debug)]
struct End {
    coming: Arc<Mutex<Way>>,
    going: Arc<Mutex<Way>>,
    reset: AtomicBool,
}

fn locked(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go, and wakes who waited for what changed.
fn wake(mut way: MutexGuard<'_, Way>, of: impl FnOnce(&mut Way) -> &mut Option<Waker>) {
    let waker = of(&mut way).take();
    drop(way);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl End {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut way = locked(&self.coming);
        if way.has_news() {
            return Poll::Ready(());
        }
        way.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut way = locked(&self.going);
        if way.takes_more() {
            return Poll::Ready(());
        }
        way.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_read(&self, into: &mut impl BufMut) -> io::Result<usize> {
        let mut way = locked(&self.coming);
        if way.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if !way.has_news() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = way.bytes.len().min(into.remaining_mut());
        into.put_slice(&way.bytes[..length]);
        way.bytes.advance(length);
        wake(way, |way| &mut way.writer);
        Ok(length)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut way = locked(&self.going);
        if way.over || way.unread {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !way.takes_more() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = bytes.len().min(ROOM - way.bytes.len());
        way.bytes.extend_from_slice(&bytes[..length]);
        wake(way, |way| &mut way.reader);
        Ok(length)
    }

    fn finish(&self, reset: bool) {
        let mut way = locked(&self.going);
        way.over = true;
        way.reset |= reset;
        wake(way, |way| &mut way.reader);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.finish(self.reset.load(Ordering::Relaxed));
        let mut way = locked(&self.coming);
        way.unread = true;
        wake(way, |way| &mut way.writer);
    }
}

impl Link {
    /// Both ends of a connection within the program.
    fn within() -> (Self, Self) {
        let (one, other) = (Arc::<Mutex<Way>>::default(), Arc::<Mutex<Way>>::default());
        let end = |coming: &Arc<_>, going: &Arc<_>| {
            let (coming, going) = (Arc::clone(coming), Arc::clone(going));
            Self(Kind::Within(End { coming, going, reset: AtomicBool::new(false) }))
        };
        (end(&one, &other), end(&other, &one))
    }

    /// Sends what is written at once.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn set_nodelay(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.set_nodelay(true),
            Kind::Within(_) => Ok(()),
        }
    }

    /// Ends with a reset in the place of a farewell, once it is dropped.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.set_zero_linger(),
            Kind::Within(end) => {
                end.reset.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn readable(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.readable().await,
            Kind::Within(end) => {
                poll_fn(|cx| end.poll_readable(cx)).await;
                Ok(())
            }
        }
    }

    /// Waits until there is room to write.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn writable(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.writable().await,
            Kind::Within(end) => {
                poll_fn(|cx| end.poll_writable(cx)).await;
                Ok(())
            }
        }
    }

    /// Reads what is there: 0 bytes at the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet, others when the connection is broken.
    pub fn try_read_buf(&self, into: &mut impl BufMut) -> io::Result<usize> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.try_read_buf(into),
            Kind::Within(end) => end.try_read(into),
        }
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, others when the connection is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Tcp(tcp) => tcp.try_write(bytes),
            Kind::Within(end) => end.try_write(bytes),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Pin::new(tcp).poll_read(cx, into),
            Kind::Within(end) => {
                ready!(end.poll_readable(cx));
                Poll::Ready(end.try_read(into).map(drop))
            }
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Kind::Within(end) => {
                ready!(end.poll_writable(cx));
                Poll::Ready(end.try_write(bytes))
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Kind::Within(_) => {
                let first = slices.iter().find(|slice| !slice.is_empty());
                self.poll_write(cx, first.map_or(&[], |slice| slice))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(&self.0, Kind::Tcp(tcp) if tcp.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Kind::Within(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Kind::Within(end) => {
                end.finish(false);
                Poll::Ready(Ok(()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    async fn over_tcp() -> (Link, Link) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client.into(), listener.accept().await.unwrap().0.into())
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_secs(20), test).await.expect("it ends") })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read_whichever_way_it_goes(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300_000), 0..5),
        ) {
            run(async {
                let both = [Link::within(), over_tcp().await];
                for (mut client, mut server) in both {
                    let writing = async {
                        for bytes in &sent {
                            client.write_all(bytes).await.unwrap();
                        }
                        client.shutdown().await.unwrap();
                    };
                    let (mut came, mut end) = (Vec::new(), Vec::new());
                    tokio::join!(writing, async { server.read_to_end(&mut came).await.unwrap() });
                    assert_eq!(came, sent.concat());
                    // The other way is open still.
                    server.write_all(b"pong").await.unwrap();
                    drop(server);
                    client.read_to_end(&mut end).await.unwrap();
                    assert_eq!(end, b"pong");
                }
            });
        }
    }

    #[test]
    fn a_reset_shows_and_an_end_does_not_look_like_one() {
        run(async {
            for (mut client, server) in [Link::within(), over_tcp().await] {
                server.set_zero_linger().unwrap();
                drop(server);
                let error = client.read_u8().await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
        });
    }

    #[test]
    fn who_waits_is_told_of_bytes_of_room_and_of_the_end() {
        run(async {
            for (client, server) in [Link::within(), over_tcp().await] {
                assert!(
                    matches!(server.try_read_buf(&mut &mut [0][..]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
                );
                let (readable, _) =
                    tokio::join!(server.readable(), async { client.try_write(b"a").unwrap() });
                readable.unwrap();
                assert_eq!(server.try_read_buf(&mut Vec::new()).unwrap(), 1);
                while client.try_write(&[0; 1 << 16]).is_ok() {}
                let read = async {
                    let mut bytes = BytesMut::with_capacity(1 << 16);
                    loop {
                        bytes.clear();
                        server.readable().await.unwrap();
                        if server.try_read_buf(&mut bytes).is_ok_and(|read| read == 0) {
                            break;
                        }
                    }
                };
                tokio::join!(read, async {
                    client.writable().await.unwrap();
                    drop(client);
                });
            }
        });
    }

    #[test]
    fn a_dialer_leads_to_whoever_serves_it_and_nowhere_once_that_is_gone() {
        run(async {
            let (dialer, mut server) = Dialer::new();
            let mut client = dialer.connect().unwrap();
            let mut there = server.recv().await.unwrap();
            client.write_all(b"hi").await.unwrap();
            drop(client);
            let mut came = String::new();
            there.read_to_string(&mut came).await.unwrap();
            assert_eq!(came, "hi");
            assert!(
                there.write_all(b"ho").await.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            );
            drop(server);
            assert!(dialer.connect().is_err());
        });
    }
}
