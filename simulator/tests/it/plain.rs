//! Questions that are answered without hyper (`gateway/plain.rs`) are answered byte for byte as with it.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use portmaster_simulator::{Contract, Simulator};

use crate::common::{PATIENCE, example};

/// A connection that stays.
struct Kept(TcpStream);

impl Kept {
    fn open(simulator: &Simulator) -> Self {
        let stream = TcpStream::connect(simulator.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// What a question is answered, whole.
    fn ask(&mut self, method: &str, target: &str, fields: &str) -> Vec<u8> {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:817\r\n{fields}\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 64 << 10];
        let mut whole = usize::MAX;
        while answer.len() < whole {
            let read = self.0.read(&mut part).unwrap();
            assert!(read > 0, "{method} {target}: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..read]);
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&answer[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let body = if method == "HEAD" { 0 } else { length.map_or(0, |length| length.parse().unwrap()) };
            whole = end + 4 + body;
        }
        assert_eq!(answer.len(), whole, "{method} {target}: more than the answer came");
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_alike_by_either_way() {
    for contract in Contract::ALL {
        let builder = || Simulator::builder().contract(contract).api_key("k?read=admin&write=admin");
        let (one, other) = (builder().start().await.unwrap(), builder().start().await.unwrap());
        let asking = move || {
            let (mut plain, mut by_hyper) = (Kept::open(&one), Kept::open(&other));
            let paths = contract.endpoints().iter().filter(|one| one.read_method == "GET");
            // An escape is not plain, nor what follows it on its connection.
            let paths = paths.map(|one| format!("/api/v1/{}", example(&one.path).replace('%', "")));
            for target in paths.chain(["/", "/none", "/api/v1//ping", "/metrics?a=b"].map(str::to_owned)) {
                for fields in [
                    "",
                    "Authorization: Bearer k\r\n",
                    "Origin: http://127.0.0.1:817\r\nAccept: application/cbor\r\n",
                ] {
                    for method in ["GET", "HEAD"] {
                        // Whoever tells a length is not plain.
                        let length = format!("{fields}Content-Length: 0\r\n");
                        let [ours, theirs] =
                            [plain.ask(method, &target, fields), by_hyper.ask(method, &target, &length)]
                                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                        assert_eq!(ours, theirs, "{contract}: {method} {target} {fields}");
                    }
                }
            }
        };
        tokio::task::spawn_blocking(asking).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_come_together_are_answered_in_order_whatever_they_are() {
    let simulator = Simulator::builder().start().await.unwrap();
    let answers = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(simulator.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let all = [
            head("/api/v1/ping", ""),
            head("/none", ""),
            head("/api/v1/ping", "Content-Length: 2\r\n") + "{}",
            head("/api/v1/ping", "Connection: close\r\n"),
        ];
        stream.write_all(all.concat().as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    });
    let answers = answers.await.unwrap();
    let seen: Vec<_> =
        answers.split("HTTP/1.1 ").skip(1).map(|one| (&one[..3], one.contains("Pong."))).collect();
    assert_eq!(seen, [("200", true), ("404", false), ("200", true), ("200", true)], "{answers}");
}

/// A broken head that comes after plain ones is refused in Go's words, as a first one is.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_head_is_looked_at_too() {
    let simulator = Simulator::builder().start().await.unwrap();
    let address = simulator.addr();
    let asking = move || {
        let broken = "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/ping HTTP/1.1\r\nBad Name: x\r\nHost: x\r\n\r\n";
        crate::common::raw(address, broken.as_bytes())
    };
    let answer = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(answer.text().ends_with("\r\n\r\n400 Bad Request: invalid header name"), "{}", answer.text());
}
