//! Questions that are answered without hyper (`gateway/plain.rs`) are answered byte for byte as with it.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use portmaster_simulator::{Contract, Simulator};

use crate::common::{PATIENCE, example};

/// Longer than what is told of without being asked.
const QUERY: &str = "/api/v1/netquery/query?q=%7B%7D";

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
            if head.contains("Transfer-Encoding: chunked") {
                whole = if answer.ends_with(b"\r\n0\r\n\r\n") { answer.len() } else { usize::MAX };
                continue;
            }
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
            for target in
                paths.chain(["/", "/none", "/api/v1//ping", "/metrics?a=b", QUERY].map(str::to_owned))
            {
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

/// Go counts what nobody tells the length of, as long as it fits into 2,048 bytes (core-1.x §5.11).
#[tokio::test(flavor = "multi_thread")]
async fn a_long_body_of_which_nobody_tells_the_length_comes_in_chunks() {
    let simulator = Simulator::builder()
        .scenario("home-office")
        .contract(Contract::V2_2)
        .dev_mode(true)
        .start()
        .await
        .unwrap();
    let addr = simulator.addr();
    let asking = move || {
        let limit = |rows: u32| {
            format!(
                "/api/v1/netquery/query?q=%7B%22select%22%3A%5B%22path%22%5D%2C%22pageSize%22%3A{rows}%7D"
            )
        };
        for (method, target, length, coding) in [
            ("GET", "/metrics", None, Some("chunked")),
            ("HEAD", "/metrics", None, None),
            ("GET", &*limit(1), Some(()), None),
            ("GET", &*limit(99), None, Some("chunked")),
            // Their endpoint tells it, among its own headers.
            ("GET", "/api/v1/config/options", Some(()), None),
            ("HEAD", "/api/v1/spn/map/main/graph.dot", Some(()), None),
            // Nothing is written for who asks for the head.
            ("HEAD", "/", None, None),
            ("HEAD", "/ui/modules/portmaster/", None, None),
            ("HEAD", "/none", Some(()), None),
        ] {
            let answer = crate::common::ask(addr, method, target, &[], "");
            let got = (answer.header("content-length").map(|_| ()), answer.header("transfer-encoding"));
            assert_eq!(got, (length, coding), "{method} {target}: {}", answer.head);
        }
        let before = |one: &str, other: &str, head: &str| head.find(one).unwrap() < head.find(other).unwrap();
        let told = crate::common::ask(addr, "GET", "/api/v1/ping", &[], "");
        assert!(before("Content-Length", "Content-Type", &told.head), "{}", told.head);
        let counted = crate::common::ask(addr, "GET", "/none", &[], "");
        assert!(before("Date", "Content-Length", &counted.head), "{}", counted.head);
        // Before chunks were known, the end of the connection was the end of the body.
        let old =
            crate::common::raw(addr, b"GET /metrics HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((old.header("content-length"), old.header("transfer-encoding")), (None, None));
        let new = crate::common::ask(addr, "GET", "/metrics", &[], "");
        assert!(new.body.len() > 2048 && old.text().lines().count() == new.text().lines().count());
    };
    tokio::task::spawn_blocking(asking).await.unwrap();
}
