//! `openapi`, `asyncapi` and `catalogue`: the API in forms that other tools read.

use std::process::ExitCode;

use portmaster_simulator::{Contract, asyncapi, openapi};

use super::print;

/// The form of a description.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// OpenAPI 3.1.
    OpenApi,
    /// AsyncAPI 3.
    AsyncApi,
    /// The list that a core exports.
    Catalogue,
}

/// Prints it.
pub(crate) fn run(form: Form, contract: Contract) -> ExitCode {
    let document = match form {
        Form::OpenApi => openapi(contract),
        Form::AsyncApi => asyncapi(contract),
        Form::Catalogue => contract.catalogue(),
    };
    print(&format!("{document:#}\n"))
}
