//! Every bound of the product, with its reason. What a peer sends is held against these and nothing else, so that nothing
//! it sends ends, hangs or grows the process. `docs/limits.md` says the same to people.

use std::{cell::Cell, time::Duration};

/// The longest head of a request: a megabyte and a little, as in Go.
pub const HEAD: usize = (1 << 20) + 4096;

/// The longest target of a request: the `http` crate takes no longer one.
pub const TARGET: usize = 65_534;

/// The longest head behind the first that was more than a GET or HEAD without a body, unless that one was longer.
pub const LATER_HEAD: usize = 64 << 10;

/// How many fields a head may have. Go takes what fits into a megabyte; the map that holds them here takes 32,768.
pub const HEAD_FIELDS: usize = 20_000;

/// How many fields a head may have without its connection being told to expect more, which costs time with every request.
pub const USUAL_FIELDS: usize = 90;

/// How long a peer may take for a head, as in cores.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How many connections are served at once; others wait in the listener's queue. Cores have no bound, and systems few more
/// descriptors.
pub const CONNECTIONS: usize = 8192;

/// How deep arrays and objects may nest in JSON. Cores take 10,000, but what is kept of a document is a tree here, and to
/// walk down one so deep takes more stack than a thread has.
pub const NESTING: usize = 500;

/// How many values a document of JSON, CBOR or MessagePack may have. What is kept of it is a tree of some 60 bytes a value.
pub const JSON_VALUES: usize = 250_000;

/// How many values the conditions of a query for connections may compare with: as many as a statement of SQLite has parameters, but for the
/// two that say which page. What is more, cores refuse too, with the statement in their words.
pub const COMPARED: usize = 32_764;

/// How many bytes may have come, of all peers together, of heads and bodies that are not there yet; what is short is not counted.
pub const UNREAD: usize = 96 << 20;

/// What is short: so many bytes of a head, and of a body.
pub const UNREAD_EACH: usize = 16 << 10;

/// How many bytes may wait to be sent to all clients together, beside the longest answer. Those that read nothing would fill the
/// memory; beyond it the ones with the most are given up.
pub const UNSENT: usize = 64 << 20;

/// How deep they may nest in CBOR and MessagePack, whose readers walk down by recursion.
pub const PACKED_NESTING: usize = 256;

/// The most that a user interface may hold, unpacked, bytes. It is kept in memory.
pub const BUNDLE: u64 = 64 << 20;

/// The longest YAML, bytes. It is read while the world waits, some megabytes in a second.
pub const YAML: usize = 256 << 10;

/// How many values a document of YAML may have, with those that its references repeat.
pub const YAML_VALUES: usize = 100_000;

/// The longest document in CBOR, MessagePack or YAML (`profile/merge`, imports, records), bytes. It is read while the world waits.
pub const LABELLED: usize = 2 << 20;

/// The longest text in base 58 that is read, such as a checksum: the time goes with the square of its length.
pub const BASE58: usize = 1024;

/// The longest message of the websocket unless something else is said, bytes. Cores have no bound.
pub const MESSAGE: usize = 16 << 20;

/// How long a peer may take to end its side of a websocket after us.
pub const LINGER: Duration = Duration::from_secs(1);

/// How deep groups of a query's conditions may nest. Parser and evaluator walk them by recursion; people nest three or
/// four. Cores take as many as their stack of 1 GB holds.
pub const GROUP_DEPTH: usize = 100;

/// How many words a query may have, parentheses included.
pub const WORDS: usize = 10_000;

/// How many comparisons a query may have: each is made with every record, and for every subscriber with every change.
pub const COMPARISONS: usize = 1000;

/// How deep a selector's steps may lead into a record. Cores go as deep as the record does.
pub const SELECTOR_DEPTH: usize = 64;

/// How many parts the path of an inserted member may have. Each part that is missing is made.
pub const KEY_PARTS: usize = 100;

/// How many elements of a list an insert may fill with nulls. Cores fill until memory ends.
pub const LIST_FILL: usize = 10_000;

/// How many bytes the wildcards, paths and comparisons of one message may look at: some tens of milliseconds of a core,
/// which is how long the world may be held.
pub const MESSAGE_WORK: u64 = 32 << 20;

/// How many characters a pattern of a rule, a fault or a filter may compare with those of a name, as the product of both: half a
/// millisecond, and many patterns may look at one name.
pub const PATTERN_WORK: usize = 256 << 10;

