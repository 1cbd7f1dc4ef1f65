//! The inside of the simulated core: goroutines, where they burn time and what they allocate. All of it is invented; there
//! is no such program. What the stack, the workers and the profiles show comes from here, so that they agree.

/// A place in a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    /// The function with its package.
    pub(super) function: &'static str,
    /// The source file.
    pub(super) file: &'static str,
    /// The line.
    pub(super) line: u32,
}

impl Frame {
    const fn new(function: &'static str, file: &'static str, line: u32) -> Self {
        Self { function, file, line }
    }

    /// The address at which the function begins: the same for the same name.
    pub(super) fn entry(&self) -> u64 {
        let hash = self
            .function
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        TEXT_START + (hash >> 44) % (TEXT_SIZE / FUNCTION_SIZE) * FUNCTION_SIZE
    }

    /// The address of the place itself.
    pub(super) fn address(&self) -> u64 {
        self.entry() + 0x10 + u64::from(self.line * 7) % (FUNCTION_SIZE - 0x20)
    }
}

/// Where the program's code lies.
pub(super) const TEXT_START: u64 = 0x40_0000;
/// How long the program's code is, bytes.
pub(super) const TEXT_SIZE: u64 = 0xc0_0000;
const FUNCTION_SIZE: u64 = 0x400;

/// The path of the invented program.
pub(super) const PROGRAM: &str = "/opt/simulated/core";

