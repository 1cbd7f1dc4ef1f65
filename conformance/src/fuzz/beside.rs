//! Sends cases to two targets that are set up alike, and finds what differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::Duration,
};

use portmaster_fixtures::Permission;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use super::{
    case::{Case, Sent, Step, Talk},
    expectations::Expectations,
    finding::{Finding, Oracle},
    hear::Heard,
    host::Gone,
    judge,
    lane::{Lane, Memory, Objection},
    subject::Subject,
};
use crate::{
    contrast::{
        Answered, Cause, Circumstance, Comparison, Difference, Expected, Headers, Known, Said, Sort, causes,
        kind_of, levels,
    },
    keeper::normalised,
    target::{Frame, opcode},
};

/// How long one target may keep silent when the other one is done.
const GRACE: Duration = Duration::from_secs(5);
/// After how many such waits in vain a target is known to keep silent.
const SILENT: u32 = 12;
/// How many times as long as the other one took it then gets, and how long at least and at most: what is made small waits hundreds of times.
const PATIENT: (u32, Duration, Duration) = (20, Duration::from_millis(60), Duration::from_millis(400));

/// Sends a case to both: what differs, each cause once.
pub(super) async fn run(lane: &mut Lane<'_>, case: &Case) -> Result<Vec<Objection>, Gone> {
    let Some(mut other) = lane.other.take() else { return Ok(vec![]) };
    let objections = both(lane, &mut other, case).await;
    lane.other = Some(other);
    objections
}

async fn both(one: &mut Lane<'_>, other: &mut Lane<'_>, case: &Case) -> Result<Vec<Objection>, Gone> {
    let mut memories = [Memory::default(), Memory::default()];
    let mut found: BTreeMap<String, Objection> = BTreeMap::new();
    for (step, what) in case.steps.iter().enumerate() {
        let heard = hear(one, other, what, &mut memories).await?;
        let place = place(one.subject, what);
        let mut causes = compare(one, what, &heard);
        if !causes.is_empty() && one.subject.scope.lives() && one.subject.scope.only_reads(what) {
            let again = hear(one, other, what, &mut memories).await?;
            steady(one, what, &mut causes, &heard, &again);
        }
        let silent = heard.iter().any(|one| matches!(one, Heard::Nothing(_)));
        if silent && let Some(fell) = fell(one, other).await? {
            causes = vec![fell];
        }
        for (cause, differences) in causes {
            let Some(first) = differences.first() else { continue };
            let said = |text: &str| format!("{}: {text}", first.place);
            let mut finding = Finding::new(Oracle::Alike, place, said(&first.expected), said(&first.got));
            finding.cause = cause.clone();
            found.entry(cause).or_insert(Objection { step, finding });
        }
        if one.subject.scope.is_spoiled_by(what) {
            break;
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|one| one.step);
    Ok(found)
}

/// The name of what a step is sent to.
fn place<'s>(subject: &'s Subject, step: &Step) -> &'s str {
    match step {
        Step::Ask(ask) if ask.target.starts_with("/api/v1/") => {
            judge::known(subject.scope.catalogue(), ask).map_or("nowhere", |known| known.slug.as_str())
        }
        step => subject.scope.place(Some(step)),
    }
}

/// Says a step to both at once. When one of them is done, the other one has to be soon.
async fn hear(
    one: &mut Lane<'_>,
    other: &mut Lane<'_>,
    step: &Step,
    [first, second]: &mut [Memory; 2],
) -> Result<[Heard; 2], Gone> {
    let known = one.subject.vain.load(Ordering::Relaxed) >= SILENT;
    let begun = Instant::now();
    let (tell, hurry) = watch::channel(None);
    let done = Notify::new();
    let both = async {
        let one = async {
            let heard = one.hear(step, first, &hurry).await;
            done.notify_one();
            heard
        };
        let other = async {
            let heard = other.hear(step, second, &hurry).await;
            done.notify_one();
            heard
        };
        tokio::join!(one, other)
    };
    let late = async {
        done.notified().await;
        let (times, least, most) = PATIENT;
        let grace = if known { (begun.elapsed() * times).clamp(least, most) } else { GRACE };
        sleep(grace).await;
        tell.send_replace(Some(grace));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (one, other) = both => Ok([one?, other?]),
        () = late => Err(Gone("nobody hears".to_owned())),
    }
}

