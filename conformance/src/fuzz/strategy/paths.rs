//! Paths in and around the patterns of a catalogue.

use std::{cell::RefCell, collections::BTreeMap, sync::LazyLock};

use portmaster_fixtures::Endpoint;
use proptest::{prelude::*, sample::select, strategy::Union, string::string_regex};
use regex::Regex;

use super::text::{encoded_but, text};
use crate::checks::sample::{self, Piece};

/// Values that parts of paths have in worlds, by the part's name; what does not match a pattern lies around it.
const KNOWN: [(&str, &[&str]); 9] = [
    ("query", &["example.com.A", "www.wiki.example.AAAA", "search.example.A", "dns.quad9.net.A", ".A"]),
    ("map", &["main", "nope"]),
    ("format", &[".dot", ".html", ".svg"]),
    ("pid", &["0", "1", "2301", "2388", "4294967296", "9223372036854775807", "9223372036854775808"]),
    ("source", &["local", "special", "nope"]),
    ("id", &["dns", "spn", "history", "c0ffee.png", "_unidentified", "global-config"]),
    ("destination", &["192.0.2.1", "example.com", "2001:db8::1", "nope", "127.0.0.1"]),
    ("artifact_path", &["all/intel", "linux_amd64"]),
    ("artifact_name", &["none.txt", "geoip4.mmdb", "notifications.yaml"]),
];

/// What may stand in a path without a percent sign.
const PLAIN: &[u8] = b"-._~/:@!$&'()*+,;=";

/// Paths below `/api/v1/` that the endpoint's pattern matches, as they stand in a request line.
pub(super) fn inside(endpoint: &Endpoint) -> BoxedStrategy<String> {
    // Compiling the patterns takes longer than drawing.
    thread_local!(static MADE: RefCell<BTreeMap<String, BoxedStrategy<String>>> = RefCell::default());
    MADE.with_borrow_mut(|made| match made.get(&endpoint.path) {
        Some(known) => known.clone(),
        None => made.entry(endpoint.path.clone()).or_insert(matching(endpoint)).clone(),
    })
}

fn matching(endpoint: &Endpoint) -> BoxedStrategy<String> {
    let mut whole = Just(String::new()).boxed();
    for piece in sample::pieces(&endpoint.path) {
        let next = match piece {
            Piece::Text(text) => Just(text.to_owned()).boxed(),
            Piece::Part(name, pattern) => part(&piece, name, pattern),
        };
        whole = (whole, next).prop_map(|(before, next)| before + &next).boxed();
    }
    whole
}

/// A part of a path that its pattern matches, with more percent signs than needed at times.
fn part(piece: &Piece<'_>, name: &str, pattern: &str) -> BoxedStrategy<String> {
    let usual = sample::fill(piece);
    let matches = regex::Regex::new(&format!("^(?:{pattern})$"));
    let fits = |value: &&&str| matches.as_ref().is_ok_and(|one| one.is_match(value));
    let mut known: Vec<String> = KNOWN
        .iter()
        .filter(|(one, _)| *one == name)
        .flat_map(|(_, values)| *values)
        .filter(fits)
        .map(|value| (*value).to_owned())
        .collect();
    known.insert(0, usual.clone());
    let drawn = string_regex(if pattern.is_empty() { "[^/]{1,12}" } else { pattern });
    let plain = select(known);
    let values = match drawn {
        Ok(drawn) => one_of![7 => plain, 2 => drawn].boxed(),
        Err(_) => plain.boxed(),
    };
    (values, prop::bool::weighted(0.1))
        .prop_map(|(value, all)| encoded_but(&value, if all { b"/" } else { PLAIN }))
        .boxed()
}

