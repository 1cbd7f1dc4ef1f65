//! The requests of the query language (netquery §3), read from JSON.

use std::collections::BTreeMap;

use super::dialect::Dialect;
use crate::{
    go::{
        decode::{At, DecodeError, Soft, members},
        print,
        read::{Kind, Raw},
    },
    limits,
    ordered::ordered,
};

/// What is said of more values than a statement takes, in the database's words.
pub(super) const TOO_MANY: &str = "too many SQL variables";

/// A request to `query`, and each value of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryRequest {
    /// What to select; everything if absent.
    pub(crate) select: Option<Vec<Select>>,
    /// The conditions; none if absent.
    pub(crate) query: Option<Conditions>,
    /// The order.
    pub(crate) order_by: Option<Vec<OrderBy>>,
    /// The columns to group by.
    pub(crate) group_by: Option<Vec<String>>,
    /// The text search.
    pub(crate) text_search: Option<TextSearch>,
    /// The databases; `main` if absent or empty.
    pub(crate) databases: Vec<String>,
    /// The page, from 0.
    pub(crate) page: i64,
    /// The rows of a page.
    pub(crate) page_size: i64,
}

/// One element of a selection; several members may be set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Select {
    /// A plain column.
    pub(crate) field: String,
    /// `$count`
    pub(crate) count: Option<Form>,
    /// `$sum`
    pub(crate) sum: Option<Form>,
    /// `$min`
    pub(crate) min: Option<Form>,
    /// `$distinct`
    pub(crate) distinct: Option<String>,
    /// `$field`
    pub(crate) renamed: Option<Form>,
}

/// `$count`, `$sum`, `$min` or `$field`, each of which has some of the members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// A column, of `$count` also `*`; if a `$sum` has none, the rows that meet its condition are counted.
    pub(crate) field: String,
    /// The condition of a `$sum`.
    pub(crate) condition: Option<Conditions>,
    /// The name of the result.
    pub(crate) name: String,
    /// Whether equal values count once; accepted and ignored but in `$count`.
    pub(crate) distinct: bool,
}

/// Conditions: by column, the matchers of which one must hold.
pub(crate) type Conditions = BTreeMap<String, Vec<Matcher>>;

/// Tests that must hold together. None at all (a `null` in the request) always holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matcher {
    /// `$eq`
    pub(crate) eq: Option<Operand>,
    /// `$ne`
    pub(crate) ne: Option<Operand>,
    /// `$in`
    pub(crate) one_of: Option<Vec<Operand>>,
    /// `$notIn`
    pub(crate) none_of: Option<Vec<Operand>>,
    /// `$like`
    pub(crate) like: String,
    /// `$gt`
    pub(crate) gt: Option<f64>,
    /// `$ge`
    pub(crate) ge: Option<f64>,
    /// `$lt`
    pub(crate) lt: Option<f64>,
    /// `$le`
    pub(crate) le: Option<f64>,
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number
    Number(f64),
    /// A string
    Text(String),
    /// An array, as it prints in messages
    List(String),
    /// An object, as it prints in messages
    Map(String),
}

/// A search for a piece of text in some columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextSearch {
    /// The columns; no search if none.
    pub(crate) fields: Option<Vec<String>>,
    /// The text.
    pub(crate) value: String,
}

/// One column of an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderBy {
    /// A column or the name of a result.
    pub(crate) field: String,
    /// Whether the largest comes first.
    pub(crate) desc: bool,
}

/// A request to `charts/connection-active`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveChart {
    /// The conditions.
    pub(crate) query: Option<Conditions>,
    /// The text search.
    pub(crate) text_search: Option<TextSearch>,
}

/// A request to `charts/bandwidth`.
#[derive(Clone, Debug, Default)]
pub(crate) struct BandwidthChart {
    /// Seconds a bucket; 10 if 0.
    pub(crate) interval: i64,
    /// The conditions.
    pub(crate) query: Option<Conditions>,
    /// The columns to group by.
    pub(crate) group_by: Option<Vec<String>>,
}

const STRINGS: (&str, &str) = ("[]string", "string");

/// Reads a request to `query`.
pub(crate) fn query(raw: Raw<'_>, dialect: &Dialect) -> Result<QueryRequest, DecodeError> {
    let mut soft = Soft::default();
    let request = query_into(raw, dialect, &mut soft)?;
    soft.unless(request)
}

/// Reads a batch of requests, by name.
pub(crate) fn batch(raw: Raw<'_>, dialect: &Dialect) -> Result<BTreeMap<String, QueryRequest>, DecodeError> {
    let mut soft = Soft::default();
    let mut requests = BTreeMap::new();
    match raw.kind() {
        Kind::Object => {
            for (name, value) in raw.members() {
                requests.insert(name, query_into(value, dialect, &mut soft)?);
            }
        }
        Kind::Null => {}
        _ => soft.wrong(At::TOP, raw, "netquery.BatchQueryRequestPayload"),
    }
    soft.unless(requests)
}

