//! Which paths reach an endpoint: the page's patterns, on strings drawn from inside and just outside them,
//! and what happens to odd paths.

use portmaster_fixtures::{Contract, Endpoint, Permission};
use portmaster_wire::percent;
use proptest::{prelude::*, string::string_regex};
use regex::Regex;

use super::{
    family::Family,
    property,
    sample::{self, Piece},
};
use crate::{
    suite::{Check, Context, Exchange, Outcome, Place, Stop},
    target::Request,
};

pub(super) const FAMILY: Family = Family {
    name: "paths",
    about: "Which paths reach an endpoint.",
    tags: &["http"],
    checks,
    of_catalogue: Some(of_catalogue),
};

fn checks(contract: Contract) -> Vec<Check> {
    let mut checks = of_catalogue(contract.endpoints());
    checks.extend(BOUNDARIES.map(boundary));
    checks.extend(UNROUTED.map(unrouted));
    checks.extend(SAME.map(same));
    checks.extend(CLEANED.map(cleaned));
    checks.extend(MALFORMED.map(malformed));
    checks
}

/// The checks of the variable parts in a list of endpoints.
fn of_catalogue(endpoints: &'static [Endpoint]) -> Vec<Check> {
    let mut checks = vec![];
    for endpoint in endpoints {
        for part in parts(&endpoint.path) {
            checks.extend(drawn(endpoint, part));
        }
    }
    checks
}

/// A variable part of an endpoint's path with what stands around it, other variable parts filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    pattern: String,
    before: String,
    after: String,
}

fn parts(path: &str) -> Vec<Part> {
    let pieces = sample::pieces(path);
    let filled = |some: &[Piece]| some.iter().map(sample::fill).collect();
    let part = |(at, piece): (usize, &Piece)| match piece {
        Piece::Text(_) => None,
        Piece::Part(name, pattern) => Some(Part {
            name: (*name).to_owned(),
            pattern: (*pattern).to_owned(),
            before: filled(&pieces[..at]),
            after: filled(&pieces[at + 1..]),
        }),
    };
    pieces.iter().enumerate().filter_map(part).collect()
}

impl Part {
    fn regex(&self) -> Result<Regex, Stop> {
        Regex::new(&format!("^(?:{})$", self.pattern)).map_err(|error| Stop::Error(error.to_string()))
    }

    fn path(&self, text: &str, mask: u64) -> String {
        format!("{}{}{}", self.before, encoded(text, mask), self.after)
    }
}

/// Percent-encodes what a path cannot hold as it is, and every character whose bit in `mask` is set.
fn encoded(text: &str, mask: u64) -> String {
    let mut path = String::new();
    for (at, c) in text.chars().enumerate() {
        let plain = c.is_ascii_alphanumeric() || "-._~".contains(c);
        if plain && mask >> (at % 64) & 1 == 0 {
            path.push(c);
        } else {
            path += &percent::encoded(c.to_string(), |_| false);
        }
    }
    path
}

fn drawn(endpoint: &'static Endpoint, part: Part) -> [Check; 2] {
    let id = format!("{}/{}", sample::slug(&endpoint.path), part.name);
    let outside = part.clone();
    [
        Check::must(
            format!("paths/inside/{id}"),
            &endpoint.name,
            format!(
                "Whatever matches {} as a whole is a {}, percent-encoded or not.",
                part.pattern, part.name
            ),
        )
        .run(move |context| inside(context, part.clone())),
        Check::must(
            format!("paths/outside/{id}"),
            &endpoint.name,
            format!("What does not match {} as a whole is no {}.", outside.pattern, outside.name),
        )
        .run(move |context| self::outside(context, outside.clone())),
    ]
}

async fn inside(context: Context, part: Part) -> Outcome {
    let name = format!("inside {}{}", part.before, part.name);
    let drawn = part.clone();
    let strategy = move || Ok((strings(&drawn)?, any::<u64>()));
    let asking = context.clone();
    property::hold(&context, &name, property::USUAL, strategy, move |(text, mask)| {
        let (context, path) = (asking.clone(), part.path(&text, mask));
        async move { reached(&get_drawn(&context, &path).await?) }
    })
    .await
}

