//! What can be sent: every grammar that a peer reaches, with texts that are nested deeply, long, or wide.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use super::peer::frame;

/// Something that is sent.
pub(crate) enum Text {
    /// The bytes of a connection to the API.
    Api(Vec<u8>),
    /// The bytes of a connection to the control plane.
    Control(Vec<u8>),
    /// Messages of the database websocket.
    Messages(Vec<Vec<u8>>),
    /// Frames of it as they are.
    Frames(Vec<u8>),
    /// A zip file in the place of the user interface.
    Bundle(Vec<u8>),
}

/// A grammar, and texts in it. What does not nest has no deep one.
pub(crate) struct Grammar {
    pub(crate) name: &'static str,
    pub(crate) deep: Option<Text>,
    pub(crate) long: Option<Text>,
    pub(crate) wide: Option<Text>,
    /// A harmless one.
    pub(crate) plain: Text,
}

/// How much is sent.
pub(crate) struct Sizes {
    /// How deep texts nest, and how often something occurs in wide ones.
    pub(crate) many: usize,
    /// How long texts are.
    pub(crate) long: usize,
    /// How long bodies for the control plane are, which takes a megabyte.
    pub(crate) control: usize,
    /// How long a record is.
    pub(crate) record: usize,
    /// How much a bundle holds, unpacked.
    pub(crate) bundle: usize,
}

/// How often something occurs in the target of a request, of which 65,534 bytes are taken.
const TARGET: usize = 10_000;

