//! The program as a newcomer meets it: good starts, and mistakes with one clear message and status 2.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use crate::common::ask;
use portmaster_simulator::Contract;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portmaster-simulator"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn fails(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(arguments).output().expect("the binary");
    let text = String::from_utf8(stderr).expect("a message of text");
    assert_eq!(status.code(), Some(2), "{arguments:?}: {text}");
    assert!(stdout.is_empty(), "a failed start says nothing on standard output");
    text
}

/// A simulator in a process of its own, killed when the test is over.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::said(arguments).0
    }

    /// The same, with what it says when it is ready.
    fn said(arguments: &[&str]) -> (Self, serde_json::Value) {
        let mut child = command(arguments)
            .args(["--listen", "127.0.0.1:0", "--ready", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut running = Self { child, out, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let ready = running.line();
        running.address = address(&ready);
        (running, ready)
    }

    /// Waits for the line that says where it listens.
    fn ready(&mut self) -> SocketAddr {
        address(&self.line())
    }

    fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("one line of JSON")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill").success());
    }

    fn ended(mut self) -> ExitStatus {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("standard output");
        self.child.wait().expect("an end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(ready: &serde_json::Value) -> SocketAddr {
    let url = ready["api"].as_str().expect("an address").strip_prefix("http://").expect("a URL");
    url.parse().expect("address and port")
}

#[test]
fn the_first_lines_say_what_is_served() {
    let mut child = command(&["--listen", "127.0.0.1:0", "--seed", "9"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary");
    let lines: Vec<String> = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .take(3)
        .map(|line| line.expect("text"))
        .collect();
    let _ = child.kill();
    let _ = child.wait();
    assert!(lines[0].contains("http://127.0.0.1:"), "{lines:?}");
    assert_eq!(
        lines[1],
        "scenario home-office, contract docs, seed 9, start 2026-03-16T09:30:00Z, clock frozen"
    );
    assert!(lines[2].starts_with("try: curl http://127.0.0.1:"), "{lines:?}");
}

/// What a simulator says of its account and of its oldest connection.
fn told(running: &Running) -> (String, String) {
    let account = ask(running.address, "GET", "/api/v1/spn/account/user/profile", &[], "");
    let query = r#"{ "orderBy": "started", "pageSize": 1 }"#;
    let oldest = ask(running.address, "POST", "/api/v1/netquery/query", &[], query);
    (account.text().to_owned(), oldest.text().to_owned())
}

#[test]
fn a_world_begins_when_it_is_told_to() {
    let present = jiff::Timestamp::now();
    let ui = tempfile::tempdir().expect("a folder");
    std::fs::write(ui.path().join("index.html"), "<html></html>").expect("a page");
    let ui = ui.path().to_str().expect("a path");
    let started = |ready: &serde_json::Value| -> jiff::Timestamp {
        ready["start"].as_str().expect("an instant").parse().expect("an instant")
    };
    for flags in [&["--start", "now"][..], &["--ui", ui]] {
        let (running, ready) = Running::said(&[&["--dev-mode", "--netquery-latency", "0"], flags].concat());
        let start = started(&ready);
        assert!((start.as_second() - present.as_second()).unsigned_abs() < 600, "{start}");
        let (account, oldest) = told(&running);
        // The account of the home office runs for four weeks.
        let ends = start + jiff::SignedDuration::from_secs(26 * 86_400 + 14 * 3_600 + 1_800);
        assert!(account.contains(&ends.strftime("%Y-%m-%d").to_string()), "{ends}: {account}");
        assert!(!oldest.contains("2026-03-16"), "{oldest}");
        if flags[0] == "--start" {
            let (again, _) = Running::said(&["--dev-mode", "--start", &start.to_string()]);
            assert_eq!(told(&again), (account, oldest), "the start that was said makes the same world");
        }
    }
    let (running, ready) =
        Running::said(&["--dev-mode", "--ui", ui, "--start", "scenario", "--clock", "frozen"]);
    assert_eq!(ready["start"], "2026-03-16T09:30:00Z");
    assert!(told(&running).0.contains("2026-04-12"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_status_0() {
    for signal in portmaster_wire::ends::signals() {
        let running = Running::start(&[]);
        running.signal(&format!("-{signal}"));
        assert_eq!(running.ended().code(), Some(0), "{signal}");
    }
}

/// Whatever it is at: here it opens more connections than it could in minutes.
#[cfg(unix)]
#[test]
fn a_busy_one_ends_soon_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--listen", "127.0.0.1:0", "--ready", "json", "--control", "127.0.0.1:0"];
    let mut child =
        command(&arguments).env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().expect("the binary");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut running = Running { child, out, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
    let ready = running.line();
    let control = ready["control"].as_str().expect("a control plane").trim_start_matches("http://");
    let mut stream = TcpStream::connect(control).expect("a connection");
    let body = r#"{"connections":{"open":1000000}}"#;
    let head = format!("POST /changes HTTP/1.1\r\nHost: {control}\r\nContent-Length: {}\r\n", body.len());
    let request = format!("{head}Content-Type: application/json\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("a request");
    let ping = ask(address(&ready), "GET", "/api/v1/ping", &[], "");
    assert_eq!(ping.status(), 200, "others are served meanwhile");
    let begun = Instant::now();
    running.signal("-TERM");
    assert_eq!(running.ended().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let left: Vec<_> = folder.path().read_dir().expect("the folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn shutdown_ends_it_and_restart_begins_anew_in_the_same_place() {
    let mut running = Running::start(&["--dev-mode", "--scenario", "home-office"]);
    let address = running.address;
    assert_eq!(ask(address, "POST", "/api/v1/dns/clear", &[], "").status(), 200);
    assert_eq!(ask(address, "POST", "/api/v1/core/restart", &[], "").text(), "restart initiated\n");
    assert_eq!(running.ready(), address);
    let cleared = ask(address, "POST", "/api/v1/dns/clear", &[], "");
    assert_ne!(cleared.text(), "cleared 0 dns cache entries\n", "a restart brings the scenario's state back");
    assert_eq!(ask(address, "POST", "/api/v1/core/shutdown", &[], "").text(), "shutdown initiated\n");
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn wrong_flags_say_what_was_expected() {
    for (arguments, expected) in [
        (&["--contract", "v3"][..], &*format!("expected {}", Contract::names())),
        (&["--clock", "fast"], "expected frozen, manual, running or xN"),
        (&["--start", "tomorrow"], "expected now, scenario or an instant"),
        (&["--start", "9999-01-01T00:00:00Z"], "expected an instant from"),
        (&["--set", "core/devMode"], "expected KEY=JSON"),
        (&["--set", "core/locale=en"], "texts need quotes"),
        (&["--set", "core/nope=1"], "option \"core/nope\" does not exist"),
        (&["--set", "core/devMode=1"], "expected type bool"),
        (&["--external-auth", "maybe"], "expected none, grant"),
        (&["--listen", "0.0.0.0:0"], "--listen-anywhere"),
        (&["--listen", "nonsense"], "nonsense"),
        (&["--scenario", "nope"], "the built-in ones are"),
        (&["--ui", "/no/such/place.zip"], "/no/such/place.zip"),
        (&["--assets", "Cargo.toml"], "as icons, fonts and pictures: expected a folder or a zip file"),
        (&["--data", "Cargo.toml"], "it is no folder"),
        (&["--data", ""], "it has no name"),
        (&["--seed", "-1"], "expected a whole number from 0"),
        (&["--journal", "many"], "expected a whole number from 0"),
        #[cfg(unix)]
        (&["--ui", "/dev/zero"], "it is no regular file"),
        #[cfg(unix)]
        (&["--scenario", "/dev/zero"], "it is no regular file"),
        (&["--nope"], "--nope"),
    ] {
        let text = fails(arguments);
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_document_that_is_lost_is_said() {
    for arguments in [&["openapi"][..], &["scenario", "show", "home-office"], &["scenario", "schema"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: cannot write to standard output: "), "{said}");
    }
}

#[test]
fn that_nothing_can_be_kept_is_said_at_once() {
    let mut child = command(&["--listen", "127.0.0.1:0", "--data", "Cargo.toml/within"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    child.kill().unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.starts_with("cannot keep the settings in Cargo.toml/within: "), "{said}");
}

#[test]
fn a_broken_scenario_shows_file_line_and_what_was_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.yaml");
    let path = file.to_str().expect("a path of text");
    for (text, line, expected) in [
        ("name: mine\nnetwork:\n  onlin: portal\n", "3", "onlin"),
        ("name: mine\nnetwork:\n  online: sideways\n", "3", "sideways"),
        ("name: mine\nclock: fast\n", "2", "expected frozen, manual, running or xN"),
        ("name: [\n", "", "mine.yaml"),
        ("# nothing yet\n---\n", "", "is empty, expected a scenario"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let message = fails(&["--scenario", path]);
        assert!(message.contains("mine.yaml"), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(line), "{message}");
    }
}

#[test]
fn an_occupied_port_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let text = fails(&["--listen", &address]);
    assert!(text.contains(&address) && text.contains("another program listens there"), "{text}");
}

/// What a command says on standard output, and its status.
fn says(arguments: &[&str]) -> (String, Option<i32>) {
    let Output { status, stdout, .. } = command(arguments).output().expect("the binary");
    (String::from_utf8(stdout).expect("text"), status.code())
}

#[test]
fn scenarios_are_listed_and_shown() {
    let (list, status) = says(&["scenario", "list"]);
    assert_eq!(status, Some(0));
    let line = list.lines().find(|line| line.starts_with("captive-portal ")).expect("a line");
    assert!(line.ends_with("The laptop joins a hotel network."), "{line}");
    let (text, status) = says(&["scenario", "show", "captive-portal"]);
    assert_eq!(status, Some(0));
    assert!(text.contains("\nname: captive-portal\n"), "{text}");
    assert!(fails(&["scenario", "show", "captive"]).contains("the built-in ones are account-expired, "));
    let (schema, status) = says(&["scenario", "schema"]);
    assert_eq!(status, Some(0));
    assert!(
        serde_json::from_str::<serde_json::Value>(&schema).expect("JSON")["properties"]["timeline"]
            .is_object()
    );
}

#[test]
fn every_mistake_of_a_scenario_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a path of text").to_owned()
    };
    let form = write("form.yaml", "sede: 1\nnetwork: { online: onlin }\n");
    let (said, status) = says(&["scenario", "check", &form, "home-office"]);
    assert_eq!(status, Some(2));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(
        lines[0].starts_with(&format!("{form}:1:1: sede: ")) && lines[0].ends_with("did you mean \"seed\"?")
    );
    assert!(lines[1].starts_with(&format!("{form}:2:12: network.online: ")), "{said}");
    assert_eq!(lines[2], "home-office: no mistakes");

    let names = write(
        "names.yaml",
        "extends: home-office\ntimeline:\n  - at: 1s\n    change: { connections: { open: { count: 1, apps: [Firefx] } } }\n  \
         - at: 2s\n    change: { config: { spn/enabled: true } }\n",
    );
    let (said, status) = says(&["scenario", "check", &names]);
    assert_eq!((said.lines().count(), status), (2, Some(2)), "{said}");
    assert!(said.contains(&format!("{names}:4:55: timeline[0].change.connections.open.apps[0]: ")), "{said}");
    assert!(said.contains(&format!("{names}:6:25: timeline[1].change.config[\"spn/enabled\"]: ")), "{said}");
    let refused = fails(&["serve", "--scenario", &names]);
    assert!(refused.starts_with(&format!("error: {names}:4:55: timeline[0]")), "{refused}");
    let refused = fails(&["serve", "--scenario", &form]);
    for place in [":1:1: sede: ", ":2:12: network.online: "] {
        assert!(refused.contains(&format!("\n{form}{place}")), "{refused}");
    }
}

#[test]
fn a_file_without_end_is_refused_before_it_is_read() {
    let long = tempfile::NamedTempFile::new().unwrap();
    long.as_file().set_len((256 << 20) + 1).unwrap();
    let said = fails(&["--scenario", long.path().to_str().unwrap()]);
    assert!(said.ends_with("it is longer than 256 MiB\n"), "{said}");
}

#[test]
fn a_key_that_a_core_would_skip_is_said() {
    let key = ["--api-key", "good?read=user", "--api-key", "secret?read=root"];
    let mut child = command(&key)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut line).expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(line.starts_with("API key 2 is left out, as a core does: expected 'KEY?"), "{line}");
}

/// As of a variable that is set to nothing.
#[test]
fn an_empty_token_is_none() {
    let arguments = ["--listen-anywhere", "--control", "0.0.0.0:0", "--control-token", ""];
    let (_running, ready) = Running::said(&arguments);
    assert!(ready["control_token"].as_str().is_some_and(|token| !token.is_empty()), "{ready}");
}

#[test]
fn health_tells_whether_somebody_answers() {
    let running = Running::start(&["--control", "off"]);
    let address = running.address.to_string();
    for address in [&address, &format!("http://{address}/")] {
        assert_eq!(says(&["health", address]), (String::new(), Some(0)));
    }
    drop(running);
    let (said, status) = says(&["health", &address]);
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn packages_get_man_pages_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(says(&["man", folder.path().to_str().unwrap()]).1, Some(0));
    for page in
        ["portmaster-simulator.1", "portmaster-simulator-serve.1", "portmaster-simulator-scenario-check.1"]
    {
        assert!(folder.path().join(page).exists(), "{page}");
    }
    let (script, status) = says(&["completions", "bash"]);
    assert_eq!(status, Some(0));
    assert!(script.contains("--scenario"), "{script}");
    assert!(says(&["--version"]).0.contains("contracts docs, v1.0"));
}
