//! Bytes that are nearly HTTP.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{extremes, text::text};
use crate::fuzz::{case::Bytes, scope::Scope};

/// A request with something wrong in its head, or no request at all.
pub(super) fn bytes(_: &Scope) -> BoxedStrategy<Bytes> {
    const LINES: [&str; 14] = [
        "GET /api/v1/ping HTTP/1.1",
        "GET /api/v1/ping HTTP/1.0",
        "GET /api/v1/ping HTTP/2.0",
        "GET /api/v1/ping HTTP/9.9",
        "GET  /api/v1/ping HTTP/1.1",
        "GET /api/v1/a b HTTP/1.1",
        "GET /api/v1/%zz HTTP/1.1",
        "GET api HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT x:1 HTTP/1.1",
        "GET http://x/api/v1/ping HTTP/1.1",
        "GET",
        "",
    ];
    const HEADERS: [&str; 19] = [
        "Host: x",
        "Host: x",
        "Host:",
        "Host: a b",
        "Host: x\r\nHost: y",
        "Content-Length: 0",
        "Content-Length: -1",
        "Content-Length: 5",
        "Content-Length: 30000000",
        "Content-Length: 99999999999999999999",
        "Content-Length: 1\r\nContent-Length: 2",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked",
        "Expect: something",
        "Connection: close",
        "no colon",
        "X : y",
        " folded",
        "X: \u{1}",
    ];
    let head = (
        select(&LINES[..]),
        vec(select(&HEADERS[..]), 0..5),
        select(vec!["\r\n\r\n", "\n\n", "\r\n", ""]),
        text(),
    )
        .prop_map(|(line, headers, end, rest)| {
            let mut head = line.to_owned();
            for header in headers {
                head += "\r\n";
                head += header;
            }
            Bytes(format!("{head}{end}{rest}").into_bytes())
        });
    let extreme = (select(&LINES[..]), extremes::fields())
        .prop_map(|(line, fields)| Bytes(format!("{line}\r\n{fields}\r\n").into_bytes()));
    one_of![6 => head, 1 => extreme, 1 => vec(any::<u8>(), 0..200).prop_map(Bytes)].boxed()
}
