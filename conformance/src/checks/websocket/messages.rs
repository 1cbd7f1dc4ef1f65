//! The grammar of messages: every message with an operation's name gets an answer or subscribes, whatever
//! bytes it is made of, and none ends the connection.

use proptest::prelude::*;

use super::{sentence::reads, talk::Talk};
use crate::{
    checks::property,
    suite::{Check, Context, Outcome},
};

const MALFORMED: &[u8] = b"|error|bad request: malformed message";
/// A message whose answer shows that the connection still serves.
const FENCE: &str = "conformance-fence";

pub(super) fn checks() -> Vec<Check> {
    let mut checks =
        vec![
        reads(
            "messages/any",
            "2.1",
            "Whatever bytes a message has, it is answered as the grammar says, and the connection serves on.",
        )
        .run(async |context| {
            let asking = context.clone();
            property::hold(
                &context,
                "websocket messages", property::USUAL,
                || Ok(messages()),
                move |message| {
                    let context = asking.clone();
                    async move { answered(&context, &message).await }
                },
            )
            .await
        }),
        reads(
            "messages/operation-id",
            "2.1",
            "An operation's name may be any bytes but |, and comes back as it is.",
        )
        .run(async |context| {
            let asking = context.clone();
            property::hold(
                &context,
                "websocket names", property::USUAL,
                || Ok(name(0..200)),
                move |name| {
                    let context = asking.clone();
                    async move {
                        let mut talk = Talk::open(&context).await?;
                        talk.send([&name, &b"|get|core:conformance/none"[..]].concat()).await?;
                        exactly(&mut talk, &[&name, &b"|error|database entry not found"[..]].concat()).await
                    }
                },
            )
            .await
        }),
    ];
    for (id, message) in [
        ("empty", ""),
        ("word", "hello"),
        ("bar", "|"),
        ("two-parts", "1|foo"),
        ("no-key", "1|get"),
        ("cancel-alone", "cancel"),
        ("create-without-payload", "1|create|core:conformance/x"),
        ("update-without-payload", "1|update|core:conformance/x"),
        ("insert-without-payload", "1|insert|core:conformance/x"),
    ] {
        checks.push(exact(id, message, "|error|bad request: malformed message"));
    }
    for (id, message) in
        [("empty-payload", "1|create|core:conformance/x|"), ("format-alone", "1|update|core:conformance/x|J")]
    {
        checks.push(exact(id, message, "1|error|bad request: malformed message"));
    }
    for (id, message) in [
        ("unknown-method", "1|put|x"),
        ("upper-case", "1|GET|x"),
        ("blank", "1| get|x"),
        ("cancel-more", "1|cancel|x"),
    ] {
        checks.push(exact(id, message, "1|error|bad request: unknown method"));
    }
    checks
}

fn exact(id: &str, message: &'static str, answer: &'static str) -> Check {
    reads(&format!("messages/{id}"), "2.1", format!("The message {message:?} is answered with {answer:?}."))
        .run(move |context| async move {
            let mut talk = Talk::open(&context).await?;
            talk.send(message).await?;
            exactly(&mut talk, answer.as_bytes()).await
        })
}

/// Expects that the next answer is this.
async fn exactly(talk: &mut Talk, answer: &[u8]) -> Outcome {
    let frame = talk.incoming().await?;
    let got = frame.map(|frame| frame.payload);
    let shown = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
    let said = got.as_deref().map_or("the end of the connection".to_owned(), shown);
    talk.expect(got.as_deref() == Some(answer), shown(answer), said)
}

/// What a message must be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Exactly this.
    Exactly(Vec<u8>),
    /// Something of one of these kinds, under that name; the last is the end.
    Kinds(Vec<u8>, &'static [&'static str]),
    /// Nothing, unless the query is wrong.
    Subscription(Vec<u8>),
}

