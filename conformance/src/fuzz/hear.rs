//! What one target says to a step of a case, with nobody judging it.

use std::{cell::Cell, sync::atomic::Ordering, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use super::{
    case::{Ask, COOKIE, Sent, Step, Talk},
    dialogue::{self, Dialogue},
    host::Gone,
    judge,
    lane::{Lane, Memory, Opened, Reply, note},
};
use crate::{
    contrast::Answered,
    target::{Frame, Response, Websocket, opcode, responses},
};

/// What was said to a step.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// An answer, and how many bytes came behind its end.
    Answer(Answered, usize),
    /// The answer that opened a conversation, and what came of it.
    Talk(Answered, Vec<Frame>),
    /// Answers to bytes on a connection of their own, and how many bytes are none.
    Raw(Vec<Answered>, usize),
    /// Nothing, and why.
    Nothing(String),
}

/// Tells whoever still listens that the other target has been done for a while, and how long a silence is enough now.
pub(super) type Hurry = watch::Receiver<Option<Duration>>;

async fn told(hurry: &Hurry) -> Duration {
    let told = hurry.clone().wait_for(Option::is_some).await.map(|told| *told);
    match told {
        Ok(Some(enough)) => enough,
        // Nobody will ever tell.
        _ => std::future::pending().await,
    }
}

/// Until nothing has come for so long.
async fn silence(heard: &Cell<Instant>, enough: Duration) {
    while heard.get().elapsed() < enough {
        sleep_until(heard.get() + enough).await;
    }
}

/// How many times as long as for an answer a conversation is listened to at most.
const TALKATIVE: u32 = 6;
/// Why nothing was said.
const LATE: &str = "no answer";