async fn outside(context: Context, part: Part) -> Outcome {
    let name = format!("outside {}{}", part.before, part.name);
    let drawn = part.clone();
    let asking = context.clone();
    property::hold(
        &context,
        &name,
        property::USUAL,
        move || strings_outside(&drawn),
        move |(text, mask)| {
            let (context, path) = (asking.clone(), part.path(&text, mask));
            async move { unknown(&get_drawn(&context, &path).await?) }
        },
    )
    .await
}

/// Strings that match the part's pattern and stay what they are when a core cleans the path.
fn strings(part: &Part) -> Result<impl Strategy<Value = String> + use<>, Stop> {
    let drawn = string_regex(&part.pattern).map_err(|error| Stop::Error(error.to_string()))?;
    Ok(drawn.prop_filter("a segment of its own", |text| stays_a_segment(text)))
}

/// Strings that a small change has taken out of the part's pattern, each with a mask for its encoding.
fn strings_outside(part: &Part) -> Result<impl Strategy<Value = (String, u64)> + use<>, Stop> {
    let whole = part.regex()?;
    // A part that takes any character at all still takes no line end.
    let odd = match part.pattern.as_str() {
        ".+" => prop::sample::select(vec!['\n']),
        _ => {
            prop::sample::select(vec!['_', 'A', 'z', '0', '.', '-', ' ', '+', '%', '~', 'é', '\u{7f}', '\n'])
        }
    };
    let change = one_of![
        (any::<prop::sample::Index>(), odd.clone()).prop_map(|(at, c)| Change::Replace(at, c)),
        (any::<prop::sample::Index>(), odd.clone()).prop_map(|(at, c)| Change::Insert(at, c)),
        odd.prop_map(Change::Append),
        (1_usize..600).prop_map(Change::Lengthen),
    ];
    Ok((strings(part)?, change, any::<u64>())
        .prop_map(|(text, change, mask)| (change.apply(&text), mask))
        .prop_filter("outside the pattern, and a segment of its own", move |(text, _)| {
            !whole.is_match(text) && stays_a_segment(text)
        }))
}

fn stays_a_segment(text: &str) -> bool {
    text.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// A small change to a string that matches.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, char),
    Insert(prop::sample::Index, char),
    Append(char),
    Lengthen(usize),
}

impl Change {
    fn apply(self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        match self {
            Self::Replace(at, c) => {
                let at = at.index(chars.len());
                chars[at] = c;
            }
            Self::Insert(at, c) => chars.insert(at.index(chars.len()), c),
            Self::Append(c) => chars.push(c),
            Self::Lengthen(by) => {
                let first = chars.first().copied().unwrap_or('a');
                chars.splice(0..0, std::iter::repeat_n(first, by));
            }
        }
        chars.into_iter().collect()
    }
}

/// Asks with a User key if there is one; a target answers sooner when it need not look at the calling
/// program.
async fn get(context: &Context, path: &str) -> Result<Exchange, Stop> {
    ask(context, Request::api("GET", path)).await
}

/// The same for one of many paths, of which a fresh connection tells nothing more.
async fn get_drawn(context: &Context, path: &str) -> Result<Exchange, Stop> {
    ask(context, Request::api("GET", path).kept()).await
}

async fn ask(context: &Context, request: Request) -> Result<Exchange, Stop> {
    let (place, key) = context.rights(Permission::User).unwrap_or((Place::Main, None));
    context.send_to(place, request.maybe_bearer(key)).await
}

/// Any answer of the endpoint, even a refusal.
fn reached(exchange: &Exchange) -> Outcome {
    // Some endpoints answer 400 themselves; the server's own 400 says so in its text.
    let malformed = exchange.response.body.starts_with(b"400 Bad Request");
    let reached = !exchange.is_unrouted() && !malformed && exchange.response.status != 301;
    exchange.expect(reached, "an answer of the endpoint, not \"Not found.\"")?;
    Ok(())
}

