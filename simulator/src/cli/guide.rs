//! `guide`: the book, served from the program.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
};

use axum::{
    Router,
    http::{
        HeaderName, StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use tokio::net::TcpListener;

use super::{USAGE, browser, signals};

/// What `build.rs` made of the documents.
static BOOK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guide.gz"));

/// No script, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Files = BTreeMap<String, Bytes>;

/// Serves it until Ctrl-C.
pub(crate) fn run(listen: &str) -> ExitCode {
    match serve(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let mut hint = "";
            if fault.kind() == io::ErrorKind::AddrInUse {
                hint = "\nhint: another program listens there; --listen 127.0.0.1:0 takes a free port";
            }
            let _ =
                writeln!(io::stderr().lock(), "error: the guide cannot be served on {listen}: {fault}{hint}");
            ExitCode::from(USAGE)
        }
    }
}

fn serve(listen: &str) -> io::Result<()> {
    let stop = signals::listen()?;
    let files = Arc::new(unpacked()?);
    let router = Router::new().fallback(move |uri: Uri| {
        let files = Arc::clone(&files);
        async move { answer(&files, &uri) }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        announce(listener.local_addr()?);
        let stop = async { _ = stop.await };
        tokio::select! {
            ended = axum::serve(listener, router).into_future() => ended,
            () = stop => Ok(()),
        }
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

fn answer(files: &Files, uri: &Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(text) = files.get(path) else {
        return (StatusCode::NOT_FOUND, "the guide has no such page; / is where it begins\n").into_response();
    };
    let kind = if path.ends_with(".css") { "text/css; charset=utf-8" } else { "text/html; charset=utf-8" };
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text.clone()).into_response()
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
        for (path, status) in [("/", 200), ("/index.html", 200), ("/?a=b", 200), ("/x", 404), ("/../x", 404)]
        {
            assert_eq!(answer(&files, &path.parse().unwrap()).status().as_u16(), status, "{path}");
        }
    }
}
