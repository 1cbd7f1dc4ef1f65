//! Conditions on columns, checked and with their values encoded, ready to be written as SQL.

use std::fmt::Write as _;

use super::{
    columns::{Column, Shown},
    dialect::Dialect,
    request::{Conditions, Matcher, Operand, TOO_MANY, TextSearch},
};
use crate::{
    go::{errors, quote::quote, time},
    limits,
};

/// In whose words a statement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// As the core writes it: shown in Development Mode, charts and error messages.
    Core,
    /// As it is run here.
    Own,
}

/// Why a statement cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// The request is wrong; what the answer says.
    Text(String),
    /// The core's handler would crash.
    Crash,
}

impl BuildError {
    /// The error with words before it.
    pub(crate) fn after(self, words: &str) -> Self {
        match self {
            Self::Text(text) => Self::Text(format!("{words}{text}")),
            Self::Crash => Self::Crash,
        }
    }
}

/// A value that is bound to a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Bound as 1 or 0.
    Bool(bool),
    /// Bound as a floating point number.
    Number(f64),
    /// Bound as text.
    Text(String),
}

/// The values of a statement, by name. The place of a value is the number of its parameter, from 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, Value)>);

impl Params {
    fn add(&mut self, name: String, value: Value) -> usize {
        self.0.push((name, value));
        self.0.len()
    }

    /// The names and values, in the order in which they were added.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &(String, Value)> {
        self.0.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut String, number: usize, wording: Wording) {
        match wording {
            Wording::Core => out.push_str(&self.0[number - 1].0),
            Wording::Own => _ = write!(out, "?{number}"),
        }
    }
}

/// A comparison with bound values.
#[derive(Clone, Debug)]
struct Test {
    column: Column,
    operator: Operator,
    /// The parameters' numbers.
    values: Vec<usize>,
    /// Whether the column's Unix seconds are compared.
    seconds: bool,
}

/// An operator: its name in parameters, its word in SQL, whether it takes a list.
type Operator = (&'static str, &'static str, bool);
const EQ: Operator = ("eq", "=", false);
const NE: Operator = ("ne", "!=", false);
const IN: Operator = ("in", "IN", true);
const NOT_IN: Operator = ("notin", "NOT IN", true);
const LIKE: Operator = ("like", "LIKE", false);
const GT: Operator = ("gt", ">", false);
const GE: Operator = ("ge", ">=", false);
const LT: Operator = ("lt", "<", false);
const LE: Operator = ("le", "<=", false);

/// Conditions: for every column one of its matchers holds, and of a matcher every test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clause(Vec<Vec<Vec<Test>>>);

impl Clause {
    /// Checks conditions and encodes their values. `suffix` keeps the parameters of several clauses apart.
    pub(crate) fn build(
        conditions: &Conditions,
        suffix: &str,
        dialect: &Dialect,
        params: &mut Params,
    ) -> Result<Self, BuildError> {
        let mut clause = Vec::new();
        let mut errors = Vec::new();
        for (name, matchers) in conditions {
            let Some(column) = dialect.column(name) else {
                errors.push(format!("column {name} is not allowed"));
                continue;
            };
            let mut any = Vec::new();
            for (index, matcher) in matchers.iter().enumerate() {
                let mut encoder =
                    Encoder { column, index, suffix, dialect, params, tests: Vec::new(), errors: Vec::new() };
                encoder.matcher(matcher)?;
                if encoder.errors.is_empty() {
                    any.push(encoder.tests);
                } else {
                    let errors_of = errors::list(&encoder.errors);
                    errors.push(format!("invalid matcher at index {index} for column {name}: {errors_of}"));
                }
            }
            clause.push(any);
        }
        if errors.is_empty() { Ok(Self(clause)) } else { Err(BuildError::Text(errors::list(&errors))) }
    }

    /// Whether there is no condition.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all columns of conditions are such.
    pub(crate) fn all_of(&self, fits: impl Fn(&Column) -> bool) -> bool {
        self.0.iter().flatten().flatten().all(|test| fits(&test.column))
    }

    /// Whether a column must equal one value, and nothing else is allowed for it.
    pub(crate) fn fixes(&self, name: &str) -> bool {
        self.0.iter().any(|any| match any.as_slice() {
            [all] => all.iter().any(|test| test.column.name == name && test.operator == EQ),
            _ => false,
        })
    }

    /// The SQL expression.
    pub(crate) fn write(&self, out: &mut String, params: &Params, wording: Wording) {
        for (index, any) in self.0.iter().enumerate() {
            out.push_str(if index == 0 { "( " } else { " AND ( " });
            for (index, all) in any.iter().enumerate() {
                if index > 0 {
                    out.push_str(" OR ");
                }
                match all.as_slice() {
                    [] => out.push_str("( 1 = 1 )"),
                    [test] => test.write(out, params, wording),
                    several => {
                        out.push_str("( ");
                        for (index, test) in several.iter().enumerate() {
                            if index > 0 {
                                out.push_str(" AND ");
                            }
                            test.write(out, params, wording);
                        }
                        out.push_str(" )");
                    }
                }
            }
            out.push_str(" )");
        }
    }
}

impl Test {
    fn write(&self, out: &mut String, params: &Params, wording: Wording) {
        // The database here would look for text in a BLOB; the core's is built not to.
        let no_blob = wording == Wording::Own && self.operator == LIKE && self.column.shown == Shown::Json;
        if no_blob {
            _ = write!(out, "( typeof({}) = 'text' AND ", self.column.name);
        }
        match (self.seconds, wording) {
            (false, _) => out.push_str(self.column.name),
            (true, Wording::Core) => _ = write!(out, "strftime('%s', {})+0", self.column.name),
            (true, Wording::Own) => _ = write!(out, "{}_unix", self.column.name),
        }
        _ = write!(out, " {} ", self.operator.1);
        if self.operator.2 {
            out.push_str("( ");
        }
        for (index, number) in self.values.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            params.write(out, *number, wording);
        }
        if self.operator.2 {
            out.push_str(" )");
        }
        if no_blob {
            out.push_str(" )");
        }
    }
}