/// The grammar (websocket §2, §2.1).
fn wanted(message: &[u8]) -> Wanted {
    let parts: Vec<_> = message.splitn(3, |&byte| byte == b'|').collect();
    let under = |id: &[u8], text: &str| Wanted::Exactly([id, b"|error|", text.as_bytes()].concat());
    let (id, method, rest) = match parts.as_slice() {
        [id, b"cancel"] => return under(id, "could not find subscription"),
        [id, method, rest] => (*id, *method, *rest),
        _ => return Wanted::Exactly(MALFORMED.to_vec()),
    };
    let payload = rest.iter().position(|&byte| byte == b'|').map(|at| &rest[at + 1..]);
    match (method, payload) {
        (b"get", _) => Wanted::Kinds(id.to_vec(), &["ok", "error"]),
        (b"query" | b"qsub", _) => Wanted::Kinds(id.to_vec(), &["ok", "warning", "done", "error"]),
        (b"sub", _) => Wanted::Subscription(id.to_vec()),
        (b"create" | b"update" | b"insert", None) => Wanted::Exactly(MALFORMED.to_vec()),
        (b"create" | b"update", Some(short)) if short.len() < 2 => {
            under(id, "bad request: malformed message")
        }
        (b"create" | b"update" | b"insert" | b"delete", _) => {
            Wanted::Kinds(id.to_vec(), &["success", "error"])
        }
        _ => under(id, "bad request: unknown method"),
    }
}

async fn answered(context: &Context, message: &[u8]) -> Outcome {
    let mut talk = Talk::open(context).await?;
    talk.send(message).await?;
    match wanted(message) {
        Wanted::Exactly(answer) => exactly(&mut talk, &answer).await?,
        Wanted::Kinds(id, kinds) => loop {
            let reply = talk.reply(&id).await?;
            let named = kinds.contains(&reply.kind.as_str());
            talk.expect(named, format!("one of {}", kinds.join(", ")), reply.said())?;
            if !matches!((reply.kind.as_str(), kinds.len()), ("ok" | "warning", 4)) {
                break;
            }
        },
        Wanted::Subscription(id) => {
            // Whether it stood or not, cancel is answered; what came before is an error of the query.
            talk.send([&id, &b"|cancel"[..]].concat()).await?;
            let reply = talk.reply(&id).await?;
            talk.expect(matches!(reply.kind.as_str(), "done" | "error"), "done, or an error", reply.said())?;
        }
    }
    talk.send(format!("{FENCE}|get|core:conformance/none")).await?;
    let reply = talk.reply(FENCE).await?;
    talk.expect(reply.said() == "error|database entry not found", "answers as before", reply.said())
}

/// Names of operations.
fn name(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if byte == b'|' { b'!' } else { byte });
    prop::collection::vec(byte, length)
}

/// Messages that harm nobody: what they write goes to databases that do not exist.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec![
        "get", "query", "sub", "qsub", "create", "update", "insert", "delete", "cancel", "GET", " get",
        "put", "",
    ]);
    let rest = one_of![
        prop::sample::select(vec![
            "",
            "|",
            "|J",
            "|J{}",
            "core:conformance/none",
            "conformance:x|",
            "conformance:x|J",
            "conformance:x|J{}",
            "conformance:x|{\"a\":1}",
            "conformance:x|X{}",
            "query",
            "query ",
            "query core:conformance/none",
            "query conformance:",
            "query core:conformance/none where",
            "query core:conformance/none where a == 1",
            "query core:conformance/none where (a == 1",
            "query core:conformance/none where \"a",
            "query core:conformance/none limit x",
            "select core:conformance/none",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        name(0..20),
    ];
    one_of![
        3 => prop::collection::vec(any::<u8>(), 0..40),
        6 => (name(0..5), method, rest)
            .prop_map(|(id, method, rest)| [&id, &b"|"[..], method.as_bytes(), b"|", &rest].concat()),
        1 => prop::collection::vec(prop::sample::select(vec!["|", "1", "cancel", "get", "query"]), 0..6)
            .prop_map(|parts| parts.concat().into_bytes()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_names_what_is_malformed() {
        for message in ["", "a", "|", "1|get", "1|create|k", "1|insert|k"] {
            assert_eq!(wanted(message.as_bytes()), Wanted::Exactly(MALFORMED.to_vec()), "{message}");
        }
        let text = |message: &str| match wanted(message.as_bytes()) {
            Wanted::Exactly(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text("1|cancel"), "1|error|could not find subscription");
        assert_eq!(text("1|create|k|J"), "1|error|bad request: malformed message");
        assert_eq!(text("1|get |k"), "1|error|bad request: unknown method");
        assert_eq!(wanted(b"1|sub|x"), Wanted::Subscription(b"1".to_vec()));
        assert_eq!(wanted(b"1|get|a|b"), Wanted::Kinds(b"1".to_vec(), &["ok", "error"]));
    }
}
