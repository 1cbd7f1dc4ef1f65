//! The control plane's page in a real browser: what it shows is what is, and every button does what it says.
//!
//! Needs Chromium (or what `CHROMIUM` names): `cargo test --test it -- --ignored page::`. Pictures are kept in `target/page`.

use std::path::PathBuf;

use crate::browser::Browser;
use portmaster_simulator::{ClockMode, Simulator};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn simulator(scenario: &str) -> Simulator {
    let simulator = Simulator::builder().scenario(scenario).clock(ClockMode::Frozen).control("127.0.0.1:0");
    simulator.start().await.unwrap()
}

/// The page of a simulator, once it has shown the world.
async fn open(simulator: &Simulator) -> Browser {
    let mut browser = Browser::start().await;
    browser.open(&format!("{}/", simulator.control_url().unwrap())).await;
    browser.until("document.body.dataset.ready === 'yes'").await;
    browser
}

/// The last button that says a text: those before it may be answers to notifications.
fn named(text: &str) -> String {
    format!("[...document.querySelectorAll('button')].findLast((one) => one.textContent === {})", json!(text))
}

async fn press(browser: &mut Browser, button: &str, said: &str) {
    browser.click(&named(button)).await;
    browser.until(&format!("document.getElementById('said').textContent === {}", json!(said))).await;
    assert_eq!(browser.value("document.getElementById('trouble').hidden").await, json!(true), "{button}");
}

/// What the facts of a list say of a name.
async fn fact(browser: &mut Browser, list: &str, name: &str) -> String {
    let told = format!(
        "[...document.querySelectorAll('#{list} dt')].find((one) => one.textContent === {})?.nextSibling.textContent",
        json!(name)
    );
    browser.value(&told).await.as_str().unwrap_or_default().to_owned()
}

async fn text(browser: &mut Browser, id: &str) -> String {
    let told = browser.value(&format!("document.getElementById('{id}').textContent")).await;
    told.as_str().unwrap().to_owned()
}

fn quiet(browser: &Browser) {
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}

fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn what_is_shown_is_what_is() {
    let mut browser = Browser::start().await;
    let mut running = Vec::new();
    for scenario in
        ["home-office", "spn-connected", "captive-portal", "offline-then-back", "fresh-install", "dns-outage"]
    {
        let simulator = simulator(scenario).await;
        browser.open(&format!("{}/", simulator.control_url().unwrap())).await;
        browser.until("document.body.dataset.ready === 'yes'").await;
        let state = simulator.state();
        assert_eq!(
            fact(&mut browser, "network", "State").await,
            state["network"]["online"].as_str().unwrap()
        );
        assert_eq!(text(&mut browser, "count").await, state["connections"]["count"].to_string());
        assert_eq!(text(&mut browser, "active").await, state["connections"]["active"].to_string());
        let hubs = browser.value("document.querySelectorAll('#map .hub').length").await;
        assert_eq!(hubs, state["spn"]["hubs"], "{scenario}");
        let notes = browser.value("[...document.querySelectorAll('#notifications small')].length").await;
        assert_eq!(
            notes.as_u64().unwrap() as usize,
            state["notifications"].as_object().unwrap().len(),
            "{scenario}"
        );
        let about = text(&mut browser, "about").await;
        assert!(about.starts_with(&format!("{scenario}, contract docs, seed ")), "{about}");
        assert_eq!(browser.value("document.getElementById('scenario').value").await, json!(scenario));
        quiet(&browser);
        // The page asks on until the next one is open.
        running.push(simulator);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn every_button_of_the_world_does_what_it_says() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    let online = |state: &Value| state["network"]["online"].clone();
    for (button, said, word) in [
        ("Go offline", "The network is offline.", "offline"),
        ("Captive portal", "A captive portal is in the way.", "portal"),
        ("Limited", "The network is limited.", "limited"),
        ("Go online", "The network is online.", "online"),
    ] {
        press(&mut browser, button, said).await;
        assert_eq!(online(&simulator.state()), word);
        assert_eq!(fact(&mut browser, "network", "State").await, word);
    }
    let failing =
        async |browser: &mut Browser| fact(browser, "network", "Resolvers").await.matches("(fails)").count();
    press(&mut browser, "Break DNS", "No resolver answers any more.").await;
    let broken = simulator.state()["dns"]["failing"].as_array().unwrap().len();
    assert!(broken > 1 && failing(&mut browser).await == broken, "{broken}");
    press(&mut browser, "Repair DNS", "The resolvers answer again.").await;
    assert_eq!(simulator.state()["dns"]["failing"], json!([]));
    assert_eq!(failing(&mut browser).await, 0);

    press(&mut browser, "Log out", "Nobody is logged in.").await;
    assert!(simulator.state()["spn"]["account"]["username"].as_str().unwrap_or_default().is_empty());
    assert_eq!(fact(&mut browser, "spn", "User").await, "nobody");
    press(&mut browser, "Log in", "A person is logged in.").await;
    assert_eq!(simulator.state()["spn"]["account"]["username"], "robin");
    assert_eq!(fact(&mut browser, "spn", "User").await, "robin (approved)");
    press(&mut browser, "Fail", "The privacy network has failed.").await;
    assert_eq!(simulator.state()["spn"]["status"], "failed");
    press(&mut browser, "Switch off", "The privacy network is switched off.").await;
    assert_eq!(simulator.state()["config"]["spn/enable"], false);
    press(&mut browser, "Connect", "The privacy network is connected.").await;
    assert_eq!(simulator.state()["spn"]["status"], "connected");
    assert_eq!(fact(&mut browser, "spn", "State").await, "connected");

    press(&mut browser, "Close all", "All connections are closed.").await;
    assert_eq!(simulator.state()["connections"]["active"], 0);
    let known = simulator.state()["connections"]["count"].as_u64().unwrap();
    press(&mut browser, "Open 1", "A connection was opened.").await;
    press(&mut browser, "Open 10", "Ten connections were opened.").await;
    // Some are blocked, and end at once.
    let state = simulator.state()["connections"].clone();
    assert_eq!(state["count"], known + 11);
    assert!(state["active"].as_u64().unwrap() > 0, "{state}");
    assert_eq!(text(&mut browser, "active").await, state["active"].to_string());

    let before = simulator.state()["notifications"].as_object().unwrap().len();
    press(&mut browser, "Open a prompt", "A prompt is open.").await;
    assert_eq!(simulator.state()["notifications"].as_object().unwrap().len(), before + 1);
    // The answers of the prompt are buttons of its own, with the prompt's name for those who do not see it.
    let item = "document.querySelector('#notifications [data-id*=\"-prompt-\"]')";
    let labels = format!("[...{item}.querySelectorAll('button')].map((one) => one.ariaLabel)");
    let all = ["Allow: Connection Prompt", "Block: Connection Prompt", "Remove Connection Prompt"];
    assert_eq!(browser.value(&labels).await, json!(all));
    let prompt = |state: Value| {
        let all = state["notifications"].as_object().unwrap().clone();
        all.into_iter().find(|(id, _)| id.contains("-prompt-")).unwrap().1
    };
    // By the keyboard; the focus is not lost with the button.
    browser.value(&format!("{item}.querySelectorAll('button')[1].focus()")).await;
    browser.press(" ").await;
    browser.until("document.getElementById('said').textContent === 'Block was chosen.'").await;
    assert_eq!(prompt(simulator.state()), "executed");
    browser.until(&format!("{item}.querySelector('small').textContent.endsWith(': executed')")).await;
    assert_eq!(browser.value(&labels).await, json!(["Remove Connection Prompt"]));
    let focused = format!("document.activeElement === {item}.querySelector('button')");
    assert_eq!(browser.value(&focused).await, json!(true));
    press(&mut browser, "Remove", "The notification is gone.").await;
    assert_eq!(simulator.state()["notifications"].as_object().unwrap().len(), before);
    press(&mut browser, "Break a module", "A module is in trouble.").await;
    assert!(simulator.state()["modules"]["page:trouble"].is_object());
    press(&mut browser, "Repair modules", "The modules are well.").await;
    assert_eq!(simulator.state()["modules"], json!({}));
    press(&mut browser, "Pause for 5 min", "The core rests.").await;
    assert!(simulator.state()["pause"].is_object());
    press(&mut browser, "Resume", "The core works again.").await;
    assert_eq!(simulator.state()["pause"], Value::Null);
    // A change from elsewhere shows without a reload.
    simulator.change(&serde_json::from_value(json!({ "network": { "online": "semi" } })).unwrap()).unwrap();
    browser.until("document.querySelector('#network dd').textContent === 'semi'").await;
    quiet(&browser);
}

/// Whether the cards fill the page without gaps, however wide it is.
const TILED: &str = "(() => {
    const main = document.querySelector('main'), style = getComputedStyle(main), gap = parseFloat(style.rowGap);
    const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = main.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const cards = [...main.children].map((one) => one.getBoundingClientRect());
    const covered = cards.reduce((sum, one) => sum + (one.width + gap) * (one.height + gap), 0);
    return covered / ((width + gap) * (height + gap));
})()";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn cards_leave_no_gap_and_pass_axe() {
    let axe = std::env::var("AXE").expect("AXE names axe.min.js, as .ci/jobs/browser does");
    let axe = std::fs::read_to_string(axe).unwrap();
    let mut running = Vec::new();
    let mut browser = Browser::start().await;
    for scenario in ["home-office", "prompt-flood", "fresh-install"] {
        let simulator = simulator(scenario).await;
        browser.size(1280, 900).await;
        browser.open(&format!("{}/", simulator.control_url().unwrap())).await;
        browser.until("document.body.dataset.ready === 'yes'").await;
        for width in [360, 390, 600, 735, 736, 1000, 1199, 1200, 1440, 1920] {
            browser.size(width, 900).await;
            let tiled = browser.value(TILED).await.as_f64().unwrap();
            assert!((0.995..=1.005).contains(&tiled), "{scenario}, {width} pixels: {tiled} of it is covered");
            let wide = browser.excess().await;
            assert!(wide <= 0, "{width}: {wide} pixels too wide");
        }
        browser.size(1280, 900).await;
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            let violations = browser.violations(&axe).await;
            assert_eq!(violations, json!([]), "{scenario}, {scheme}");
        }
        running.push(simulator);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_map_and_the_chart_explain_themselves_under_the_pointer() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    for (element, expected) in
        [("document.querySelector('#map .home')", "load"), ("document.getElementById('chart')", "active")]
    {
        browser.hover(element).await;
        browser.until("!document.getElementById('tip').hidden").await;
        let told = text(&mut browser, "tip").await;
        assert!(told.contains(expected), "{told}");
        browser.hover("document.querySelector('h1')").await;
        browser.until("document.getElementById('tip').hidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_clock_is_played_stepped_and_stopped() {
    let simulator = simulator("captive-portal").await;
    let mut browser = open(&simulator).await;
    let begun = text(&mut browser, "now").await;
    press(&mut browser, "+1 min", "The clock went on 1m.").await;
    let later = text(&mut browser, "now").await;
    assert_eq!(begun.replace(":30:00", ":31:00"), later);
    browser.press("s").await;
    browser.until("document.getElementById('now').textContent.endsWith(':31:10')").await;
    // Two minutes after its start the portal is passed.
    press(&mut browser, "To the next change", "The next change has happened.").await;
    assert_eq!(simulator.state()["network"]["online"], "online");
    assert_eq!(fact(&mut browser, "network", "State").await, "online");
    press(&mut browser, "×60", "The clock goes.").await;
    assert_eq!(browser.value("document.querySelector('[data-mode=x60]').ariaPressed").await, json!("true"));
    let shown = text(&mut browser, "now").await;
    browser.until(&format!("document.getElementById('now').textContent > {}", json!(shown))).await;
    press(&mut browser, "Pause", "The clock stands.").await;
    assert_eq!(text(&mut browser, "mode").await, "frozen");
    press(&mut browser, "Play", "The clock goes.").await;
    assert_eq!(text(&mut browser, "mode").await, "running");
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn worlds_are_loaded_reset_saved_and_restored() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    browser.value("document.getElementById('snapshot-name').focus()").await;
    browser.write("before").await;
    press(&mut browser, "Save the world", "The world is saved.").await;
    press(&mut browser, "Go offline", "The network is offline.").await;
    browser.click(&named("Differences")).await;
    browser.until("document.getElementById('detail').open").await;
    assert!(
        text(&mut browser, "detail-text").await.contains("network"),
        "{}",
        text(&mut browser, "detail-text").await
    );
    browser.click("document.querySelector('#detail button')").await;
    browser.until("!document.getElementById('detail').open").await;
    press(&mut browser, "Restore", "The world is as it was in before.").await;
    assert_eq!(simulator.state()["network"]["online"], "online");
    press(&mut browser, "Delete", "before is deleted.").await;
    browser.until("document.getElementById('snapshots').textContent === 'None yet.'").await;

    press(&mut browser, "Go offline", "The network is offline.").await;
    press(&mut browser, "Reset", "Everything is as at the start.").await;
    assert_eq!(simulator.state()["network"]["online"], "online");
    browser.value("document.getElementById('scenario').value = 'captive-portal'").await;
    press(&mut browser, "Load", "captive-portal is loaded.").await;
    assert_eq!(simulator.state()["network"]["online"], "portal");
    browser.until("document.getElementById('about').textContent.startsWith('captive-portal')").await;
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn requests_appear_in_the_journal() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    assert_eq!(browser.value("document.getElementById('journal').children.length").await, json!(0));
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    stream
        .write_all(b"GET /api/v1/nope?key=hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    browser.until("document.querySelector('#journal tr')?.textContent.includes('/api/v1/nope')").await;
    assert_eq!(
        browser.value("document.querySelector('#journal tr').lastChild.textContent").await,
        json!("404")
    );
    browser.click("document.querySelector('#journal button')").await;
    browser.until("document.getElementById('detail').open").await;
    let detail = text(&mut browser, "detail-text").await;
    assert!(
        detail.starts_with("curl ") && detail.contains("Not found.") && !detail.contains("hidden"),
        "{detail}"
    );
    browser.click("document.querySelector('#detail button')").await;
    press(&mut browser, "Clear", "The journal is empty.").await;
    assert_eq!(browser.value("document.getElementById('journal').children.length").await, json!(0));
    quiet(&browser);
}

/// Writes into a field as a person does, so that the page hears of it.
async fn fill_in(browser: &mut Browser, id: &str, text: &str) {
    browser.value(&format!("document.getElementById('{id}').select()")).await;
    browser.write(text).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_api_is_asked_from_the_page() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    fill_in(&mut browser, "console-endpoint", "GET network/gateways").await;
    assert_eq!(
        browser.value("document.getElementById('console-target').value").await,
        json!("/api/v1/network/gateways")
    );
    let about = text(&mut browser, "console-about").await;
    assert!(about.contains("(user)"), "{about}");
    // Without a key the core refuses; by the keyboard.
    browser.value("document.querySelector('#console button').focus()").await;
    browser.press(" ").await;
    browser.until("document.getElementById('console-status').textContent.startsWith('401')").await;
    browser.value("document.getElementById('console-key').value = 'user'").await;
    browser.click(&named("Send").replace("findLast", "find")).await;
    browser.until("document.getElementById('console-status').textContent === '200 OK'").await;
    assert!(text(&mut browser, "console-text").await.contains("192.168."));
    let line = text(&mut browser, "console-curl").await;
    assert!(
        line.starts_with("PORTMASTER_KEY='console-user'\ncurl ") && line.contains("/network/gateways"),
        "{line}"
    );
    browser.until("document.getElementById('said').textContent.startsWith('The core answered 200 OK')").await;
    browser.click("document.getElementById('console-entry')").await;
    browser.until("document.getElementById('detail').open").await;
    assert!(text(&mut browser, "detail-text").await.contains("/api/v1/network/gateways"));
    browser.click("document.querySelector('#detail button')").await;
    // A part of the path and a member of the query have fields of their own.
    fill_in(&mut browser, "console-endpoint", "GET debug/core").await;
    fill_in(&mut browser, "console-part-0", "github").await;
    assert_eq!(
        browser.value("document.getElementById('console-target').value").await,
        json!("/api/v1/debug/core?style=github")
    );
    // A body to begin with, which gives way to the next endpoint's.
    fill_in(&mut browser, "console-endpoint", "POST netquery/charts/connection-active").await;
    let body = "document.getElementById('console-body').value";
    assert_eq!(browser.value(body).await, json!(r#"{"query":{"active":true}}"#));
    fill_in(&mut browser, "console-endpoint", "POST dns/clear").await;
    assert_eq!(browser.value(body).await, json!(""));
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_database_is_spoken_to_from_the_page() {
    let simulator = simulator("home-office").await;
    let mut browser = open(&simulator).await;
    // Nobody without a key is let in, and the page says why.
    browser.value("document.getElementById('socket-key').value = 'none'").await;
    browser.click("document.getElementById('socket-open')").await;
    browser.until("document.getElementById('trouble').textContent.includes('401')").await;
    browser.complaints.clear();
    browser.value("document.getElementById('socket-key').value = 'admin'").await;
    browser.click("document.getElementById('socket-open')").await;
    browser.until("document.getElementById('socket-state').textContent === 'connected'").await;
    // Words and keys are completed.
    let offered = |word: &str| {
        format!(
            "[...document.querySelectorAll('#socket-words option')].some((one) => one.value === {})",
            json!(word)
        )
    };
    fill_in(&mut browser, "socket-key-or-query", "query config:sp").await;
    browser.until(&offered("query config:spn/")).await;
    fill_in(&mut browser, "socket-key-or-query", "query config:spn/ wh").await;
    browser.until(&offered("query config:spn/ where")).await;
    fill_in(&mut browser, "socket-key-or-query", "query config:spn/enable").await;
    browser.click("document.getElementById('socket-send')").await;
    let said = |text: &str| {
        format!(
            "[...document.querySelectorAll('#socket-messages li')].some((one) => one.textContent.includes({}))",
            json!(text)
        )
    };
    browser.until(&said("1|ok|config:spn/enable|J{")).await;
    browser.until(&said("1|done")).await;
    // Members of what was seen are words, too.
    fill_in(&mut browser, "socket-key-or-query", "query config:spn/ where Na").await;
    browser.until(&offered("query config:spn/ where Name")).await;
    // What changes is told as it happens, until the subscription ends.
    simulator.change(&serde_json::from_value(json!({ "config": { "spn/enable": true } })).unwrap()).unwrap();
    browser
        .until(
            "[...document.querySelectorAll('#socket-messages li')]
                .filter((one) => one.textContent.includes('|config:spn/enable|J{')).length === 2",
        )
        .await;
    let line = text(&mut browser, "socket-line").await;
    assert!(line.contains("| websocat -n -H") && line.ends_with("/api/database/v1"), "{line}");
    browser.click(&named("Cancel")).await;
    browser.until("document.getElementById('socket-subscriptions').textContent === 'None.'").await;
    browser.click("document.getElementById('socket-open')").await;
    browser.until("document.getElementById('socket-state').textContent === 'closed'").await;
    quiet(&browser);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_token_is_asked_for() {
    let simulator = Simulator::builder()
        .control("127.0.0.1:0")
        .control_token("sesame")
        .dev_mode(true)
        .start()
        .await
        .unwrap();
    let mut browser = Browser::start().await;
    browser.open(&format!("{}/", simulator.control_url().unwrap())).await;
    browser.until("!document.getElementById('login').hidden").await;
    browser.value("document.getElementById('token').focus()").await;
    browser.write("sesame").await;
    browser.click(&named("Show the world")).await;
    browser.until("document.body.dataset.ready === 'yes'").await;
    assert_eq!(fact(&mut browser, "network", "State").await, "online");
    // The websocket is opened with it, too.
    browser.click("document.getElementById('socket-open')").await;
    browser.until("document.getElementById('socket-state').textContent === 'connected'").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn it_is_for_keyboards_readers_phones_and_the_night() {
    let simulator = simulator("spn-connected").await;
    let mut browser = open(&simulator).await;
    for (scheme, width, name) in
        [("light", 1280, "light.png"), ("dark", 1280, "dark.png"), ("light", 390, "phone.png")]
    {
        browser.prefer(scheme).await;
        browser.size(width, 900).await;
        let wide = browser.excess().await;
        assert!(wide <= 0, "{name} is {wide} pixels too wide");
        let file = pictures().join(name);
        browser.picture(&file).await;
        assert!(std::fs::metadata(&file).unwrap().len() > 10_000, "{name} is empty");
    }
    let nameless = browser
        .value(
            "[...document.querySelectorAll('button, select, input, textarea, a[href], section, svg[role]')].filter((one) =>
                !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.hasAttribute('aria-labelledby'))).map((one) => one.outerHTML)",
        )
        .await;
    assert_eq!(nameless, json!([]));
    // What a person reads stands out from what is behind it: 4.5 to 1 (WCAG 2.2, 1.4.3).
    let faint = browser
        .value(
            "(() => {
                const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((n) => { const c = n / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
                const behind = (one) => { for (let at = one; at; at = at.parentElement) { const colour = getComputedStyle(at).backgroundColor;
                    if (!/, 0\\)$|transparent/.test(colour)) return colour; } return 'rgb(255, 255, 255)'; };
                return [...document.querySelectorAll('p, dd, dt, li, button, h1, h2, small, td, th, a, label')].filter((one) => one.offsetParent && one.textContent.trim() && !one.disabled).filter((one) => {
                    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
                    return (a + 0.05) / (b + 0.05) < 4.5; }).map((one) => one.textContent.slice(0, 40));
            })()",
        )
        .await;
    assert_eq!(faint, json!([]));
    quiet(&browser);
}
