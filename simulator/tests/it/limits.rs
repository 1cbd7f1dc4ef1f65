//! Nothing that a peer sends ends, hangs or fills a simulator: all grammars of `examples/attack`, attacked in all its ways, with
//! a little of what is sent there.

#[path = "../../examples/attack/attacks.rs"]
mod attacks;
#[path = "../../examples/attack/grammars.rs"]
mod grammars;
#[path = "../../examples/attack/peer.rs"]
mod peer;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use attacks::Attack;
use grammars::{Sizes, Text, grammars};
use peer::Peer;
use portmaster_simulator::{Contract, Simulator, journal::Filter};

use crate::common::{self, PATIENCE, Socket};

const SIZES: Sizes =
    Sizes { many: 5_000, long: 128 << 10, control: 64 << 10, record: 256 << 10, bundle: 1 << 20 };

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_answered_and_nobody_else_notices() {
    let folder = tempfile::tempdir().expect("a folder");
    let ui = folder.path().join("ui.zip");
    grammars::bundle(&ui, [("index.html".to_owned(), b"hello".to_vec())]).expect("a bundle");
    let builder = peer::attacked().ui(&ui);
    let simulator = builder.start().await.expect("a simulator");
    let control = simulator.control_url().expect("a control plane").trim_start_matches("http://").to_owned();
    let control = control.parse().expect("an address");
    let peer = Peer { api: simulator.addr(), control, ui, stay: Duration::from_millis(10) };
    let work = move || {
        let ping = Text::Api(grammars::request("GET", "/api/v1/ping", "", b""));
        let mut attacks = 0;
        for grammar in grammars(&SIZES) {
            for attack in Attack::ALL {
                let Some(outcome) = attack.on(&grammar, &peer, 20) else { continue };
                let name = format!("{} {}", grammar.name, attack.name());
                assert!(outcome.is_ok(), "{name}: {outcome:?}");
                assert_eq!(peer.ask(&ping).as_deref(), Ok("200 Pong."), "after {name}");
                attacks += 1;
            }
        }
        attacks
    };
    let attacks = tokio::task::spawn_blocking(work).await.expect("no attack does harm");
    assert!(attacks >= 150, "{attacks}");
}

/// More values than a statement takes are refused before there is a statement, and more than we hold before there is a tree.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_very_many_values_are_refused_and_nothing_is_lost() {
    let simulator = Simulator::builder().contract(Contract::V2_2).dev_mode(true).start().await.unwrap();
    let address = simulator.addr();
    let asked = move |count: usize| {
        let list = vec!["\"a\""; count].join(",");
        let body = format!("{{\"query\":{{\"domain\":{{\"$in\":[{list}]}}}}}}");
        let answer = common::ask(address, "POST", "/api/v1/netquery/query", &[], &body);
        (answer.status(), answer.text().trim_end().to_owned())
    };
    let told = tokio::task::spawn_blocking(move || [32_764, 32_765, 300_000].map(asked)).await.unwrap();
    assert_eq!(told[0].0, 200);
    assert!(told[1].0 == 400 && told[1].1.ends_with("too many SQL variables"), "{:?}", told[1]);
    assert!(told[2].0 == 400 && told[2].1.ends_with("too many values"), "{:?}", told[2]);

    let mut socket = Socket::open(&simulator, None).await;
    socket.told("1|update|config:filter/lists|J{\"Value\":[\"TRAC\"]}", "1|success").await;
    let list = vec!["\"a\""; 300_000].join(",");
    socket
        .told(format!("2|update|config:filter/lists|J{{\"Value\":[{list}]}}"), "2|error|too many values")
        .await;
    socket.send("3|get|config:filter/lists").await;
    assert!(socket.next().await.contains("\"Value\":[\"TRAC\"]"));
}

/// Whoever sends frames that are no messages, as fast as they are taken, holds up nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_without_end_hold_up_nobody() {
    let simulator = Simulator::builder().dev_mode(true).start().await.unwrap();
    let address = simulator.addr();
    let over = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let head = "GET /api/database/v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
                stream.write_all(head.as_bytes()).unwrap();
                // A message begins, and goes on with nothing.
                let mut frames = b"\x02\x80\0\0\0\0".to_vec();
                frames.extend(b"\0\x80\0\0\0\0".repeat(10_000));
                while !over.load(Ordering::Relaxed) && stream.write_all(&frames).is_ok() {
                    frames.drain(..frames.len() - 60_000);
                }
            })
        })
        .collect();
    let asked = tokio::task::spawn_blocking(move || {
        (0..10).map(|_| common::ask(address, "GET", "/api/v1/ping", &[], "").status()).collect::<Vec<_>>()
    });
    // They go on until it is over: who waits for their end waits for ever.
    let answers = tokio::time::timeout(PATIENCE, asked).await;
    over.store(true, Ordering::Relaxed);
    assert_eq!(answers.expect("answers in time").unwrap(), [200; 10]);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
}

