//! A request as an SQL statement. Every name in it comes from the schema or is checked; every value is bound.

use std::{fmt::Write as _, ops::Range};

use super::{
    conditions::{BuildError, Clause, Params, Search, Wording},
    dialect::{Dialect, is_name, refused_token},
    request::{QueryRequest, Select},
};
use crate::go::quote::quote;

/// Among how many rows that began first or last a page is looked for before all are sorted.
const NEAR: usize = 4_000;

/// The rows of a page unless the request says less.
const PAGE: i64 = 100;

/// A statement that is ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    items: Vec<Item>,
    sources: Vec<String>,
    filter: Filter,
    group_by: Vec<String>,
    order_by: Vec<(String, bool)>,
    /// The rows of the page.
    pub(crate) limit: i64,
    /// The rows before the page.
    pub(crate) offset: i64,
    /// The values.
    pub(crate) params: Params,
    /// The first parameter that the core would lack, if it loses some.
    pub(crate) missing: Option<String>,
    /// The first name that is none, with its token that SQLite refuses.
    refused: Option<(String, Range<usize>)>,
}

/// One column of the result: its expression and its name.
#[derive(Clone, Debug)]
struct Item {
    expression: Expression,
    name: String,
}

#[derive(Clone, Debug)]
enum Expression {
    Column(String),
    Distinct(String),
    Renamed(String),
    Count(String, bool),
    Sum(String),
    SumWhere(Clause),
    Min(String),
}

/// Which rows of the sources are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// The conditions.
    pub(crate) clause: Clause,
    /// The text search.
    pub(crate) search: Option<Search>,
}

impl Filter {
    /// Whether every row is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.clause.is_empty() && self.search.is_none()
    }

    /// Whether it is the same for all connections of a kind.
    pub(crate) fn is_of_kind(&self, dialect: &Dialect) -> bool {
        let searched = self.search.iter().flat_map(Search::columns);
        self.clause.all_of(|column| column.of_kind) && searched.copied().all(|name| dialect.is_of_kind(name))
    }

    /// The SQL expression.
    pub(crate) fn write(&self, out: &mut String, params: &Params, wording: Wording) {
        self.clause.write(out, params, wording);
        if let Some(search) = &self.search {
            if !self.clause.is_empty() {
                out.push_str(" AND ");
            }
            search.write(out, params, wording);
        }
    }
}

fn not_allowed(name: &str) -> BuildError {
    BuildError::Text(format!("column name {} not allowed", quote(name)))
}

impl Statement {
    /// Builds the statement of a request, checking its parts in the core's order.
    pub(crate) fn build(request: &QueryRequest, dialect: &Dialect) -> Result<Self, BuildError> {
        let mut builder = Builder {
            dialect,
            names: Vec::new(),
            params: Params::default(),
            sums: Vec::new(),
            refused: None,
        };
        let selects = request.select.as_deref().unwrap_or_default();
        let mut items = Vec::with_capacity(selects.len());
        for (index, select) in selects.iter().enumerate() {
            let item = builder.item(select, index).map_err(|error| match error {
                BuildError::Text(text) if text.starts_with("invalid query: ") => BuildError::Text(text),
                other => other.after("perparing selected fields: "),
            })?;
            items.push(item);
        }
        let missing = builder.lost_parameter();

        let mut filter = Filter::default();
        if let Some(conditions) = &request.query {
            filter.clause = Clause::build(conditions, "", dialect, &mut builder.params)
                .map_err(|error| error.after("generating where clause: "))?;
        }
        if let Some(search) = &request.text_search {
            filter.search = Search::build(search, dialect, &mut builder.params)
                .map_err(|error| error.after("generating text-search clause: "))?;
        }
        // What is selected counts as a name as it is written, too: SQLite refuses that where groups and order stand.
        builder.names.extend(items.iter().map(|item| {
            let mut written = String::new();
            item.write(&mut written, &builder.params, Wording::Core, false);
            written
        }));
        let group_by = request.group_by.clone().unwrap_or_default();
        for name in &group_by {
            builder.known(name).map_err(|error| error.after("generating group-by clause: "))?;
        }
        let mut order_by = Vec::new();
        for term in request.order_by.iter().flatten() {
            builder.known(&term.field).map_err(|error| error.after("generating order-by clause: "))?;
            order_by.push((term.field.clone(), term.desc));
        }
        if let Some(bad) = request.databases.iter().find(|name| !is_name(name)) {
            let name = quote(bad);
            return Err(BuildError::Text(format!("invalid query: database name {name} not allowed")));
        }
        if items.is_empty() {
            items.extend(
                group_by
                    .iter()
                    .map(|name| Item { expression: Expression::Column(name.clone()), name: name.clone() }),
            );
        }
        let limit = if (1..=PAGE).contains(&request.page_size) { request.page_size } else { PAGE };
        Ok(Self {
            items,
            sources: request.databases.clone(),
            filter,
            group_by,
            order_by,
            limit,
            offset: if request.page > 0 { request.page.wrapping_mul(limit) } else { 0 },
            params: builder.params,
            missing,
            refused: builder.refused,
        })
    }

