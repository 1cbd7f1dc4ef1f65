//! A run or a campaign as it goes on, and those before it, as a page for a browser on this machine.

mod history;
mod live;
mod server;
mod view;

pub use history::{History, HistoryError};
pub use live::Live;
pub use server::{Page, PageError};
