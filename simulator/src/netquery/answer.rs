//! From a request's bytes to an answer's bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    charts,
    conditions::{Clause, Params, Search, Wording},
    development,
    dialect::Dialect,
    failure::{Failure, bind},
    output,
    request::{self, Conditions, QueryRequest, TextSearch},
    rows::RowWriter,
    statement::{Filter, Statement},
    store::{Retention, Store},
};
use crate::{
    go::{decode::DecodeError, quote::quote, read::Raw},
    world::crash,
};

/// Which endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `netquery/query`
    Query,
    /// `netquery/query/batch`
    Batch,
    /// `netquery/charts/connection-active`
    ActiveChart,
    /// `netquery/charts/bandwidth`
    BandwidthChart,
    /// `netquery/history/clear`
    HistoryClear,
    /// `netquery/history/cleanup`
    HistoryCleanup,
}

/// A request to one of the endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The endpoint.
    pub kind: Kind,
    /// The request's JSON: the body, or the parameter `q` of a GET; none with a method that brings neither.
    pub body: Option<&'a [u8]>,
    /// The world's present.
    pub now: Timestamp,
    /// Whether Development Mode is on: answers to queries say more.
    pub dev_mode: bool,
    /// What the history keeps.
    pub retention: &'a Retention,
}

/// An answer. Bodies of errors are plain text with a newline at the end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The header `Server-Timing`, if the contract has it here. Its durations are made from the work that was done.
    pub server_timing: Option<String>,
    /// The values of the header `X-Query-Error`: the failed queries of a batch.
    pub query_errors: Vec<String>,
}

impl Failure {
    /// The reason, without the words before it.
    fn reason(&self, dialect: &Dialect, database: &Connection) -> String {
        match self {
            Self::Request(text) | Self::Row(text) => text.clone(),
            Self::Crash => crash::words(false),
            Self::Statement { core, error } => statement_error(core, error, dialect, database),
            Self::Database(error) => error.to_string(),
        }
    }

    fn answer(&self, dialect: &Dialect, database: &Connection) -> Answer {
        let (status, words) = match self {
            Self::Request(_) => (400, ""),
            Self::Crash => (500, ""),
            Self::Statement { .. } => (dialect.behaviour.statement_status, "Failed to execute query: "),
            Self::Row(_) => (dialect.behaviour.statement_status, "Failed to execute query: "),
            Self::Database(_) => (500, "Failed to execute query: "),
        };
        text(status, format!("{words}{}", self.reason(dialect, database)))
    }
}

/// The database's error as the core words it. Unless it speaks of the core's statement, that is prepared, never run, to learn
/// what the core would have heard; it holds checked names only.
fn statement_error(core: &str, error: &rusqlite::Error, dialect: &Dialect, database: &Connection) -> String {
    let told = match error {
        rusqlite::Error::SqlInputError { sql, .. } if sql == core => None,
        _ => database.prepare(core).err(),
    };
    let (message, offset) = match told.as_ref().unwrap_or(error) {
        rusqlite::Error::SqlInputError { msg, offset, .. } => (msg.clone(), usize::try_from(*offset).ok()),
        rusqlite::Error::SqliteFailure(_, Some(message)) => (message.clone(), None),
        // Not from the database: a parameter that the core lost.
        rusqlite::Error::InvalidParameterName(name) => return format!("missing parameter {name}"),
        other => (other.to_string(), None),
    };
    let position = match offset {
        Some(offset) if dialect.behaviour.error_position => {
            let before = core.get(..offset).unwrap_or(core);
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            format!("{line}:{column}: ")
        }
        _ => String::new(),
    };
    let prefix = &dialect.behaviour.statement_error;
    format!("{prefix}sqlite: prepare {}: {position}SQL logic error: {message}", quote(core))
}

fn text(status: u16, mut text: String) -> Answer {
    text.push('\n');
    Answer { status, body: text.into_bytes(), server_timing: None, query_errors: Vec::new() }
}

fn json(body: Vec<u8>) -> Answer {
    Answer { status: 200, body, server_timing: None, query_errors: Vec::new() }
}

/// How long the steps took: durations that depend on the work and on nothing else.
#[derive(Default)]
struct Timing {
    /// The metrics of Server-Timing.
    metrics: Vec<String>,
    /// When each step was done, counted from the start, ns.
    done: Vec<i64>,
}

impl Timing {
    fn begin(&mut self, metric: &str, description: &str) {
        self.metrics.push(format!("{metric};desc=\"{description}\""));
    }

