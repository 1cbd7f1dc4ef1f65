//! The report as one page for a browser.

mod matrix;
mod page;
mod signs;

pub(super) use page::FORMAT;
