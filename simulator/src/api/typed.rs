//! What the members of structures are in Go, where answers only know numbers and texts. A member of one name has one type
//! wherever it is (core-2.2 §4).

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::go::tree::Node;

/// A type of Go.
#[derive(Clone, Copy)]
enum Type {
    Int,
    Int8,
    Int64,
    Uint8,
    Uint16,
    Float64,
    Ip,
    Time,
}

const TYPES: &[(Type, &[&str])] = &[
    (Type::Int, &["Inode", "PID", "SourceAccuracy", "UID"]),
    (Type::Int8, &["IPScope"]),
    (
        Type::Int64,
        &[
            "CreatedAt", "Expires", "Latency", "NumericDate", "NumericDateTime", "NumericTime", "Timestamp",
            "UnixTime", "UnixTimestamp",
        ],
    ),
    (Type::Uint8, &["ExpertiseLevel", "IPVersion", "OptType", "Protocol", "ReleaseLevel"]),
    (Type::Uint16, &["AccuracyRadius", "Port"]),
    (Type::Float64, &["AlertLimit", "AlertTimeframe", "Latitude", "Longitude"]),
    (Type::Ip, &["IP", "IPv4", "IPv6"]),
    (
        Type::Time,
        &["CapacityMeasuredAt", "ConnectedSince", "FirstSeen", "LatencyMeasuredAt", "LoggedInAt", "Time"],
    ),
];

/// What a hub says of itself: the members' names, and their short names in CBOR.
const SHORT: &[(&str, &str)] = &[
    ("ID", "i"),
    ("Timestamp", "t"),
    ("Name", "n"),
    ("Group", "g"),
    ("ContactAddress", "ca"),
    ("ContactService", "cs"),
    ("Hosters", "ho"),
    ("Datacenter", "dc"),
    ("IPv4", "ip4"),
    ("IPv6", "ip6"),
    ("Transports", "tp"),
    ("Entry", "pi"),
    ("Exit", "po"),
    ("Version", "v"),
    ("Keys", "k"),
    ("Lanes", "c"),
    ("Load", "l"),
];

/// The same tree with Go's types.
pub(super) fn typed(node: Node) -> Node {
    match node {
        Node::List(elements) => Node::List(elements.into_iter().map(typed).collect()),
        Node::Map(members) => Node::Map(with_secrets(members.into_iter().map(member).collect())),
        other => other,
    }
}

/// As CBOR has it: what a hub says of itself under short names.
pub(super) fn for_cbor(node: Node) -> Node {
    rewritten(node, &|name, members| {
        let of_hub =
            ["Info", "Status"].contains(&name) && members.iter().any(|(key, _)| is(key, "Timestamp"));
        for (key, _) in members.iter_mut().filter(|_| of_hub) {
            if let Some((_, short)) = SHORT.iter().find(|(long, _)| is(key, long)) {
                *key = text(short);
            }
        }
        internal_id(members);
    })
}

/// A structure of which other forms leave out what is empty, and MessagePack does not.
struct Complete {
    /// The names under which it stands.
    places: &'static [&'static str],
    /// A member that it always has.
    always: &'static str,
    /// Its members in their order, and what is there in the place of a missing one.
    members: &'static [(&'static str, Empty)],
}

