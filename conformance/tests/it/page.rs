//! The page of a run and of a campaign in a real browser.
//!
//! Needs Chromium (or what `CHROMIUM` names): `cargo test --test it -- --ignored page::`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, Command},
};

use portmaster_conformance::exit;
use serde_json::json;

use super::{
    browser::Browser,
    common::{Answer, command, dumb, program},
};

/// The program that shows a page, and where.
struct Shown {
    program: Child,
    url: String,
    /// Read no further, but not closed.
    _said: BufReader<ChildStderr>,
}

impl Shown {
    fn start(args: &[&str]) -> Self {
        let mut program = command(args).spawn().unwrap();
        let mut said = BufReader::new(program.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("page: ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { program, url, _said: said }
    }

    /// Ctrl-C, and the status then.
    fn end(mut self) -> Option<i32> {
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.program.wait().unwrap().code()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.program.kill();
    }
}

async fn text(browser: &mut Browser, id: &str) -> String {
    browser.value(&format!("document.getElementById('{id}').textContent")).await.as_str().unwrap().to_owned()
}

/// Goes where an element leads, by the keyboard.
async fn enter(browser: &mut Browser, element: &str) {
    browser.value(&format!("{element}.focus()")).await;
    browser.enter().await;
}

/// It can be read at every width, in every light, and by everybody.
async fn is_for_all(browser: &mut Browser) {
    let axe = std::fs::read_to_string(std::env::var("AXE").expect("AXE names axe.min.js")).unwrap();
    for width in [360, 736, 1280, 1920] {
        browser.size(width, 900).await;
        assert!(browser.excess().await <= 0, "{width} pixels are too few");
    }
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        assert_eq!(browser.violations(&axe).await, json!([]), "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_run_is_shown_and_compared_with_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("runs").display().to_string();
    let ids = ["--seed", "7", "headers", "origin"];
    let before = program(&[&["run", "--history", &history][..], &ids].concat()).await;
    assert_eq!(before.status, exit::PASSED, "{}", before.stdout);
    // Whatever is asked is not found here.
    let wrong = dumb(|_| Answer::new(404, "text/plain", "")).await;
    let url = wrong.address.to_string();
    let run = [&["run", "--page", "--history", &history, "--target", &url][..], &ids].concat();
    let shown = Shown::start(&run);
    let mut browser = Browser::start().await;
    browser.open(&shown.url).await;
    browser.until("document.body.dataset.phase === 'ended'").await;
    assert_eq!(text(&mut browser, "target").await, url);
    let outcome = text(&mut browser, "outcome").await;
    assert!(outcome.contains("failed"), "{outcome}");
    // The failures are those of the report, with what was sent.
    browser
        .until("document.querySelector('#failures .failure.fail .sent pre')?.textContent.includes('curl')")
        .await;
    is_for_all(&mut browser).await;
    // Both runs are there, the newer first.
    browser.until("document.querySelectorAll('#past tr').length === 2").await;
    assert_eq!(browser.value("document.getElementById('compare').disabled").await, json!(true));
    browser.click("document.querySelectorAll('input[name=old]')[1]").await;
    browser.click("document.querySelectorAll('input[name=new]')[0]").await;
    browser.until("!document.getElementById('compare').disabled").await;
    enter(&mut browser, "document.getElementById('compare')").await;
    assert_eq!(browser.value("document.title").await, json!("Comparison"));
    let said = browser.value("document.querySelector('h1').textContent").await;
    assert!(said.as_str().unwrap().contains(" broken"), "{said}");
    is_for_all(&mut browser).await;
    // A past run is its report.
    browser.open(&shown.url).await;
    browser.until("document.querySelectorAll('#past a').length === 2").await;
    enter(&mut browser, "document.querySelectorAll('#past a')[1]").await;
    let kicker = browser.value("document.querySelector('.kicker').textContent").await;
    assert_eq!(kicker, json!("Conformance report"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    assert_eq!(shown.end(), Some(i32::from(exit::FAILED)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_campaign_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let shown = Shown::start(&[
        "fuzz",
        "--page",
        "--contract",
        "v2.2",
        "--seed",
        "1",
        "--cases",
        "40",
        "--only",
        "netquery/query",
        "--out",
        &place("failures"),
        "--history",
        &place("past"),
    ]);
    let mut browser = Browser::start().await;
    browser.open(&shown.url).await;
    browser.until("document.getElementById('kind').textContent === 'Fuzz campaign'").await;
    browser.until("document.body.dataset.phase === 'ended'").await;
    let outcome = text(&mut browser, "outcome").await;
    assert!(outcome.ends_with("causes of failure in 40 cases"), "{outcome}");
    browser.until("document.querySelector('#failures .told')?.textContent.includes('FAIL ')").await;
    is_for_all(&mut browser).await;
    enter(&mut browser, "document.querySelector('#past a')").await;
    assert!(
        browser
            .value("document.querySelector('.told').textContent")
            .await
            .as_str()
            .unwrap()
            .contains("FAIL ")
    );
    is_for_all(&mut browser).await;
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
    assert_eq!(shown.end(), Some(i32::from(exit::FAILED)));
}

#[tokio::test]
async fn a_page_is_for_this_machine_alone() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "nowhere"] {
        let ended = program(&["run", &format!("--page={address}"), "headers/success"]).await;
        assert_eq!(ended.status, exit::USAGE, "{}", ended.stderr);
    }
}
