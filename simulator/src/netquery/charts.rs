//! The two charts (netquery §5).

use rusqlite::Connection;

use super::{
    conditions::{Params, Wording},
    dialect::Dialect,
    failure::{Failure, bind},
    kinds::KIND,
    output,
    rows::RowWriter,
    statement::Filter,
};
use crate::ordered::ordered;

/// Seconds that the chart of active connections looks back.
const WINDOW: i64 = 600;
/// Seconds a bucket.
const BUCKET: i64 = 10;
/// The verdicts that count as let through.
pub(super) const ACCEPTED: [i64; 3] = [2, 5, 6];

/// How many connections were active, per bucket of ten seconds.
///
/// The core joins every second of the window with every connection. Here a connection adds to the differences between
/// one second and the next, where it begins and where it ends; sums over them give the same numbers in a time
/// proportional to the rows plus the seconds.
pub(crate) struct ActiveSeconds {
    first: i64,
    /// Let through and blocked: the change at each second of the window, and one after it.
    changes: Vec<[i64; 2]>,
    /// The buckets' timestamps, where they are those of a row: the first one's, and which that is.
    stamps: Option<Vec<Option<(i64, i64)>>>,
}

impl ActiveSeconds {
    /// For the window that ends before `now` (Unix seconds). `by_row`: buckets are stamped with the first active
    /// second of the first row in the table, as the core does when it visits row by row; else with the first active second.
    pub(crate) fn new(now: i64, by_row: bool) -> Self {
        let first = now - WINDOW;
        let buckets =
            usize::try_from((now - 1).div_euclid(BUCKET) - first.div_euclid(BUCKET) + 1).unwrap_or(0);
        Self {
            first,
            changes: vec![[0; 2]; usize::try_from(WINDOW).unwrap_or(0) + 1],
            stamps: by_row.then(|| vec![None; buckets]),
        }
    }

    /// Adds a connection that was active from `started` to `ended` (Unix seconds, both included), `row` in the table.
    pub(crate) fn add(&mut self, row: i64, started: i64, ended: Option<i64>, verdict: i64) {
        let last = self.first + WINDOW - 1;
        let from = started.max(self.first);
        let to = ended.unwrap_or(last).min(last);
        if from > to {
            return;
        }
        let side = usize::from(!ACCEPTED.contains(&verdict));
        let index = |second: i64| usize::try_from(second - self.first).unwrap_or(0);
        let (from_index, to_index) = (index(from), index(to));
        self.changes[from_index][side] += 1;
        self.changes[to_index + 1][side] -= 1;
        if let Some(stamps) = &mut self.stamps {
            let base = self.first.div_euclid(BUCKET);
            let begin = from.div_euclid(BUCKET);
            for bucket in begin..=to.div_euclid(BUCKET) {
                let stamp = (row, from.max(bucket * BUCKET));
                if let Some(place) = stamps.get_mut(usize::try_from(bucket - base).unwrap_or(usize::MAX)) {
                    *place = Some(place.map_or(stamp, |earlier| earlier.min(stamp)));
                }
            }
        }
    }

    /// From a second on, so many more connections are active that were let through or not.
    pub(crate) fn change(&mut self, second: i64, accepted: bool, by: i64) {
        let at = usize::try_from(second - self.first).unwrap_or(0);
        if let Some(change) = self.changes.get_mut(at) {
            change[usize::from(!accepted)] += by;
        }
    }

    /// The buckets in which anything was active: timestamp, let through, blocked.
    pub(crate) fn buckets(&self) -> Vec<(i64, i64, i64)> {
        let mut buckets: Vec<(i64, i64, i64)> = Vec::new();
        let mut active = [0, 0];
        let base = self.first.div_euclid(BUCKET);
        for (second, change) in (self.first..self.first + WINDOW).zip(&self.changes) {
            active[0] += change[0];
            active[1] += change[1];
            if active == [0, 0] {
                continue;
            }
            let bucket = second.div_euclid(BUCKET);
            match buckets.last_mut() {
                Some(last) if last.0.div_euclid(BUCKET) == bucket => {
                    last.1 += active[0];
                    last.2 += active[1];
                }
                _ => {
                    let place = usize::try_from(bucket - base).unwrap_or(usize::MAX);
                    let by_row = self.stamps.as_ref().and_then(|stamps| stamps.get(place).copied().flatten());
                    buckets.push((by_row.map_or(second, |(_, stamp)| stamp), active[0], active[1]));
                }
            }
        }
        buckets
    }
}

