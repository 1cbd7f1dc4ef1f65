//! The report as one page for a browser.

mod compare;
mod matrix;
mod page;
mod signs;

pub(super) use page::FORMAT;
pub(crate) use page::STYLE;
