//! The signals that ask a program for its end.

/// Their numbers, which all of Unix shares: Ctrl-C, the termination signal, and the hangup that comes when a terminal or a
/// connection to it goes. Not the last one where whoever started the program has it ignored, as `nohup` does, or where that
/// cannot be known. To be asked before anything listens to it.
pub fn signals() -> &'static [i32] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if hears_hangups(&status) { &[2, 15, 1] } else { &[2, 15] }
}

/// Whether what Linux says of a process has hangups (the lowest bit) not among the signals that it ignores.
fn hears_hangups(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_that_is_ignored_stays_so() {
        assert!(hears_hangups("Name:\tx\nSigIgn:\t0000000000001000\n"));
        assert!(!hears_hangups("Name:\tx\nSigIgn:\t0000000000001001\n"));
        assert!(!hears_hangups(""));
    }
}
