//! How Go's standard library words and parses things. Cores are written in Go, so its forms are the wire's forms.

pub mod duration;
pub mod escape;
pub mod json;
pub mod quote;
pub mod table;
pub mod url;
