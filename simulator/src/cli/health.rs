//! `health`: whether somebody answers, for containers and scripts that have no other client.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for a ping: 0 when it is answered, else 1 and the reason.
pub(crate) fn ask(address: &str) -> ExitCode {
    match answers(address) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: {address} answers, but is no core");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {address} does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answers(address: &str) -> io::Result<bool> {
    // As the first lines of a simulator have it.
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let to = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /api/v1/ping HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // Whatever it is, an answer to a ping is short.
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"Pong.\n"))
}
