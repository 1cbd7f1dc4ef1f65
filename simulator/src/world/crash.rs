//! What a core says when a handler of it crashed (`core-1.x §5.11`).

/// What Go says where there is nothing behind a pointer: the one reason that was seen, and said of every crash here.
const REASON: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The stack behind the reason, without the frames: there is none of Go's here.
const STACK: &str = "goroutine 1 [running]:";

/// The text of the answer: in Development Mode it tells why.
pub fn words(dev_mode: bool) -> String {
    if dev_mode {
        format!("Internal Server Error: {REASON}\n\n{STACK}")
    } else {
        "Internal Server Error.".to_owned()
    }
}
