//! The endpoints, a file a family. A handler is `fn(&mut World, &Call) -> Reply`.

mod account;
mod app;
mod auth;
mod broadcasts;
mod call;
mod compat;
mod config;
mod control;
mod core;
mod customlists;
mod debug;
mod dns;
pub(crate) mod dsd;
mod endpoints;
mod format;
mod intel;
mod ip;
mod metrics;
mod modules;
mod netquery;
mod network;
mod ping;
mod process;
mod profile;
mod record;
mod resources;
mod spn;
mod sync;
mod typed;
mod ui;
mod updates;
mod written;

#[cfg(test)]
pub(crate) use call::Run;
pub use call::{Call, Failure, Handler, Module, Raw, Reply};
pub(crate) use dns::record as name_record;
pub use format::Format;
pub(crate) use metrics::text as metrics_text;
pub(crate) use spn::pin_records;

/// Every endpoint's code, family by family.
pub fn handlers() -> impl Iterator<Item = &'static Handler> {
    [
        account::HANDLERS,
        app::HANDLERS,
        auth::HANDLERS,
        broadcasts::HANDLERS,
        compat::HANDLERS,
        config::HANDLERS,
        control::HANDLERS,
        core::HANDLERS,
        customlists::HANDLERS,
        debug::HANDLERS,
        dns::HANDLERS,
        endpoints::HANDLERS,
        intel::HANDLERS,
        metrics::HANDLERS,
        modules::HANDLERS,
        netquery::HANDLERS,
        network::HANDLERS,
        ping::HANDLERS,
        process::HANDLERS,
        profile::HANDLERS,
        resources::HANDLERS,
        spn::HANDLERS,
        sync::HANDLERS,
        ui::HANDLERS,
        updates::HANDLERS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use portmaster_fixtures::Contract;

    use super::handlers;

    #[test]
    fn catalogues_and_handlers_name_the_same_endpoints() {
        let with_code: Vec<&str> = handlers().map(|handler| handler.path).collect();
        let once: BTreeSet<&str> = with_code.iter().copied().collect();
        assert_eq!(once.len(), with_code.len(), "a path has two handlers");
        let every = Contract::ALL.into_iter().flat_map(Contract::endpoints);
        let listed: BTreeSet<&str> = every.map(|endpoint| endpoint.path.as_str()).collect();
        assert_eq!(listed, once);
    }
}
