//! `guide`: the book, served from the program.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::ready,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::{USAGE, browser, signals};

/// What `build.rs` made of the documents.
static BOOK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guide.gz"));

/// No script, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const MISSING: &[u8] = b"the guide has no such page; / is where it begins\n";

/// How long nobody is let in when the system has no room.
const BREATH: Duration = Duration::from_millis(100);

/// How long a head may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Files = BTreeMap<String, Bytes>;

/// Serves it until Ctrl-C.
pub(crate) fn run(listen: &str) -> ExitCode {
    match serve(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut hint = "";
            if error.kind() == io::ErrorKind::AddrInUse {
                hint = "\nhint: another program listens there; --listen 127.0.0.1:0 takes a free port";
            }
            let _ =
                writeln!(io::stderr().lock(), "error: the guide cannot be served on {listen}: {error}{hint}");
            ExitCode::from(USAGE)
        }
    }
}

fn serve(listen: &str) -> io::Result<()> {
    let stop = signals::listen()?;
    let files = Arc::new(unpacked()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        announce(listener.local_addr()?);
        let accepting = async {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Nothing can be opened just now; soon it can.
                    tokio::time::sleep(BREATH).await;
                    continue;
                };
                let files = Arc::clone(&files);
                let service = service_fn(move |request: Request<Incoming>| {
                    ready(Ok::<_, Infallible>(answer(&files, request.uri().path())))
                });
                let mut server = http1::Builder::new();
                server.header_read_timeout(PATIENCE).timer(TokioTimer::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        };
        tokio::select! {
            _ = accepting => {}
            _ = stop => {}
        }
        Ok(())
    })
}

fn announce(address: SocketAddr) {
    let url = format!("http://{address}/");
    // A closed standard output is nobody's concern.
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "guide: {url}").and_then(|()| out.flush());
    browser::open(&url);
}

/// The files, by their paths.
fn unpacked() -> io::Result<Files> {
    let mut book = BufReader::new(GzDecoder::new(BOOK));
    let mut files = Files::new();
    let mut line = String::new();
    while book.read_line(&mut line)? > 0 {
        let (path, length) = line.trim_end().split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        let mut text = vec![0; length.parse().map_err(io::Error::other)?];
        book.read_exact(&mut text)?;
        files.insert(path.to_owned(), text.into());
        line.clear();
    }
    Ok(files)
}

fn answer(files: &Files, path: &str) -> Response<Full<Bytes>> {
    let path = match path.trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let (status, kind, text) = match files.get(path) {
        Some(text) if path.ends_with(".css") => (StatusCode::OK, "text/css; charset=utf-8", text.clone()),
        Some(text) => (StatusCode::OK, "text/html; charset=utf-8", text.clone()),
        None => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", Bytes::from_static(MISSING)),
    };
    let mut answer = Response::new(text.into());
    *answer.status_mut() = status;
    for (name, value) in
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")]
    {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_is_there_and_small() {
        let files = unpacked().unwrap();
        let welcome = std::str::from_utf8(&files["index.html"]).unwrap();
        assert!(welcome.starts_with("<!doctype html>"), "{welcome}");
        assert!(files.contains_key("tutorials/fuzz.html") && files.contains_key("style.css"));
        assert!(BOOK.len() < 200_000, "{} bytes", BOOK.len());
    }

    #[test]
    fn other_paths_say_where_it_begins() {
        let files = Files::from([("index.html".to_owned(), "hello".into())]);
        for (path, status) in [("/", 200), ("/index.html", 200), ("/x", 404), ("/../x", 404)] {
            assert_eq!(answer(&files, path).status().as_u16(), status, "{path}");
        }
    }
}