fn query_into(raw: Raw<'_>, dialect: &Dialect, soft: &mut Soft) -> Result<QueryRequest, DecodeError> {
    const HOLDER: &str = "QueryRequestPayload";
    let mut request = QueryRequest::default();
    let names: &[_] = if dialect.behaviour.databases {
        &["select", "query", "orderBy", "groupBy", "textSearch", "databases", "page", "pageSize"]
    } else {
        &["select", "query", "orderBy", "groupBy", "textSearch", "page", "pageSize"]
    };
    members(raw, At::TOP, "netquery.QueryRequestPayload", names, soft, |name, value, soft| {
        let at = At::member(HOLDER, name);
        match name {
            "select" => request.select = selection(value, dialect).map_err(|error| error.within(at))?,
            "query" => request.query = conditions(value, dialect).map_err(|error| error.within(at))?,
            "orderBy" => request.order_by = Some(order(value).map_err(|error| error.within(at))?),
            "groupBy" => soft.strings(value, at, STRINGS, &mut request.group_by),
            "textSearch" => text_search(value, at, soft, &mut request.text_search)?,
            "databases" => {
                let mut names = None;
                soft.strings(value, at, ("[]netquery.DatabaseName", "netquery.DatabaseName"), &mut names);
                request.databases = names.unwrap_or_default();
            }
            "page" => soft.int(value, At::nested(HOLDER, "Pagination", name), &mut request.page),
            _ => soft.int(value, At::nested(HOLDER, "Pagination", name), &mut request.page_size),
        }
        Ok(())
    })?;
    Ok(request)
}

/// Reads a request to `charts/connection-active`.
pub(crate) fn active_chart(raw: Raw<'_>, dialect: &Dialect) -> Result<ActiveChart, DecodeError> {
    let mut soft = Soft::default();
    let mut request = ActiveChart::default();
    let wanted = "netquery.QueryActiveConnectionChartPayload";
    members(raw, At::TOP, wanted, &["query", "textSearch"], &mut soft, |name, value, soft| {
        let at = At::member("QueryActiveConnectionChartPayload", name);
        match name {
            "query" => request.query = conditions(value, dialect).map_err(|error| error.within(at))?,
            _ => text_search(value, at, soft, &mut request.text_search)?,
        }
        Ok(())
    })?;
    soft.unless(request)
}

/// Reads a request to `charts/bandwidth`.
pub(crate) fn bandwidth_chart(raw: Raw<'_>, dialect: &Dialect) -> Result<BandwidthChart, DecodeError> {
    let mut soft = Soft::default();
    let mut request = BandwidthChart::default();
    let wanted = "netquery.BandwidthChartRequest";
    members(raw, At::TOP, wanted, &["interval", "query", "groupBy"], &mut soft, |name, value, soft| {
        let at = At::member("BandwidthChartRequest", name);
        match name {
            "interval" => soft.int(value, at, &mut request.interval),
            "query" => request.query = conditions(value, dialect).map_err(|error| error.within(at))?,
            _ => soft.strings(value, at, STRINGS, &mut request.group_by),
        }
        Ok(())
    })?;
    soft.unless(request)
}

/// Reads the profiles of a request to `history/clear`; none means all.
pub(crate) fn history_clear(raw: Raw<'_>) -> Result<Vec<String>, DecodeError> {
    let mut soft = Soft::default();
    let mut profiles = None;
    let wanted = "struct { ProfileIDs []string \"json:\\\"profileIDs\\\"\" }";
    members(raw, At::TOP, wanted, &["profileIDs"], &mut soft, |name, value, soft| {
        soft.strings(value, At::member("", name), STRINGS, &mut profiles);
        Ok(())
    })?;
    soft.unless(profiles.unwrap_or_default())
}

/// A selection: an array, one object, or a string, which is read and thrown away.
fn selection(raw: Raw<'_>, dialect: &Dialect) -> Result<Option<Vec<Select>>, DecodeError> {
    match raw.kind() {
        Kind::Array => raw.elements().map(|one| select(one, dialect)).collect::<Result<_, _>>().map(Some),
        Kind::Object => Ok(Some(vec![select(raw, dialect)?])),
        _ => {
            let mut soft = Soft::default();
            soft.string(raw, At::TOP, "string", &mut String::new());
            soft.unless(None)
        }
    }
}

