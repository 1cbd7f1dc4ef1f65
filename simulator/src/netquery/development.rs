//! What answers to queries say beside their results in Development Mode (netquery §1).

use jiff::Timestamp;

use super::{
    charts::write_params,
    conditions::Wording,
    dialect::Dialect,
    output::{array, number, object, string},
    request::{Conditions, Matcher, Operand, OrderBy, QueryRequest, Select},
    statement::Statement,
};
use crate::go::duration;

/// The members that sort before `results`.
pub(crate) fn before_results(out: &mut Vec<u8>, request: &QueryRequest) {
    out.extend_from_slice(b"\"groupBy\": ");
    match &request.group_by {
        Some(names) => array(out, 1, names, |out, name| string(out, name.as_bytes())),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\n  \"orderBy\": ");
    match &request.order_by {
        Some(terms) => array(out, 1, terms, order_term),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\n  \"query\": ");
    conditions(out, 1, request.query.as_ref());
    out.extend_from_slice(b",\n  ");
}

/// The members that sort after `results`.
pub(crate) fn after_results(
    out: &mut Vec<u8>,
    request: &QueryRequest,
    statement: &Statement,
    dialect: &Dialect,
) {
    out.extend_from_slice(b",\n  \"selects\": ");
    match &request.select {
        Some(selects) => array(out, 1, selects, |out, one| select(out, one, dialect)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\n  \"sql_params\": ");
    write_params(out, &statement.params, false);
    out.extend_from_slice(b",\n  \"sql_prep_stmt\": ");
    string(out, statement.text(dialect, Wording::Core).as_bytes());
}

/// How long the steps took, each counted from the start.
pub(crate) fn times(out: &mut Vec<u8>, start: Timestamp, done: &[i64]) {
    let after = |step: usize| duration::format(done.get(step).copied().unwrap_or(0));
    let members = [
        ("query_built_after", after(1)),
        ("query_executed_after", after(2)),
        ("query_parsed_after", after(0)),
        ("start_time", start.to_string()),
    ];
    out.extend_from_slice(b",\n  \"times\": ");
    object(out, 1, members, |out, text| string(out, text.as_bytes()));
}

/// What stands in a member of an object.
enum Part<'a> {
    Text(&'a str),
    Bool(bool),
    Conditions(Option<&'a Conditions>),
    Members(Vec<(&'static str, Part<'a>)>),
    Null,
}

fn part(out: &mut Vec<u8>, level: usize, part: Part<'_>) {
    match part {
        Part::Text(text) => string(out, text.as_bytes()),
        Part::Bool(true) => out.extend_from_slice(b"true"),
        Part::Bool(false) => out.extend_from_slice(b"false"),
        Part::Conditions(inner) => conditions(out, level, inner),
        Part::Members(members) => object(out, level, members, |out, inner| self::part(out, level + 1, inner)),
        Part::Null => out.extend_from_slice(b"null"),
    }
}

fn order_term(out: &mut Vec<u8>, term: &OrderBy) {
    part(out, 2, Part::Members(vec![("field", Part::Text(&term.field)), ("desc", Part::Bool(term.desc))]));
}

fn select(out: &mut Vec<u8>, select: &Select, dialect: &Dialect) {
    let renamed = select.renamed.as_ref().map_or(Part::Null, |renamed| {
        Part::Members(vec![("field", Part::Text(&renamed.field)), ("as", Part::Text(&renamed.name))])
    });
    // Which members are there though empty: what the structure of the version has no leave to omit.
    let renames = dialect.selects.contains(&"$field");
    let mut members = vec![("field", Part::Text(&select.field))];
    if renames {
        members.push(("$field", renamed));
    }
    if let Some(count) = &select.count {
        let inner = vec![
            ("as", Part::Text(&count.name)),
            ("field", Part::Text(&count.field)),
            ("distinct", Part::Bool(count.distinct)),
        ];
        members.push(("$count", Part::Members(inner)));
    }
    if let Some(sum) = &select.sum {
        let mut inner = vec![
            ("condition", Part::Conditions(sum.condition.as_ref())),
            ("as", Part::Text(&sum.name)),
            ("distinct", Part::Bool(sum.distinct)),
        ];
        if dialect.behaviour.sum_of_field {
            inner.insert(1, ("field", Part::Text(&sum.field)));
        }
        members.push(("$sum", Part::Members(inner)));
    }
    if let Some(min) = &select.min {
        let inner = vec![
            ("condition", Part::Null),
            ("field", Part::Text(&min.field)),
            ("as", Part::Text(&min.name)),
            ("distinct", Part::Bool(min.distinct)),
        ];
        members.push(("$min", Part::Members(inner)));
    }
    match &select.distinct {
        Some(column) => members.push(("$distinct", Part::Text(column))),
        None if !renames => members.push(("$distinct", Part::Null)),
        None => {}
    }
    part(out, 2, Part::Members(members));
}

fn conditions(out: &mut Vec<u8>, level: usize, conditions: Option<&Conditions>) {
    let Some(conditions) = conditions else {
        out.extend_from_slice(b"null");
        return;
    };
    object(out, level, conditions, |out, matchers| {
        array(out, level + 1, matchers, |out, one| matcher(out, level + 2, one));
    });
}

fn matcher(out: &mut Vec<u8>, level: usize, matcher: &Matcher) {
    enum Operands<'a> {
        One(&'a Operand),
        List(&'a [Operand]),
        Like(&'a str),
        Bound(f64),
    }
    let like = Some(matcher.like.as_str()).filter(|pattern| !pattern.is_empty());
    let members = [
        ("$eq", matcher.eq.as_ref().map(Operands::One)),
        ("$ne", matcher.ne.as_ref().map(Operands::One)),
        ("$in", matcher.one_of.as_deref().map(Operands::List)),
        ("$notIn", matcher.none_of.as_deref().map(Operands::List)),
        ("$like", like.map(Operands::Like)),
        ("$gt", matcher.gt.map(Operands::Bound)),
        ("$ge", matcher.ge.map(Operands::Bound)),
        ("$lt", matcher.lt.map(Operands::Bound)),
        ("$le", matcher.le.map(Operands::Bound)),
    ];
    let set = members.into_iter().filter_map(|(name, operands)| Some((name, operands?)));
    object(out, level, set, |out, operands| match operands {
        Operands::One(one) => operand(out, one),
        Operands::List(list) => array(out, level + 1, list, operand),
        Operands::Like(pattern) => string(out, pattern.as_bytes()),
        Operands::Bound(bound) => number(out, bound),
    });
}

fn operand(out: &mut Vec<u8>, operand: &Operand) {
    match operand {
        Operand::Bool(true) => out.extend_from_slice(b"true"),
        Operand::Bool(false) => out.extend_from_slice(b"false"),
        Operand::Number(value) => number(out, *value),
        Operand::Text(text) => string(out, text.as_bytes()),
        // A statement with any of these is refused before anything is shown.
        Operand::Null | Operand::List(_) | Operand::Map(_) => out.extend_from_slice(b"null"),
    }
}
