//! Frames: whatever a client may send is taken, whatever it may not is refused with a reason.

use proptest::prelude::*;

use super::{sentence::reads, talk::Talk};
use crate::{
    checks::property,
    suite::{Check, Context, Outcome, Stop},
    target::{Frame, opcode},
};

/// A message with an answer that needs nothing.
const MESSAGE: &str = "f|get|core:conformance/none";
const ANSWER: &str = "f|error|database entry not found";

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        reads("frames/binary-answers", "1.2", "Each answer is one binary frame, whatever the question was.")
            .run(async |context| {
                let mut talk = Talk::open(&context).await?;
                for kind in [opcode::TEXT, opcode::BINARY] {
                    talk.frame(&Frame::new(kind, MESSAGE)).await?;
                    answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::BINARY, ANSWER) })
                        .await?;
                }
                Ok(())
            }),
        reads(
            "frames/fragments",
            "1.2",
            "A message in any number of fragments, with pings between them, is one message.",
        )
        .run(fragments),
        reads("frames/ping", "1.2", "A ping is answered with a pong of the same payload.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                for payload in [&b""[..], b"conformance", &[0xff; 125]] {
                    talk.frame(&Frame::new(opcode::PING, payload)).await?;
                    answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::PONG, payload) })
                        .await?;
                }
                Ok(())
            },
        ),
        reads("frames/pong", "1.2", "A pong that nobody asked for is ignored.").run(async |context| {
            let mut talk = Talk::open(&context).await?;
            talk.frame(&Frame::new(opcode::PONG, "unasked")).await?;
            talk.frame(&Frame::new(opcode::TEXT, MESSAGE)).await?;
            answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::BINARY, ANSWER) }).await
        }),
        reads("frames/not-utf-8", "1.2", "A text frame that is not UTF-8 is taken like any other.").run(
            async |context| {
                let mut talk = Talk::open(&context).await?;
                talk.frame(&Frame::new(opcode::TEXT, b"\xff\xfe|get|core:conformance/none")).await?;
                let wanted = Frame::new(opcode::BINARY, b"\xff\xfe|error|database entry not found");
                answered(&mut talk, &Frame { masked: false, ..wanted }).await
            },
        ),
        reads("frames/long", "1.2", "A message of a mebibyte is answered.").run(async |context| {
            let mut talk = Talk::open(&context).await?;
            let message = format!("f|get|core:conformance/{}", "x".repeat(1 << 20));
            talk.frame(&Frame::new(opcode::TEXT, message)).await?;
            answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::BINARY, ANSWER) }).await
        }),
        reads(
            "frames/close/without-code",
            "1.2",
            "A close without a code is answered with one, and the connection ends.",
        )
        .run(async |context| {
            let mut talk = Talk::open(&context).await?;
            talk.frame(&Frame::new(opcode::CLOSE, "")).await?;
            answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::CLOSE, "") }).await?;
            ended(&mut talk).await
        }),
    ];
    for code in [1000, 1001, 1011, 3000, 4999] {
        checks.push(
            reads(
                &format!("frames/close/{code}"),
                "1.2",
                format!(
                    "A close with {code} is answered with {code} and no reason, and the connection ends."
                ),
            )
            .run(move |context| async move {
                let mut talk = Talk::open(&context).await?;
                let mut close = Frame::close(code);
                close.payload.extend(b"bye");
                talk.frame(&close).await?;
                answered(&mut talk, &Frame { masked: false, ..Frame::close(code) }).await?;
                ended(&mut talk).await
            }),
        );
    }
    checks.extend(violations().map(|(id, what, frame)| {
        reads(
            &format!("frames/refused/{id}"),
            "1.2",
            format!("{what} ends the connection with a close frame of code 1002."),
        )
        .run(move |context| {
            let frame = frame.clone();
            async move { refused(context, &frame).await }
        })
    }));
    checks
}

/// Frames that the protocol forbids.
fn violations() -> [(&'static str, &'static str, Frame); 5] {
    let plain = || Frame::new(opcode::TEXT, MESSAGE);
    [
        ("unmasked", "A frame without a mask", Frame { masked: false, ..plain() }),
        ("opcode", "A frame of an unknown kind", Frame { opcode: 3, ..plain() }),
        ("reserved", "A frame with a reserved bit", Frame { reserved: 4, ..plain() }),
        ("continuation", "A continuation of nothing", Frame { opcode: opcode::CONTINUATION, ..plain() }),
        ("close-code", "A close with a code that does not exist", Frame::close(999)),
    ]
}

async fn refused(context: Context, frame: &Frame) -> Outcome {
    let mut talk = Talk::open(&context).await?;
    talk.frame(frame).await?;
    match talk.incoming().await? {
        Some(close) if close.code() == Some(1002) => ended(&mut talk).await,
        other => Err(talk.violation("a close frame with code 1002", shown(other.as_ref()))),
    }
}

async fn fragments(context: Context) -> Outcome {
    let strategy = || Ok(prop::collection::vec((0..=MESSAGE.len(), any::<bool>()), 0..6));
    let asking = context.clone();
    property::hold(&context, "websocket fragments", property::USUAL, strategy, move |mut cuts| {
        let context = asking.clone();
        async move {
            cuts.sort_unstable();
            let mut talk = Talk::open(&context).await?;
            let ends: Vec<_> = cuts.iter().map(|(at, _)| *at).chain([MESSAGE.len()]).collect();
            let (mut from, mut pings) = (0, 0);
            for (index, &to) in ends.iter().enumerate() {
                let kind = if index == 0 { opcode::TEXT } else { opcode::CONTINUATION };
                let frame = Frame::new(kind, &MESSAGE.as_bytes()[from..to]);
                talk.frame(&Frame { last: index == cuts.len(), ..frame }).await?;
                if cuts.get(index).is_some_and(|(_, ping)| *ping) {
                    talk.frame(&Frame::new(opcode::PING, "p")).await?;
                    pings += 1;
                }
                from = to;
            }
            for _ in 0..pings {
                answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::PONG, "p") }).await?;
            }
            answered(&mut talk, &Frame { masked: false, ..Frame::new(opcode::BINARY, ANSWER) }).await
        }
    })
    .await
}

async fn answered(talk: &mut Talk, wanted: &Frame) -> Outcome {
    let frame = talk.incoming().await?;
    talk.expect(frame.as_ref() == Some(wanted), shown(Some(wanted)), shown(frame.as_ref()))
}

/// Expects that the target ends the connection.
async fn ended(talk: &mut Talk) -> Outcome {
    match talk.incoming().await {
        Ok(None) => Ok(()),
        Ok(frame) => Err(talk.violation("the end of the connection", shown(frame.as_ref()))),
        Err(Stop::Violated(_)) => Err(talk.violation("the end of the connection", "it stays open")),
        Err(other) => Err(other),
    }
}

fn shown(frame: Option<&Frame>) -> String {
    match frame {
        None => "the end of the connection".to_owned(),
        Some(frame) => format!(
            "a frame of kind {}{} with {:?}",
            frame.opcode,
            if frame.last { "" } else { ", unfinished," },
            frame.code().map_or_else(
                || String::from_utf8_lossy(&frame.payload).into_owned(),
                |code| code.to_string()
            )
        ),
    }
}
