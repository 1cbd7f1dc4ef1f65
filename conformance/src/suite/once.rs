//! What takes most of a minute is asked once: a core carries one self-check out at a time, and each takes 45 to 80 s where packets
//! are not intercepted (core-2.2 §6.1).

use std::{collections::BTreeMap, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use super::outcome::{SkipReason, Stop};
use crate::target::{Request, Response, SendError};

/// How long such an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(100);
/// From when on an answer has taken long.
const LONG: Duration = Duration::from_secs(8);

/// Whether the request's answer may take that long.
pub(super) fn is_slow(request: &Request) -> bool {
    request.target.split('?').next().is_some_and(|path| path.ends_with("/compat/self-check"))
}

/// The answers that took long, by what was asked.
#[derive(Debug)]
pub(crate) struct Once {
    known: Mutex<BTreeMap<String, Response>>,
    long: Duration,
}

impl Default for Once {
    fn default() -> Self {
        Self { known: Mutex::default(), long: LONG }
    }
}

impl Once {
    /// Asks, unless it is known that it takes long: then the like has the same answer, and others that would be let in, whom an
    /// open target lets in whatever their key, are not asked.
    pub(super) async fn ask(
        &self,
        request: &Request,
        open: bool,
        asked: impl Future<Output = Result<Response, SendError>>,
    ) -> Result<Result<Response, SendError>, Stop> {
        let mut known = self.known.lock().await;
        let key = format!("{request:?}");
        if let Some(response) = known.get(&key) {
            return Ok(Ok(response.clone()));
        }
        if !known.is_empty() && is_let_in(request, open) {
            return Err(Stop::Skip(SkipReason::AskedOnce));
        }
        let begun = Instant::now();
        let answer = asked.await;
        if begun.elapsed() >= self.long
            && let Ok(response) = &answer
        {
            known.insert(key, response.clone());
        }
        Ok(answer)
    }
}

/// Whether nobody needs a key, or the caller has one that opens the endpoint: others are refused at once.
fn is_let_in(request: &Request, open: bool) -> bool {
    let opens = |shown: &String| !["ANYONE", "EXPIRED"].iter().any(|word| shown.contains(word));
    let read = matches!(request.method.as_str(), "GET" | "HEAD");
    read && (open || request.headers.iter().filter_map(|header| header.shown.as_ref()).any(opens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Key, Tier};

    #[tokio::test]
    async fn a_long_answer_is_shared_and_the_like_is_not_asked_again() {
        let once = Once { long: Duration::from_millis(40), ..Once::default() };
        let request = |tier| Request::api("GET", "compat/self-check").bearer(&Key::new(tier, "x"));
        let answer = async |span| {
            tokio::time::sleep(span).await;
            Ok(Response { status: 500, headers: vec![], body: b"self-check #1: no".to_vec(), surplus: 0 })
        };
        let soon = Duration::ZERO;
        assert!(once.ask(&request(Tier::User), false, answer(soon)).await.is_ok());
        let long = Duration::from_millis(50);
        let first = once.ask(&request(Tier::User), false, answer(long)).await.unwrap().unwrap();
        let again = once.ask(&request(Tier::User), false, answer(long)).await.unwrap().unwrap();
        assert_eq!(first.body, again.body);
        let other = once.ask(&request(Tier::Admin), false, answer(long)).await;
        assert!(matches!(other, Err(Stop::Skip(SkipReason::AskedOnce))));
        assert!(once.ask(&request(Tier::Anyone), false, answer(soon)).await.is_ok());
        let open = once.ask(&request(Tier::Anyone), true, answer(long)).await;
        assert!(matches!(open, Err(Stop::Skip(SkipReason::AskedOnce))), "in Development Mode");
        assert!(is_slow(&request(Tier::User)) && !is_slow(&Request::api("GET", "ping")));
    }
}
