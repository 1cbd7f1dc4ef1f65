//! The page's markup: the report's own, around what the script fills in.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::live::Shown;
use crate::report::{Report, STYLE, compare};

const OWN_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page may do: run its script, ask where it comes from, and compare.
pub(super) fn policy() -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

fn framed(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) (PreEscaped(OWN_STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// The page of what goes on. `keeps`: whether there is a folder of past runs.
pub(super) fn page(keeps: bool) -> String {
    let body = html! {
        a.skip-link href="#main" { "Skip to the results" }
        header.top {
            p.kicker #kind { "Conformance" }
            h1 #target { "…" }
            p.verdict #outcome role="status" { "It begins." }
            p #trouble role="alert" hidden { "The program has ended, or does not answer." }
            progress #progress aria-label="How far it is" max="1" {}
            dl.facts #facts {}
            ul.counts #counts aria-label="How many checks ended how" {}
            nav aria-label="More" {
                a href="#past-head" { "Before" } " "
                a #report href="report" hidden { "The whole report" }
            }
        }
        main #main tabindex="-1" {
            section aria-labelledby="running-head" #of-running {
                h2 #running-head { "Running now" }
                ul.running #running { li { "Nothing." } }
            }
            div #failures {}
            section aria-labelledby="past-head" {
                h2 #past-head { "Before" }
                @if keeps {
                    p #past-none { "Nothing was kept yet." }
                    form action="compare" method="get" #past-form hidden {
                        div.scroll role="region" aria-label="Past runs and campaigns" tabindex="0" {
                            table.past {
                                thead { tr {
                                    th scope="col" { "Older" } th scope="col" { "Newer" } th scope="col" { "Ended" }
                                    th scope="col" { "Outcome" } th scope="col" { "Target" } th scope="col" { "Contract" }
                                } }
                                tbody #past {}
                            }
                        }
                        p { button type="submit" #compare { "Compare the two" } }
                    }
                } @else {
                    p { "Runs are kept and compared where " code { "--history DIR" } " names a folder." }
                }
            }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    framed("Conformance", body)
}

/// What did not hold so far.
pub(super) fn failures(shown: &Shown) -> String {
    match shown {
        Shown::Run(report) => report.failures(),
        Shown::Campaign(text) => told(text).into_string(),
    }
}

fn told(text: &str) -> Markup {
    html! {
        section aria-labelledby="campaign-head" {
            h2 #campaign-head { "What came out" }
            pre.told tabindex="0" { (text) }
        }
    }
}

/// A campaign that is over.
pub(super) fn campaign(name: &str, text: &str) -> String {
    let body = html! {
        header.top { p.kicker { "Fuzz campaign" } h1 { (name) } p { a href="/" { "Back to the page" } } }
        main #main { (told(text)) }
    };
    framed(&format!("{name} · fuzz campaign"), body)
}

/// What differs between two runs.
pub(super) fn comparison(old: &Report, new: &Report) -> String {
    let comparison = compare(old, new);
    let body = html! {
        header.top {
            p.kicker { "Comparison" }
            h1 { (comparison.tally()) }
            p { a href="/" { "Back to the page" } }
        }
        main #main { (PreEscaped(comparison.lists_in_html())) }
    };
    framed("Comparison", body)
}
