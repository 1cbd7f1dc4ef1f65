//! `debug/stack`: the goroutines as Go's profile in its text form, and the workers among them.

use std::fmt::Write;

use super::invented::{Frame, ROUTINES, Routine, goroutines};
use crate::{
    api::{Call, Reply},
    world::World,
};

/// The width of a tab stop.
const TAB: usize = 8;

pub(super) fn stack(_: &mut World, _: &Call) -> Reply {
    Reply::Data(text().into())
}

/// A core prints its goroutines to its standard output. A simulator's own belongs to its user, so nothing is printed.
pub(super) fn print(_: &mut World, _: &Call) -> Reply {
    Reply::action("stack printed to stdout")
}

/// The goroutine profile: a block for each kind of stack.
pub(super) fn text() -> String {
    let mut out = format!("goroutine profile: total {}\n", goroutines());
    for Routine { count, stack, .. } in ROUTINES {
        let addresses: Vec<String> = stack.iter().map(|frame| format!("{:#x}", frame.address())).collect();
        out.push_str(&format!("{count} @ {}\n", addresses.join(" ")));
        // Go hides its runtime at the inner end of a stack, and its last frame.
        let inner = stack.iter().position(|frame| !frame.function.starts_with("runtime.")).unwrap_or(0);
        let shown: Vec<&Frame> =
            stack[inner..].iter().filter(|frame| frame.function != "runtime.goexit").collect();
        let place = |frame: &Frame| format!("{}+{:#x}", frame.function, frame.address() - 1 - frame.entry());
        let widest = shown.iter().map(|frame| place(frame).len()).max().unwrap_or(0);
        for frame in shown {
            let place = place(frame);
            let tabs = (widest / TAB + 1) - place.len() / TAB;
            let tabs = "\t".repeat(tabs);
            out.push_str(&format!(
                "#\t{:#x}\t{place}{tabs}{}:{}\n",
                frame.address() - 1,
                frame.file,
                frame.line
            ));
        }
        out.push('\n');
    }
    out
}

/// The workers: a title's `running/all (unclear?)`, and the table.
pub(super) fn workers() -> (String, String) {
    let workers = || ROUTINES.iter().filter_map(|routine| routine.worker.map(|worker| (routine, worker)));
    let all: u32 = workers().map(|(routine, _)| routine.count).sum();
    let running: u32 =
        workers().filter(|(routine, _)| routine.state == "running").map(|(routine, _)| routine.count).sum();
    let mut rows = String::from("#\tState\tModule\tName\tWorker Func\tCurrent Line\tExtra Info\n");
    for (Routine { count, state, stack, .. }, (module, name, extra)) in workers() {
        let core = |frame: &&Frame| frame.function.starts_with("simulated.core/");
        let line =
            stack.iter().find(core).map_or(String::new(), |frame| format!("{}:{}", frame.file, frame.line));
        let outer = stack.iter().rev().filter(core).find(|frame| !frame.function.ends_with(".run"));
        let function = outer.map_or("net/http.(*Server).Serve", |frame| frame.function);
        // Writing to memory does not fail.
        let _ = writeln!(rows, "{count}\t{state}\t{module}\t{name}\t{function}\t{line}\t{extra}");
    }
    let table = crate::go::table::align_to(&rows, 4);
    let waiting = all - running;
    (
        format!("{running}/{all} (0?)"),
        format!("{all} Workers: {running} running, {waiting} waiting\n\n{table}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_counts_what_it_lists() {
        let text = text();
        let total: u32 = text.lines().filter_map(|line| line.split_once(" @ ")?.0.parse::<u32>().ok()).sum();
        assert_eq!(text.lines().next(), Some(format!("goroutine profile: total {total}").as_str()));
        assert!(text.ends_with("\n\n"));
        insta::assert_snapshot!(text.split("\n\n").nth(2).unwrap(), @r#"
        2 @ 0x7187e8 0x74d5e9 0xf9357e 0xbd058a 0xbb1e78 0x6cd7ec
        #	0x74d5e8	internal/poll.runtime_pollWait+0x1e8			/go/src/runtime/netpoll.go:351
        #	0xf9357d	net.(*conn).Read+0x17d					/go/src/net/net.go:194
        #	0xbd0589	simulated.core/nameserver.(*Server).listen+0x189	/src/core/nameserver/server.go:54
        #	0xbb1e77	simulated.core/workers.(*Worker).run+0x277		/src/core/workers/worker.go:88
        "#);
    }

    #[test]
    fn workers_are_a_table() {
        let (title, table) = workers();
        assert_eq!(title, "1/13 (0?)");
        assert!(table.starts_with("13 Workers: 1 running, 12 waiting\n\n#"), "{table}");
    }
}