/// What is answered where a message causes more work than that.
pub const TOO_MUCH_WORK: &str = "too much work for one message";

/// How many bytes the conditions of one subscription may look at for one change.
pub const PUSH_WORK: u64 = 1 << 20;

/// How many subscriptions a client may have. Cores have no bound.
pub const SUBSCRIPTIONS: usize = 100_000;

/// How many bytes the subscriptions of all clients may take together, ids and compiled expressions included.
pub const SUBSCRIPTION_BYTES: usize = 48 << 20;

/// What a subscription takes beside its texts, bytes.
pub const SUBSCRIPTION: usize = 256;

/// How many pushes a subscription may have waiting; cores drop the next ones, too (websocket §1.3).
pub const PUSHES: usize = 1000;

/// How many bytes may wait for a client before it is told of no further change.
pub const PUSH_BYTES: usize = 16 << 20;

/// How many replies may wait for a client before nothing more is read of it.
pub const REPLIES: usize = 1000;

/// How many bytes may wait for a client before nothing more is read of it. One reply more may wait, however long.
pub const REPLY_BYTES: usize = 4 << 20;

/// How many tasks a thread works on before it looks who else has come: an interval of Tokio's
/// (`runtime::Builder::event_interval`), which the program and simulators on threads of their own have. Each look costs a call of
/// the system; without it, a crowd that wants much keeps all others waiting.
pub const EVENTS: u32 = 8;

/// How many messages of websockets are worked on at once. All need the world, and whoever asks otherwise has no more than those before
/// it, however many clients there are.
pub const TURNS: usize = 2;

/// How many calls of the API a client of the websocket may have waiting before nothing more is read of it.
pub const CALLS: usize = 1000;

/// How many connections are opened while the world is locked: some milliseconds on a busy machine. More are opened one such lot after the other.
pub const OPENED_AT_ONCE: u32 = 100;

/// How long those who wait for the world are let in between.
pub const MOMENT: Duration = Duration::from_millis(1);

/// How many messages may be on their way late, before the next ones are lost.
pub const LATE: usize = 10_000;

/// How many bytes of records clients may have written and not deleted, in both databases. The text of one that was asked
/// for is kept beside it, so that it may be twice as much. Cores keep them on the disk.
pub const STORED: usize = 24 << 20;

/// How many bytes of API keys the journal knows of, past ones included. With more it shows no texts at all.
pub const SECRETS: usize = 16 << 20;

/// The largest compiled regular expression of a query, bytes.
pub const REGEX: usize = 256 << 10;

/// How many of Unicode's classes (`\p{Greek}`) a regular expression may have: each is looked up, and becomes hundreds of ranges.
pub const CLASSES: usize = 200;

/// What a byte costs that a regular expression looks at: it may keep hundreds of states in mind.
pub const REGEX_WORK: u64 = 16;

/// The longest body that a core takes, by its declared length (core-1.x §5.10).
pub const BODY: u64 = 20_000_000;

/// The longest body that comes in chunks. Cores have no limit there; a simulator should not be filled up.
pub const CHUNKED_BODY: usize = 64 << 20;

/// The longest body that is read past when nobody wants it, as Go does.
pub const UNWANTED_BODY: usize = 256 << 10;

/// How deep rules may set each other off, at once or with time in between.
pub const RULES_DEPTH: u32 = 8;

/// How many rules may act because of one thing, all in all, at once or later.
pub const RULES_ACTING: u32 = 256;

/// With how many changes waiting rules may let another wait.
pub const SCHEDULED: usize = 10_000;

/// A bound, so that callers without cookies cannot fill the memory; the oldest go first.
pub const SESSIONS: usize = 10_000;

/// How many things happen at most while the world is locked, on a clock that runs or is moved, and what is told of them: some
/// milliseconds. The world then falls behind for a while, rather than keeping everybody waiting. They are counted, not timed, so that
/// what is told together does not depend on the machine.
pub const DUE_AT_ONCE: usize = 200;

/// How many connections one change opens, and one recipe: they fill 0.7 GiB.
pub const OPENED: u32 = 1_000_000;

/// How many connections a world holds: those of the largest recipe, and what happens beside it.
pub const HELD: usize = 1_100_000;

/// How many happenings wait for the slowest one who watches the world; further back they are lost to it.
pub const WATCHED: usize = 1024;

