//! Chromium without a window, driven over its DevTools protocol as far as the tests of the page need it.

use std::{
    collections::VecDeque,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page open. It ends when it is dropped.
pub(crate) struct Browser {
    _process: Child,
    _profile: TempDir,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    commands: u64,
    events: VecDeque<Value>,
    /// What the page complained about in its console, and exceptions that nobody caught.
    pub(crate) complaints: Vec<String>,
}

impl Browser {
    /// Starts Chromium with an empty profile; `CHROMIUM` names another program.
    pub(crate) async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let mut process = Command::new(&program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--remote-debugging-port=0", "--hide-scrollbars", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    return address.to_owned();
                }
            }
            panic!("{program} ended before it listened");
        });
        let address = address.await.expect("chromium listens in time");
        // What it says later must not fill its pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = connect_async(address).await.unwrap();
        let mut browser = Self {
            _process: process,
            _profile: profile,
            socket,
            session: String::new(),
            commands: 0,
            events: VecDeque::new(),
            complaints: Vec::new(),
        };
        let target = browser.command("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.command("Target.attachToTarget", attach).await["sessionId"].take();
        browser.session = session.as_str().unwrap().to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.command(domain, json!({})).await;
        }
        browser.size(1280, 900).await;
        browser
    }

    /// Sets the size of the window.
    pub(crate) async fn size(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers light or dark colours.
    pub(crate) async fn prefer(&mut self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn open(&mut self, url: &str) {
        self.events.clear();
        self.command("Page.navigate", json!({ "url": url })).await;
        self.loaded().await;
    }

    /// Goes to the page that what has the focus leads to, by the keyboard, and waits until it is loaded.
    pub(crate) async fn enter(&mut self) {
        self.events.clear();
        self.strike("Enter", 13).await;
        self.loaded().await;
    }

    async fn loaded(&mut self) {
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.receive().await;
        }
    }

    /// What an expression of JavaScript is, promises awaited.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.command("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// By how many pixels the page is wider than the window.
    pub(crate) async fn excess(&mut self) -> i64 {
        let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.value(wide).await.as_i64().unwrap()
    }

    /// What axe-core, given as its text, finds that keyboards and screen readers cannot use.
    pub(crate) async fn violations(&mut self, axe: &str) -> Value {
        self.value(&format!("(() => {{ {axe}; }})()")).await;
        self.value(
            "axe.run().then((found) => found.violations.map((one) =>
                `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`))",
        )
        .await
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&mut self, expression: &str) {
        // The page wakes the promise with every change of the document.
        let waiting = format!(
            "new Promise((done) => {{
                const holds = () => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }};
                if (holds()) return done(true);
                const watch = new MutationObserver(() => {{ if (holds()) {{ watch.disconnect(); done(true); }} }});
                watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                setTimeout(() => {{ watch.disconnect(); done(false); }}, {});
            }})",
            PATIENCE.as_millis() / 2,
        );
        assert_eq!(self.value(&waiting).await, json!(true), "never true: {expression}");
    }

    /// Moves the pointer to the middle of the element that an expression finds: where that is.
    pub(crate) async fn hover(&mut self, element: &str) -> Value {
        let place = self
            .value(&format!(
                "(() => {{ const found = {element}; if (!found) return null; found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                 const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
            ))
            .await;
        assert!(place.is_array(), "nothing is {element}");
        let event = json!({ "type": "mouseMoved", "x": place[0], "y": place[1] });
        self.command("Input.dispatchMouseEvent", event).await;
        place
    }

    /// Clicks in the middle of the element that an expression finds, as a mouse does.
    pub(crate) async fn click(&mut self, element: &str) {
        let place = self.hover(element).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Presses a key that is a letter.
    pub(crate) async fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.command("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "text": key })).await;
        }
    }

    /// Presses a key that has a name and a number, such as Tab.
    pub(crate) async fn strike(&mut self, name: &str, number: u32) {
        let text = if name == "Enter" { "\r" } else { "" };
        let event = json!({ "type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": number, "text": text });
        self.command("Input.dispatchKeyEvent", event).await;
        let event = json!({ "type": "keyUp", "key": name, "code": name, "windowsVirtualKeyCode": number });
        self.command("Input.dispatchKeyEvent", event).await;
    }

    /// Types a text where the focus is.
    pub(crate) async fn write(&mut self, text: &str) {
        self.command("Input.insertText", json!({ "text": text })).await;
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn picture(&mut self, file: &Path) {
        let asked = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.command("Page.captureScreenshot", asked).await;
        std::fs::write(file, STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// Sends a command and answers its result. What happens meanwhile is kept.
    async fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.commands += 1;
        let id = self.commands;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(command.to_string())).await.unwrap();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let Some(mut answer) = self.receive().await else { continue };
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
        }
        panic!("{method}: no answer in time");
    }

    /// Takes the next message: an answer, or an event, which is kept.
    async fn receive(&mut self) -> Option<Value> {
        let next = timeout(PATIENCE, self.socket.next()).await.expect("chromium answers in time");
        let Message::Text(text) = next.expect("chromium lives").unwrap() else { return None };
        let told: Value = serde_json::from_str(&text).unwrap();
        if !told["id"].is_null() {
            return Some(told);
        }
        match told["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(told["params"]["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if told["params"]["type"] == "error" => {
                self.complaints.push(told["params"]["args"].to_string());
            }
            "Log.entryAdded" if told["params"]["entry"]["level"] == "error" => {
                self.complaints.push(told["params"]["entry"].to_string());
            }
            _ => {}
        }
        self.events.push_back(told);
        None
    }
}