    /// What SQLite says of the core's statement if a name in it is none. It is not asked: such a name reaches no statement.
    pub(crate) fn refusal(&self, dialect: &Dialect) -> Option<rusqlite::Error> {
        let (name, token) = self.refused.as_ref()?;
        let core = self.text(dialect, Wording::Core);
        let at = core.find(&format!(" AS {name}"))? + " AS ".len() + token.start;
        Some(rusqlite::Error::SqlInputError {
            error: rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
            msg: format!("near \"{}\": syntax error", &name[token.clone()]),
            sql: core,
            offset: i32::try_from(at).ok()?,
        })
    }

    /// The names of the result's columns.
    pub(crate) fn names<'a>(&'a self, dialect: &'a Dialect) -> Vec<&'a str> {
        if self.items.is_empty() {
            return dialect.columns.iter().map(|column| column.name).collect();
        }
        self.items.iter().map(|item| item.name.as_str()).collect()
    }

    /// The statement's text. In our own wording the page is bound to the two parameters after the others.
    pub(crate) fn text(&self, dialect: &Dialect, wording: Wording) -> String {
        if wording == Wording::Own
            && let Some(source) = self.sorts_whole_rows(dialect)
        {
            return self.page_text(source, dialect, false);
        }
        let counts = wording == Wording::Own && self.only_counts(dialect);
        let mut out = String::with_capacity(512);
        out.push_str("SELECT ");
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            item.write(&mut out, &self.params, wording, counts);
        }
        match (self.items.is_empty(), wording) {
            (true, Wording::Core) => out.push('*'),
            (true, Wording::Own) => write_columns(&mut out, dialect),
            _ => {}
        }
        out.push_str(" FROM ");
        if counts {
            out.push_str("main.kinds WHERE kinds.connections > 0");
            if !self.filter.is_empty() {
                out.push_str(" AND ");
                self.filter.write(&mut out, &self.params, wording);
            }
        } else if dialect.behaviour.databases {
            self.write_union(&mut out, dialect, wording);
            out.push(' ');
        } else {
            out.push_str("connections");
            self.write_where(&mut out, wording);
        }
        out.push(' ');
        if !self.group_by.is_empty() {
            _ = write!(out, "GROUP BY {}", self.group_by.join(", "));
        }
        out.push(' ');
        for (index, (name, desc)) in self.order_by.iter().enumerate() {
            out.push_str(if index == 0 { "ORDER BY " } else { ", " });
            _ = write!(out, "{name} {}", direction(*desc));
        }
        match wording {
            Wording::Core => {
                _ = write!(out, " LIMIT {}", self.limit);
                if self.offset != 0 {
                    _ = write!(out, " OFFSET {}", self.offset);
                }
            }
            Wording::Own => {
                let last = self.params.len();
                _ = write!(out, " LIMIT ?{} OFFSET ?{}", last + 1, last + 2);
            }
        }
        out
    }

    /// The one table of a statement that sorts rows it does not change. Sorting by an indexed column is left to the
    /// index.
    fn sorts_whole_rows(&self, dialect: &Dialect) -> Option<&str> {
        let source = match self.sources.as_slice() {
            [] => "main",
            [source] if ["main", "history"].contains(&source.as_str()) => source,
            _ => return None,
        };
        let sortable = |name: &str| dialect.column(name).is_some() && !["id", "profile"].contains(&name);
        let first = self.order_by.first().is_some_and(|(name, _)| sortable(name));
        let whole = self.items.iter().all(|item| matches!(item.expression, Expression::Column(_)))
            && self.names(dialect).iter().all(|name| dialect.column(name).is_some());
        let columns = self.order_by.iter().all(|(name, _)| dialect.column(name).is_some());
        (first && whole && columns && self.group_by.is_empty()).then_some(source)
    }

    /// Finds a page's rows by their sorted columns alone and only then reads them: most rows that the sorter takes in
    /// leave it again, and should not carry all their columns. `by_start`: nothing is sorted, rows come as they began.
    fn page_text(&self, source: &str, dialect: &Dialect, by_start: bool) -> String {
        let mut out = String::with_capacity(1024);
        out.push_str("SELECT ");
        for (index, name) in self.names(dialect).iter().enumerate() {
            _ = write!(out, "{}whole.{name}", if index == 0 { "" } else { ", " });
        }
        _ = write!(out, " FROM ( SELECT rowid AS place FROM {source}.connections");
        out.push_str(if by_start { " INDEXED BY by_start" } else { "" });
        self.write_where(&mut out, Wording::Own);
        for (index, (name, desc)) in self.order_by.iter().enumerate() {
            let name = if by_start && index == 0 { "started_unix" } else { name };
            _ = write!(out, "{}{name} {}", if index == 0 { " ORDER BY " } else { ", " }, direction(*desc));
        }
        let last = self.params.len();
        _ = write!(
            out,
            " LIMIT ?{} OFFSET ?{} ) AS page CROSS JOIN {source}.connections AS whole ON whole.rowid = page.place",
            last + 1,
            last + 2
        );
        out
    }

    /// For rows in the order in which they began, and then of their ids, so that the way to them does not show: a statement
    /// that counts up to so many as are wanted among the first or last rows, and the one that reads the page from there.
    /// Where enough are found, that is much quicker than to sort all.
    pub(crate) fn by_start(&self, dialect: &Dialect) -> Option<(String, String)> {
        let source = self.sorts_whole_rows(dialect)?;
        let (first, desc) = self.order_by.first().filter(|(name, _)| name == "started")?;
        let unique = self.order_by.iter().any(|(name, _)| name == "id");
        if !unique || self.order_by.iter().skip(1).any(|(name, _)| name == first) {
            return None;
        }
        let mut near = format!(
            "SELECT COUNT(*) FROM ( SELECT 1 FROM ( SELECT rowid AS place FROM {source}.connections \
             ORDER BY started_unix {} LIMIT {NEAR} ) AS near CROSS JOIN {source}.connections \
             ON connections.rowid = near.place",
            direction(*desc)
        );
        self.write_where(&mut near, Wording::Own);
        _ = write!(near, " LIMIT ?{} )", self.params.len() + 1);
        Some((near, self.page_text(source, dialect, true)))
    }

    /// Whether live connections are counted by what all of a kind have in common, so that to ask their kinds is enough.
    fn only_counts(&self, dialect: &Dialect) -> bool {
        let of_kind = |name: &String| dialect.is_of_kind(name);
        let counts = |item: &Item| match &item.expression {
            Expression::Column(column) | Expression::Renamed(column) => self.group_by.contains(column),
            Expression::Count(column, false) => column == "*",
            Expression::Count(column, true) => of_kind(column),
            Expression::SumWhere(clause) => !clause.is_empty() && clause.all_of(|column| column.of_kind),
            Expression::Distinct(_) | Expression::Sum(_) | Expression::Min(_) => false,
        };
        !self.items.is_empty()
            && self.items.iter().all(counts)
            && self.group_by.iter().all(of_kind)
            && (self.sources.is_empty() || self.sources == ["main"])
            && self.filter.is_of_kind(dialect)
            && self.order_by.iter().all(|(name, _)| self.items.iter().any(|item| item.name == *name))
    }

    fn write_union(&self, out: &mut String, dialect: &Dialect, wording: Wording) {
        let main = ["main".to_owned()];
        let sources = if self.sources.is_empty() { &main[..] } else { &self.sources };
        out.push_str("( ");
        for (index, source) in sources.iter().enumerate() {
            out.push_str(if index == 0 { "SELECT " } else { " UNION SELECT " });
            match wording {
                Wording::Core => out.push('*'),
                Wording::Own => write_columns(out, dialect),
            }
            _ = write!(out, " FROM {source}.connections");
            if self.filter.is_empty() {
                out.push(' ');
            }
            self.write_where(out, wording);
        }
        out.push_str(" )");
    }

    fn write_where(&self, out: &mut String, wording: Wording) {
        if !self.filter.is_empty() {
            out.push_str(" WHERE ");
            self.filter.write(out, &self.params, wording);
        }
    }
}