const COMPLETE: &[Complete] = &[
    Complete {
        places: &["Info"],
        always: "Timestamp",
        members: &[
            ("ID", Empty::Text),
            ("Timestamp", Empty::Zero),
            ("Name", Empty::Text),
            ("Group", Empty::Text),
            ("ContactAddress", Empty::Text),
            ("ContactService", Empty::Text),
            ("Hosters", Empty::Nil),
            ("Datacenter", Empty::Text),
            ("IPv4", Empty::Nil),
            ("IPv6", Empty::Nil),
            ("Transports", Empty::Nil),
            ("Entry", Empty::Nil),
            ("Exit", Empty::Nil),
            ("Flags", Empty::Nil),
        ],
    },
    Complete {
        places: &["Status"],
        always: "Timestamp",
        members: &[
            ("Timestamp", Empty::Zero),
            ("Version", Empty::Text),
            ("Keys", Empty::Nil),
            ("Lanes", Empty::Nil),
            ("Load", Empty::Zero),
            ("Flags", Empty::Nil),
        ],
    },
    Complete {
        places: &["Main", "Deps", "Replace"],
        always: "Path",
        members: &[
            ("Path", Empty::Text),
            ("Version", Empty::Text),
            ("Sum", Empty::Text),
            ("Replace", Empty::Nil),
        ],
    },
    Complete {
        places: &["Settings"],
        always: "Key",
        members: &[("Key", Empty::Text), ("Value", Empty::Text)],
    },
];

/// What an empty member is.
#[derive(Clone, Copy)]
enum Empty {
    Text,
    Zero,
    Nil,
}

/// As MessagePack has it, which knows members that other forms leave out.
pub(super) fn for_msgpack(node: Node) -> Node {
    rewritten(node, &|name, members| {
        complete(name, members);
        if members.iter().any(|(key, _)| is(key, "UpstreamBlockDetection")) {
            before(members, "Failing", "Conn", Node::Map(Vec::new()));
        }
        internal_id(members);
    })
}

/// Puts empty members where they are missing.
fn complete(name: &str, members: &mut Vec<(Node, Node)>) {
    let known = COMPLETE
        .iter()
        .find(|one| one.places.contains(&name) && members.iter().any(|(key, _)| is(key, one.always)));
    let Some(known) = known else { return };
    for (at, (name, empty)) in known.members.iter().enumerate() {
        if !members.get(at).is_some_and(|(key, _)| is(key, name)) {
            let empty = match empty {
                Empty::Text => text(""),
                Empty::Zero => Node::Int(0),
                Empty::Nil => Node::Nil,
            };
            members.insert(at.min(members.len()), (text(name), empty));
        }
    }
}

/// Metrics have an id of their own only in binary forms, mostly an empty one.
fn internal_id(members: &mut Vec<(Node, Node)>) {
    if !members.iter().any(|(key, _)| is(key, "InternalID")) {
        before(members, "AlertLimit", "InternalID", text(""));
    }
}

fn before(members: &mut Vec<(Node, Node)>, next: &str, name: &str, value: Node) {
    if let Some(at) = members.iter().position(|(key, _)| is(key, next)) {
        members.insert(at, (text(name), value));
    }
}

/// A tree of which every map was changed, which is told the name under which it stands.
fn rewritten(node: Node, change: &impl Fn(&str, &mut Vec<(Node, Node)>)) -> Node {
    fn below(name: &str, node: Node, change: &impl Fn(&str, &mut Vec<(Node, Node)>)) -> Node {
        match node {
            Node::List(elements) => {
                Node::List(elements.into_iter().map(|one| below(name, one, change)).collect())
            }
            Node::Map(members) => {
                let inner = |(key, value): (Node, Node)| {
                    let name = if let Node::Text(name) = &key { name.clone() } else { String::new() };
                    (key, below(&name, value, change))
                };
                let mut members: Vec<_> = members.into_iter().map(inner).collect();
                change(name, &mut members);
                Node::Map(members)
            }
            other => other,
        }
    }
    below("", node, change)
}

/// Keys of hubs are bytes.
fn with_secrets(mut members: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
    if members.iter().any(|(key, _)| is(key, "Scheme")) {
        for (_, value) in members.iter_mut().filter(|(key, _)| is(key, "Key")) {
            if let Node::Text(encoded) = value {
                *value = Node::Bytes(STANDARD.decode(encoded).unwrap_or_default());
            }
        }
    }
    members
}

