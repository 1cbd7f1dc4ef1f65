//! How the websocket opens.

use portmaster_fixtures::{Contract, Permission};

use super::sentence::reads;
use crate::{
    suite::{Check, Context, Exchange, Need, Outcome, Stop},
    target::{Request, Websocket},
};

/// What the answer to the suite's own `Sec-WebSocket-Key` must be (RFC 6455 §4.2.2).
const ACCEPT: &str = "i18p2Sk9TOjU8Y4Q1SuTQEGOP7I=";

pub(super) fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = vec![
        reads(
            "handshake/accepted",
            "1.1",
            "The handshake is answered with 101, Upgrade, Connection and the right Sec-WebSocket-Accept.",
        )
        .run(async |context| {
            let (exchange, _) = open(&context, Request::handshake()).await?;
            exchange.status(101)?.header("Upgrade", "websocket")?.header("Connection", "Upgrade")?;
            exchange.header("Sec-WebSocket-Accept", ACCEPT)?;
            Ok(())
        }),
        reads("handshake/nothing-negotiated", "1.1", "Neither a subprotocol nor an extension is agreed to.")
            .run(async |context| {
                let request = Request::handshake()
                    .header("Sec-WebSocket-Protocol", "chat, superchat")
                    .header("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
                let (exchange, _) = open(&context, request).await?;
                exchange.status(101)?.no_header("Sec-WebSocket-Protocol")?;
                exchange.no_header("Sec-WebSocket-Extensions")?;
                Ok(())
            }),
        reads(
            "handshake/no-page-headers",
            "1.1",
            "The answer 101 has no header of web pages: no policy, no cookie.",
        )
        .run(async |context| {
            let (exchange, _) = open(&context, Request::handshake()).await?;
            exchange.status(101)?;
            for name in ["Content-Security-Policy", "Set-Cookie", "Content-Type"] {
                exchange.no_header(name)?;
            }
            Ok(())
        }),
        reads("handshake/own-origin", "1.1", "A page of the API's own address may open it.").run(
            async |context| {
                let address = context.address(context.rights(Permission::Admin)?.0).await?;
                let request =
                    Request::handshake().header("Origin", format!("http://{}", address.authority()));
                open(&context, request).await?.0.status(101)?;
                Ok(())
            },
        ),
        reads("handshake/foreign-origin", "1.1", "A page from elsewhere may not open it.").run(
            async |context| {
                let request = Request::handshake().header("Origin", "http://conformance.example");
                open(&context, request).await?.0.error(403, "Cross-Origin Request Denied.\n")?;
                Ok(())
            },
        ),
        Check::should(
            "websocket/handshake/user-key",
            "websocket §1.1",
            "A key with User permission does not open it, and is told so.",
        )
        .needs([Need::Guarded, Need::Key(crate::suite::Tier::User)])
        .run(async |context| {
            let request = Request::handshake().bearer(context.key(crate::suite::Tier::User)?);
            context.send(request).await?.error(403, "Insufficient permissions.\n")?;
            Ok(())
        }),
        Check::should(
            "websocket/handshake/development",
            "websocket §1.1",
            "In Development Mode it opens for everybody.",
        )
        .needs([Need::Development])
        .run(async |context: Context| {
            let (exchange, _) =
                context.upgrade(crate::suite::Place::Development, Request::handshake()).await?;
            exchange.status(101)?;
            Ok(())
        }),
    ];
    for path in ["/api/database/v1/", "/api/database/v2", "/api/database"] {
        let id = format!("handshake/path/{}", path.trim_start_matches('/').replace('/', "-"));
        let sentence = format!("{path} opens no websocket.");
        checks.push(reads(id.trim_end_matches('-'), "1.1", sentence).run(move |context| async move {
            let (place, key) = context.rights(Permission::Admin)?;
            let mut request = Request::handshake().maybe_bearer(key);
            path.clone_into(&mut request.target);
            context.send_to(place, request).await?.error(404, "Not found.\n")?;
            Ok(())
        }));
    }
    checks.extend(REFUSED.map(refused));
    checks.extend(keys(contract));
    checks
}