fn direction(desc: bool) -> &'static str {
    if desc { "DESC" } else { "ASC" }
}

fn write_columns(out: &mut String, dialect: &Dialect) {
    for (index, column) in dialect.columns.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(column.name);
    }
}

impl Item {
    /// `counts`: each row stands for all connections of a kind.
    fn write(&self, out: &mut String, params: &Params, wording: Wording, counts: bool) {
        let name = &self.name;
        _ = match &self.expression {
            Expression::Column(column) => write!(out, "{column}"),
            Expression::Distinct(column) => write!(out, "DISTINCT {column}"),
            Expression::Renamed(column) => write!(out, "{column} AS {name}"),
            Expression::Count(column, true) => write!(out, "COUNT(DISTINCT {column}) AS {name}"),
            Expression::Count(_, false) if counts => {
                write!(out, "IFNULL(SUM(kinds.connections), 0) AS {name}")
            }
            Expression::Count(column, false) => write!(out, "COUNT({column}) AS {name}"),
            Expression::Sum(column) => write!(out, "SUM({column}) AS {name}"),
            Expression::Min(column) => write!(out, "MIN({column}) AS {name}"),
            Expression::SumWhere(clause) => {
                out.push_str(if counts { "SUM(kinds.connections * (" } else { "SUM(" });
                clause.write(out, params, wording);
                write!(out, "{} AS {name}", if counts { "))" } else { ")" })
            }
        };
    }
}

