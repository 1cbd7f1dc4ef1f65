//! Asking: each question of a world of its own, so that no answer depends on another question.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use portmaster_fixtures::{Contract, scenario::ClockMode};
use portmaster_wire::answer::Answer;

use super::questions::{Question, questions};
use crate::{
    core::ExternalAuth,
    simulator::{Builder, StartError},
};

/// Headers of a connection, a caller or an instant, which say nothing of a scenario.
const PASSING: [&str; 5] = ["Date", "Content-Length", "Transfer-Encoding", "Connection", "Set-Cookie"];

/// How long an answer may take outside before the world's clock goes on for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far the clock goes then: no answer waits longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The world cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A question was not answered.
    #[error("no answer to {method} {target}: {source}")]
    Unanswered {
        /// The method.
        method: String,
        /// The path and the query.
        target: String,
        /// Why.
        source: io::Error,
    },
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was asked.
    pub question: Question,
    /// The status.
    pub status: u16,
    /// The headers, but those of the connection, the caller and the instant.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Exchange {
    /// The type of the body.
    pub(super) fn kind(&self) -> &str {
        let field = self.headers.iter().find(|(name, _)| name == "Content-Type");
        field.map_or("", |(_, value)| value)
    }
}

/// Every documented request of a contract and what a world answers a caller who may do everything. Requests whose path needs a
/// part that no example is known of are left out.
///
/// # Errors
/// When the world cannot be started, or does not answer.
pub fn exchanges(builder: &Builder, contract: Contract) -> Result<Vec<Exchange>, ExportError> {
    questions(contract).into_iter().map(|question| ask(builder.clone(), contract, question)).collect()
}

fn ask(builder: Builder, contract: Contract, question: Question) -> Result<Exchange, ExportError> {
    let builder = builder.contract(contract).clock(ClockMode::Manual).external_auth(ExternalAuth::Grant);
    let simulator = builder.start_blocking()?;
    let answer = sent(simulator.addr(), &question).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                stream.set_read_timeout(None)?;
                simulator.advance(LONGEST);
                stream.read_to_end(&mut bytes)?;
            }
            read => drop(read?),
        }
        Answer::read(bytes).ok_or_else(|| io::Error::other("the answer is not whole"))
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(source) => {
            let Question { method, target, .. } = question;
            return Err(ExportError::Unanswered { method, target, source });
        }
    };
    let kept = answer.headers().filter(|(name, _)| !PASSING.iter().any(|one| one.eq_ignore_ascii_case(name)));
    let headers = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Exchange { question, status: answer.status, headers, body: answer.body })
}

fn sent(address: SocketAddr, question: &Question) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let Question { method, target, body, .. } = question;
    let body = body.as_deref().unwrap_or_default();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:817\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}
