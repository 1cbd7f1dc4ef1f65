//! What a scenario answers, as files for other tools: WireMock, Prism and others that read OpenAPI, Postman, and whatever
//! takes a HTTP Archive.

mod archive;
mod ask;
mod examples;
mod postman;
mod questions;
mod wiremock;

pub use ask::{Exchange, ExportError, exchanges};
use portmaster_fixtures::Contract;
pub use questions::Question;
use serde_json::Value;

/// A form that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exported {
    /// Stub mappings of WireMock, all in one file.
    WireMock,
    /// An OpenAPI 3.1 document whose answers have examples.
    OpenApi,
    /// A Postman collection, version 2.1, with an example and a test a request.
    Postman,
    /// A HTTP Archive 1.2.
    Har,
}

impl Exported {
    /// The document that says those exchanges, asked in a contract.
    #[must_use]
    pub fn document(self, contract: Contract, exchanges: &[Exchange]) -> Value {
        match self {
            Self::WireMock => wiremock::mappings(exchanges),
            Self::OpenApi => examples::document(contract, exchanges),
            Self::Postman => postman::collection(contract, exchanges),
            Self::Har => archive::archive(exchanges),
        }
    }
}