    /// Ends the last metric: a microsecond for a thing done.
    fn end(&mut self, things: usize) {
        let before = self.done.last().copied().unwrap_or(0);
        let took = i64::try_from(things).unwrap_or(i64::MAX).saturating_mul(1000);
        self.done.push(before.saturating_add(took));
        if let Some(last) = self.metrics.last_mut() {
            // The precision is lost beyond any size that a request can have.
            #[allow(clippy::cast_precision_loss)]
            let milliseconds = things as f64 / 1000.0;
            last.push_str(&format!(";dur={milliseconds}"));
        }
    }
}

impl Store {
    /// Answers a request. Blocks for as long as the database works, but for no other request.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        match request.kind {
            Kind::HistoryClear => self.answer_history_clear(request),
            Kind::HistoryCleanup => match self.clean_history(request.now, request.retention) {
                Ok(()) => text(200, "Deleted outdated connections.".to_owned()),
                Err(error) => text(500, format!("failed to delete outdated connections: {error}")),
            },
            _ => self
                .read(|database| Reader { dialect: self.dialect(), database, request }.answer())
                .unwrap_or_else(|error| text(500, format!("Failed to execute query: {error}"))),
        }
    }

    fn answer_history_clear(&self, request: &Request<'_>) -> Answer {
        let profiles = match Raw::checked(request.body.unwrap_or_default())
            .map_err(DecodeError::Text)
            .and_then(request::history_clear)
        {
            Ok(profiles) => profiles,
            Err(error) => return text(500, format!("failed to decode parameters in body: {error}")),
        };
        match self.clear_history(&profiles) {
            Ok(()) => text(200, "Successfully cleared history.".to_owned()),
            Err(error) => text(500, format!("failed to remove all history: {error}")),
        }
    }
}

/// Answers one request from one connection to the database.
struct Reader<'a> {
    dialect: &'a Dialect,
    database: &'a Connection,
    request: &'a Request<'a>,
}

