//! Every exit status of the program.

/// Everything that ran has passed (warnings, skips and expected failures allowed).
pub const PASSED: u8 = 0;
/// At least one check failed unexpectedly, could not be carried out, or is in the baseline and passed; or the
/// target could not be left as it was found.
pub const FAILED: u8 = 1;
/// The command line, or a file that it names, is wrong.
pub const USAGE: u8 = 2;
/// The target does not answer, or does not answer as an HTTP server, or went on the way.
pub const UNREACHABLE: u8 = 3;
/// Nothing ran: no check was selected, or all that were selected had to be skipped.
pub const NOTHING: u8 = 4;
/// The time limit ended the run, whatever had failed until then.
pub const TIME_OVER: u8 = 5;
/// Ctrl-C ended the run; the report covers what had run until then.
pub const INTERRUPTED: u8 = 130;