const PARK: Frame = Frame::new("runtime.gopark", "/go/src/runtime/proc.go", 424);
const SELECT: Frame = Frame::new("runtime.selectgo", "/go/src/runtime/select.go", 335);
const RECEIVE: Frame = Frame::new("runtime.chanrecv1", "/go/src/runtime/chan.go", 442);
const GO_EXIT: Frame = Frame::new("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700);
const MALLOC: Frame = Frame::new("runtime.mallocgc", "/go/src/runtime/malloc.go", 1055);
const SCAN: Frame = Frame::new("runtime.scanobject", "/go/src/runtime/mgcmark.go", 1446);
const MARK: Frame = Frame::new("runtime.gcBgMarkWorker", "/go/src/runtime/mgc.go", 1412);
const FIND: Frame = Frame::new("runtime.findRunnable", "/go/src/runtime/proc.go", 3377);
const SCHEDULE: Frame = Frame::new("runtime.schedule", "/go/src/runtime/proc.go", 3995);
const PROFILE: Frame = Frame::new("runtime/pprof.(*Profile).WriteTo", "/go/src/runtime/pprof/pprof.go", 377);
const SLEEP: Frame = Frame::new("time.Sleep", "/go/src/runtime/time.go", 315);
const POLL: Frame = Frame::new("internal/poll.runtime_pollWait", "/go/src/runtime/netpoll.go", 351);
const READ: Frame = Frame::new("net.(*conn).Read", "/go/src/net/net.go", 194);
const ACCEPT: Frame = Frame::new("net.(*TCPListener).Accept", "/go/src/net/tcpsock.go", 372);
const SERVE: Frame = Frame::new("net/http.(*Server).Serve", "/go/src/net/http/server.go", 3330);
const SERVE_CONN: Frame = Frame::new("net/http.(*conn).serve", "/go/src/net/http/server.go", 2102);
const SYSCALL: Frame =
    Frame::new("internal/runtime/syscall.Syscall6", "/go/src/internal/runtime/syscall/asm.s", 36);
const MARSHAL: Frame = Frame::new("encoding/json.Marshal", "/go/src/encoding/json/encode.go", 171);
const GZIP: Frame = Frame::new("compress/gzip.(*Writer).Write", "/go/src/compress/gzip/gzip.go", 191);
const RUN: Frame = Frame::new("simulated.core/workers.(*Worker).run", "/src/core/workers/worker.go", 88);
const HANDLE: Frame = Frame::new("simulated.core/api.(*Endpoint).handle", "/src/core/api/endpoint.go", 142);
const ROUTE: Frame = Frame::new("simulated.core/api.(*Router).route", "/src/core/api/router.go", 61);
const PACKETS: Frame =
    Frame::new("simulated.core/firewall.(*Queue).packets", "/src/core/firewall/queue.go", 117);
const DECIDE: Frame =
    Frame::new("simulated.core/firewall.(*Queue).decide", "/src/core/firewall/decide.go", 73);
const ENDPOINTS: Frame = Frame::new("simulated.core/profile.(*List).match", "/src/core/profile/list.go", 204);
const CLEAN: Frame = Frame::new("simulated.core/network.(*Table).clean", "/src/core/network/table.go", 96);
const FEED: Frame = Frame::new("simulated.core/netquery.(*Feed).store", "/src/core/netquery/feed.go", 151);
const ONLINE: Frame =
    Frame::new("simulated.core/netenv.(*Monitor).online", "/src/core/netenv/online.go", 212);
const DNS: Frame =
    Frame::new("simulated.core/nameserver.(*Server).listen", "/src/core/nameserver/server.go", 54);
const RESOLVE: Frame =
    Frame::new("simulated.core/resolver.(*Cache).lookup", "/src/core/resolver/cache.go", 130);
const WRITER: Frame =
    Frame::new("simulated.core/database.(*Writer).flush", "/src/core/database/writer.go", 47);
const TIMER: Frame = Frame::new("simulated.core/workers.(*Timer).wait", "/src/core/workers/timer.go", 29);
const LISTS: Frame =
    Frame::new("simulated.core/filterlists.(*Index).load", "/src/core/filterlists/index.go", 83);

/// A kind of goroutine.
#[derive(Debug)]
pub(super) struct Routine {
    /// How many there are.
    pub(super) count: u32,
    /// What it is at: `select`, `IO wait`, …
    pub(super) state: &'static str,
    /// The part of the core that it belongs to, its name, and what else is known; `None` if it is no worker.
    pub(super) worker: Option<(&'static str, &'static str, &'static str)>,
    /// Where it stands, the innermost place first.
    pub(super) stack: &'static [Frame],
}

/// The goroutines, most numerous first.
pub(super) const ROUTINES: &[Routine] = &[
    Routine { count: 12, state: "select", worker: None, stack: &[PARK, SELECT, TIMER, GO_EXIT] },
    Routine {
        count: 4,
        state: "select",
        worker: Some(("Firewall", "packet handler", "")),
        stack: &[PARK, SELECT, PACKETS, RUN, GO_EXIT],
    },
    Routine {
        count: 2,
        state: "IO wait",
        worker: Some(("NameServer", "dns listener", "")),
        stack: &[PARK, POLL, READ, DNS, RUN, GO_EXIT],
    },
    Routine {
        count: 2,
        state: "select",
        worker: Some(("Database", "delayed writer", "")),
        stack: &[PARK, SELECT, WRITER, RUN, GO_EXIT],
    },
    Routine {
        count: 1,
        state: "running",
        worker: Some(("API", "http request", "")),
        stack: &[PROFILE, HANDLE, ROUTE, SERVE_CONN, GO_EXIT],
    },
    Routine {
        count: 1,
        state: "IO wait",
        worker: Some(("API", "http server", "")),
        stack: &[PARK, POLL, ACCEPT, SERVE, RUN, GO_EXIT],
    },
    Routine {
        count: 1,
        state: "chan receive",
        worker: Some(("NetQuery", "connection feed", "")),
        stack: &[PARK, RECEIVE, FEED, RUN, GO_EXIT],
    },
    Routine {
        count: 1,
        state: "select",
        worker: Some(("Network", "connection cleaner", "")),
        stack: &[PARK, SELECT, CLEAN, RUN, GO_EXIT],
    },
    Routine {
        count: 1,
        state: "sleep",
        worker: Some(("NetEnv", "online status", "")),
        stack: &[PARK, SLEEP, ONLINE, RUN, GO_EXIT],
    },
];

/// How many goroutines there are.
pub(crate) fn goroutines() -> u32 {
    ROUTINES.iter().map(|routine| routine.count).sum()
}

/// Where time goes: a share of it, and the stack.
pub(super) const HOT: &[(u32, &[Frame])] = &[
    (30, &[SYSCALL, POLL, READ, DNS, RUN, GO_EXIT]),
    (22, &[ENDPOINTS, DECIDE, PACKETS, RUN, GO_EXIT]),
    (16, &[FIND, SCHEDULE]),
    (12, &[SCAN, MARK, GO_EXIT]),
    (10, &[MALLOC, MARSHAL, HANDLE, ROUTE, SERVE_CONN, GO_EXIT]),
    (6, &[RESOLVE, DNS, RUN, GO_EXIT]),
    (4, &[MALLOC, FEED, RUN, GO_EXIT]),
];

/// Where memory is allocated.
#[derive(Debug)]
pub(super) struct Site {
    /// The size of an object, bytes.
    pub(super) size: i64,
    /// Objects allocated at the start.
    pub(super) first: i64,
    /// Objects allocated in each minute after it.
    pub(super) each_minute: i64,
    /// How many of a thousand objects are still in use.
    pub(super) kept: i64,
    /// The stack.
    pub(super) stack: &'static [Frame],
}

/// The places that allocate.
pub(super) const SITES: &[Site] = &[
    Site { size: 65536, first: 96, each_minute: 0, kept: 1000, stack: &[LISTS, RUN, GO_EXIT] },
    Site {
        size: 4096,
        first: 380,
        each_minute: 12,
        kept: 240,
        stack: &[GZIP, HANDLE, ROUTE, SERVE_CONN, GO_EXIT],
    },
    Site { size: 1536, first: 900, each_minute: 40, kept: 300, stack: &[CLEAN, RUN, GO_EXIT] },
    Site {
        size: 512,
        first: 2100,
        each_minute: 160,
        kept: 55,
        stack: &[MARSHAL, HANDLE, ROUTE, SERVE_CONN, GO_EXIT],
    },
    Site { size: 256, first: 3300, each_minute: 75, kept: 410, stack: &[RESOLVE, DNS, RUN, GO_EXIT] },
    Site {
        size: 96,
        first: 9500,
        each_minute: 900,
        kept: 30,
        stack: &[ENDPOINTS, DECIDE, PACKETS, RUN, GO_EXIT],
    },
    Site { size: 48, first: 7000, each_minute: 310, kept: 12, stack: &[FEED, RUN, GO_EXIT] },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_two_functions_share_an_address() {
        let stacks = ROUTINES.iter().map(|routine| routine.stack);
        let all =
            stacks.chain(HOT.iter().map(|(_, stack)| *stack)).chain(SITES.iter().map(|site| site.stack));
        let mut names = BTreeMap::new();
        for frame in all.flatten() {
            assert_eq!(*names.entry(frame.entry()).or_insert(frame.function), frame.function);
        }
        assert!(ROUTINES.windows(2).all(|pair| pair[0].count >= pair[1].count));
    }
}