/// Whether one of them, and not the other, came to its end. Those that did begin anew, and so do their neighbours.
async fn fell(one: &mut Lane<'_>, other: &mut Lane<'_>) -> Result<Option<Cause>, Gone> {
    let (first, second) = (one.revive().await?, other.revive().await?);
    if first.is_none() && second.is_none() {
        return Ok(None);
    }
    one.renew_alone().await?;
    other.renew_alone().await?;
    let told = |fall: &Option<crate::keeper::Fall>| {
        fall.as_ref().map_or("nothing of that kind".to_owned(), |fall| fall.told().join("\n"))
    };
    let which = match (&first, &second) {
        (Some(fall), None) => format!("the first fell: {}", fall.cause()),
        (None, Some(fall)) => format!("the second fell: {}", fall.cause()),
        _ => return Ok(None),
    };
    Ok(Some((which, vec![Difference::new(Sort::Message, "its end", told(&first), told(&second))])))
}

/// Why what two targets said to a step differs; nothing if it does not.
fn compare(lane: &Lane<'_>, step: &Step, heard: &[Heard; 2]) -> Vec<Cause> {
    let at = Place::of(lane, step);
    match heard {
        [Heard::Nothing(_), Heard::Nothing(_)] => vec![],
        [Heard::Answer(one, behind), Heard::Answer(other, also)] => {
            let mut causes = at.answers(one, other);
            causes.extend(surplus(*behind, *also));
            causes
        }
        [Heard::Raw(one, left), Heard::Raw(other, also)] => at.several(one, *left, other, *also),
        [Heard::Talk(one, frames), Heard::Talk(other, others)] => {
            let mut causes = at.answers(one, other);
            if let Step::Talk(talk) = step {
                causes.extend(talks(talk, frames, others));
            }
            causes
        }
        [one, other] => {
            if let (Some(one), Some(other)) = (answer(one), answer(other)) {
                return at.answers(one, other);
            }
            let words = [one, other].map(kind).join(" against ");
            vec![(words, vec![Difference::new(Sort::Message, "answer", told(one), told(other))])]
        }
    }
}

/// The answer that there is, whatever followed.
fn answer(heard: &Heard) -> Option<&Answered> {
    match heard {
        Heard::Answer(answer, _) | Heard::Talk(answer, _) => Some(answer),
        Heard::Raw(..) | Heard::Nothing(_) => None,
    }
}

fn kind(heard: &Heard) -> String {
    match heard {
        Heard::Nothing(why) => normalised(why),
        Heard::Answer(..) => "an answer".to_owned(),
        Heard::Talk(..) => "a conversation".to_owned(),
        Heard::Raw(..) => "answers, or the end".to_owned(),
    }
}

fn told(heard: &Heard) -> String {
    match heard {
        Heard::Nothing(why) => why.clone(),
        Heard::Answer(answer, _) | Heard::Talk(answer, _) => answer.status.to_string(),
        Heard::Raw(answers, _) => format!("{} answers", answers.len()),
    }
}

/// Takes out what differs when the same target is asked twice.
fn steady(lane: &Lane<'_>, step: &Step, causes: &mut Vec<Cause>, first: &[Heard; 2], again: &[Heard; 2]) {
    let mut varying = vec![];
    for side in 0..2 {
        let twice = [first[side].clone(), again[side].clone()];
        varying.extend(compare(lane, step, &twice).into_iter().flat_map(|(_, all)| all));
    }
    let places: Vec<String> = varying.iter().map(Difference::general_place).collect();
    for (_, differences) in causes.iter_mut() {
        differences.retain(|one| !places.contains(&one.general_place()));
    }
    causes.retain(|(_, differences)| !differences.is_empty());
}

