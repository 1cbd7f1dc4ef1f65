//! What is wrong with a query.

/// Why a query text is not understood. The texts are the cores' (websocket §4.1 to §4.3); positions are bytes, from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It does not begin with `query`.
    #[error("queries must start with \"query\"")]
    NoQuery,
    /// It stops where something is missing; the text's length.
    #[error("unexpected end at position {0}")]
    End(usize),
    /// There is no such clause.
    #[error("unknown clause \"{0}\" at position {1}")]
    Clause(String, usize),
    /// A clause comes twice.
    #[error("duplicate \"{0}\" clause found at position {1}")]
    Duplicate(&'static str, usize),
    /// A limit or an offset is not a number from 0 to 2147483647.
    #[error("could not parse integer ({0}) at position {1}")]
    Integer(String, usize),
    /// There is no such operator.
    #[error("unknown operator at position {0}")]
    Operator(usize),
    /// Both on one level.
    #[error("you may not mix \"and\" and \"or\" (position: {0})")]
    Mixed(usize),
    /// A quote in the middle of a word.
    #[error("parenthesis ('\"') may not be used within words, please escape with '\\' (position: {0})")]
    QuoteInWord(usize),
    /// Groups in groups in groups, beyond a bound of ours.
    #[error("groups nest deeper than {most} at position {0}", most = crate::limits::GROUP_DEPTH)]
    TooDeep(usize),
    /// More words than our bound.
    #[error("more than {most} words at position {0}", most = crate::limits::WORDS)]
    TooLong(usize),
    /// More comparisons than our bound.
    #[error("more than {most} comparisons at position {0}", most = crate::limits::COMPARISONS)]
    TooMany(usize),
    /// A value is not one that its operator takes.
    #[error("{0}")]
    Value(String),
}
