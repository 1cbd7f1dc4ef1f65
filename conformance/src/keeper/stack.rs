//! What Go prints when a program dies or is looked at: panics, and where goroutines wait.

use std::collections::BTreeMap;

/// How many kinds of waiting are told.
const ROWS: usize = 12;
/// How many functions of a stack are told.
const DEPTH: usize = 3;
/// How many frames of a panic are told.
const FRAMES: usize = 6;

/// A panic: its text, and the first functions beyond the runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) text: String,
    pub(super) frames: Vec<String>,
}

/// How the last words of a dying program begin: what Go prints, and what Rust does where nothing can be unwound.
const ENDS: [&str; 4] = ["panic: ", "fatal error: ", "fatal runtime error: ", "memory allocation of "];

/// Whether a line begins a program's last words.
pub(super) fn is_end(line: &str) -> bool {
    ENDS.iter().any(|words| line.starts_with(words))
}

/// Finds the panic in what a program printed.
pub(super) fn panic(lines: &[String]) -> Option<Panic> {
    let at = lines.iter().position(|line| is_end(line))?;
    let text = lines[at].clone();
    let begins = lines[at..].iter().position(|line| line.starts_with("goroutine ")).map(|more| at + more + 1);
    let stack = begins.map(|begins| &lines[begins..]).unwrap_or_default();
    let stack: Vec<&String> = stack.iter().take_while(|line| !line.is_empty()).collect();
    Some(Panic { text, frames: functions(stack.into_iter().map(String::as_str)).take(FRAMES).collect() })
}

/// The functions of a stack as a dying program prints it, beyond those of the runtime.
fn functions<'a>(lines: impl Iterator<Item = &'a str> + 'a) -> impl Iterator<Item = String> + 'a {
    lines
        .filter(|line| !line.starts_with(['\t', ' ']) && !line.is_empty())
        .map(|line| line.strip_prefix("created by ").unwrap_or(line))
        .map(|line| line.split(" in goroutine ").next().unwrap_or(line))
        .map(|line| match line.rfind('(') {
            Some(at) if line.ends_with(')') => &line[..at],
            _ => line,
        })
        .filter(|function| !is_runtime(function))
        .map(str::to_owned)
}

fn is_runtime(function: &str) -> bool {
    ["runtime.", "runtime/", "panic", "internal/", "sync.runtime_", "reflect.Value.assignTo"]
        .iter()
        .any(|beginning| function.starts_with(beginning))
}

/// A kind of waiting: the state, if it is known, and the innermost functions beyond the runtime.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wait {
    pub(super) state: String,
    pub(super) functions: Vec<String>,
}

impl Wait {
    /// Whether it waits for what another has to let go of.
    fn is_blocked(&self) -> bool {
        let locks = ["Lock", "semacquire", "chan send"];
        locks.iter().any(|word| self.state.contains(word))
            || self.functions.first().is_some_and(|function| function.ends_with("Lock"))
    }
}

/// Where the goroutines wait, each kind with its number: those of a stack as a dying program prints it, or of Go's profile in its
/// text form.
pub(super) fn fold(text: &str) -> Vec<(usize, Wait)> {
    let mut waits: BTreeMap<Wait, usize> = BTreeMap::new();
    let mut block: Option<(usize, String, Vec<String>)> = None;
    let mut close = |block: &mut Option<(usize, String, Vec<String>)>| {
        if let Some((count, state, functions)) =
            block.take().filter(|(_, _, functions)| !functions.is_empty())
        {
            *waits.entry(Wait { state, functions }).or_default() += count;
        }
    };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("goroutine ") {
            close(&mut block);
            // As in "goroutine 7 [chan receive, 3 minutes]:".
            if let Some((_, state)) = rest.split_once('[') {
                let state = state.split([',', ']']).next().unwrap_or_default().to_owned();
                block = Some((1, state, vec![]));
            }
        } else if let Some((count, _)) = line.split_once(" @ ") {
            close(&mut block);
            block = count.trim().parse().ok().map(|count| (count, String::new(), vec![]));
        } else if line.is_empty() {
            close(&mut block);
        } else if let Some((_, _, functions)) = &mut block
            && functions.len() < DEPTH
        {
            let function = match line.strip_prefix("#\t") {
                // As in "#\t0x43\tmain.wait+0x12\t/main.go:3".
                Some(rest) => rest
                    .split('\t')
                    .nth(1)
                    .and_then(|one| one.rsplit_once('+'))
                    .map(|(name, _)| name.to_owned()),
                None => self::functions(std::iter::once(line)).next(),
            };
            functions.extend(function.filter(|function| !is_runtime(function)));
        }
    }
    close(&mut block);
    let mut waits: Vec<(usize, Wait)> = waits.into_iter().map(|(wait, count)| (count, wait)).collect();
    waits.sort_by(|(a, one), (b, other)| (other.is_blocked(), *b, one).cmp(&(one.is_blocked(), *a, other)));
    waits
}