/// How answers to a step are compared.
struct Place {
    circumstance: Circumstance,
    /// Whether the values of successful answers are the moment's.
    volatile: bool,
}

impl Place {
    fn of(lane: &Lane<'_>, step: &Step) -> Self {
        let ask = match step {
            Step::Ask(ask) => ask,
            // The database is an administrator's (websocket §1).
            Step::Talk(talk) if levels(talk.who.tier(), lane.mode).0 >= Permission::Admin => {
                return Self { circumstance: Circumstance::May, volatile: false };
            }
            Step::Talk(_) => return Self { circumstance: Circumstance::MayNot, volatile: false },
            _ => return Self { circumstance: Circumstance::Elsewhere, volatile: false },
        };
        let known = judge::known(lane.subject.scope.catalogue(), ask);
        let levels = levels(ask.who.tier(), lane.mode);
        let changes = known.is_some_and(|known| Expectations::get().is_volatile(&known.slug));
        Self {
            circumstance: Circumstance::of(known.map(|known| known.endpoint), &ask.method, levels),
            volatile: (changes && lane.subject.scope.lives()) || ask.target.starts_with("/metrics"),
        }
    }

    fn answers(&self, one: &Answered, other: &Answered) -> Vec<Cause> {
        let comparison = Comparison {
            headers: Headers::All,
            prose: false,
            volatile: self.volatile && one.succeeded() && other.succeeded(),
            ..Comparison::of(one, other)
        };
        let differences = match comparison.volatile {
            true => comparison.by_structure(&Known::of([one])),
            false => comparison.by_value(),
        };
        let mut causes = causes(self.circumstance, [one, other], differences);
        causes.extend(escapes(one, other));
        causes
    }

    /// Compares the answers to bytes, one after the other.
    fn several(&self, one: &[Answered], left: usize, other: &[Answered], also: usize) -> Vec<Cause> {
        if one.len() != other.len() {
            let words = match (one.first(), other.first()) {
                (None, Some(answer)) => format!("no answer against {}", answer.status),
                (Some(answer), None) => format!("{} against no answer", answer.status),
                _ => "another number of answers".to_owned(),
            };
            let [one, other] = [one, other]
                .map(|all| all.iter().map(|answer| answer.status.to_string()).collect::<Vec<_>>().join(", "));
            return vec![(words, vec![Difference::new(Sort::Message, "answers", one, other)])];
        }
        let mut causes: Vec<_> =
            one.iter().zip(other).flat_map(|(one, other)| self.answers(one, other)).collect();
        causes.extend(surplus(left, also));
        causes
    }
}

/// JSON of which one escapes what HTML has for itself and the other one does not: who reads values sees nothing of it, who puts the text
/// into a page does.
fn escapes(one: &Answered, other: &Answered) -> Option<Cause> {
    let plain = |answer: &Answered| {
        let text = std::str::from_utf8(answer.bytes()).ok().filter(|text| text.starts_with(['{', '[']))?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        let escaped = ["\\u003c", "\\u003e", "\\u0026"].iter().any(|one| text.contains(one));
        let plain = text.contains(['<', '>', '&']);
        (plain != escaped).then_some(plain)
    };
    let (first, second) = (plain(one)?, plain(other)?);
    if first == second {
        return None;
    }
    let [first, second] = [first, second].map(|plain| if plain { "as they are" } else { "escaped" });
    let words = format!("<, > and & in JSON {first} against {second}");
    Some((words, vec![Difference::new(Sort::Text, "<, > and & in JSON", first, second)]))
}