/// A request that is the last of its connection.
pub(crate) fn request(method: &str, target: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn get(target: &str) -> Text {
    Text::Api(request("GET", target, "", b""))
}

fn post(target: &str, kind: &str, body: impl AsRef<[u8]>) -> Text {
    Text::Api(request("POST", target, kind, body.as_ref()))
}

fn control(method: &str, target: &str, kind: &str, body: impl AsRef<[u8]>) -> Text {
    Text::Control(request(method, target, kind, body.as_ref()))
}

fn message(text: impl Into<Vec<u8>>) -> Text {
    Text::Messages(vec![text.into()])
}

fn messages(texts: impl IntoIterator<Item = String>) -> Text {
    Text::Messages(texts.into_iter().map(String::into_bytes).collect())
}

fn nested(open: &str, inside: &str, close: &str, depth: usize) -> String {
    [&open.repeat(depth), inside, &close.repeat(depth)].concat()
}

fn chunked(chunks: impl AsRef<[u8]>) -> Text {
    let head = b"POST /api/v1/netquery/query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    Text::Api([head, chunks.as_ref()].concat())
}

/// Writes a zip file.
pub(crate) fn bundle(path: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> io::Result<()> {
    let mut zip = zip::ZipWriter::new(File::create(path)?);
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, body) in files {
        zip.start_file(name, options).map_err(io::Error::other)?;
        zip.write_all(&body)?;
    }
    zip.finish().map_err(io::Error::other)?;
    Ok(())
}

fn zipped(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Text {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("attack.zip");
    bundle(&path, files).expect("a zip file");
    Text::Bundle(std::fs::read(path).expect("the zip file"))
}

/// All of them.
pub(crate) fn grammars(sizes: &Sizes) -> Vec<Grammar> {
    [http(sizes), documents(sizes), database(sizes), plane(sizes), files(sizes), many(sizes)]
        .into_iter()
        .flatten()
        .collect()
}

fn http(sizes: &Sizes) -> Vec<Grammar> {
    let Sizes { many, long, .. } = *sizes;
    let head = |fields: &str| {
        Text::Api(
            format!("GET /api/v1/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n")
                .into(),
        )
    };
    vec![
        Grammar {
            name: "HTTP head",
            deep: Some(Text::Api(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec())),
            long: Some(head(&format!("X: {}\r\n", "a".repeat(2 << 20)))),
            wide: Some(head(&"X: y\r\n".repeat(19_000))),
            plain: head("X: y\r\n"),
        },
        Grammar {
            name: "path",
            deep: Some(get(&format!("/api/v1/{}", "a/".repeat(2 * TARGET)))),
            long: Some(get(&format!("/api/v1/{}", "%41".repeat(2 * TARGET)))),
            wide: Some(get(&format!("/api/v1/{}", "../x/".repeat(TARGET)))),
            plain: get("/api/v1/ping"),
        },
        Grammar {
            name: "query",
            deep: Some(get(&format!("/api/v1/debug/network?where=%{}", "25".repeat(2 * TARGET)))),
            long: Some(get(&format!("/api/v1/debug/network?profile={}", "a".repeat(6 * TARGET)))),
            wide: Some(get(&format!("/api/v1/debug/network?{}", "a=b&".repeat(TARGET)))),
            plain: get("/api/v1/debug/network?profile=x"),
        },
        Grammar {
            name: "chunked body",
            deep: None,
            long: Some(chunked(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(long)))),
            wide: Some(chunked("1\r\na\r\n".repeat(10 * many) + "0\r\n\r\n")),
            plain: chunked("2\r\n{}\r\n0\r\n\r\n"),
        },
        Grammar {
            name: "Go durations",
            deep: None,
            long: Some(get(&format!("/api/v1/debug/cpu?duration={}ns", "9".repeat(6 * TARGET)))),
            wide: Some(get(&format!("/api/v1/debug/cpu?duration={}", "0s".repeat(3 * TARGET)))),
            plain: get("/api/v1/debug/cpu?duration=170141183460469231731687303715884105727ns"),
        },
        Grammar {
            name: "Go URLs",
            deep: Some(Text::Api(
                format!("GET /api/v1/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: http://{}\r\n\r\n",
                    "[".repeat(many)).into(),
            )),
            long: Some(message(format!("1|get|api:{}", "%41".repeat(long / 3)))),
            wide: Some(message(format!("1|get|api:{}", "../a/".repeat(long / 5)))),
            plain: message("1|get|api:ping?a=b"),
        },
    ]
}

fn documents(sizes: &Sizes) -> Vec<Grammar> {
    let Sizes { many, long, .. } = *sizes;
    let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, at| {
        let before = vec![format!("*a{}", at - 1); 9].join(", ");
        text + &format!("a{at}: &a{at} [{before}]\n")
    });
    let netquery = |body: String| post("/api/v1/netquery/query", "application/json", body);
    let yaml = |body: String| post("/api/v1/broadcasts/simulate", "application/yaml", body);
    let merge = |kind: &str, body: Vec<u8>| post("/api/v1/profile/merge", kind, body);
    let import = |body: String| post("/api/v1/sync/profile/import?allowUnknown", "text/yaml", body);
    vec![
        Grammar {
            name: "JSON",
            deep: Some(netquery(nested("[", "", "]", 10 * many))),
            long: Some(netquery(format!("{{\"query\":\"{}\"}}", "\\u0041".repeat(long / 6)))),
            wide: Some(netquery(format!("{{{}\"z\":1}}", "\"a\":[],".repeat(10 * many)))),
            plain: netquery("{}".to_owned()),
        },
        Grammar {
            name: "YAML",
            deep: Some(yaml("- ".repeat(many))),
            long: Some(yaml(format!("a: \"{}\"", "x".repeat(long)))),
            wide: Some(yaml(bomb.clone())),
            plain: yaml("a: b".to_owned()),
        },
        Grammar {
            name: "YAML flow",
            deep: Some(yaml(nested("[", "", "]", many))),
            long: Some(yaml(format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), "*a, ".repeat(90)))),
            wide: Some(yaml(format!("[{}]", "a, ".repeat(10 * many)))),
            plain: yaml("[a, b]".to_owned()),
        },
        Grammar {
            name: "CBOR",
            deep: Some(merge("application/cbor", vec![0x81; long])),
            long: Some(merge("application/cbor", [&[0x7b][..], &[0x7f; 8], b"abc"].concat())),
            wide: Some(merge("application/cbor", [&[0x9a, 0, 0x80, 0, 0][..], &vec![0xf6; long]].concat())),
            plain: merge("application/cbor", vec![0xa0]),
        },
        Grammar {
            name: "MessagePack",
            deep: Some(merge("application/msgpack", vec![0x91; long])),
            long: Some(merge("application/msgpack", [&[0xdb, 0xff, 0xff, 0xff, 0xff][..], b"abc"].concat())),
            wide: Some(merge(
                "application/msgpack",
                [&[0xdd, 0, 0x80, 0, 0][..], &vec![0xc0; long]].concat(),
            )),
            plain: merge("application/msgpack", vec![0x80]),
        },
        Grammar {
            name: "checksummed imports",
            deep: Some(import(nested("a: {", "", "}", many))),
            long: Some(import(format!("type: profile\nname: \"{}\"\nchecksum: x", "x".repeat(long)))),
            wide: Some(import(bomb)),
            plain: import("type: profile\nchecksum: x".to_owned()),
        },
        Grammar {
            name: "netquery",
            deep: Some(netquery(format!("{{\"query\":{}}}", nested("{\"a\":[", "", "]}", many)))),
            long: Some(netquery(format!(
                "{{\"textSearch\":{{\"fields\":[\"domain\"],\"value\":\"{}\"}}}}",
                "%a".repeat(long / 2)
            ))),
            wide: Some(netquery(format!(
                "{{\"query\":{{\"domain\":{{\"$in\":[{}\"x\"]}}}}}}",
                "\"a\",".repeat(many)
            ))),
            plain: netquery("{\"query\":{\"domain\":{\"$like\":\"%a%\"}}}".to_owned()),
        },
    ]
}

