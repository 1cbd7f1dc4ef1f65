//! How Go's standard library words and parses things. Cores are written in Go, so its forms are the wire's forms.

pub mod cbor;
pub mod data_url;
pub mod decode;
pub mod dump;
pub mod duration;
pub mod errors;
pub mod escape;
pub mod gjson;
pub mod json;
pub mod mime;
pub mod msgpack;
pub mod number;
pub mod pprof;
pub mod print;
pub mod quote;
pub mod read;
pub mod regexp;
pub mod sjson;
pub mod structure;
pub mod table;
pub mod time;
pub mod tree;
pub mod url;
pub mod yaml;
pub mod yaml2;
pub mod yaml_read;