fn select(raw: Raw<'_>, dialect: &Dialect) -> Result<Select, DecodeError> {
    let mut soft = Soft::default();
    let mut select = Select::default();
    if raw.kind() != Kind::Object {
        soft.string(raw, At::TOP, "string", &mut select.field);
        return soft.unless(select);
    }
    let sum: &'static [_] = match dialect.behaviour.sum_of_field {
        true => &["condition", "field", "as", "distinct"],
        false => &["condition", "as", "distinct"],
    };
    members(raw, At::TOP, "netquery.Select", &dialect.selects, &mut soft, |form, value, soft| {
        let at = At::member("Select", form);
        let read = |kind: FormKind, soft: &mut Soft| read_form(value, form, kind, dialect, soft);
        match form {
            "field" => soft.string(value, at, "string", &mut select.field),
            "$count" => select.count = read(("Count", "netquery.Count", &["field", "as", "distinct"]), soft)?,
            "$sum" => select.sum = read(("Sum", "netquery.Sum", sum), soft)?,
            "$min" => select.min = read(("Min", "netquery.Min", &["field", "as", "distinct"]), soft)?,
            "$distinct" => {
                let mut column = String::new();
                soft.string(value, at, "string", &mut column);
                select.distinct = (value.kind() != Kind::Null).then_some(column);
            }
            _ => select.renamed = read(("FieldSelect", "netquery.FieldSelect", &["field", "as"]), soft)?,
        }
        Ok(())
    })?;
    let select = soft.unless(select)?;
    for (form, name) in [
        ("$count", select.count.as_ref().map(|one| &one.name)),
        ("$sum", select.sum.as_ref().map(|one| &one.name).filter(|_| dialect.behaviour.sum_of_field)),
        ("$min", select.min.as_ref().map(|one| &one.name)),
        ("$field", select.renamed.as_ref().map(|one| &one.name)),
    ] {
        if let Some(name) = name
            && !name.is_empty()
            && !good_name(name)
        {
            return Err(DecodeError::Text(format!(
                "invalid characters in {form}.as, value must match [a-zA-Z]+"
            )));
        }
    }
    Ok(select)
}

/// What Go calls a structure inside its package and outside, and its members.
type FormKind = (&'static str, &'static str, &'static [&'static str]);

fn read_form(
    raw: Raw<'_>,
    form: &str,
    (holder, wanted, names): FormKind,
    dialect: &Dialect,
    soft: &mut Soft,
) -> Result<Option<Form>, DecodeError> {
    let mut read = Form::default();
    members(raw, At::member("Select", form), wanted, names, soft, |name, value, soft| {
        let at = At::nested(holder, form, name);
        match name {
            "condition" => read.condition = conditions(value, dialect).map_err(|error| error.within(at))?,
            "field" => soft.string(value, at, "string", &mut read.field),
            "as" => soft.string(value, at, "string", &mut read.name),
            _ => soft.bool(value, at, &mut read.distinct),
        }
        Ok(())
    })?;
    Ok((raw.kind() != Kind::Null).then_some(read))
}

/// Whether the core takes the text as a name: it asks for one letter only.
fn good_name(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn conditions(raw: Raw<'_>, dialect: &Dialect) -> Result<Option<Conditions>, DecodeError> {
    match raw.kind() {
        Kind::Object => {
            let columns = ordered(raw.members()).into_iter();
            columns
                .map(|(column, value)| Ok((column.clone(), matchers(&column, value, dialect)?)))
                .collect::<Result<Vec<_>, _>>()
                .map(|columns| Some(ordered(columns)))
        }
        Kind::Null => Ok(None),
        _ => {
            let mut soft = Soft::default();
            soft.wrong(At::TOP, raw, "map[string]json.RawMessage");
            soft.unless(None)
        }
    }
}

/// The matchers of one column: an array of them, or a single one.
fn matchers(column: &str, raw: Raw<'_>, dialect: &Dialect) -> Result<Vec<Matcher>, DecodeError> {
    if raw.kind() != Kind::Array {
        return Ok(vec![matcher(raw, dialect)?]);
    }
    raw.elements()
        .map(|one| {
            if one.kind() == Kind::Array {
                return Err(DecodeError::Text(format!("invalid token [ in query for column {column}")));
            }
            matcher(one, dialect)
        })
        .collect()
}

fn matcher(raw: Raw<'_>, dialect: &Dialect) -> Result<Matcher, DecodeError> {
    let mut soft = Soft::default();
    let mut matcher = Matcher::default();
    match raw.kind() {
        Kind::Null => return Ok(matcher),
        Kind::Object => {}
        _ => {
            matcher.eq = Some(operand(raw, At::TOP, &mut soft));
            return soft.unless(matcher);
        }
    }
    members(raw, At::TOP, "netquery.Matcher", &dialect.operators, &mut soft, |operator, value, soft| {
        let at = At::member("Matcher", operator);
        let one =
            |soft: &mut Soft| Some(operand(value, at, soft)).filter(|operand| *operand != Operand::Null);
        match operator {
            "$eq" => matcher.eq = one(soft),
            "$ne" => matcher.ne = one(soft),
            "$in" => operands(value, at, soft, &mut matcher.one_of)?,
            "$notIn" => operands(value, at, soft, &mut matcher.none_of)?,
            "$like" => soft.string(value, at, "string", &mut matcher.like),
            "$gt" => soft.float(value, at, &mut matcher.gt),
            "$ge" => soft.float(value, at, &mut matcher.ge),
            "$lt" => soft.float(value, at, &mut matcher.lt),
            _ => soft.float(value, at, &mut matcher.le),
        }
        Ok(())
    })?;
    let matcher = soft.unless(matcher)?;
    if matcher.is_empty() {
        return Err(DecodeError::Text("invalid query matcher: no conditions specified".to_owned()));
    }
    Ok(matcher)
}

impl Matcher {
    /// Whether it tests nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.eq.is_none()
            && self.ne.is_none()
            && self.one_of.is_none()
            && self.none_of.is_none()
            && self.like.is_empty()
            && self.gt.is_none()
            && self.ge.is_none()
            && self.lt.is_none()
            && self.le.is_none()
    }
}

