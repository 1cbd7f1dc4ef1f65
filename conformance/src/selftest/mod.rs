//! Proof that checks can fail: the suite runs against a simulator of its own with each mutant. A mutant that no check
//! notices is a hole in the suite, a check that notices no mutant is none.

mod beside;
mod report;
mod trial;

pub(crate) use beside::{Beside, write_beside};
pub use report::{write_markdown, write_text};
pub use trial::{SelfTest, Trial, try_mutants};
