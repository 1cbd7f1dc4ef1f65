//! A connection is kept after an answer, or the answer says that it is not.

use portmaster_simulator::Simulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends bytes and then `GET ping` and the end of the connection: all that comes.
async fn then_ping(simulator: &Simulator, bytes: &str) -> String {
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let ping = "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    // Who was told that the connection ends need not listen.
    let _ = stream.write_all(ping.as_bytes()).await;
    let mut answers = String::new();
    let _ = stream.read_to_string(&mut answers).await;
    answers
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_read_past() {
    let simulator = Simulator::builder().start().await.unwrap();
    for target in ["/nowhere", "/api/v1//ping", "/api/v1/dns/clear", "/api/v1/ping"] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\n");
        for body in [
            "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            "Content-Length: 3\r\n\r\nabc",
        ] {
            let answers = then_ping(&simulator, &format!("{head}{body}")).await;
            assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{target}: {answers}");
            assert!(answers.ends_with("Pong.\n"), "{target}: {answers}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_says_so() {
    let simulator = Simulator::builder().start().await.unwrap();
    for header in ["Content-Length: 300000", "Content-Length: 5\r\nExpect: 100-continue"] {
        let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
        let head = format!("POST /nowhere HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{header}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{header}: {answer}");
    }
}
