//! Nothing that a peer sends ends, hangs or fills a simulator: all grammars of `examples/attack`, attacked in all its ways, with
//! a little of what is sent there.

#[path = "../../examples/attack/attacks.rs"]
mod attacks;
#[path = "../../examples/attack/grammars.rs"]
mod grammars;
#[path = "../../examples/attack/peer.rs"]
mod peer;

use std::time::Duration;

use attacks::Attack;
use grammars::{Sizes, Text, grammars};
use peer::Peer;

const SIZES: Sizes =
    Sizes { many: 5_000, long: 128 << 10, control: 64 << 10, record: 256 << 10, bundle: 1 << 20 };

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_answered_and_nobody_else_notices() {
    let folder = tempfile::tempdir().expect("a folder");
    let ui = folder.path().join("ui.zip");
    grammars::bundle(&ui, [("index.html".to_owned(), b"hello".to_vec())]).expect("a bundle");
    let builder = peer::attacked().ui(&ui);
    let simulator = builder.start().await.expect("a simulator");
    let control = simulator.control_url().expect("a control plane").trim_start_matches("http://").to_owned();
    let control = control.parse().expect("an address");
    let peer = Peer { api: simulator.addr(), control, ui, stay: Duration::from_millis(10) };
    let work = move || {
        let ping = Text::Api(grammars::request("GET", "/api/v1/ping", "", b""));
        let mut attacks = 0;
        for grammar in grammars(&SIZES) {
            for attack in Attack::ALL {
                let Some(outcome) = attack.on(&grammar, &peer, 20) else { continue };
                let name = format!("{} {}", grammar.name, attack.name());
                assert!(outcome.is_ok(), "{name}: {outcome:?}");
                assert_eq!(peer.ask(&ping).as_deref(), Ok("200 Pong."), "after {name}");
                attacks += 1;
            }
        }
        attacks
    };
    let attacks = tokio::task::spawn_blocking(work).await.expect("no attack does harm");
    assert!(attacks >= 150, "{attacks}");
}