/// Asks for the websocket with the right to have it.
async fn open(context: &Context, request: Request) -> Result<(Exchange, Option<Websocket>), Stop> {
    let (place, key) = context.rights(Permission::Admin)?;
    context.upgrade(place, request.maybe_bearer(key)).await
}

/// A header that is changed, its value or `None` for its absence, the status and the reason.
type Refused = (&'static str, &'static str, Option<&'static str>, u16, &'static str);

const NO_CLIENT: &str = "websocket: the client is not using the websocket protocol: ";
const REFUSED: [Refused; 7] = [
    ("no-connection", "Connection", None, 400, "'upgrade' token not found in 'Connection' header"),
    (
        "connection-close",
        "Connection",
        Some("close"),
        400,
        "'upgrade' token not found in 'Connection' header",
    ),
    ("no-upgrade", "Upgrade", None, 400, "'websocket' token not found in 'Upgrade' header"),
    ("upgrade-h2c", "Upgrade", Some("h2c"), 400, "'websocket' token not found in 'Upgrade' header"),
    ("no-version", "Sec-WebSocket-Version", None, 400, VERSION),
    ("version-12", "Sec-WebSocket-Version", Some("12"), 400, VERSION),
    ("post", "", None, 405, "request method is not GET"),
];
const VERSION: &str = "websocket: unsupported version: 13 not found in 'Sec-Websocket-Version' header";
const KEY: &str = "websocket: not a websocket handshake: 'Sec-WebSocket-Key' header must be Base64 encoded value of 16-byte in length";

const BLANK: &str = "websocket: not a websocket handshake: 'Sec-WebSocket-Key' header is missing or blank";

/// What a core says of keys that are none: those that decode them refuse a short one, too.
fn keys(contract: Contract) -> Vec<Check> {
    const NAME: &str = "Sec-WebSocket-Key";
    const SHORT: &str = "c2hvcnQ=";
    if contract.behaviour().websocket.decodes_key {
        let cases = [("no-key", NAME, None, 400, KEY), ("short-key", NAME, Some(SHORT), 400, KEY)];
        return cases.map(refused).into();
    }
    let short = reads("handshake/short-key", "1.1", "A handshake with a short key is taken.");
    let short = short.run(async |context| {
        let mut request = Request::handshake();
        request.headers.retain(|header| header.name != NAME);
        open(&context, request.header(NAME, SHORT)).await?.0.status(101)?;
        Ok(())
    });
    vec![refused(("no-key", NAME, None, 400, BLANK)), short]
}

fn refused((id, name, value, status, reason): Refused) -> Check {
    let sentence = match (name, value) {
        ("", _) => "A handshake with POST is refused.".to_owned(),
        (_, None) => format!("A handshake without {name} is refused with the reason."),
        (_, Some(value)) => format!("A handshake with {name}: {value} is refused with the reason."),
    };
    reads(&format!("handshake/refused/{id}"), "1.1", sentence).run(move |context| async move {
        let mut request = Request::handshake();
        if name.is_empty() {
            request.method = "POST".to_owned();
        } else {
            request.headers.retain(|header| header.name != name);
            if name == "Connection" && value.is_none() {
                // Without any, the client would say close itself.
                request = request.header("Connection", "keep-alive");
            } else if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let title = if status == 405 { "Method Not Allowed" } else { "Bad Request" };
        let prefix = if reason.starts_with("websocket:") { "" } else { NO_CLIENT };
        let body = format!("{title}\ncould not upgrade: {prefix}{reason}\n");
        expect_refusal(&open(&context, request).await?.0, status, &body)
    })
}

fn expect_refusal(exchange: &Exchange, status: u16, body: &str) -> Outcome {
    exchange.error(status, body)?.header("Sec-Websocket-Version", "13")?;
    Ok(())
}