impl Reader<'_> {
    fn answer(&self) -> Answer {
        let mut timing = Timing::default();
        let mut answer = match self.request.kind {
            Kind::Batch => self.batch(&mut timing),
            Kind::ActiveChart => self.active_chart().map(json),
            Kind::BandwidthChart => self.bandwidth_chart().map(json),
            _ => self.query(&mut timing).map(json),
        }
        .unwrap_or_else(|failure| match failure {
            Failure::Crash => text(500, crash::words(self.request.dev_mode)),
            failure => failure.answer(self.dialect, self.database),
        });
        if self.dialect.behaviour.server_timing && !timing.metrics.is_empty() {
            answer.server_timing = Some(timing.metrics.join(","));
        }
        answer
    }

    fn parse(&self) -> Result<Raw<'_>, Failure> {
        let body = self.request.body.ok_or_else(|| Failure::Request("invalid HTTP method".to_owned()))?;
        Ok(Raw::checked(body).map_err(DecodeError::Text)?)
    }

    fn query(&self, timing: &mut Timing) -> Result<Vec<u8>, Failure> {
        timing.begin("query_parsed", "Query has been parsed");
        let request = request::query(self.parse()?, self.dialect)?;
        timing.end(self.request.body.map_or(0, <[u8]>::len));
        timing.begin("query_built", "The SQL query has been built");
        let statement = Statement::build(&request, self.dialect)?;
        timing.end(statement.params.len() + 1);
        timing.begin("sql_exec", "SQL query execution time");

        let mut out = Vec::with_capacity(16 << 10);
        out.extend_from_slice(b"{\n  ");
        if self.request.dev_mode {
            development::before_results(&mut out, &request);
        }
        out.extend_from_slice(b"\"results\": ");
        let work = self.run(&mut out, &statement, true)?;
        timing.end(work);
        if self.request.dev_mode {
            development::after_results(&mut out, &request, &statement, self.dialect);
            if self.dialect.behaviour.times {
                development::times(&mut out, self.request.now, &timing.done);
            }
        }
        out.extend_from_slice(b"\n}\n");
        Ok(out)
    }

    fn batch(&self, timing: &mut Timing) -> Result<Answer, Failure> {
        timing.begin("query_parsed", "Query has been parsed");
        let requests: BTreeMap<String, QueryRequest> = request::batch(self.parse()?, self.dialect)?;
        timing.end(self.request.body.map_or(0, <[u8]>::len));
        let mut statements = Vec::with_capacity(requests.len());
        for (name, request) in &requests {
            let metric: String = name.chars().filter(|symbol| symbol.is_ascii_graphic()).collect();
            timing.begin(&format!("query_built_{metric}"), "The SQL query has been built");
            let statement = Statement::build(request, self.dialect)?;
            timing.end(statement.params.len() + 1);
            statements.push((name, statement));
        }
        timing.begin("sql_exec", "SQL query execution time");
        let mut answer = json(Vec::with_capacity(16 << 10));
        let mut work = 0;
        let mut failures = Vec::new();
        let members = statements.into_iter().map(|(name, statement)| (name, (name, statement)));
        output::object(&mut answer.body, 0, members, |out, (name, statement)| {
            let start = out.len();
            match self.run(out, &statement, false) {
                Ok(done) => work += done,
                Err(failure) => {
                    out.truncate(start);
                    out.extend_from_slice(b"null");
                    failures.push(format!("{name}: {}", failure.reason(self.dialect, self.database)));
                }
            }
        });
        answer.body.push(b'\n');
        timing.end(work);
        if !failures.is_empty() {
            answer.status = self.dialect.behaviour.statement_status;
            answer.query_errors = failures;
        }
        Ok(answer)
    }

    /// Runs a statement and writes its rows; says how much work that was, in steps of the database and rows.
    fn run(&self, out: &mut Vec<u8>, statement: &Statement, typed: bool) -> Result<usize, Failure> {
        let refused = |error| Failure::Statement { core: statement.text(self.dialect, Wording::Core), error };
        if let Some(name) = &statement.missing {
            return Err(refused(rusqlite::Error::InvalidParameterName(name.clone())));
        }
        if let Some(error) = statement.refusal(self.dialect) {
            return Err(refused(error));
        }
        let text = match self.page_by_start(statement)? {
            Some(text) => text,
            None => statement.text(self.dialect, Wording::Own),
        };
        let mut prepared = self.database.prepare_cached(&text).map_err(refused)?;
        bind(&mut prepared, &statement.params)?;
        let last = statement.params.len();
        prepared.raw_bind_parameter(last + 1, statement.limit)?;
        prepared.raw_bind_parameter(last + 2, statement.offset)?;
        let writer = RowWriter::new(statement.names(self.dialect), typed, self.dialect);
        let rows = writer.write_all(out, prepared.raw_query())?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// The text that reads a page from where its rows began, if they are all near.
    fn page_by_start(&self, statement: &Statement) -> Result<Option<String>, Failure> {
        let Some((near, page)) = statement.by_start(self.dialect) else { return Ok(None) };
        let wanted = statement.limit.saturating_add(statement.offset);
        let mut found = self.database.prepare_cached(&near)?;
        bind(&mut found, &statement.params)?;
        found.raw_bind_parameter(statement.params.len() + 1, wanted)?;
        let mut found = found.raw_query();
        let count: i64 = found.next()?.map_or(Ok(0), |row| row.get(0))?;
        Ok((count >= wanted).then_some(page))
    }

    fn filter(
        &self,
        conditions: Option<&Conditions>,
        search: Option<&TextSearch>,
        params: &mut Params,
    ) -> Result<Filter, Failure> {
        let mut filter = Filter::default();
        if let Some(conditions) = conditions {
            filter.clause = Clause::build(conditions, "", self.dialect, params)?;
        }
        if let Some(search) = search {
            filter.search = Search::build(search, self.dialect, params)?;
        }
        Ok(filter)
    }

    fn active_chart(&self) -> Result<Vec<u8>, Failure> {
        let request = request::active_chart(self.parse()?, self.dialect)?;
        let mut params = Params::default();
        let filter = self.filter(request.query.as_ref(), request.text_search.as_ref(), &mut params)?;
        charts::active(self.database, &filter, &params, self.request.now.as_second(), self.dialect)
    }

    fn bandwidth_chart(&self) -> Result<Vec<u8>, Failure> {
        let request = request::bandwidth_chart(self.parse()?, self.dialect)?;
        let group_by = request.group_by.unwrap_or_default();
        if let Some(unknown) = group_by.iter().find(|name| self.dialect.column(name).is_none()) {
            return Err(Failure::Request(format!("unsupported groupBy key: {}", quote(unknown))));
        }
        let mut params = Params::default();
        let filter = self.filter(request.query.as_ref(), None, &mut params)?;
        charts::bandwidth(self.database, &filter, &params, request.interval, &group_by, self.dialect)
    }
}