/// Answers `charts/connection-active`.
pub(crate) fn active(
    database: &Connection,
    filter: &Filter,
    params: &Params,
    now: i64,
    dialect: &Dialect,
) -> Result<Vec<u8>, Failure> {
    let core = active_text(filter, params);
    let mut seconds = ActiveSeconds::new(now, filter.clause.fixes("profile"));
    let found = if filter.is_empty() {
        count_all(database, now, &mut seconds)
    } else {
        visit(database, filter, params, now, dialect, &mut seconds)
    };
    found.map_err(|error| Failure::Statement { core: core.clone(), error })?;

    let mut out = Vec::with_capacity(8 << 10);
    head(&mut out, params, false, &core);
    let buckets = seconds.buckets();
    if buckets.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        output::array(&mut out, 1, buckets, |out, (timestamp, value, blocked)| {
            let members = [("countBlocked", blocked), ("timestamp", timestamp), ("value", value)];
            output::object(out, 2, members, output::integer);
        });
    }
    out.extend_from_slice(b"\n}\n");
    Ok(out)
}

/// Adds all connections, of which it is counted how many more or fewer there are from second to second.
fn count_all(database: &Connection, now: i64, seconds: &mut ActiveSeconds) -> rusqlite::Result<()> {
    let mut statement = database.prepare_cached(
        "SELECT MAX(second, ?1) AS since, accepted, SUM(change) FROM main.seconds WHERE second < ?2 \
         GROUP BY since, accepted",
    )?;
    let mut rows = statement.query([now - WINDOW, now])?;
    while let Some(row) = rows.next()? {
        seconds.change(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    Ok(())
}

/// Adds the connections that a filter takes, one by one.
fn visit(
    database: &Connection,
    filter: &Filter,
    params: &Params,
    now: i64,
    dialect: &Dialect,
    seconds: &mut ActiveSeconds,
) -> rusqlite::Result<()> {
    let last = params.len();
    let mut condition = String::new();
    filter.write(&mut condition, params, Wording::Own);
    // From the kinds to their rows an index leads that has all that is asked for.
    let (verdict, from) = if filter.is_of_kind(dialect) {
        let from = format!(
            "( SELECT {KIND}, verdict FROM main.kinds WHERE {condition} AND connections > 0 ) AS some \
             CROSS JOIN main.connections AS one INDEXED BY by_kind ON one.{KIND} = some.{KIND} WHERE"
        );
        ("some.verdict", from)
    } else {
        ("one.verdict", format!("main.connections AS one WHERE {condition} AND"))
    };
    let sql = format!(
        // The plus: nearly all rows are taken, so that an index on these would be a detour.
        "SELECT one.rowid, started_unix, ended_unix, {verdict} FROM {from} +started_unix < ?{} AND \
         (+ended_unix IS NULL OR +ended_unix >= ?{})",
        last + 1,
        last + 2
    );
    let mut statement = database.prepare_cached(&sql)?;
    bind(&mut statement, params)?;
    statement.raw_bind_parameter(last + 1, now)?;
    statement.raw_bind_parameter(last + 2, now - WINDOW)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        seconds.add(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    }
    Ok(())
}

/// The core's statement for the chart.
fn active_text(filter: &Filter, params: &Params) -> String {
    let mut text = String::from(
        "\nWITH RECURSIVE epoch(x) AS (\n\tSELECT strftime('%s')-600\n\tUNION ALL\n\t\t\
         SELECT x+1 FROM epoch WHERE x+1 < strftime('%s')+0\n)\n\
         SELECT x as timestamp, SUM(verdict IN (2, 5, 6)) AS value, SUM(verdict NOT IN (2, 5, 6)) as countBlocked\n\t\
         FROM epoch\n\tJOIN connections\n\t\tON strftime('%s', connections.started)+0 <= timestamp+0 AND \
         (connections.ended IS NULL OR strftime('%s', connections.ended)+0 >= timestamp+0)\n\t",
    );
    if !filter.is_empty() {
        text.push_str("WHERE ( ");
        filter.write(&mut text, params, Wording::Core);
        text.push(')');
    }
    text.push_str("\n\tGROUP BY round(timestamp/10, 0)*10;");
    text
}

/// Answers `charts/bandwidth`. The statement is the core's own but for the names of its parameters and the seconds
/// of times, so that groups come in the core's order.
pub(crate) fn bandwidth(
    database: &Connection,
    filter: &Filter,
    params: &Params,
    interval: i64,
    group_by: &[String],
    dialect: &Dialect,
) -> Result<Vec<u8>, Failure> {
    let interval = if interval == 0 { BUCKET } else { interval };
    let text = |wording| {
        let groups: String = group_by.iter().map(|name| format!(", {name}")).collect();
        let mut text = format!(
            "SELECT round(time/{interval}, 0)*{interval} as timestamp, SUM(incoming) as incoming, \
             SUM(outgoing) as outgoing{groups}\n\t\tFROM main.bandwidth AS bw\n\t\t\
             JOIN main.connections AS conns\n\t\t\tON bw.conn_id = conns.id\n\t\t"
        );
        if !filter.is_empty() {
            text.push_str("WHERE ");
            filter.write(&mut text, params, wording);
        }
        text.push_str(&format!(
            "\n\t\tGROUP BY round(time/{interval}, 0)*{interval}{groups}\n\t\tORDER BY time ASC"
        ));
        text
    };
    let core = text(Wording::Core);
    let mut out = Vec::with_capacity(8 << 10);
    head(&mut out, params, true, &core);
    let names = ["timestamp", "incoming", "outgoing"].into_iter();
    let writer = RowWriter::new(names.chain(group_by.iter().map(String::as_str)).collect(), true, dialect);
    let mut statement = database
        .prepare_cached(&text(Wording::Own))
        .map_err(|error| Failure::Statement { core: core.clone(), error })?;
    bind(&mut statement, params)?;
    writer.write_all(&mut out, statement.raw_query())?;
    out.extend_from_slice(b"\n}\n");
    Ok(out)
}

/// The members before the results; the bandwidth chart shows no parameters as `null`.
fn head(out: &mut Vec<u8>, params: &Params, null: bool, statement: &str) {
    out.extend_from_slice(b"{\n  \"params\": ");
    write_params(out, params, null);
    out.extend_from_slice(b",\n  \"query\": ");
    output::string(out, statement.as_bytes());
    out.extend_from_slice(b",\n  \"results\": ");
}

/// The bound values by name.
pub(crate) fn write_params(out: &mut Vec<u8>, params: &Params, null: bool) {
    if null && params.len() == 0 {
        out.extend_from_slice(b"null");
        return;
    }
    let sorted = ordered(params.iter().map(|(name, value)| (name, value)));
    output::object(out, 1, sorted, output::value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as the core's statement says it: every second with every connection.
    fn brute_force(now: i64, rows: &[(i64, Option<i64>, i64)]) -> Vec<(i64, i64, i64)> {
        let mut buckets: Vec<(i64, i64, i64)> = Vec::new();
        for second in now - WINDOW..now {
            for &(started, ended, verdict) in rows {
                if started > second || ended.is_some_and(|ended| ended < second) {
                    continue;
                }
                let accepted = i64::from(ACCEPTED.contains(&verdict));
                match buckets.last_mut() {
                    Some(last) if last.0.div_euclid(BUCKET) == second.div_euclid(BUCKET) => {
                        last.1 += accepted;
                        last.2 += 1 - accepted;
                    }
                    _ => buckets.push((second, accepted, 1 - accepted)),
                }
            }
        }
        buckets
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_every_second_with_every_connection(
            now in 1_000_i64..1_020,
            rows in proptest::collection::vec((350_i64..1_100, proptest::option::of(350_i64..1_100), 0_i64..9), 0..12),
        ) {
            let mut seconds = ActiveSeconds::new(now, false);
            for &(started, ended, verdict) in &rows {
                seconds.add(0, started, ended, verdict);
            }
            let buckets = seconds.buckets();
            prop_assert!(buckets.len() <= 61);
            prop_assert_eq!(buckets, brute_force(now, &rows));
        }

        #[test]
        fn the_order_of_visiting_changes_timestamps_only(
            rows in proptest::collection::vec((350_i64..1_100, proptest::option::of(350_i64..1_100), 0_i64..9), 0..12),
        ) {
            let [by_second, by_row] = [false, true].map(|by_row| {
                let mut seconds = ActiveSeconds::new(1_003, by_row);
                for (row, &(started, ended, verdict)) in (0..).zip(&rows) {
                    seconds.add(row, started, ended, verdict);
                }
                seconds.buckets()
            });
            let coarse = |buckets: Vec<(i64, i64, i64)>| -> Vec<_> {
                buckets.into_iter().map(|(stamp, value, blocked)| (stamp.div_euclid(BUCKET), value, blocked)).collect()
            };
            prop_assert_eq!(coarse(by_second), coarse(by_row));
        }
    }
}
