//! Asking the core as anybody does, over a connection of its own.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::http::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::problem::Problem;
use crate::{
    journal::{Filter, Journal, Kind},
    limits,
};

/// Headers that say how a request is sent; that is not the caller's affair.
const OURS: [&str; 6] =
    ["connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"];

/// Whether a header is not the caller's affair.
pub(super) fn is_ours(name: &str) -> bool {
    OURS.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Where a core of ours is reached from here.
///
/// # Errors
/// When its address is none that can be connected to.
pub(super) fn address(api: &str) -> Result<SocketAddr, Problem> {
    let text = api.strip_prefix("http://").unwrap_or(api);
    let none = || Problem::new(StatusCode::BAD_GATEWAY, format!("\"{text}\" is no address of a core"));
    let mut address: SocketAddr = text.parse().map_err(|_| none())?;
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

/// A request as it is sent.
///
/// # Errors
/// When a part of it cannot be sent, or is not the caller's affair.
pub(super) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &BTreeMap<String, String>,
    body: Option<&str>,
) -> Result<String, Problem> {
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !is_word(method) {
        return Err(Problem::conflict(format!("\"{method}\" is no method")).at("/method"));
    }
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = Problem::conflict(format!("\"{target}\" is no target of a request")).at("/target");
        return Err(problem.expected("a slash, then visible ASCII characters"));
    }
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        let refused = |why: &str| Problem::conflict(why).at(format!("/headers/{name}"));
        if !is_word(name) {
            return Err(refused("this is no name of a header"));
        }
        if is_ours(name) {
            return Err(refused("this header says how a request is sent, which is done for you"));
        }
        if value.chars().any(char::is_control) {
            return Err(refused("the value of this header has control characters in it"));
        }
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if body.is_some() || matches!(method, "POST" | "PUT" | "PATCH") {
        request.push_str(&format!("Content-Length: {}\r\n", body.unwrap_or_default().len()));
    }
    Ok(format!("{request}\r\n{}", body.unwrap_or_default()))
}

/// The number of the latest request that a journal has; what is sent now comes after it.
pub(super) fn latest(journal: &Journal) -> u64 {
    let last = Filter::default().kind(Kind::Http).limit(1);
    journal.entries(&last).pop().map_or(0, |entry| entry.seq)
}

/// Sends a request; all that is answered.
///
/// # Errors
/// When nobody listens, or too much comes.
pub(super) async fn exchange(address: SocketAddr, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(limits::CONSOLE_ANSWER + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > limits::CONSOLE_ANSWER {
        return Err(io::Error::other(format!("it is longer than {} MiB", limits::CONSOLE_ANSWER >> 20)));
    }
    Ok(bytes)
}
