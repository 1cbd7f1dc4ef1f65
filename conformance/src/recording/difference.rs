//! Where an answer is not what it was.

use std::fmt;

use serde::Serialize;

/// One place where an answer is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Where: `status`, `header NAME`, `body`, or the path of a JSON value.
    pub(crate) place: String,
    /// What the recording has.
    pub(crate) expected: String,
    /// What came.
    pub(crate) got: String,
}

impl Difference {
    pub(crate) fn new(place: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { place: place.into(), expected: expected.into(), got: got.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.place, self.expected, self.got)
    }
}