/// The pattern with each of its repetitions at the least and at the most that it allows, or, beside that, one less and one more.
fn lengths(pattern: &str, within: bool) -> Vec<String> {
    static REPEATED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\{(\d+),(\d+)\}").expect("a plain pattern"));
    let each = REPEATED.captures_iter(pattern).filter_map(|found| {
        let place = found.get(0)?.range();
        let number = |at| found.get(at)?.as_str().parse::<usize>().ok();
        let (least, most) = (number(1)?, number(2)?);
        let ends = if within { [Some(least), Some(most)] } else { [least.checked_sub(1), Some(most + 1)] };
        Some(
            ends.map(|end| Some(format!("{}{{{}}}{}", &pattern[..place.start], end?, &pattern[place.end..]))),
        )
    });
    each.flatten().flatten().collect()
}

/// Paths of an endpoint in one part of which something else stands.
fn with<S>(endpoint: &Endpoint, values: impl Fn(&Piece<'_>, &str) -> Vec<S>) -> Vec<BoxedStrategy<String>>
where
    S: Strategy<Value = String> + 'static,
{
    let mut ways = vec![];
    let pieces = sample::pieces(&endpoint.path);
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Part(_, pattern) = piece else { continue };
        let join = |pieces: &[Piece<'_>]| pieces.iter().map(sample::fill).collect::<String>();
        let (before, behind) = (join(&pieces[..at]), join(&pieces[at + 1..]));
        ways.extend(values(piece, pattern).into_iter().map(|value| {
            let (before, behind) = (before.clone(), behind.clone());
            value.prop_map(move |value| format!("{before}{}{behind}", encoded_but(&value, PLAIN))).boxed()
        }));
    }
    ways
}

/// Paths at the ends of what a pattern allows, and just beside them: as long as may be or a letter longer, or with letters of another
/// sort; none where the path has no parts.
pub(super) fn at_the_ends(endpoint: &Endpoint) -> Option<BoxedStrategy<String>> {
    let mut ways = with(endpoint, |_, pattern| {
        let both = [true, false].into_iter().flat_map(|within| lengths(pattern, within));
        both.filter_map(|one| string_regex(&one).ok()).collect()
    });
    ways.extend(bends(endpoint));
    (!ways.is_empty()).then(|| Union::new(ways).boxed())
}

/// Paths a part of which has letters of another sort, or none.
fn bent(endpoint: &Endpoint) -> Option<BoxedStrategy<String>> {
    let ways = bends(endpoint);
    (!ways.is_empty()).then(|| Union::new(ways).boxed())
}

/// The same, for each part.
fn bends(endpoint: &Endpoint) -> Vec<BoxedStrategy<String>> {
    with(endpoint, |piece, _| {
        let usual = sample::fill(piece);
        vec![select(vec![usual.to_lowercase(), usual.to_uppercase(), format!("a/{usual}"), String::new()])]
    })
}

/// What somebody does to a path so that it is a little beside the pattern. Numbers are places in it, in percent.
#[derive(Clone, Debug)]
enum Twist {
    Append(&'static str),
    Insert(usize, String),
    Remove(usize),
    Cut(usize),
    Upper,
    Repeat(usize, usize),
}

/// Paths below `/api/v1/` that are a little beside a pattern, or within it by chance.
pub(super) fn around(endpoint: &Endpoint) -> BoxedStrategy<String> {
    const ENDS: [&str; 14] =
        ["/", "//", "/.", "/..", "/../ping", "?", "%2f", "%00", "%0a", "%ff", "/x", ";x=1", "%252e", ".json"];
    let place = || 0_usize..=100;
    let twist = one_of![
        3 => select(&ENDS[..]).prop_map(Twist::Append),
        2 => (place(), text()).prop_map(|(at, text)| Twist::Insert(at, encoded_but(&text, PLAIN))),
        1 => place().prop_map(Twist::Remove),
        2 => place().prop_map(Twist::Cut),
        1 => Just(Twist::Upper),
        1 => (place(), 1_usize..2000).prop_map(|(at, times)| Twist::Repeat(at, times)),
    ];
    let twisted = (inside(endpoint), twist)
        .prop_map(|(path, twist)| {
            // Whatever is inside is ASCII.
            let at = |percent: usize| path.len() * percent / 100;
            match twist {
                Twist::Append(end) => path + end,
                Twist::Insert(percent, text) => {
                    let (before, after) = path.split_at(at(percent));
                    format!("{before}{text}{after}")
                }
                Twist::Remove(percent) => {
                    let at = at(percent).min(path.len().saturating_sub(1));
                    path.char_indices().filter(|(index, _)| *index != at).map(|(_, c)| c).collect()
                }
                Twist::Cut(percent) => path[..at(percent)].to_owned(),
                Twist::Upper => path.to_uppercase(),
                Twist::Repeat(percent, times) => {
                    let (before, after) = path.split_at(at(percent));
                    let letter = before.chars().last().unwrap_or('a').to_string();
                    format!("{before}{}{after}", letter.repeat(times))
                }
            }
        })
        .boxed();
    match bent(endpoint) {
        Some(bent) => one_of![1 => twisted, 1 => bent].boxed(),
        None => twisted,
    }
}

/// Targets with scheme and host, as proxies are asked.
pub(super) fn absolute() -> BoxedStrategy<String> {
    const TARGETS: [&str; 3] =
        ["http://core.example/api/v1/ping", "http://core.example/", "HTTP://core.example/api/v1/nope"];
    select(&TARGETS[..]).prop_map(str::to_owned).boxed()
}

/// Targets outside the catalogue: pages, metrics, the websocket's door, and what is nowhere.
pub(super) fn elsewhere() -> BoxedStrategy<String> {
    const TARGETS: [&str; 22] = [
        "/",
        "/metrics",
        "/metrics?level=developer",
        "/metrics?level=user",
        "/ui/modules/portmaster",
        "/ui/modules/portmaster/",
        "/ui/modules/portmaster/index.html",
        "/ui/modules/portmaster/../x",
        "/ui/modules/nope/",
        "/ui/modules/Portmaster/",
        "/assets/fonts/x.woff2",
        "/assets/",
        "/api/database/v1",
        "/api/database/v1/",
        "/api/database/v2",
        "/api/v1",
        "/api/v1/",
        "/api/v2/ping",
        "/favicon.ico",
        "/.well-known/x",
        "//",
        "/api/v1//ping",
    ];
    let pages = (select(vec!["/ui/modules/", "/assets/", "/", "/api/"]), text())
        .prop_map(|(root, text)| root.to_owned() + &encoded_but(&text, PLAIN));
    one_of![3 => select(&TARGETS[..]).prop_map(str::to_owned), 1 => pages].boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::catalogue::{Catalogue, decoded};
    use portmaster_fixtures::Contract;
    use proptest::{
        strategy::ValueTree,
        test_runner::{TestCaseError, TestRunner},
    };

    #[test]
    fn paths_inside_match_their_pattern() {
        for contract in Contract::ALL {
            for endpoint in contract.endpoints() {
                let whole = Regex::new(&format!("^{}$", sample::expression(&endpoint.path))).unwrap();
                let checked = |path: String| {
                    let decoded = decoded(&path).unwrap();
                    let plain =
                        path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
                    if plain && whole.is_match(&decoded) {
                        Ok(())
                    } else {
                        Err(TestCaseError::fail(format!("{path} beside {}", endpoint.path)))
                    }
                };
                TestRunner::deterministic().run(&inside(endpoint), checked).unwrap();
            }
        }
    }

    #[test]
    fn paths_around_stay_in_a_request_line_and_miss_their_endpoint_at_times() {
        let catalogue = Catalogue::new(Contract::V2_2.endpoints());
        let mut runner = TestRunner::deterministic();
        let (mut hits, mut misses) = (0, 0);
        for endpoint in Contract::V2_2.endpoints() {
            let strategy = around(endpoint);
            for _ in 0..20 {
                let path = strategy.new_tree(&mut runner).unwrap().current();
                assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
                let found = decoded(&path).is_some_and(|path| catalogue.find(&path).is_some());
                *(if found { &mut hits } else { &mut misses }) += 1;
            }
        }
        assert!(hits > 30 && misses > 500, "{hits} hits, {misses} misses");
    }
}
