//! What may be asked, and of whom.

use portmaster_fixtures::{Contract, Endpoint};

use super::{
    case::{Ask, Case, Step},
    catalogue::{Catalogue, decoded},
    expectations::Expectations,
};
use crate::{
    checks::sample,
    suite::{Allowed, Class, Tier, matches},
};

/// What may be asked.
#[derive(Debug)]
pub(super) struct Scope {
    contract: Contract,
    catalogue: Catalogue,
    endpoints: &'static [Endpoint],
    tiers: Vec<Tier>,
    allowed: Allowed,
    /// Whether the target is somebody else's.
    foreign: bool,
    /// Whether it is a program that is launched, and started again whatever happens to it.
    launched: bool,
    /// Whether the same is asked of two targets, so that more shows than what a contract says.
    compares: bool,
    only: Vec<String>,
}

/// What there is beside endpoints.
const KINDS: [&str; 3] = ["websocket", "pages", "raw"];

/// A pattern that selects nothing.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" selects nothing: neither an endpoint such as netquery/query nor websocket, pages or raw")]
pub struct Nothing(String);

impl Scope {
    /// A scope; `only` are patterns of endpoints' names, and of the kinds beside them, or empty for all.
    pub(super) fn new(
        contract: Contract,
        endpoints: &'static [Endpoint],
        tiers: Vec<Tier>,
        allowed: Allowed,
        foreign: bool,
        launched: bool,
        only: Vec<String>,
    ) -> Result<Self, Nothing> {
        let scope = Self {
            contract,
            catalogue: Catalogue::new(endpoints),
            endpoints,
            tiers,
            allowed,
            foreign,
            launched,
            compares: false,
            only,
        };
        let names: Vec<&str> =
            scope.selected().iter().filter_map(|one| scope.slug(one)).chain(KINDS).collect();
        match scope.only.iter().find(|one| !names.iter().any(|name| matches(one, name))) {
            Some(pattern) => Err(Nothing(pattern.clone())),
            None => Ok(scope),
        }
    }

    /// The same scope, of which all is asked of two targets, or not.
    pub(super) fn comparing(self, compares: bool) -> Self {
        Self { compares, ..self }
    }

    fn slug(&self, endpoint: &Endpoint) -> Option<&str> {
        self.catalogue.find_entry(endpoint).map(|known| known.slug.as_str())
    }

    /// The catalogue.
    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Every endpoint of the catalogue.
    pub(super) fn endpoints(&self) -> &'static [Endpoint] {
        self.endpoints
    }

    /// The tiers of which there is a key.
    pub(super) fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// What may be done to the target.
    pub(super) fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// Whether cases may meet on purpose: only on a target that is started again.
    pub(super) fn meets(&self) -> bool {
        self.launched && self.wants("websocket")
    }

    /// Whether the target is a program that goes on while it is asked, so that some answers change by themselves.
    pub(super) fn lives(&self) -> bool {
        self.foreign
    }

    /// Whether the same is asked of two targets: what is drawn to tell them apart only dilutes the rest where there is one.
    pub(super) fn compares(&self) -> bool {
        self.compares
    }

    /// The options that may be written: all but those that decide who may do what.
    pub(super) fn options(&self) -> Vec<String> {
        let keys = self.contract.options().iter().map(|option| option.key.clone());
        keys.filter(|key| !matches!(key.as_str(), "core/devMode" | "core/apiKeys")).collect()
    }

    /// Whether something beside endpoints was asked for.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| matches(one, kind))
    }

    /// The endpoints that are asked.
    pub(super) fn selected(&self) -> Vec<&'static Endpoint> {
        let wanted = |endpoint: &&Endpoint| {
            let slug = sample::slug(&endpoint.path);
            let chosen = self.only.is_empty() || self.only.iter().any(|one| matches(one, &slug));
            chosen && !(self.foreign && Expectations::get().is_avoided(&slug))
        };
        self.endpoints.iter().filter(wanted).collect()
    }

    /// Whether the websocket's bridge may call the endpoint.
    pub(super) fn may_bridge(&self, endpoint: &Endpoint) -> bool {
        let slug = sample::slug(&endpoint.path);
        let expectations = Expectations::get();
        let readable = !endpoint.read.is_not_supported();
        let safe = !expectations.spoils(&slug) && !slug.starts_with("core/") && !expectations.waits(&slug);
        safe && (readable || self.allowed.disruptive) && !(self.foreign && expectations.is_avoided(&slug))
    }

    /// Whether a case does no more than is allowed.
    pub(super) fn permits(&self, case: &Case) -> bool {
        !self.foreign || case.steps.iter().all(|step| self.permits_step(step))
    }

    fn permits_step(&self, step: &Step) -> bool {
        match step {
            Step::Ask(ask) => self.permits_ask(ask),
            // Their strategies know what is allowed.
            Step::Talk(_) => true,
            Step::Raw(_) => true,
            Step::Meet(all) => all.iter().all(|case| self.permits(case)),
        }
    }

    /// Whether a request may go to somebody else's target: one that writes only to an endpoint that is known, and whose
    /// class is allowed.
    fn permits_ask(&self, ask: &Ask) -> bool {
        let known = self.catalogue.of_target(&ask.target);
        let avoided = |slug: &str| Expectations::get().is_avoided(slug) || Expectations::get().spoils(slug);
        if known.is_some_and(|known| avoided(&known.slug)) {
            return false;
        }
        if !ask.writes() {
            // What only a router sees through may lead where it should not.
            let path = ask.target.split('?').next().and_then(decoded).unwrap_or_default();
            return known.is_some() || !["app/auth", "self-check"].iter().any(|one| path.contains(one));
        }
        let class = known.map(|known| sample::class(known.endpoint, &ask.method));
        match class {
            Some(Class::Read) => true,
            Some(Class::Writes) => self.allowed.writes,
            Some(Class::Disruptive) => self.allowed.disruptive,
            // To stop the target is to end the campaign.
            Some(Class::Final) => false,
            None => false,
        }
    }

    /// Whether a step leaves a target as it was.
    pub(super) fn only_reads(&self, step: &Step) -> bool {
        let Step::Ask(ask) = step else { return false };
        let known = self.catalogue.of_target(&ask.target);
        let class = known.map(|known| sample::class(known.endpoint, &ask.method));
        matches!(ask.method.as_str(), "GET" | "HEAD" | "OPTIONS") || class == Some(Class::Read)
    }

    /// The name of what a step is sent to.
    pub(super) fn place(&self, step: Option<&Step>) -> &str {
        match step {
            Some(Step::Ask(ask)) => {
                self.catalogue.of_target(&ask.target).map_or("pages", |known| known.slug.as_str())
            }
            Some(Step::Talk(_) | Step::Meet(_)) => "websocket",
            Some(Step::Raw(_)) | None => "raw",
        }
    }

    /// Whether a case changes what the oracles take for granted: after it a target of our own begins anew.
    pub(super) fn spoils(&self, case: &Case) -> bool {
        case.steps.iter().any(|step| self.is_spoiled_by(step))
    }

    /// Whether a step may change who may do what, or end the target.
    pub(super) fn is_spoiled_by(&self, step: &Step) -> bool {
        let Step::Ask(ask) = step else { return false };
        let known = || self.catalogue.of_target(&ask.target);
        ask.writes() && known().is_some_and(|known| Expectations::get().spoils(&known.slug))
    }
}
