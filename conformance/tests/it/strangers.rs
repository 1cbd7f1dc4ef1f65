//! Targets that are no cores, or none any more: every command ends in time, with one sentence and the right status.

use std::time::{Duration, Instant};

use portmaster_conformance::exit;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::common::program;

/// How much longer a command may take than it is told, on a machine that has other things to do.
const LATE: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Accepts, and says nothing.
    Silent,
    /// Ends every connection at once.
    Closes,
    /// Says what is no HTTP, and that it is not over.
    Garbage,
    /// Says who may do what, and nothing else.
    Dozes,
    /// Sends pings without end over every websocket.
    Pings,
    /// Tells of what nobody asked for, without end over every websocket.
    Tells,
}

/// A target of that kind, as a URL. It lasts as long as the test.
async fn target(kind: Kind) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(kind, stream));
        }
    });
    url
}

async fn serve(kind: Kind, mut stream: TcpStream) -> std::io::Result<()> {
    if kind == Kind::Closes {
        return Ok(());
    }
    let mut head = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut head).await?;
        let text = String::from_utf8_lossy(&head[..length]).to_lowercase();
        let pong = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nPong.";
        match kind {
            _ if length == 0 => return Ok(()),
            Kind::Garbage => stream.write_all(&[0xfe; 4096]).await?,
            Kind::Dozes if text.contains("auth/permissions") => stream.write_all(pong.as_bytes()).await?,
            Kind::Pings | Kind::Tells if text.contains("upgrade: websocket") => {
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n").await?;
                loop {
                    if kind == Kind::Pings {
                        stream.write_all(&b"\x89\x00".repeat(4096)).await?;
                    } else {
                        stream.write_all(b"\x82\x11other|new|a:b|J{}").await?;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
            Kind::Pings | Kind::Tells => stream.write_all(pong.as_bytes()).await?,
            Kind::Silent | Kind::Closes | Kind::Dozes => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_holds_whatever_a_websocket_says() {
    let url = target(Kind::Pings).await;
    let begun = Instant::now();
    let ended =
        program(&["run", "--target", &url, "--time-limit", "1s", "--admin-key", "some-key", "websocket"])
            .await;
    assert_eq!(ended.status, exit::TIME_OVER, "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(1) + LATE, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_waited_for_longer_because_something_else_comes() {
    for kind in [Kind::Pings, Kind::Tells] {
        let url = target(kind).await;
        let begun = Instant::now();
        let check = "websocket/operations/get";
        let ended = program(&["run", "--target", &url, "--admin-key", "some-key", check]).await;
        assert_eq!(ended.status, exit::FAILED, "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains("none in time, whatever else came"), "{}", ended.stdout);
        assert!(begun.elapsed() < Duration::from_secs(10) + LATE, "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_nothing_says_how_long_it_took() {
    let url = target(Kind::Silent).await;
    let ended = program(&["run", "--target", &url, "--time-limit", "1s", "--seed", "7"]).await;
    let last = ended.stdout.lines().last().unwrap_or_default();
    let told =
        last.starts_with("nothing ran of ") && !last.contains(" in 0.") && last.contains(" · seed 7 · ");
    assert!(told && ended.status == exit::TIME_OVER, "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_ends_in_time_though_nothing_is_answered() {
    for kind in [Kind::Silent, Kind::Garbage, Kind::Dozes] {
        let url = target(kind).await;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let begun = Instant::now();
        let ended = program(&["fuzz", "--target", &url, "--for", "1s", "--only", "ping", "--out", out]).await;
        assert_eq!(ended.status, exit::UNREACHABLE, "{kind:?}: {}{}", ended.stdout, ended.stderr);
        let errors: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains("answered within "), "{kind:?}: {}", ended.stderr);
        assert!(begun.elapsed() < Duration::from_secs(1) + LATE, "{kind:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_every_connection_is_no_target() {
    let url = target(Kind::Closes).await;
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own.jsonl"), folder.path().join("other.jsonl"));
    let [own, other] = [&own, &other].map(|file| file.to_str().unwrap());
    assert_eq!(program(&["record", "-o", own, "actions/ping"]).await.status, exit::PASSED);
    for command in [
        &["fuzz", "--target", &url][..],
        &["run", "--target", &url, "actions/ping"],
        &["record", "--target", &url, "-o", other, "actions/ping"],
        &["diff", "--target", &url, "actions/ping"],
        &["replay", "--target", &url, own],
    ] {
        let ended = program(command).await;
        assert_eq!(ended.status, exit::UNREACHABLE, "{command:?}: {}", ended.stdout);
        assert_eq!(ended.stderr.lines().count(), 1, "{command:?}: {}", ended.stderr);
    }
}