/// How many snapshots are kept.
pub const SNAPSHOTS: usize = 64;

/// How many bytes the files of all snapshots that are kept have together; a single one may have more. In memory they take about
/// as much.
pub const SNAPSHOTS_BYTES: usize = 256 << 20;

/// The longest file that is imported, bytes.
pub const SNAPSHOT_IMPORT: usize = 64 << 20;

/// The longest file of a snapshot that is read from the disk, bytes: that of a world with half a million connections.
pub const SNAPSHOT_FILE: usize = 256 << 20;

/// How deep a snapshot's values may nest: what a client of the database may write, and the file's own members around it.
pub const SNAPSHOT_NESTING: usize = NESTING + 100;

/// How many values the scenario in a snapshot has: that of 100,000 connections, each written out.
pub const SNAPSHOT_SCENARIO: usize = 4_000_000;

/// The stack of the thread that reads a snapshot, whose values may be nested so deep.
pub const SNAPSHOT_STACK: usize = 64 << 20;

/// The longest id and the longest name of a snapshot, characters: it is the name of a file, too.
pub const SNAPSHOT_NAME: usize = 100;

/// How many forks there may be at once, forks of forks included.
pub const FORKS: usize = 16;

/// How many clients may listen to events at once.
pub const LISTENERS: usize = 32;

/// How many connections the control plane serves at once; others wait in the listener's queue. Listeners are among them.
pub const CONTROL_CONNECTIONS: usize = 256;

/// How long a head of a request to the control plane may take: people type them.
pub const CONTROL_HEAD_TIME: Duration = Duration::from_secs(30);

/// The longest answer of the core that the control plane's console shows, bytes.
pub const CONSOLE_ANSWER: u64 = 16 << 20;

/// How many entries of an HTTP Archive are asked again.
pub const HAR_ENTRIES: usize = 5000;

/// How many ways to go on a key that is typed is told.
pub const COMPLETIONS: usize = 100;

/// The longest body that the control plane reads, bytes, save for imports.
pub const CONTROL_BODY: usize = 1 << 20;

/// How long a test may wait at the journal for a request.
pub const JOURNAL_WAIT: Duration = Duration::from_secs(600);

/// How many may wait at the journal at once: each looks at every entry that comes.
pub const JOURNAL_WAITS: usize = 32;

/// How many entries of each kind the journal keeps unless something else is said.
pub const JOURNAL_ENTRIES: usize = 10_000;

/// How much the entries of a kind may weigh, bytes.
pub const JOURNAL_BYTES: usize = 32 << 20;

/// How much of a body the journal keeps, bytes.
pub const JOURNAL_BODY: usize = 64 << 10;

/// How many differences between two worlds are named.
pub const DIFFERENCES: usize = 10_000;

/// How many of each there may be.
pub const SCRIPTS: usize = 1000;

/// The most bytes that a picture may have.
pub const PICTURE: usize = 1_000_000;

/// How long a core that is captured may take to be connected to, or to open its websocket.
pub const CAPTURE_CONNECT: Duration = Duration::from_secs(10);

/// How long it may take for its first answer, which every core has at once.
pub const CAPTURE_FIRST: Duration = Duration::from_secs(15);

/// How long it may take for an answer, or for all that a query finds.
pub const CAPTURE_ANSWER: Duration = Duration::from_secs(60);

/// The longest of its answers that is read, bytes.
pub const CAPTURED_BODY: u64 = 64 << 20;

/// How many records of a query are read.
pub const CAPTURED_RECORDS: usize = 200_000;

/// How many connections are read.
pub const CAPTURED_CONNECTIONS: usize = 100_000;

/// How many networks a captured scenario tells of.
pub const CAPTURED_NETWORKS: usize = 500;

/// How many cached answers of the name server it takes.
pub const CAPTURED_ANSWERS: usize = 5000;

/// How many hubs it takes.
pub const CAPTURED_HUBS: usize = 1000;

/// What is left of the work that a message may cause, in bytes looked at.
#[derive(Debug)]
pub struct Work(Cell<u64>);

impl Work {
    /// A budget.
    pub fn new(bytes: u64) -> Self {
        Self(Cell::new(bytes))
    }

    /// Spends some of it; whether there was enough. A budget that was overdrawn once stays empty.
    pub fn spend(&self, bytes: u64) -> bool {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}
