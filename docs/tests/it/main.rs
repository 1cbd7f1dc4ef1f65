//! The documents and the book made of them, each theme in a module.

mod documents;
