//! The guide as the program serves it, and what the program opens in a browser.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{browser::Browser, common::ask};

/// The program with its guide, killed when the test is over.
struct Guide {
    child: Child,
    url: String,
}

impl Guide {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"))
            .args(["guide", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("guide: ").expect("the address").to_owned();
        Self { child, url }
    }

    fn address(&self) -> SocketAddr {
        let address = self.url.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        address.expect("a URL").parse().expect("an address")
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_is_served_whole_and_needs_nothing_from_elsewhere() {
    let guide = Guide::start();
    for (path, title) in [("/", "Welcome"), ("/tutorials/fuzz.html", "I fuzz"), ("/limits.html", "Limits")] {
        let page = ask(guide.address(), "GET", path, &[], "");
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'; style-src 'self'")
        );
        assert!(
            page.text().contains("<h1 id=") && page.text().contains(&format!("<title>{title} · ")),
            "{path}"
        );
    }
    assert_eq!(
        ask(guide.address(), "GET", "/style.css", &[], "").header("content-type"),
        Some("text/css; charset=utf-8")
    );
    let missing = ask(guide.address(), "GET", "/nothing.html", &[], "");
    assert_eq!(
        (missing.status(), missing.text()),
        (404, "the guide has no such page; / is where it begins\n")
    );
}

#[test]
fn an_address_in_use_is_said() {
    let guide = Guide::start();
    let address = guide.address().to_string();
    let mut second = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"));
    let output = second.args(["guide", "--listen", &address]).output().expect("the binary");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with(&format!("error: the guide cannot be served on {address}: ")), "{said}");
    assert!(
        said.ends_with("hint: another program listens there; --listen 127.0.0.1:0 takes a free port\n"),
        "{said}"
    );
}

#[test]
fn what_is_left_out_cannot_be_shown() {
    let mut ui = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"));
    let output = ui.args(["ui", "--control", "off"]).output().expect("the binary");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("ui shows the control plane's page, which --control off leaves out"), "{said}");
}

/// What a command says in its first lines at a terminal of its own, or into a pipe; with the program, which is to be ended.
#[cfg(target_os = "linux")]
fn said(program: &mut Command, terminal: bool) -> (String, Child) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let (child, mut out): (Child, Box<dyn std::io::BufRead>) = if terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (program.stdout(theirs).spawn().unwrap(), Box::new(BufReader::new(std::fs::File::from(ours))))
    } else {
        let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        (child, Box::new(BufReader::new(out)))
    };
    let mut said = String::new();
    while !said.contains("control plane: ") && !said.contains("guide: ") {
        assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
    }
    (said, child)
}

/// `ui` and `guide` open what they serve: at a terminal, and nowhere else.
#[cfg(target_os = "linux")]
#[test]
fn a_browser_is_opened_at_a_terminal_only() {
    use std::{fs, os::unix::fs::PermissionsExt as _, sync::mpsc, thread, time::Duration};

    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    // What opens pages here writes the address into a pipe, or into a file where there is none.
    let opener = folder.path().join("xdg-open");
    fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > {}\n", asked.display())).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    for (command, word) in [("ui", "control plane: "), ("guide", "guide: ")] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"));
        program.args([command, "--listen", "127.0.0.1:0"]).env("PATH", folder.path()).stdin(Stdio::null());

        assert!(Command::new("mkfifo").arg(&asked).status().unwrap().success());
        let (send, heard) = mpsc::channel();
        let hears = (send, asked.clone());
        thread::spawn(move || hears.0.send(fs::read_to_string(hears.1).unwrap()));
        let (told, mut child) = said(&mut program, true);
        let url = told.split(word).nth(1).unwrap().trim();
        let opened = heard.recv_timeout(Duration::from_secs(30)).expect("a browser is asked");
        assert_eq!(opened.trim(), url, "{told}");
        child.kill().unwrap();
        child.wait().unwrap();

        fs::remove_file(&asked).unwrap();
        let (told, mut child) = said(&mut program, false);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told.contains(word) && !asked.exists(), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn it_is_for_keyboards_readers_phones_and_the_night() {
    let axe = std::env::var("AXE").expect("AXE names axe.min.js, as .ci/jobs/guide does");
    let axe = std::fs::read_to_string(axe).unwrap();
    let guide = Guide::start();
    let mut browser = Browser::start().await;
    for page in ["", "tutorials/core.html", "scenarios.html", "endpoints.html", "speed.html"] {
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 390)] {
            browser.prefer(scheme).await;
            browser.size(width, 900).await;
            browser.open(&format!("{}{page}", guide.url)).await;
            let wide = browser.excess().await;
            assert!(wide <= 0, "{page} is {wide} pixels too wide at {width}");
            let violations = browser.violations(&axe).await;
            assert_eq!(violations, json!([]), "{page}, {scheme}, {width}");
        }
    }
    // Without a pointer: to the chapters, on to one, and there it is.
    browser.open(&guide.url).await;
    browser.strike("Tab", 9).await;
    assert_eq!(browser.value("document.activeElement.textContent").await, json!("To the text"));
    browser.strike("Tab", 9).await;
    browser.strike("Enter", 13).await;
    browser.strike("Tab", 9).await;
    browser.strike("Tab", 9).await;
    assert_eq!(browser.value("document.activeElement.textContent").await, json!("I build an interface"));
    browser.enter().await;
    let title = browser.value("document.querySelector('h1').textContent").await;
    assert_eq!(title, json!("I build an interface"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