fn database(sizes: &Sizes) -> Vec<Grammar> {
    let Sizes { many, long, record, .. } = *sizes;
    let made = |record: &str, rest: String| messages([format!("0|create|core:attack|J{record}"), rest]);
    let query =
        |text: String| made("{\"a\":{\"b\":1},\"l\":[1]}", format!("1|query|query core:attack where {text}"));
    let insert =
        |key: String| made("{\"a\":{\"b\":1},\"l\":[1]}", format!("1|insert|core:attack|{{\"{key}\":1}}"));
    let name = "a".repeat(5_000);
    let named = format!("{{\"{name}\":1}}");
    vec![
        Grammar {
            name: "database query",
            deep: Some(query("(".repeat(many))),
            long: Some(query(format!("a matches \"{}\"", "(a{0,9}){0,9}".repeat(many / 100)))),
            wide: Some(query("a == 1 and ".repeat(many) + "b == 2")),
            plain: query("a.b == 1".to_owned()),
        },
        Grammar {
            name: "debug/network?where=",
            deep: Some(get(&format!("/api/v1/debug/network?where={}", "(".repeat(6 * TARGET)))),
            long: Some(get(&format!("/api/v1/debug/network?where=a+matches+{}", "a*".repeat(2 * TARGET)))),
            wide: Some(get(&format!("/api/v1/debug/network?where={}", "ID+exists+".repeat(990)))),
            plain: get("/api/v1/debug/network?where=ID+exists"),
        },
        Grammar {
            name: "selector",
            deep: Some(query("a.".repeat(many) + "b exists")),
            long: Some(made(
                &named,
                format!("1|query|query core:attack where {}b exists", "*a".repeat(5_000)),
            )),
            wide: Some(query("[@this,@this]|".repeat(many / 10) + "@this exists")),
            plain: query("*.b exists".to_owned()),
        },
        Grammar {
            name: "selector in deep lists",
            deep: Some(made(
                &format!("{{\"l\":{}}}", nested("[", "1", "]", many)),
                "1|query|query core:attack where l.@flatten:{\\\"deep\\\":true} exists".to_owned(),
            )),
            long: Some(made(
                &format!("{{\"l\":{}}}", nested("[", "1", "]", many)),
                format!("1|query|query core:attack where l.{}# exists", "#.".repeat(many)),
            )),
            wide: Some(made(
                &format!("{{\"l\":[{}{{}}]}}", "{\"a\":1},".repeat(many)),
                "1|query|query core:attack where \"l.#(a==1)#|@reverse|@join|@flatten\" exists".to_owned(),
            )),
            plain: query("l.@flatten exists".to_owned()),
        },
        Grammar {
            name: "insert key",
            deep: Some(insert("a.".repeat(many) + "b")),
            long: Some(made(&named, format!("1|insert|core:attack|{{\"{}b\":1}}", "*a".repeat(5_000)))),
            wide: Some(insert("l.4000000000".to_owned())),
            plain: insert("a.b".to_owned()),
        },
        Grammar {
            name: "insert members",
            deep: Some(made(
                &nested("[", "", "]", 400),
                format!("1|insert|core:attack|{{\"{}0\":1}}", "0.".repeat(90)),
            )),
            long: Some(insert("x".repeat(long))),
            wide: Some(made(
                &format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)),
                format!("1|insert|core:attack|{{{}\"z\":1}}", "\"a\":\"y\",".repeat(many)),
            )),
            plain: insert("l.3".to_owned()),
        },
        Grammar {
            name: "websocket frames",
            deep: Some(Text::Frames(
                [frame(0x02, b"1|get|"), frame(0x00, b"a").repeat(many), frame(0x80, b"")].concat(),
            )),
            long: Some(Text::Messages(vec![vec![b'x'; 17 << 20]])),
            wide: Some(Text::Frames(frame(0x89, &[b'x'; 125]).repeat(many))),
            plain: Text::Frames(frame(0x89, b"x")),
        },
        Grammar {
            name: "records",
            deep: None,
            long: Some(messages(
                [format!("0|create|core:attack|J{{\"a\":\"{}\"}}", "x".repeat(record))]
                    .into_iter()
                    .chain((1..100).map(|at| format!("{at}|get|core:attack"))),
            )),
            wide: Some(messages((0..many).map(|at| format!("{at}|create|core:attack/{at}|J{{}}")))),
            plain: message(format!("1|create|core:attack|J{{\"a\":\"{}\"}}", "x".repeat(1 << 10))),
        },
        Grammar {
            name: "subscriptions",
            deep: None,
            long: Some(messages(
                (0..50).map(|at| format!("{at}|sub|query core: where a sameas {}", "x".repeat(100_000))),
            )),
            wide: Some(messages((0..many).map(|at| format!("{at}|sub|query core:")))),
            plain: messages(["1|sub|query core:".to_owned(), "2|create|core:attack|J{}".to_owned()]),
        },
    ]
}