fn unknown(exchange: &Exchange) -> Outcome {
    exchange.error(404, "Not found.\n")?;
    Ok(())
}

/// The lengths at which a pattern ends to match: id, what comes before and after, the character and how often
/// it stands there, and whether that still is a path of the endpoint.
type Boundary = (&'static str, &'static str, char, usize, &'static str, bool);

const BOUNDARIES: [Boundary; 11] = [
    ("dns-name-0", "dns/cache/", 'a', 0, ".A", true),
    ("dns-name-512", "dns/cache/", 'a', 512, ".A", true),
    ("dns-name-513", "dns/cache/", 'a', 513, ".A", false),
    ("dns-type-0", "dns/cache/a.", 'A', 0, "", false),
    ("dns-type-32", "dns/cache/a.", 'A', 32, "", true),
    ("dns-type-33", "dns/cache/a.", 'A', 33, "", false),
    ("map-255", "spn/map/", 'm', 255, "/pins", true),
    ("map-256", "spn/map/", 'm', 256, "/pins", false),
    ("format-1", "spn/map/main/graph.", 'x', 1, "", false),
    ("format-4", "spn/map/main/graph.", 'x', 4, "", true),
    ("format-5", "spn/map/main/graph.", 'x', 5, "", false),
];

fn boundary((id, before, c, times, after, matches): Boundary) -> Check {
    let path = format!("{before}{}{after}", c.to_string().repeat(times));
    let verb = if matches { "is" } else { "is not" };
    Check::must(
        format!("paths/boundary/{id}"),
        "path patterns",
        format!("{before}…{after} with {times} × {c} {verb} a path of the endpoint."),
    )
    .run(move |context| {
        let path = path.clone();
        async move {
            let exchange = get(&context, &path).await?;
            if matches { reached(&exchange) } else { unknown(&exchange) }
        }
    })
}

const CLAUSE: &str = "core-1.x §5.4";

/// Targets that lead nowhere.
const UNROUTED: [(&str, &str); 18] = [
    ("api", "/api"),
    ("api-v1", "/api/v1"),
    ("api-v1-slash", "/api/v1/"),
    ("api-v2", "/api/v2/ping"),
    ("no-endpoint", "/api/v1/nope"),
    ("trailing-slash", "/api/v1/ping/"),
    ("trailing-slash-pattern", "/api/v1/dns/cache/example.com.A/"),
    ("below", "/api/v1/ping/x"),
    ("endpoint-upper-case", "/api/v1/PING"),
    ("api-upper-case", "/API/v1/ping"),
    ("version-upper-case", "/api/V1/ping"),
    ("encoded-blank", "/api/v1/ping%20"),
    ("encoded-newline", "/api/v1/ping%0a"),
    ("encoded-nul", "/api/v1/ping%00"),
    ("encoded-question-mark", "/api/v1/ping%3Fa=b"),
    ("encoded-slash-in-pattern", "/api/v1/dns/cache/example%2Fcom.A"),
    ("elsewhere", "/nope"),
    ("event-empty", "/api/v1/modules/config/trigger/"),
];

fn unrouted((id, target): (&'static str, &'static str)) -> Check {
    Check::should(
        format!("paths/unknown/{id}"),
        CLAUSE,
        format!("{target} is answered with 404 \"Not found.\"."),
    )
    .run(move |context| async move { unknown(&context.send(Request::new("GET", target)).await?) })
}

/// Targets that are `/api/v1/ping` in another form.
const SAME: [(&str, &str); 8] = [
    ("encoded-letter", "/api/v1/%70ing"),
    ("encoded-whole", "/api/v1/%70%69%6E%67"),
    ("encoded-slashes", "/api%2fv1%2Fping"),
    ("query", "/api/v1/ping?a=b&c"),
    ("empty-query", "/api/v1/ping?"),
    ("odd-query", "/api/v1/ping??%zz"),
    ("fragment-query", "/api/v1/ping?a=%23"),
    ("absolute", "http://portmaster.example/api/v1/ping"),
];

fn same((id, target): (&'static str, &'static str)) -> Check {
    Check::should(format!("paths/same/{id}"), CLAUSE, format!("{target} is answered like /api/v1/ping.")).run(
        move |context| async move {
            context.send(Request::new("GET", target)).await?.answer(200, "Pong.\n")?;
            Ok(())
        },
    )
}

/// Targets that are not clean, with where they lead.
const CLEANED: [(&str, &str, &str, &str); 12] = [
    ("double-slash", "GET", "/api/v1//ping", "/api/v1/ping"),
    ("double-slash-first", "GET", "//api/v1/ping", "/api/v1/ping"),
    ("dot", "GET", "/api/v1/./ping", "/api/v1/ping"),
    ("dot-dot", "GET", "/api/v1/../v1/ping", "/api/v1/ping"),
    ("dot-dot-last", "GET", "/api/v1/ping/..", "/api/v1"),
    ("above-the-root", "GET", "/../../api/v1/ping", "/api/v1/ping"),
    ("encoded-dots", "GET", "/api/v1/%2e%2e/v1/ping", "/api/v1/ping"),
    ("encoded-slash-dots", "GET", "/api/v1/ping%2F..", "/api/v1"),
    ("trailing-slash-stays", "GET", "/api/v1//", "/api/v1/"),
    ("query-stays", "GET", "/api/v1//ping?a=b&c=%20", "/api/v1/ping?a=b&c=%20"),
    ("post", "POST", "/api/v1//ui/reload", "/api/v1/ui/reload"),
    ("unknown", "GET", "/a/../nope", "/nope"),
];

fn cleaned(
    (id, method, target, location): (&'static str, &'static str, &'static str, &'static str),
) -> Check {
    Check::should(
        format!("paths/cleaned/{id}"),
        CLAUSE,
        format!("{method} {target} is led to {location} with 301."),
    )
    .run(move |context| async move {
        context.send(Request::new(method, target)).await?.status(301)?.header("Location", location)?;
        Ok(())
    })
}

/// Targets that are none.
const MALFORMED: [(&str, &str); 4] = [
    ("lone-percent", "/api/v1/ping%"),
    ("no-hex", "/api/v1/ping%zz"),
    ("half-hex", "/api/v1/ping%2"),
    ("relative", "api/v1/ping"),
];

fn malformed((id, target): (&'static str, &'static str)) -> Check {
    Check::should(
        format!("paths/malformed/{id}"),
        "core-1.x §5.1",
        format!("The target {target} is refused with 400."),
    )
    .run(move |context| async move {
        context.send(Request::new("GET", target)).await?.answer(400, "400 Bad Request")?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_cut_out_of_their_paths() {
        let found: Vec<_> = Contract::Docs.endpoints().iter().flat_map(|one| parts(&one.path)).collect();
        assert_eq!(found.len(), 10);
        assert_eq!(
            found[0],
            Part {
                name: "query".to_owned(),
                pattern: r"[a-z0-9\.-]{0,512}\.[A-Z]{1,32}".to_owned(),
                before: "dns/cache/".to_owned(),
                after: String::new(),
            }
        );
        let format = found.iter().find(|part| part.name == "format").unwrap();
        assert_eq!(
            (format.pattern.as_str(), format.before.as_str()),
            (r"\.[a-z]{2,4}", "spn/map/main/graph")
        );
        for part in found {
            assert!(part.regex().is_ok() && strings(&part).is_ok(), "{part:?}");
        }
    }

    #[test]
    fn whatever_a_path_cannot_hold_is_encoded() {
        assert_eq!(encoded("a b/é", 0), "a%20b%2F%C3%A9");
        assert_eq!(encoded("ab.A", 0b0101), "%61b%2EA");
    }
}
