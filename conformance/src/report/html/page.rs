//! The report as one page for a browser: a file that needs nothing else, no network and no script to be read.
//!
//! The script only filters. The page's own policy forbids every other script, whatever an answer of the target
//! may hold.

use std::{
    io::{self, Write},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{
    matrix,
    signs::{PASS, SIGNS, rank},
};
use crate::{
    report::{
        about::Report,
        causes::Causes,
        families::families,
        format::Format,
        tally::Tally,
        words::{harmless, seconds},
    },
    suite::{Record, Verdict},
};

/// How a report looks.
pub(crate) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// How many failures are unfolded, so that what comes after them is near.
const UNFOLDED: usize = 5;

/// How many of the slowest checks are shown.
const SLOWEST: usize = 12;

pub(crate) const FORMAT: Format = Format { name: "html", about: "one page for a browser", write };

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    out.write_all(page(report).into_string().as_bytes())
}

impl Report {
    /// The report as a page for a browser.
    pub(crate) fn page(&self) -> String {
        page(self).into_string()
    }

    /// What did not hold, as a part of a page.
    pub(crate) fn failures(&self) -> String {
        let told: Vec<_> = self.run.records.iter().filter(|record| rank(record) < PASS).collect();
        if told.is_empty() {
            String::new()
        } else {
            failures(self, told, &Causes::of(&self.run)).into_string()
        }
    }
}

fn page(report: &Report) -> Markup {
    let records = &report.run.records;
    let tally = Tally::of(records);
    let matrix = matrix::table(records);
    let causes = Causes::of(&report.run);
    let told: Vec<_> = records.iter().filter(|record| rank(record) < PASS).collect();
    let mut sections = vec![("families", "Families"), ("time", "Time"), ("checks", "All checks")];
    if matrix.is_some() {
        sections.insert(0, ("matrix", "Matrix"));
    }
    if !told.is_empty() {
        sections.insert(0, ("failures", "What did not hold"));
    }
    html! {
        (DOCTYPE)
        html.unscripted lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy());
                title { (tally.verdict()) " · conformance of " (report.about.target) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip-link href="#main" { "Skip to the results" }
                (header(report, tally, &sections))
                main #main {
                    @if !told.is_empty() { (failures(report, told, &causes)) }
                    @if let Some(matrix) = &matrix { (matrix) }
                    (table(records))
                    (slowest(records))
                    (list(records, &causes))
                }
                footer { "Written by portmaster-conformance " (env!("CARGO_PKG_VERSION")) "." }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// What the page may do: run this very script, and nothing from anywhere else.
fn policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
}

fn header(report: &Report, tally: Tally, sections: &[(&str, &str)]) -> Markup {
    let Report { about, run } = report;
    let state = if tally.bad() > 0 {
        "bad"
    } else if tally.total() == tally.skip {
        "none"
    } else {
        "good"
    };
    html! {
        header.top {
            p.kicker { "Conformance report" }
            h1 { (harmless(&about.target)) }
            p class={ "verdict " (state) } role="status" {
                (tally.verdict()) span.of { " of " (tally.total()) " checks" }
                @if run.interrupted { span.of { ", interrupted" } }
            }
            (bar(tally))
            dl.facts {
                div { dt { "Contract" } dd { (about.contract) } }
                div { dt { "Seed" } dd { (about.seed) } }
                div { dt { "Time" } dd { (seconds(run.took)) } }
                @if let Some(part) = &about.shard {
                    div { dt { "Part" } dd { (part.part) " of " (part.of) ", of " (part.checks) " checks" } }
                }
                @if let Some(found) = &about.found { div { dt { "Contract found" } dd { (found) } } }
            }
            nav aria-label="Sections" {
                @for (id, name) in sections { a href={ "#" (id) } { (name) } " " }
            }
            div.filter role="search" {
                label for="search" { "Search" }
                input #search type="search" placeholder="id, endpoint, sentence, answer …   ( / )" autocomplete="off"
                    spellcheck="false" aria-describedby="shown";
                div.outcomes role="group" aria-label="Outcomes" {
                    @for (name, sign, word) in SIGNS {
                        @let count = count(tally, name);
                        @if count > 0 {
                            button type="button" class={ "outcome " (name) } data-outcome=(name) aria-pressed="false" {
                                span.sign aria-hidden="true" { (sign) } " " b { (count) } " " (word)
                            }
                        }
                    }
                }
                output #shown for="search" { "all " (tally.total()) " checks" }
            }
        }
    }
}

