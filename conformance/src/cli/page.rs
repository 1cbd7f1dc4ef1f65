//! `--page` and `--history`: a page of what goes on, and a folder of what was before.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    sync::Arc,
};

use super::trouble::Trouble;
use crate::page::{History, Live, Page};

/// How what goes on is shown and kept.
#[derive(Debug, clap::Args)]
pub struct Shown {
    /// Show what goes on as a page for a browser on this machine, and stay until Ctrl-C; its address is printed
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0", value_parser = address)]
    page: Option<SocketAddr>,
    /// Keep the report in this folder, beside those of runs before; the page shows and compares them
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
}

/// An address, or a name that has one.
fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "nothing has this name".to_owned())
}

/// Somebody who watches, perhaps.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) live: Arc<Live>,
    pub(super) history: Option<Arc<History>>,
    page: Option<Page>,
}

impl Watch {
    /// Opens the folder, and the page.
    pub(super) async fn begin(shown: &Shown) -> Result<Self, Trouble> {
        let live = Arc::new(Live::default());
        let history = shown.history.as_deref().map(History::open).transpose().map_err(Trouble::usage)?;
        let history = history.map(Arc::new);
        let page = match shown.page {
            Some(address) => {
                let page = Page::open(address, Arc::clone(&live), history.clone()).await;
                let page = page.map_err(Trouble::usage)?;
                anstream::eprintln!("page: {}", page.url());
                Some(page)
            }
            None => None,
        };
        Ok(Self { live, history, page })
    }

    /// Waits as long as the page is to be read.
    pub(super) async fn stay(&self, told: impl Future<Output = ()>) {
        if let Some(page) = &self.page {
            anstream::eprintln!("the page stays at {} until Ctrl-C", page.url());
            told.await;
        }
    }
}
