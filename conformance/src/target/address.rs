//! Where a target listens.

use std::{fmt, io, str::FromStr};

use portmaster_wire::link::{Dialer, Link};
use tokio::net::TcpStream;

/// A host and a port, taken from an `http://` URL.
#[derive(Clone, Debug)]
pub struct Address {
    host: String,
    port: u16,
    /// How it is reached if it is a part of this program.
    dialer: Option<Dialer>,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.socket() == other.socket()
    }
}

impl Eq for Address {}

impl Address {
    /// What a `Host` header carries, for example `127.0.0.1:817`; without the port when it is 80.
    pub fn authority(&self) -> String {
        if self.port == 80 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The host as it stands in the URL; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same, of a target that is a part of this program and is reached through this dialer.
    pub(crate) fn behind(self, dialer: Dialer) -> Self {
        Self { dialer: Some(dialer), ..self }
    }

    /// Connects.
    pub(super) async fn connect(&self) -> io::Result<Link> {
        if let Some(dialer) = &self.dialer {
            return dialer.connect();
        }
        let link = Link::from(TcpStream::connect(self.socket()).await?);
        // The frames of a websocket would wait for each other's acknowledgement.
        link.set_nodelay()?;
        Ok(link)
    }

    /// Host and port in the form that a connection takes.
    pub(crate) fn socket(&self) -> (&str, u16) {
        (self.host.trim_matches(['[', ']']), self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

/// A text that names no target.
#[derive(Debug, thiserror::Error)]
#[error("\"{text}\" is no target: {why}; expected http://HOST:PORT")]
pub struct BadAddress {
    text: String,
    why: &'static str,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why| BadAddress { text: text.to_owned(), why };
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: http::Uri = full.parse().map_err(|_| bad("not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad("a core speaks plain HTTP"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad("it has a path"));
        }
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("credentials do not belong into it"));
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return Err(bad("its port is no port"));
        }
        Ok(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80), dialer: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_and_without_scheme() {
        for (text, shown) in [
            ("http://127.0.0.1:817", "http://127.0.0.1:817"),
            ("127.0.0.1:817", "http://127.0.0.1:817"),
            ("http://[::1]:8170/", "http://[::1]:8170"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_target_is_said_so() {
        for text in ["https://127.0.0.1:817", "http://127.0.0.1:817/api", "", "http://a:b@c:1", "x:99999"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
