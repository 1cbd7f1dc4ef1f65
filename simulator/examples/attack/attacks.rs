//! How a grammar is attacked.

use super::{
    grammars::{Grammar, Text},
    peer::Peer,
};

/// What is sent of a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    Deep,
    Long,
    Wide,
    Repeated,
    Half,
    Unread,
    Crowd,
}

impl Attack {
    pub(crate) const ALL: [Self; 7] =
        [Self::Deep, Self::Long, Self::Wide, Self::Repeated, Self::Half, Self::Unread, Self::Crowd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deep => "deep",
            Self::Long => "long",
            Self::Wide => "wide",
            Self::Repeated => "repeated",
            Self::Half => "half sent",
            Self::Unread => "never read",
            Self::Crowd => "by many",
        }
    }

    /// Attacks; what came of it in a few words, or nothing where the grammar has no such text. What is said again and again is
    /// said so many times.
    pub(crate) fn on(self, grammar: &Grammar, peer: &Peer, times: usize) -> Option<Result<String, String>> {
        // Crowds have texts of their own.
        if grammar.name.starts_with("many") != (self == Self::Crowd) {
            return None;
        }
        let once = |text: &Option<Text>| text.as_ref().map(|text| peer.ask(text));
        match self {
            Self::Deep => once(&grammar.deep),
            Self::Long => once(&grammar.long),
            Self::Wide => once(&grammar.wide),
            Self::Repeated => Some(peer.repeat(&grammar.plain, times)),
            Self::Half => Some(peer.break_off(&grammar.plain, times / 10)),
            Self::Unread => Some(peer.never_read(&grammar.plain, times)),
            Self::Crowd => Some(peer.crowd(&grammar.plain, times * 2 / 5)),
        }
    }
}