/// The table for people, the blocked ones first.
pub(super) fn table(waits: &[(usize, Wait)]) -> Vec<String> {
    let row = |(count, wait): &(usize, Wait)| {
        let state = if wait.state.is_empty() { String::new() } else { format!(" {}", wait.state) };
        format!("{count:>4}{state}: {}", wait.functions.join(" < "))
    };
    let mut rows: Vec<String> = waits.iter().take(ROWS).map(row).collect();
    if waits.len() > ROWS {
        rows.push(format!("     and {} kinds more", waits.len() - ROWS));
    }
    rows
}

/// What tells one hang from another: the functions that wait for a lock.
pub(super) fn cause(waits: &[(usize, Wait)]) -> Vec<String> {
    let blocked = waits.iter().filter(|(_, wait)| wait.is_blocked());
    let beyond = |(_, wait): &(usize, Wait)| {
        wait.functions.iter().find(|function| !function.starts_with("sync.")).cloned()
    };
    let mut all: Vec<String> = blocked.filter_map(beyond).collect();
    all.sort();
    all.dedup();
    all.truncate(4);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "SIGABRT: abort\nPC=0x1\n\ngoroutine 101 [sync.RWMutex.Lock, 1 minutes]:\n\
        sync.runtime_SemacquireRWMutex(0xc0?, 0x0?)\n\t/go/sema.go:87 +0x25\nsync.(*RWMutex).Lock(0xc0)\n\t/go/rwmutex.go:1\n\
        core/config.set({0xc0, 0x1}, 0x2)\n\t/config/set.go:97 +0x1\ncreated by core/api.run in goroutine 1\n\t/x.go:1\n\n\
        goroutine 102 [sync.RWMutex.Lock]:\nsync.(*RWMutex).Lock(0xc0)\n\t/go\ncore/config.set({0xc0, 0x1}, 0x2)\n\t/x\n\
        core/api.run(...)\n\t/x\n\ngoroutine 1 [select]:\nmain.main()\n\t/main.go:1\n";

    #[test]
    fn goroutines_are_folded_by_where_they_wait() {
        let waits = fold(DUMP);
        assert_eq!(
            table(&waits),
            [
                "   2 sync.RWMutex.Lock: sync.(*RWMutex).Lock < core/config.set < core/api.run",
                "   1 select: main.main",
            ]
        );
        assert_eq!(cause(&waits), ["core/config.set"]);
    }

    #[test]
    fn profiles_are_folded_too() {
        let text = "goroutine profile: total 4\n3 @ 0x1 0x2\n#\t0x1\tsync.(*Mutex).Lock+0x2\t/go:1\n#\t0x2\tcore.get+0x1\t/x:2\n\n\
            1 @ 0x3\n#\t0x3\tmain.main+0x9\t/x:1\n\n";
        let waits = fold(text);
        assert_eq!(table(&waits), ["   3: sync.(*Mutex).Lock < core.get", "   1: main.main"]);
        assert_eq!(cause(&waits), ["core.get"]);
    }

    #[test]
    fn a_panic_has_its_text_and_its_first_functions() {
        let text = "2026 INFO x\npanic: reflect.Set: value of type string\n\ngoroutine 7 [running]:\nreflect.Value.assignTo({0x1}, 0x2)\n\
            \t/go/value.go:1 +0x2\nreflect.Value.Set({0x1}, {0x2})\n\t/go/value.go:3\ncore/accessor.(*Struct).Set(0xc0)\n\t/a.go:52\n\
            created by core/api.run in goroutine 3\n\t/b.go:1\n\ngoroutine 8 [select]:\nmain.other()\n";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = panic(&lines).unwrap();
        assert_eq!(found.text, "panic: reflect.Set: value of type string");
        assert_eq!(found.frames, ["reflect.Value.Set", "core/accessor.(*Struct).Set", "core/api.run"]);
        assert_eq!(panic(&lines[..1]), None);
    }

    #[test]
    fn a_program_without_goroutines_has_last_words_too() {
        for text in
            ["memory allocation of 96000000000 bytes failed", "fatal runtime error: stack overflow, aborting"]
        {
            let found = panic(&["thread 'worker' (7) says".to_owned(), text.to_owned()]).unwrap();
            assert_eq!((found.text.as_str(), found.frames.len()), (text, 0));
        }
    }
}
