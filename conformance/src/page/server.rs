//! The page's server: on this machine only, read only, and for no page of anybody else.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use portmaster_wire::percent;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    history::History,
    live::{Live, Shown},
    view,
};
use crate::report::Kind;

/// A page that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Others could reach the address.
    #[error(
        "the page is for this machine alone: {0} is no loopback address, expected one such as 127.0.0.1:8819"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

/// A page that is served until it is dropped.
#[derive(Debug)]
pub struct Page {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Page {
    /// Serves the page of what goes on, and of what was before it.
    pub async fn open(
        address: SocketAddr,
        live: Arc<Live>,
        history: Option<Arc<History>>,
    ) -> Result<Self, PageError> {
        if !address.ip().is_loopback() {
            return Err(PageError::NotLoopback(address));
        }
        let listening = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listening.await.map_err(|error| PageError::Listen(address, error))?;
        Ok(Self { address, server: tokio::spawn(serve(listener, live, history)) })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, live: Arc<Live>, history: Option<Arc<History>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (live, history) = (Arc::clone(&live), history.clone());
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let (live, history) = (Arc::clone(&live), history.clone());
                async move { Ok::<_, Infallible>(answer(&request, &live, history.as_deref())) }
            });
            // A browser that goes away is no fault of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

const HTML: &str = "text/html; charset=utf-8";

fn answer<B>(request: &Request<B>, live: &Live, history: Option<&History>) -> Response<Full<Bytes>> {
    if !is_ours(request.headers()) {
        return text(
            StatusCode::FORBIDDEN,
            "this page is for browsers of this machine, and for no other page\n",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "this page is only read\n");
    }
    let query = request.uri().query().unwrap_or_default();
    let read = |name: &str| history?.read(name);
    match request.uri().path() {
        "/" => sent(HTML, Some(view::policy()), view::page(history.is_some())),
        "/state.json" => {
            let past = history.map(History::past).unwrap_or_default();
            let document = serde_json::to_string(&live.document(past));
            document.map_or_else(
                |error| text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
                |json| sent("application/json", None, json),
            )
        }
        "/failures" => sent(HTML, None, live.shown().map(|shown| view::failures(&shown)).unwrap_or_default()),
        "/report" => match live.shown() {
            Some(Shown::Run(report)) => sent(HTML, None, report.page()),
            Some(Shown::Campaign(text)) => {
                sent(HTML, Some(view::policy()), view::campaign("This campaign", &text))
            }
            None => missing(),
        },
        "/compare" => {
            let member = |wanted: &str| {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let value = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).next()?;
                read(&named(value))
            };
            match (member("old"), member("new")) {
                (Some(Kind::Run(old)), Some(Kind::Run(new))) => {
                    sent(HTML, Some(view::policy()), view::comparison(&old, &new))
                }
                (Some(_), Some(_)) => text(StatusCode::CONFLICT, "only runs are compared, no campaigns\n"),
                _ => missing(),
            }
        }
        path => match path.strip_prefix("/past/").and_then(|name| Some((name, read(&named(name))?))) {
            Some((_, Kind::Run(report))) => sent(HTML, None, report.page()),
            Some((name, Kind::Fuzz(campaign))) => {
                let mut told = vec![];
                // Nothing fails when a text is written to memory.
                let _ = campaign.write_text(&mut told);
                sent(HTML, Some(view::policy()), view::campaign(name, &String::from_utf8_lossy(&told)))
            }
            None => missing(),
        },
    }
}

/// A file's name as an address has it.
fn named(text: &str) -> String {
    String::from_utf8_lossy(&percent::decoded_leniently(text.replace('+', " "))).into_owned()
}

fn missing() -> Response<Full<Bytes>> {
    text(StatusCode::NOT_FOUND, "there is no such page\n")
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let mut response = sent("text/plain; charset=utf-8", None, words.to_owned());
    *response.status_mut() = status;
    response
}

fn sent(kind: &'static str, policy: Option<String>, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
    if let Some(policy) = policy.and_then(|policy| policy.parse().ok()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Whether a request names this machine, and comes from no page but our own.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let local =
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let own = text(ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    local && own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str, headers: &[(&'static str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(&request.body(()).unwrap(), &Live::default(), None).status().as_u16()
    }

    #[test]
    fn other_hosts_and_origins_are_refused() {
        let own = ("host", "127.0.0.1:9");
        for (headers, expected) in [
            (vec![own], 200),
            (vec![("host", "localhost")], 200),
            (vec![("host", "[::1]:9")], 200),
            (vec![own, ("origin", "http://127.0.0.1:9")], 200),
            (vec![own, ("origin", "http://127.0.0.1:8")], 403),
            (vec![own, ("origin", "null")], 403),
            (vec![("host", "evil.example:9")], 403),
            (vec![], 403),
        ] {
            assert_eq!(status(Method::GET, "/state.json", &headers), expected, "{headers:?}");
        }
        assert_eq!(status(Method::POST, "/", &[own]), 405);
        for path in ["/past/x", "/compare", "/compare?old=a&new=b", "/report", "/nothing"] {
            assert_eq!(status(Method::GET, path, &[own]), 404, "{path}");
        }
    }

    #[tokio::test]
    async fn it_listens_on_loopback_alone() {
        let refused = Page::open(([0, 0, 0, 0], 0).into(), Arc::default(), None).await;
        assert!(matches!(refused, Err(PageError::NotLoopback(_))));
    }
}
