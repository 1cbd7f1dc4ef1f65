//! Descriptions of the API for other tools, made of the catalogue: OpenAPI for HTTP, AsyncAPI for the websocket.

mod asyncapi;
mod openapi;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
