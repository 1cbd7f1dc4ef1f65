//! Where an answer is not what another one is.

use std::fmt;

use serde::Serialize;

/// What sort of difference it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Another status.
    Status,
    /// A header is missing, or is another one.
    Header,
    /// A member that only the first has.
    Missing,
    /// A member that only the second has.
    Surplus,
    /// A value of another type: which ones.
    Type(String),
    /// A list of another length.
    Length,
    /// Another value.
    Value,
    /// Another text, or none.
    Text,
    /// Another message of a websocket.
    Message,
}

/// One place where an answer is not what another one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    #[serde(skip)]
    pub(crate) sort: Sort,
    /// Where: `status`, `header NAME`, `body`, or the path of a JSON value.
    pub(crate) place: String,
    /// What the first, or the recording, has.
    pub(crate) expected: String,
    /// What the second has, or what came.
    pub(crate) got: String,
}

impl Difference {
    pub(crate) fn new(
        sort: Sort,
        place: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self { sort, place: place.into(), expected: expected.into(), got: got.into() }
    }

    /// The place without the numbers of items: what varies in one item varies in all.
    pub(crate) fn general_place(&self) -> String {
        let mut general = String::with_capacity(self.place.len());
        let mut rest = self.place.as_str();
        while let Some((before, after)) = rest.split_once('[') {
            general += before;
            general.push('[');
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        general + rest
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.place, self.expected, self.got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_alike() {
        let general = |place: &str| Difference::new(Sort::Value, place, "", "").general_place();
        assert_eq!(general(".results[12].tags[0]"), ".results[].tags[]");
        assert_eq!(general("status"), "status");
    }
}