/// Encodes the values of one matcher.
struct Encoder<'a> {
    column: &'a Column,
    index: usize,
    suffix: &'a str,
    dialect: &'a Dialect,
    params: &'a mut Params,
    tests: Vec<Test>,
    errors: Vec<String>,
}

impl Encoder<'_> {
    fn matcher(&mut self, matcher: &Matcher) -> Result<(), BuildError> {
        self.test(EQ, matcher.eq.as_slice())?;
        self.test(NE, matcher.ne.as_slice())?;
        if let Some(list) = &matcher.one_of {
            self.list(IN, list)?;
        }
        if let Some(list) = &matcher.none_of {
            self.list(NOT_IN, list)?;
        }
        if !matcher.like.is_empty() {
            self.test(LIKE, &[Operand::Text(matcher.like.clone())])?;
        }
        for (operator, bound) in [(GT, matcher.gt), (GE, matcher.ge), (LT, matcher.lt), (LE, matcher.le)] {
            if let Some(number) = bound {
                self.test(operator, &[Operand::Number(number)])?;
            }
        }
        Ok(())
    }

    fn test(&mut self, operator: Operator, operands: &[Operand]) -> Result<(), BuildError> {
        if operands.is_empty() { Ok(()) } else { self.list(operator, operands) }
    }

    fn list(&mut self, operator: Operator, operands: &[Operand]) -> Result<(), BuildError> {
        let time = self.column.shown == Shown::Time;
        let seconds =
            time && self.dialect.behaviour.seconds && matches!(operands.first(), Some(Operand::Number(_)));
        if self.params.len() + operands.len() > limits::COMPARED {
            return Err(BuildError::Text(TOO_MANY.to_owned()));
        }
        let mut values = Vec::with_capacity(operands.len());
        for (place, operand) in operands.iter().enumerate() {
            match self.encode(operand)? {
                Ok(value) => {
                    let Self { column, index, suffix, .. } = *self;
                    let name = format!(":{}{suffix}{index}{}{place}", column.name, operator.0);
                    values.push(self.params.add(name, value));
                }
                Err(error) => {
                    self.errors.push(error);
                    return Ok(());
                }
            }
        }
        self.tests.push(Test { column: *self.column, operator, values, seconds });
        Ok(())
    }

    /// The value to bind, or the error of the matcher.
    fn encode(&self, operand: &Operand) -> Result<Result<Value, String>, BuildError> {
        let time = self.column.shown == Shown::Time;
        let failed = |printed: &str, why: &str| {
            Err(format!(
                "failed to encode {printed} for column {}: failed to run encode hooks: {why}",
                self.column.name
            ))
        };
        Ok(match operand {
            Operand::Null if self.dialect.null_panics => return Err(BuildError::Crash),
            Operand::Null => Ok(match self.column.shown {
                Shown::Text | Shown::Json => Value::Text(String::new()),
                Shown::Bool => Value::Bool(false),
                Shown::Int(..) | Shown::Float => Value::Number(0.0),
                Shown::Time => Value::Text("0001-01-01 00:00:00".to_owned()),
            }),
            Operand::Bool(value) => Ok(Value::Bool(*value)),
            Operand::Number(value) => Ok(Value::Number(*value)),
            Operand::Text(text) if time => match time::stored_form(text) {
                Ok(stored) => Ok(Value::Text(stored)),
                Err(why) => failed(text, &format!("failed to parse time as RFC3339: {why}")),
            },
            Operand::Text(text) => Ok(Value::Text(text.clone())),
            Operand::List(printed) => failed(printed, "cannot convert value of kind slice for use in SQLite"),
            Operand::Map(printed) => failed(printed, "cannot convert value of kind map for use in SQLite"),
        })
    }
}

/// A text search: the columns, and the number of the pattern's parameter.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    columns: Vec<&'static str>,
    pattern: usize,
}

impl Search {
    /// Checks a text search; `None` if it names no column.
    pub(crate) fn build(
        search: &TextSearch,
        dialect: &Dialect,
        params: &mut Params,
    ) -> Result<Option<Self>, BuildError> {
        let fields = search.fields.as_deref().unwrap_or_default();
        if fields.is_empty() {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            match dialect.column(field) {
                Some(Column { name, shown: Shown::Text | Shown::Time, .. }) => columns.push(*name),
                Some(_) => {
                    return Err(BuildError::Text(format!(
                        "type of column {field} cannot be used in text-search"
                    )));
                }
                None if dialect.search_panics => return Err(BuildError::Crash),
                None => {
                    let name = quote(field);
                    return Err(BuildError::Text(format!("column name {name} not allowed")));
                }
            }
        }
        let pattern = params.add(":t".to_owned(), Value::Text(format!("%{}%", search.value)));
        Ok(Some(Self { columns, pattern }))
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    /// The SQL expression.
    pub(crate) fn write(&self, out: &mut String, params: &Params, wording: Wording) {
        for (index, column) in self.columns.iter().enumerate() {
            _ = write!(out, "{}{column} LIKE ", if index == 0 { "( " } else { " OR " });
            params.write(out, self.pattern, wording);
        }
        out.push_str(" )");
    }
}