fn surplus(one: usize, other: usize) -> Option<Cause> {
    let words = match (one > 0, other > 0) {
        (true, false) => "bytes behind the answer of the first",
        (false, true) => "bytes behind the answer of the second",
        _ => return None,
    };
    let said = |bytes: usize| format!("{bytes} bytes");
    let difference = Difference::new(Sort::Message, "behind the answer", said(one), said(other));
    Some((words.to_owned(), vec![difference]))
}

/// Compares what came of a conversation, operation by operation: in which order two of them are answered says nothing.
fn talks(talk: &Talk, one: &[Frame], other: &[Frame]) -> Vec<Cause> {
    let ends = talk.frames.iter().any(Sent::ends);
    let (first, second) = (by_operation(one), by_operation(other));
    let mut found: Vec<Cause> = vec![];
    let mut lacks = false;
    let nothing = (one.is_empty(), other.is_empty());
    let [nameless, also] = [&first, &second].map(|all| all.get(&[][..]).map_or(0, Vec::len));
    // What belongs to whom cannot be told then.
    let muddled = nameless != also && nothing == (false, false);
    if muddled && !ends {
        let words = format!(
            "more answers without a name by the {}",
            if nameless > also { "first" } else { "second" }
        );
        let [one, other] = [nameless, also].map(|count| format!("{count} answers"));
        return vec![(words, vec![Difference::new(Sort::Message, "without a name", one, other)])];
    }
    let all: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    for operation in all {
        let [one, other] = [&first, &second].map(|all| all.get(operation).map_or(&[][..], Vec::as_slice));
        // What one of them lacks may be among those without a name.
        if muddled && one.len() != other.len() {
            continue;
        }
        for at in 0..one.len().max(other.len()) {
            match (one.get(at), other.get(at)) {
                (Some(one), Some(other)) => {
                    let causes = messages(one, other);
                    let parted =
                        causes.iter().any(|(_, all)| all.iter().any(|one| one.sort == Sort::Message));
                    found.extend(causes);
                    // What follows two different messages says nothing more.
                    if parted {
                        break;
                    }
                }
                (one, other) => {
                    if !ends && !lacks {
                        lacks = true;
                        let [words, shown] =
                            [word, shown].map(|say| [one, other].map(|one| say(one.copied())));
                        let words = match nothing {
                            (true, false) => "nothing is said by the first".to_owned(),
                            (false, true) => "nothing is said by the second".to_owned(),
                            _ => format!("message: {}", words.join(" against ")),
                        };
                        let [one, other] = shown;
                        found.push((words, vec![Difference::new(Sort::Message, "message", one, other)]));
                    }
                    break;
                }
            }
        }
    }
    found
}

/// The frames of each operation, and those of none: what belongs together in its order.
fn by_operation(frames: &[Frame]) -> BTreeMap<Vec<u8>, Vec<&Frame>> {
    let mut all: BTreeMap<Vec<u8>, Vec<&Frame>> = BTreeMap::new();
    for frame in frames {
        let name = match frame.opcode {
            opcode::TEXT | opcode::BINARY => {
                frame.payload.split(|byte| *byte == b'|').next().unwrap_or_default().to_vec()
            }
            other => format!("|{other}").into_bytes(),
        };
        all.entry(name).or_default().push(frame);
    }
    all
}

/// The kind of a message, behind the name of its operation.
fn word(frame: Option<&Frame>) -> String {
    let Some(frame) = frame else { return "nothing".to_owned() };
    match frame.opcode {
        opcode::TEXT | opcode::BINARY => {
            let kind = frame.payload.split(|byte| *byte == b'|').nth(1).unwrap_or_default();
            String::from_utf8_lossy(kind).into_owned()
        }
        opcode::CLOSE => format!("close {}", frame.code().unwrap_or_default()),
        other => kind_of(other).to_owned(),
    }
}

fn shown(frame: Option<&Frame>) -> String {
    frame.map_or("nothing".to_owned(), |frame| Said::in_frame(frame).shown())
}