fn operands(
    raw: Raw<'_>,
    at: At<'_>,
    soft: &mut Soft,
    into: &mut Option<Vec<Operand>>,
) -> Result<(), DecodeError> {
    match raw.kind() {
        Kind::Array if raw.elements().nth(limits::COMPARED).is_some() => {
            return Err(DecodeError::Text(TOO_MANY.to_owned()));
        }
        Kind::Array => *into = Some(raw.elements().map(|one| operand(one, at, soft)).collect()),
        Kind::Null => *into = None,
        _ => soft.wrong(at, raw, "[]interface {}"),
    }
    Ok(())
}

fn operand(raw: Raw<'_>, at: At<'_>, soft: &mut Soft) -> Operand {
    match raw.kind() {
        Kind::Null => Operand::Null,
        Kind::Bool => Operand::Bool(raw.is_true()),
        Kind::Number => Operand::Number(soft.number(raw, at).unwrap_or_default()),
        Kind::String => Operand::Text(raw.string()),
        Kind::Array => Operand::List(printed(raw, 0)),
        Kind::Object => Operand::Map(printed(raw, 0)),
    }
}

/// A value as messages print it: `[1 2]`, `map[a:1]`. What is nested very deep is left out.
fn printed(raw: Raw<'_>, depth: usize) -> String {
    match raw.kind() {
        _ if depth > 64 => "…".to_owned(),
        Kind::Null => "<nil>".to_owned(),
        Kind::Bool => raw.literal().into_owned(),
        Kind::Number => raw.literal().parse().map_or_else(|_| raw.literal().into_owned(), print::float),
        Kind::String => raw.string(),
        Kind::Array => {
            let elements: Vec<_> = raw.elements().map(|one| printed(one, depth + 1)).collect();
            format!("[{}]", elements.join(" "))
        }
        Kind::Object => {
            let pairs: Vec<_> = ordered(raw.members())
                .into_iter()
                .map(|(name, value)| format!("{name}:{}", printed(value, depth + 1)))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
    }
}

fn order(raw: Raw<'_>) -> Result<Vec<OrderBy>, DecodeError> {
    match raw.kind() {
        Kind::Array => raw.elements().map(order_term).collect(),
        _ => Ok(vec![order_term(raw)?]),
    }
}

fn order_term(raw: Raw<'_>) -> Result<OrderBy, DecodeError> {
    let mut soft = Soft::default();
    let mut term = OrderBy::default();
    if raw.kind() != Kind::Object {
        soft.string(raw, At::TOP, "string", &mut term.field);
        return soft.unless(term);
    }
    members(raw, At::TOP, "netquery.OrderBy", &["field", "desc"], &mut soft, |name, value, soft| {
        let at = At::member("OrderBy", name);
        match name {
            "field" => soft.string(value, at, "string", &mut term.field),
            _ => soft.bool(value, at, &mut term.desc),
        }
        Ok(())
    })?;
    soft.unless(term)
}

fn text_search(
    raw: Raw<'_>,
    at: At<'_>,
    soft: &mut Soft,
    into: &mut Option<TextSearch>,
) -> Result<(), DecodeError> {
    if raw.kind() == Kind::Null {
        *into = None;
        return Ok(());
    }
    let search = into.get_or_insert_default();
    members(raw, at, "netquery.TextSearch", &["fields", "value"], soft, |name, value, soft| {
        let at = At::nested("TextSearch", "textSearch", name);
        match name {
            "fields" => soft.strings(value, at, STRINGS, &mut search.fields),
            _ => soft.string(value, at, "string", &mut search.value),
        }
        Ok(())
    })
}
