//! Opens a page for the person who started the program.

use std::io::{self, IsTerminal as _};

/// Opens it in the browser where there is one, and a terminal, so that scripts and tests open nothing. The address has been
/// printed: that no browser is there is nobody's concern.
pub(crate) fn open(url: &str) {
    if io::stdout().is_terminal() {
        let _ = open::that_detached(url);
    }
}