/// The counts as one bar. The numbers stand beside it.
fn bar(tally: Tally) -> Markup {
    html! {
        div.bar aria-hidden="true" {
            @for (name, _, _) in SIGNS {
                @let count = count(tally, name);
                @if count > 0 { span class=(name) style={ "flex-grow:" (count) } {} }
            }
        }
    }
}

fn count(tally: Tally, name: &str) -> usize {
    match name {
        "fail" => tally.fail,
        "error" => tally.error,
        "stale" => tally.stale,
        "warn" => tally.warn,
        "expected-failure" => tally.expected_failure,
        "pass" => tally.pass,
        _ => tally.skip,
    }
}

fn sign(record: &Record) -> Markup {
    let (name, sign, _) = SIGNS[rank(record)];
    html! { span.sign aria-hidden="true" { (sign) } span.vh { (name) } }
}

fn failures<'a>(report: &Report, mut records: Vec<&'a Record>, causes: &Causes<'a>) -> Markup {
    records.sort_by_key(|record| rank(record));
    html! {
        section #failures aria-labelledby="failures-head" {
            h2 #failures-head { "What did not hold" }
            @for (at, record) in records.into_iter().enumerate() { (failure(report, record, at < UNFOLDED, causes)) }
        }
    }
}

fn failure<'a>(report: &Report, record: &'a Record, unfolded: bool, causes: &Causes<'a>) -> Markup {
    let name = record.verdict.name();
    let part = |head: &str, class: &str, text: &str| {
        html! { div class=(class) { dt { (head) } dd { pre { (harmless(text)) } } } }
    };
    // What is known and what only warns is there when asked for.
    let bad = matches!(record.verdict, Verdict::Fail(_) | Verdict::Error(_) | Verdict::Stale(_));
    let open = unfolded && bad;
    html! {
        details class={ "failure " (name) } data-outcome=(name) data-check=(record.id) open[open] {
            summary {
                span class={ "badge " (name) } { (sign(record)) " " span aria-hidden="true" { (name) } }
                " " h3 { (record.id) }
                span.meta { (record.level) @if record.finding { " · finding" } " · " (record.clause) }
            }
            p.sentence { (record.sentence) }
            dl.exchange {
                @match &record.verdict {
                    Verdict::Fail(evidence) | Verdict::Warn(evidence) | Verdict::Expected(evidence, _) => {
                        @if let Verdict::Expected(_, reason) = &record.verdict {
                            (part("Known", "known", reason))
                        }
                        (part("Sent", "sent", &evidence.curl))
                        (part("Expected", "expected", &evidence.expected))
                        (part("Got", "got", &evidence.got))
                        @if let Some(more) = causes.more(record) { (part("Follows", "follows", &more)) }
                    }
                    Verdict::Stale(reason) => {
                        (part("Expected", "expected", &format!("a failure, as the baseline says: {reason}")))
                        (part("Got", "got", "it passes; take it out of the baseline"))
                    }
                    Verdict::Error(text) => (part("Error", "got", text)),
                    Verdict::Pass | Verdict::Skip(_) => {}
                }
                (part("Run it again", "again", &again(report, record)))
            }
        }
    }
}

/// The command that runs a check alone.
fn again(report: &Report, record: &Record) -> String {
    let about = &report.about;
    let word = |text: &str| shlex::try_quote(text).map_or_else(|_| text.to_owned(), |word| word.into_owned());
    let target = match (about.target.as_str(), about.target.strip_prefix("launched: ")) {
        ("embedded simulator", _) => String::new(),
        (_, Some(command)) => format!(" --launch {}", word(command)),
        (url, None) => format!(" --target {url}"),
    };
    format!(
        "portmaster-conformance run{target} --contract {} --seed {} {}",
        word(&about.contract),
        about.seed,
        word(&record.id)
    )
}