fn plane(sizes: &Sizes) -> Vec<Grammar> {
    let Sizes { many, long, control: most, .. } = *sizes;
    let rule = |when: String, then: &str| {
        control("POST", "/rules", "application/json", format!("{{\"when\":{when},\"then\":[{then}]}}"))
    };
    let answer = "{\"answer\":{\"status\":404}}";
    let error = |when: String| {
        control(
            "POST",
            "/faults",
            "application/json",
            format!("{{\"when\":{when},\"effect\":{{\"status\":503}}}}"),
        )
    };
    let patch = |body: String| control("PATCH", "/state", "application/merge-patch+json", body);
    let scenario = |body: String| control("PUT", "/scenario", "application/yaml", body);
    let journal = |body: String| control("POST", "/journal/near-misses", "application/json", body);
    let snapshot = |body: String| control("PUT", "/snapshots/attack", "application/json", body);
    let change = |body: String| control("POST", "/changes", "application/json", body);
    vec![
        Grammar {
            name: "scenario",
            deep: Some(scenario(format!("apps: {}", nested("[", "", "]", many)))),
            long: Some(scenario(format!("about: \"{}\"", "x".repeat(most)))),
            wide: Some(scenario("config:\n".to_owned() + &"  a: 1\n".repeat(many))),
            plain: scenario("extends: home-office".to_owned()),
        },
        Grammar {
            name: "merge patch",
            deep: Some(patch(nested("{\"network\":", "1", "}", many / 2))),
            long: Some(patch(format!("{{\"config\":{{\"{}\":1}}}}", "x".repeat(most / 2)))),
            wide: Some(patch(format!("{{\"config\":{{{}\"z\":1}}}}", "\"a\":1,".repeat(many)))),
            plain: patch("{\"network\":{\"online\":\"offline\"}}".to_owned()),
        },
        Grammar {
            name: "changes",
            deep: Some(change(nested("{\"connections\":", "1", "}", many / 2))),
            long: Some(change(format!("{{\"connections\":{{\"open\":{}}}}}", many / 3))),
            wide: Some(change(format!("{{\"notifications\":[{}1]}}", "1,".repeat(many)))),
            plain: change("{\"connections\":{\"open\":3}}".to_owned()),
        },
        Grammar {
            name: "rules",
            deep: Some(rule(
                "{\"request\":{\"path\":\"ping\"}}".to_owned(),
                &nested("{\"answer\":{\"body\":", "1", "}}", many / 4),
            )),
            long: Some(rule(format!("{{\"request\":{{\"path\":\"{}\"}}}}", "*a".repeat(most / 4)), answer)),
            wide: Some(rule(
                "{\"request\":{\"path\":\"dns/*\"}}".to_owned(),
                &(format!("{answer},").repeat(many / 5) + answer),
            )),
            plain: rule("{\"request\":{\"path\":\"dns/*\"}}".to_owned(), answer),
        },
        Grammar {
            name: "faults",
            deep: Some(error(nested("{\"path\":", "1", "}", many / 2))),
            long: Some(error(format!("{{\"path\":\"{}\"}}", "*a".repeat(most / 4)))),
            wide: Some(error(format!("{{{}\"path\":\"x\"}}", "\"path\":\"a\",".repeat(many / 2)))),
            plain: error("{\"path\":\"dns/*\"}".to_owned()),
        },
        Grammar {
            name: "journal filters",
            deep: Some(journal(format!("{{\"body\":{}}}", nested("[", "", "]", many)))),
            long: Some(journal(format!("{{\"path\":\"{}\"}}", "*a".repeat(most / 4)))),
            wide: Some(journal(format!("{{\"query\":{{{}\"z\":\"*\"}}}}", "\"a\":\"*\",".repeat(many / 2)))),
            plain: journal("{\"path\":\"*\"}".to_owned()),
        },
        Grammar {
            name: "snapshot files",
            deep: Some(snapshot(nested("{\"world\":", "1", "}", many))),
            long: Some(snapshot(format!("{{\"format\":\"{}\"}}", "x".repeat(long)))),
            wide: Some(snapshot(format!("[{}1]", "1,".repeat(long / 2)))),
            plain: snapshot("{\"format\":\"portmaster-simulator snapshot\",\"version\":1}".to_owned()),
        },
    ]
}