/// Bodies that never end have one bound for all of them, and those that are short are not held up by it.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_have_a_bound_together() {
    let simulator = Simulator::builder().contract(Contract::V2_2).dev_mode(true).start().await.unwrap();
    let address = simulator.addr();
    let asking = move || {
        let half = || {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = "POST /api/v1/netquery/query HTTP/1.1\r\nHost: x\r\nContent-Length: 19000000\r\n\r\n";
            // What is refused is not read to its end.
            let sent =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; 18_000_000]));
            (stream, sent)
        };
        // Five have room for 96 MiB; of six one has not, and is told so. The others stay open, and wait for their answers.
        let (told, first) = mpsc::channel();
        for (mut stream, _) in (0..6).map(|_| half()).collect::<Vec<_>>() {
            let told = told.clone();
            std::thread::spawn(move || {
                let mut answer = [0; 64];
                let read = stream.read(&mut answer).unwrap_or_default();
                if read > 0 {
                    let _ = told.send(String::from_utf8_lossy(&answer[..read]).into_owned());
                }
            });
        }
        let refused = first.recv_timeout(PATIENCE).unwrap();
        let small = common::ask(address, "POST", "/api/v1/netquery/query", &[], "{}").status();
        (refused, small)
    };
    let (refused, small) = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    assert_eq!(small, 200);
}

/// Whoever asks and never reads is given up once all together have more than there may be; those who read are told all.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_read_have_a_bound_together() {
    let simulator = Simulator::builder().scenario("home-office").dev_mode(true).start().await.unwrap();
    let asked = peer::frame(0x82, b"1|query|query network:").repeat(40);
    let crowd: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(simulator.addr()).unwrap();
            stream.write_all(peer::HANDSHAKE).and_then(|()| stream.write_all(&asked)).unwrap();
            stream
        })
        .collect();
    let mut socket = Socket::open(&simulator, None).await;
    let told = socket.told("1|query|query network:", "1|done").await;
    assert!(told.len() > 100, "{}", told.len());
    // One of them at least was given up before all was sent.
    let ended = tokio::task::spawn_blocking(move || {
        let whole = |mut stream: TcpStream| {
            let (mut all, mut piece) = (Vec::new(), vec![0; 1 << 20]);
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut done = 0;
            while done < 40 {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => return false,
                    Ok(length) => all.extend_from_slice(&piece[..length]),
                }
                done += all.windows(6).filter(|part| part == b"1|done").count();
                all.drain(..all.len().saturating_sub(5));
            }
            true
        };
        crowd.into_iter().any(|stream| !whole(stream))
    });
    assert!(ended.await.unwrap());
}

/// Bodies that the control plane waits for count like all others.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_the_control_plane_have_the_same_bound() {
    let simulator = Simulator::builder().control("127.0.0.1:0").start().await.unwrap();
    let control = simulator.control_url().unwrap().trim_start_matches("http://").to_owned();
    let asking = move || {
        let half = |control: &str| {
            let mut stream = TcpStream::connect(control).unwrap();
            let head = "PUT /snapshots/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n";
            // What is refused is not read to its end.
            let _ =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&vec![b' '; 40_000_000]));
            stream
        };
        let _open = half(&control);
        let mut refused = half(&control);
        refused.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = [0; 64];
        let read = refused.read(&mut answer).unwrap();
        let small = common::ask(control.parse().unwrap(), "POST", "/clock/advance", &[], "{\"by\":\"1s\"}");
        (String::from_utf8_lossy(&answer[..read]).into_owned(), small.status())
    };
    let (refused, small) = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    assert_eq!(small, 200);
}