fn table(records: &[Record]) -> Markup {
    let of = |name: &str| records.iter().filter(|record| record.family() == name).collect::<Vec<_>>();
    let time = |records: &[&Record]| records.iter().map(|record| record.took).sum::<Duration>();
    html! {
        section #families aria-labelledby="families-head" {
            h2 #families-head { "Families" }
            div.scroll role="region" aria-labelledby="families-head" tabindex="0" {
                table.families {
                    thead { tr {
                        th scope="col" { "Family" }
                        th scope="col" { span.vh { "Share" } }
                        @for (name, sign, word) in SIGNS {
                            th scope="col" class={ "count " (name) } {
                                span.sign aria-hidden="true" { (sign) } " " (word)
                            }
                        }
                        th.count scope="col" { "time" }
                    } }
                    tbody {
                        @for (name, about) in families() {
                            @let records = of(name);
                            @let tally = Tally::of(records.iter().copied());
                            @if tally.total() > 0 {
                                tr {
                                    th scope="row" {
                                        a href={ "#family-" (name) } { (name) }
                                        span.about { (about) }
                                    }
                                    td.share { (bar(tally)) }
                                    @for (name, ..) in SIGNS {
                                        @let count = count(tally, name);
                                        td class={ "count " (name) @if count == 0 { " zero" } } { (count) }
                                    }
                                    td.count { (seconds(time(&records))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn slowest(records: &[Record]) -> Markup {
    let mut ran: Vec<_> = records.iter().filter(|record| !record.took.is_zero()).collect();
    ran.sort_by_key(|record| std::cmp::Reverse(record.took));
    ran.truncate(SLOWEST);
    let longest = ran.first().map_or(1.0, |record| record.took.as_secs_f64());
    let share = |record: &Record| 100.0 * record.took.as_secs_f64() / longest;
    html! {
        section #time aria-labelledby="time-head" {
            h2 #time-head { "Where the time went" }
            @if ran.is_empty() { p.nothing { "Nothing ran." } }
            ol.slowest {
                @for record in ran {
                    li {
                        a href={ "#" (record.id) } { (record.id) }
                        span.track aria-hidden="true" { span style={ "width:" (format!("{:.1}", share(record))) "%" } {} }
                        span.took { (seconds(record.took)) }
                    }
                }
            }
        }
    }
}

fn list<'a>(records: &'a [Record], causes: &Causes<'a>) -> Markup {
    html! {
        section #checks aria-labelledby="checks-head" {
            h2 #checks-head { "All checks" }
            @for (name, about) in families() {
                @let of: Vec<_> = records.iter().filter(|record| record.family() == name).collect();
                @if !of.is_empty() {
                    details.family id={ "family-" (name) } {
                        summary { h3 { (name) } span.about { (about) } span.number { (of.len()) } }
                        ul { @for record in of { (check(record, causes)) } }
                    }
                }
            }
            p.nothing hidden { "No check fits." }
        }
    }
}

fn check<'a>(record: &'a Record, causes: &Causes<'a>) -> Markup {
    let name = record.verdict.name();
    html! {
        li id=(record.id) class={ "check " (name) } data-outcome=(name) {
            span class={ "badge " (name) } { (sign(record)) }
            code { (record.id) }
            span.level { (record.level) }
            span.took { @if !record.took.is_zero() { (seconds(record.took)) } }
            span.sentence {
                (record.sentence)
                @if let Verdict::Skip(reason) = record.verdict {
                    @match causes.shown_by(record) {
                        Some(by) => { em { " Skipped: " (record.cause.as_deref().unwrap_or_default()) ", as " a href={ "#" (by) } { (by) } " shows." } }
                        None => { em { " Skipped: " (reason.sentence()) "." } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_page_is_what_it_was() {
        let mut report = example::report();
        report.run.took = Duration::from_secs(1);
        let page = page(&report).into_string().replace(STYLE, "[style]").replace(SCRIPT, "[script]");
        let page = page.replace(&policy(), "[policy]").replace("><", ">\n<");
        example::assert_snapshot("html", &page);
    }

    #[test]
    fn it_is_one_file_that_runs_nothing_of_a_target() {
        let page = page(&example::report()).into_string();
        assert!(!page.contains("<script>alert"), "an answer's tag is text");
        assert_eq!(page.matches("<script>").count(), 1);
        for loads in
            ["http-equiv=\"refresh\"", "<link", "<img", "@import", "url(", " src=", "fetch(", "onclick"]
        {
            assert!(!page.contains(loads), "{loads}");
        }
        // Everything that looks like an address is text or a place in the page itself.
        assert!(page.split("href=\"").skip(1).all(|rest| rest.starts_with('#')));
    }

    #[test]
    fn every_link_leads_somewhere() {
        let page = page(&example::report()).into_string();
        let links = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for link in links {
            assert!(page.contains(&format!(" id=\"{link}\"")), "{link}");
        }
    }
}