fn member((key, value): (Node, Node)) -> (Node, Node) {
    let kind = TYPES.iter().find(|(_, names)| names.iter().any(|name| is(&key, name))).map(|(kind, _)| *kind);
    let value = match (kind, value) {
        (Some(kind), Node::Int(number) | Node::Sized(number, ..)) => match kind {
            Type::Int => Node::Int(number),
            Type::Int8 => Node::Sized(number, 8, true),
            Type::Int64 => Node::Sized(number, 64, true),
            Type::Uint8 => Node::Sized(number, 8, false),
            Type::Uint16 => Node::Sized(number, 16, false),
            Type::Float64 => Node::Float64(number as f64),
            Type::Ip => Node::Int(number),
            // What is an instant in one structure is its seconds in another.
            Type::Time => Node::Sized(number, 64, true),
        },
        (Some(Type::Ip), Node::Text(address)) => match address.parse() {
            Ok(ip) => Node::Ip(Some(ip)),
            Err(_) if address.is_empty() => Node::Ip(None),
            Err(_) => Node::Text(address),
        },
        (Some(Type::Time), Node::Text(instant)) => instant.parse().map_or(Node::Text(instant), Node::Time),
        (_, value) => typed(value),
    };
    (key, value)
}

fn is(key: &Node, name: &str) -> bool {
    matches!(key, Node::Text(text) if text == name)
}

fn text(text: &str) -> Node {
    Node::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::go::{cbor, msgpack};

    #[test]
    fn numbers_and_addresses_get_their_types() {
        let value = json!({ "IP": "192.0.2.1", "IPScope": 1, "Port": 53, "PID": -1, "FirstSeen": "2026-01-02T03:04:05Z" });
        let node = typed(Node::of(&value).unwrap());
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(msgpack::to_vec(&for_msgpack(node.clone()))),
            "85a24950c4093139322e302e322e31a7495053636f7065d001a4506f7274cd0035a3504944ffa946697273745365656ed6ff695735a5"
        );
        assert_eq!(
            hex(cbor::to_vec(&for_cbor(node))),
            "a56249505000000000000000000000ffffc00002016749505363 6f70650164506f727418356350494420694669727374536565\
             6e1a695735a5"
                .replace(' ', "")
        );
    }

    #[test]
    fn messagepack_leaves_no_member_out() {
        let build = json!({ "Main": { "Path": "a", "Version": "(devel)" }, "Deps": [{ "Path": "b", "Sum": "h1:x" }] });
        let hub = json!({ "Status": { "Timestamp": 5, "Version": "0.7.5" }, "Name": "not a hub's" });
        let complete = |value| for_msgpack(typed(Node::of(&value).unwrap()));
        let as_json = |node| rmp_serde::from_slice::<serde_json::Value>(&msgpack::to_vec(&node)).unwrap();
        assert_eq!(
            as_json(complete(build)),
            json!({
                "Main": { "Path": "a", "Version": "(devel)", "Sum": "", "Replace": null },
                "Deps": [{ "Path": "b", "Version": "", "Sum": "h1:x", "Replace": null }],
            })
        );
        assert_eq!(
            as_json(complete(hub)),
            json!({
                "Status": {
                    "Timestamp": 5, "Version": "0.7.5", "Keys": null, "Lanes": null, "Load": 0, "Flags": null,
                },
                "Name": "not a hub's",
            })
        );
    }

    #[test]
    fn hubs_have_short_names_in_cbor() {
        let value = json!({ "Info": { "ID": "x", "Timestamp": 5 }, "Other": { "ID": "x", "Timestamp": 5 } });
        let Node::Map(members) = for_cbor(Node::of(&value).unwrap()) else { panic!() };
        let names = |node: &Node| match node {
            Node::Map(members) => {
                members.iter().map(|(key, _)| format!("{key:?}")).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        assert_eq!(names(&members[0].1), "Text(\"i\") Text(\"t\")");
        assert_eq!(names(&members[1].1), "Text(\"ID\") Text(\"Timestamp\")");
    }
}
