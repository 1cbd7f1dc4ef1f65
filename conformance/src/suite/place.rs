//! Which target is meant, and how it treats those without a key.

/// Which of the targets is meant. A foreign target is the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The target itself.
    Main,
    /// A target in Development Mode.
    Development,
    /// A target whose external authenticator grants everything.
    Granted,
    /// A target right after its first start: the SPN off, nobody logged in.
    Bare,
}

/// How a foreign target was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It asks for authentication.
    Guarded,
    /// It is in Development Mode.
    Development,
    /// It grants this program everything.
    Granted,
}

impl Mode {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Guarded, Self::Development, Self::Granted];

    /// Its name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Guarded => "guarded",
            Self::Development => "development",
            Self::Granted => "granted",
        }
    }
}