fn messages(one: &Frame, other: &Frame) -> Vec<Cause> {
    let expected = Expected::of(Said::in_frame(one), kind_of(one.opcode).to_owned());
    let differences = expected.differences(other);
    let Some(first) = differences.first() else { return vec![] };
    if first.sort != Sort::Message {
        let nothing = Answered::default();
        return causes(Circumstance::Open, [&nothing, &nothing], differences);
    }
    let text = |frame: &Frame| {
        let text = frame.payload.splitn(3, |byte| *byte == b'|').nth(2).unwrap_or_default();
        normalised(&String::from_utf8_lossy(text))
    };
    let [kind, also] = [one, other].map(|frame| word(Some(frame)));
    let words = if one.opcode != other.opcode {
        format!("a {} frame against a {} one", kind_of(one.opcode), kind_of(other.opcode))
    } else if kind != also {
        format!("message: {kind} against {also}")
    } else if kind == "error" {
        format!("error text \"{}\" against \"{}\"", text(one), text(other))
    } else {
        format!("message: another {kind}")
    };
    vec![(words, differences)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contrast::Bytes;

    fn said(messages: &[&str]) -> Vec<Frame> {
        messages.iter().map(|text| Frame { masked: false, ..Frame::new(opcode::BINARY, *text) }).collect()
    }

    fn words(one: &[&str], other: &[&str]) -> Vec<String> {
        talks(&Talk::default(), &said(one), &said(other)).into_iter().map(|(words, _)| words).collect()
    }

    #[test]
    fn conversations_are_compared_operation_by_operation() {
        assert!(words(&["1|done", "2|done"], &["2|done", "1|done"]).is_empty());
        assert_eq!(words(&["1|done"], &["1|error|no"]), ["message: done against error"]);
        assert_eq!(words(&["1|error|no 1"], &["1|error|never"]), ["error text \"no 0\" against \"never\""]);
        assert_eq!(words(&["1|ok|a|J{}", "1|done"], &["1|done"]), ["message: ok against done"]);
        assert_eq!(words(&["1|done", "2|done"], &["1|done"]), ["message: done against nothing"]);
        assert_eq!(words(&["1|done", "2|done"], &[]), ["nothing is said by the second"]);
        assert_eq!(words(&["|error|no"], &[]), ["nothing is said by the second"]);
        let records =
            [r#"1|ok|a|J{"x":1,"_meta":{"Created":5}}"#, r#"1|ok|a|J{"x":"1","_meta":{"Created":9}}"#];
        assert_eq!(words(&records[..1], &records[1..]), ["member .x of another type: number against string"]);
    }

    #[test]
    fn json_may_be_written_in_two_ways() {
        let answer = |text: &str| Answered { body: Some(Bytes(text.into())), ..Answered::default() };
        let [plain, escaped] = [r#"{"a":"<b>"}"#, r#"{"a":"\u003cb\u003e"}"#].map(answer);
        assert!(escapes(&plain, &plain).is_none() && escapes(&plain, &answer(r#"{"a":"b"}"#)).is_none());
        assert_eq!(escapes(&plain, &escaped).unwrap().0, "<, > and & in JSON as they are against escaped");
        assert!(escapes(&answer("<p>"), &escaped).is_none());
    }

    #[test]
    fn behind_the_end_answers_may_be_missing() {
        let talk = Talk { frames: vec![Sent::Close(1000)], ..Talk::default() };
        assert!(talks(&talk, &said(&["1|done"]), &[]).is_empty());
        assert_eq!(talks(&talk, &said(&["1|done"]), &said(&["1|ok"])).len(), 1);
        // Which of the nameless is missing is not known.
        assert!(talks(&talk, &said(&["2|done", "|error|a"]), &said(&["|error|b", "|error|a"])).is_empty());
        let [named, nameless] = [said(&["1|error|a", "1|ok"]), said(&["1|ok", "|error|a"])];
        assert!(talks(&talk, &named, &nameless).is_empty());
    }
}