/// Checks the selection.
struct Builder<'a> {
    dialect: &'a Dialect,
    /// The names of results so far.
    names: Vec<String>,
    params: Params,
    /// Where the parameters of each `$sum` begin and end.
    sums: Vec<Range<usize>>,
    /// The first name that is none, with its token that SQLite refuses.
    refused: Option<(String, Range<usize>)>,
}

impl Builder<'_> {
    /// Columns and names of results may be used.
    fn known(&self, name: &str) -> Result<(), BuildError> {
        if self.dialect.column(name).is_some() || self.names.iter().any(|known| known == name) {
            Ok(())
        } else {
            Err(not_allowed(name))
        }
    }

    /// The name of a result; the core takes any text with a letter in it. Here what SQLite might take for more than a name is
    /// refused.
    fn name(&mut self, form: &str, given: &str, otherwise: String) -> Result<String, BuildError> {
        if !is_name(given) {
            let Some(token) = refused_token(given) else {
                return Err(BuildError::Text(format!(
                    "invalid query: invalid characters in {form}.as, value must match [a-zA-Z]+"
                )));
            };
            self.refused.get_or_insert_with(|| (given.to_owned(), token));
        }
        let name = if given.is_empty() { otherwise } else { given.to_owned() };
        self.names.push(name.clone());
        Ok(name)
    }

    fn item(&mut self, select: &Select, index: usize) -> Result<Item, BuildError> {
        // An element with several members is checked by one of them and used by another, each in its own order.
        let star = |field: &str| if field.is_empty() { "*".to_owned() } else { field.to_owned() };
        let checked = if let Some(count) = &select.count {
            count.field.clone()
        } else if let Some(column) = &select.distinct {
            // The star is no column.
            self.known(column)?;
            column.clone()
        } else if let Some(sum) = &select.sum {
            star(&sum.field)
        } else if let Some(min) = &select.min {
            self.known(&star(&min.field))?;
            min.field.clone()
        } else if let Some(renamed) = &select.renamed {
            renamed.field.clone()
        } else {
            select.field.clone()
        };
        let may_be_star = select.count.is_some() || select.sum.is_some();
        if !(checked == "*" && may_be_star) {
            self.known(&checked)?;
        }

        if let Some(renamed) = &select.renamed {
            self.known(&renamed.field)?;
            let name = self.name("$field", &renamed.name, renamed.field.clone())?;
            return Ok(Item { expression: Expression::Renamed(renamed.field.clone()), name });
        }
        if let Some(count) = &select.count {
            let name = self.name("$count", &count.name, format!("{}_count", count.field))?;
            return Ok(Item { expression: Expression::Count(count.field.clone(), count.distinct), name });
        }
        if let Some(sum) = &select.sum {
            if sum.name.is_empty() {
                return Err(BuildError::Text("missing 'as' for $sum".to_owned()));
            }
            let expression = if sum.field.is_empty() {
                let begin = self.params.len();
                let conditions = sum.condition.clone().unwrap_or_default();
                let clause =
                    Clause::build(&conditions, &format!("sel{index}"), self.dialect, &mut self.params)
                        .map_err(|error| error.after("in $sum: "))?;
                self.sums.push(begin..self.params.len());
                Expression::SumWhere(clause)
            } else {
                if sum.field != "*" {
                    self.known(&sum.field)?;
                }
                Expression::Sum(sum.field.clone())
            };
            let name = self.name("$sum", &sum.name, String::new())?;
            return Ok(Item { expression, name });
        }
        if let Some(min) = &select.min {
            if min.name.is_empty() {
                return Err(BuildError::Text("missing 'as' for $min".to_owned()));
            }
            self.known(&min.field)?;
            let name = self.name("$min", &min.name, String::new())?;
            return Ok(Item { expression: Expression::Min(min.field.clone()), name });
        }
        if let Some(column) = &select.distinct {
            return Ok(Item { expression: Expression::Distinct(column.clone()), name: column.clone() });
        }
        Ok(Item { expression: Expression::Column(select.field.clone()), name: select.field.clone() })
    }

    /// The first parameter of a `$sum` that is not the last one, where the core loses those.
    fn lost_parameter(&self) -> Option<String> {
        if !self.dialect.several_sums_fail {
            return None;
        }
        let (_, earlier) = self.sums.split_last()?;
        let lost = earlier.iter().find(|range| !range.is_empty())?;
        self.params.iter().nth(lost.start).map(|(name, _)| name.clone())
    }
}