/// Clients that say nothing, or not all, make room for those who speak.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_of_the_control_plane_make_room() {
    let simulator = Simulator::builder().control("127.0.0.1:0").journal(10).start().await.unwrap();
    let control = simulator.control_url().unwrap().trim_start_matches("http://").to_owned();
    let asking = move || {
        let halves =
            ["", "GET /clock HT", "PUT /clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"];
        let _silent: Vec<_> = (0..300)
            .map(|at| {
                let mut stream = TcpStream::connect(&control).unwrap();
                stream.write_all(halves[at % 3].as_bytes()).unwrap();
                stream
            })
            .collect();
        let address = control.parse().unwrap();
        common::ask(address, "GET", "/clock", &[], "").status()
    };
    assert_eq!(tokio::task::spawn_blocking(asking).await.unwrap(), 200);
}

/// So many may wait at the journal, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn waits_at_the_journal_have_a_bound() {
    let simulator = Simulator::builder().control("127.0.0.1:0").journal(10).start().await.unwrap();
    let control = simulator.control_url().unwrap().trim_start_matches("http://").to_owned();
    let asking = move || {
        let wait = r#"{"match":{"path":"never"},"timeout":"10m"}"#;
        let head = format!(
            "POST /journal/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            wait.len()
        );
        let all: Vec<TcpStream> = (0..33)
            .map(|_| {
                let mut stream = TcpStream::connect(&control).unwrap();
                stream.write_all(format!("{head}{wait}").as_bytes()).unwrap();
                stream
            })
            .collect();
        // One of them is answered at once: whichever came last.
        let (tell, told) = std::sync::mpsc::channel();
        for mut stream in all {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut answer = [0; 64];
                let read = stream.read(&mut answer).unwrap_or_default();
                let _ = tell.send(String::from_utf8_lossy(&answer[..read]).into_owned());
            });
        }
        told.recv_timeout(PATIENCE).unwrap()
    };
    let refused = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
}

/// Ids and queries of subscriptions are kept as long as those live.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_have_a_bound_in_bytes() {
    let simulator = Simulator::builder().dev_mode(true).start().await.unwrap();
    let mut socket = Socket::open(&simulator, None).await;
    let id = "1".repeat(10 << 20);
    socket.send(format!("{id}1|sub|query core:")).await;
    socket.send(format!("{id}2|sub|query core:")).await;
    socket.send(format!("{id}3|sub|query core:")).await;
    assert!(
        socket.next().await.ends_with("3|error|subscriptions are more than 50331648 bytes of all together")
    );
    socket.told(format!("{id}1|cancel"), &format!("{id}1|done")).await;
    socket.send("4|sub|query core:").await;
    socket.told("5|create|core:a|J{}", "5|success").await;
}

/// An id is a part of each answer, and may be as long as a message: the journal keeps its beginning, and counts it.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_keeps_the_beginning_of_a_long_id() {
    let simulator = Simulator::builder().dev_mode(true).journal(1000).start().await.unwrap();
    let mut socket = Socket::open(&simulator, None).await;
    socket.told("1|create|core:a|J{}", "1|success").await;
    let id = "1".repeat(1 << 20);
    socket.told(format!("{id}|query|query core:a"), &format!("{id}|done")).await;
    let kept = simulator.journal().entries(&Filter::default());
    let text = serde_json::to_string(&kept).unwrap();
    assert!(kept.len() >= 5 && text.len() < 1 << 20, "{} entries, {} bytes", kept.len(), text.len());
}

/// A long journal is read beside the connections.
#[test]
fn who_reads_a_long_journal_holds_up_nobody() {
    let simulator = Simulator::builder().control("127.0.0.1:0").journal(1000).start_blocking().unwrap();
    let address = simulator.addr();
    let control = simulator.control_url().unwrap().trim_start_matches("http://").parse().unwrap();
    for _ in 0..60 {
        let body = "x".repeat(60_000);
        common::ask(address, "POST", "/api/v1/netquery/query", &[], &body);
    }
    // On a busy machine a short reading can be over before a client has its turn.
    let mut most = (0..5).map(|_| {
        let reading =
            std::thread::spawn(move || common::ask(control, "GET", "/journal.har", &[], "").status());
        let mut pings = 0;
        while !reading.is_finished() {
            assert_eq!(common::ask(address, "GET", "/api/v1/ping", &[], "").status(), 200);
            pings += 1;
        }
        assert_eq!(reading.join().unwrap(), 200);
        pings
    });
    assert!(most.any(|pings| pings > 10));
}