impl Lane<'_> {
    /// Says a step to the target, and hears what comes.
    pub(super) async fn hear(
        &mut self,
        step: &Step,
        memory: &mut Memory,
        hurry: &Hurry,
    ) -> Result<Heard, Gone> {
        let heard = match step {
            Step::Ask(ask) => tokio::select! {
                heard = self.hear_answer(ask, memory) => heard,
                _ = told(hurry) => Ok(self.in_vain()),
            },
            Step::Talk(talk) => self.hear_talk(talk, memory, hurry).await,
            Step::Raw(bytes) => tokio::select! {
                heard = self.hear_bytes(&bytes.0) => heard,
                _ = told(hurry) => Ok(self.in_vain()),
            },
            // Nothing meets on purpose where two targets are compared.
            Step::Meet(_) => Ok(Heard::Nothing("nobody met".to_owned())),
        };
        match heard {
            // One of our own begins anew, and its end is told.
            Err(Gone(why)) if self.is_own() => Ok(Heard::Nothing(why)),
            heard => heard,
        }
    }

    /// Counts that this target was waited for in vain.
    fn note_vain(&self) {
        self.subject.vain.fetch_add(1, Ordering::Relaxed);
    }

    fn in_vain(&self) -> Heard {
        self.note_vain();
        Heard::Nothing(LATE.to_owned())
    }

    async fn hear_answer(&mut self, ask: &Ask, memory: &mut Memory) -> Result<Heard, Gone> {
        let known = judge::known(self.subject.scope.catalogue(), ask);
        let session = memory.session.clone();
        let request = ask.request(&self.subject.keys, session.as_deref());
        Ok(match self.send(&request, known).await? {
            Reply::Answer(response) => {
                note(&response, session.filter(|_| ask.who == super::case::Who::Session), memory);
                Heard::Answer(self.bare(&response), response.surplus)
            }
            Reply::Nothing => Heard::Nothing(LATE.to_owned()),
            Reply::Objection(finding) => Heard::Nothing(finding.got),
        })
    }

    async fn hear_bytes(&mut self, bytes: &[u8]) -> Result<Heard, Gone> {
        self.sent += 1;
        let exchange = self.connect().await?.exchange(bytes);
        let came = match timeout(self.subject.limit, exchange).await {
            Err(_) => return Ok(Heard::Nothing("the connection stays open".to_owned())),
            Ok(came) => came.unwrap_or_default(),
        };
        self.note(came.len() as u64);
        let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        let (answers, left) = responses(&came, &String::from_utf8_lossy(method)).await;
        Ok(Heard::Raw(answers.iter().map(|one| self.bare(one)).collect(), left))
    }

    async fn hear_talk(&mut self, talk: &Talk, memory: &Memory, hurry: &Hurry) -> Result<Heard, Gone> {
        let opened = tokio::select! {
            opened = self.open_talk(talk, memory) => opened?,
            _ = told(hurry) => return Ok(self.in_vain()),
        };
        let (response, mut socket) = match opened {
            Opened::Nothing(error) => {
                return Ok(Heard::Nothing(error.map_or(LATE.to_owned(), |error| error.to_string())));
            }
            Opened::Refused(response) => return Ok(Heard::Answer(self.bare(&response), 0)),
            Opened::Socket(response, socket) => (response, socket),
        };
        let answered = self.bare(&response);
        let mut frames = vec![];
        let heard = Cell::new(Instant::now());
        let conversation = converse(&mut socket, talk, &mut frames, &heard);
        // Who still speaks is heard, within reason: what a busy machine is slow to say is no difference.
        tokio::select! {
            _ = timeout(self.subject.limit * TALKATIVE, conversation) => {}
            () = silence(&heard, self.subject.limit) => {}
            () = async { silence(&heard, told(hurry).await).await } => self.note_vain(),
        }
        let own = self.address.authority();
        for frame in &mut frames {
            frame.payload = without(&frame.payload, &own);
        }
        Ok(Heard::Talk(answered, frames))
    }

    /// An answer without what only this target has: its address, and the session that it began.
    fn bare(&self, response: &Response) -> Answered {
        let own = self.address.authority();
        let mut answered = Answered::from(response);
        for (name, value) in
            answered.headers.iter_mut().flat_map(|(name, all)| all.iter_mut().map(move |one| (name, one)))
        {
            *value = value.replace(&own, "target");
            let token = value.split_once(COOKIE).filter(|_| name == "set-cookie");
            if let Some((before, after)) = token
                && let Some((token, rest)) = after.split_once(';')
                && token.len() > 1
            {
                *value = format!("{before}{COOKIE}=…;{rest}");
            }
        }
        if let Some(body) = &mut answered.body {
            body.0 = without(&body.0, &own);
        }
        answered
    }
}

/// Bytes without an address.
fn without(bytes: &[u8], address: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(address) => text.replace(address, "target").into_bytes(),
        _ => bytes.to_vec(),
    }
}

/// Sends everything and keeps what comes, until all is said. What follows the last answer of its own accord is waited for by
/// asking once more.
async fn converse(socket: &mut Websocket, talk: &Talk, frames: &mut Vec<Frame>, heard: &Cell<Instant>) {
    for frame in talk.frames.iter().flat_map(Sent::frames).chain([dialogue::last()]) {
        // A connection that the target has ended shows in what comes, or does not.
        if socket.send(&frame).await.is_err() {
            break;
        }
        heard.set(Instant::now());
    }
    let mut dialogue = Dialogue::new(talk);
    let (mut asked, mut answered) = (1, 0);
    loop {
        if dialogue.is_over() && asked == 1 {
            asked += 1;
            if socket.send(&dialogue::last()).await.is_err() {
                return;
            }
        }
        let Ok(frame) = socket.receive().await else { return };
        heard.set(Instant::now());
        if frame.opcode == opcode::CLOSE {
            frames.push(frame);
            return;
        }
        // Of which kind a frame is counts when it is compared, and not here.
        let opcode = if frame.opcode == opcode::TEXT { opcode::BINARY } else { frame.opcode };
        dialogue.hear(&Frame { opcode, ..frame.clone() });
        if !dialogue::is_last(&frame) {
            frames.push(frame);
            continue;
        }
        answered += 1;
        if answered == 2 {
            return;
        }
    }
}