fn files(sizes: &Sizes) -> Vec<Grammar> {
    let Sizes { many, bundle, .. } = *sizes;
    vec![Grammar {
        name: "zip bundles",
        deep: Some(zipped([("a/".repeat(many / 4) + "b", b"x".to_vec())])),
        long: Some(zipped([("index.html".to_owned(), vec![0; bundle])])),
        wide: Some(zipped((0..many / 3).map(|at| (format!("{at}"), Vec::new())))),
        plain: zipped([("index.html".to_owned(), b"x".to_vec())]),
    }]
}

/// What many clients say at once, who read nothing or do not come to an end.
fn many(sizes: &Sizes) -> Vec<Grammar> {
    let crowd = |name, plain| Grammar { name, deep: None, long: None, wide: None, plain };
    let body = |head: &str| [head.as_bytes(), &vec![b' '; sizes.control]].concat();
    vec![
        crowd("many queries", message("1|query|query network:")),
        crowd("many subscriptions", message(format!("{}|qsub|query network:", "1".repeat(sizes.control)))),
        crowd(
            "many answers",
            Text::Api(b"GET /api/v1/debug/core HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ),
        crowd("many calls", message("1|get|api:debug/core")),
        crowd(
            "many bodies",
            Text::Api(body(
                "POST /api/v1/netquery/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 19000000\r\n\r\n",
            )),
        ),
        crowd(
            "many control bodies",
            Text::Control(body(
                "PUT /snapshots/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n",
            )),
        ),
        crowd(
            "many control answers",
            Text::Control(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ),
        crowd("many waits", {
            let wait = r#"{"match":{"path":"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"},"timeout":"10m"}"#;
            let head = "POST /journal/wait HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
            Text::Control(format!("{head}Content-Length: {}\r\n\r\n{wait}", wait.len()).into_bytes())
        }),
        crowd("many messages begun", Text::Frames(frame(0x02, &vec![b'x'; sizes.control]))),
    ]
}
