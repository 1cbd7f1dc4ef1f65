//! Changes in the words of scenarios, carried out.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::{
    Contract,
    scenario::{self, Bandwidth, Close, ConnectionRow, ConnectionsChange, NetworkChange, Open, OpenRecipe},
};
use serde_json::json;

use super::{
    Change, Dangling, Event, Lifecycle, Notification, World,
    change::ChangeError,
    dns::Resolver,
    generate::{self, Generated, Recipe},
    prompt,
};
use crate::limits;

/// Why a change that a person asks for does not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It names what is not there, or says what cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Dangling(Vec<Dangling>),
    /// A part of it is refused.
    #[error(transparent)]
    Refused(#[from] ChangeError),
}

/// How many parts a change has, each of which may be refused while others before it were taken.
fn parts(told: &scenario::Change) -> usize {
    let scenario::Change {
        config,
        core,
        network,
        dns,
        spn,
        apps,
        notifications,
        modules,
        updates,
        connections,
        pause,
        resume,
        restart,
        shutdown,
    } = told;
    let dns = dns.as_ref().map_or(0, |dns| {
        usize::from(dns.clear) + dns.cache.iter().flat_map(|cache| &cache.add).count() + dns.resolvers.len()
    });
    // Of these nothing is refused.
    let others = [
        core.is_some(),
        network.is_some(),
        apps.is_some(),
        notifications.is_some(),
        modules.is_some(),
        updates.is_some(),
        *resume,
        *restart,
        *shutdown,
    ];
    let others = usize::from(others.contains(&true));
    let answers = notifications.as_ref().map_or(0, |one| one.answer.len());
    config.len()
        + dns
        + answers
        + usize::from(spn.is_some())
        + usize::from(connections.is_some())
        + usize::from(pause.is_some())
        + others
}

impl World {
    /// Lets something happen that a person asks for: all of it, or nothing. How many events it brought about is answered.
    ///
    /// # Errors
    /// When it names what is not there, or a part is refused. The world is then as it was.
    pub fn change(&mut self, told: &scenario::Change) -> Result<usize, Unfit> {
        self.fits(told)?;
        // All is counted, heard or not.
        self.deaf = false;
        let before = self.events.len();
        self.perform(told)?;
        let happened = self.events.iter().skip(before);
        Ok(happened.filter(|event| !matches!(event, Event::Changed(_))).count())
    }

    /// Whether all that a change names is there.
    ///
    /// # Errors
    /// When it is not.
    pub fn fits(&self, told: &scenario::Change) -> Result<(), Unfit> {
        let mut dangling = self.dangling_change("change", told);
        // Scenarios are written for several contracts; a person means this one.
        let foreign = told.config.keys().filter(|key| self.is_of_another_contract(key));
        dangling.extend(foreign.map(|key| Dangling {
            path: format!("change.config[\"{key}\"]"),
            text: format!("the contract {} has no option \"{key}\"", self.contract),
            near: None,
        }));
        if !dangling.is_empty() {
            return Err(Unfit::Dangling(dangling));
        }
        told.connections.as_ref().map_or(Ok(()), |one| self.room_for(one).map_err(Unfit::Refused))
    }

    /// The first lot of a change that opens many connections, and what is to be done after it; nothing where one lot is all.
    pub fn lots(told: &scenario::Change) -> Option<(scenario::Change, scenario::Change)> {
        let ConnectionsChange { close, open } = told.connections.as_ref()?;
        let left = |count: u32| count.checked_sub(limits::OPENED_AT_ONCE).filter(|left| *left > 0);
        let (lot, rest) = match open.as_ref()? {
            Open::Some(count) => (Open::Some(limits::OPENED_AT_ONCE), Open::Some(left(*count)?)),
            Open::Recipe(OpenRecipe { count, apps }) => {
                let of = |count| Open::Recipe(OpenRecipe { count, apps: apps.clone() });
                (of(limits::OPENED_AT_ONCE), of(left(*count)?))
            }
            Open::Listed(_) => return None,
        };
        let opens = |close, open| Some(ConnectionsChange { close, open: Some(open) });
        // Nothing comes after the core's end.
        let (restart, shutdown) = (told.restart, told.shutdown);
        let lot = scenario::Change {
            connections: opens(close.clone(), lot),
            restart: false,
            shutdown: false,
            ..told.clone()
        };
        let rest =
            scenario::Change { connections: opens(None, rest), restart, shutdown, ..Default::default() };
        Some((lot, rest))
    }

    /// Whether there is room for the connections that are to be opened.
    pub(super) fn room_for(&self, told: &ConnectionsChange) -> Result<(), ChangeError> {
        let more = match &told.open {
            Some(Open::Some(count)) => *count as usize,
            Some(Open::Recipe(recipe)) => recipe.count as usize,
            Some(Open::Listed(rows)) => rows.len(),
            None => 0,
        };
        let (there, most) = (self.connections.len(), limits::HELD);
        if more == 0 || there.saturating_add(more) <= most {
            return Ok(());
        }
        Err(ChangeError::Script(format!(
            "connections.open: {more} more than the {there} that are there, expected at most {most} in all"
        )))
    }

    /// Lets something happen that a scenario, a rule or a person describes, member by member.
    ///
    /// # Errors
    /// When a part is refused. The world is then as it was.
    pub fn perform(&mut self, told: &scenario::Change) -> Result<(), ChangeError> {
        // A single part is all or nothing by itself: only of several the first ones would have to be taken back.
        if parts(told) < 2 {
            return self.perform_parts(told);
        }
        let told_before = std::mem::take(&mut self.events);
        let before = self.clone();
        self.events = told_before;
        let count = self.events.len();
        self.perform_parts(told).inspect_err(|_| {
            let mut events = std::mem::replace(self, before).events;
            events.truncate(count);
            self.events = events;
        })
    }

    fn perform_parts(&mut self, told: &scenario::Change) -> Result<(), ChangeError> {
        for (key, value) in &told.config {
            if !self.is_of_another_contract(key) {
                let value = Some(self.config.migrated(key, value.clone())).filter(|value| !value.is_null());
                self.apply(Change::Config { key: key.clone(), value })?;
            }
        }
        if let Some(core) = &told.core {
            self.apply(Change::Core(core.clone()))?;
        }
        if let Some(network) = &told.network {
            self.apply(Change::Network(Box::new(network.clone())))?;
        }
        if let Some(dns) = &told.dns {
            self.perform_dns(dns)?;
        }
        if let Some(spn) = &told.spn {
            self.apply(Change::Spn(Box::new(spn.clone())))?;
        }
        for app in told.apps.iter().flat_map(|apps| &apps.add) {
            self.apply(Change::App(Box::new(app.clone())))?;
        }
        if let Some(notifications) = &told.notifications {
            for id in &notifications.remove {
                self.apply(Change::Dismiss { event_id: id.clone() })?;
            }
            for one in &notifications.add {
                let one = Notification::told(one.clone(), self.now());
                self.apply(Change::Notify(Box::new(one)))?;
            }
            for (id, action) in &notifications.answer {
                self.answer(id, action).map_err(ChangeError::Script)?;
            }
        }
        if let Some(modules) = &told.modules {
            for id in &modules.recover {
                self.apply(Change::ModuleRecovers { id: id.clone() })?;
            }
            for failure in &modules.fail {
                self.apply(Change::ModuleFails(Box::new(failure.clone())))?;
            }
        }
        for resource in told.updates.iter().flat_map(|updates| &updates.download) {
            self.apply(Change::Download(Box::new(resource.clone())))?;
        }
        if let Some(connections) = &told.connections {
            self.perform_connections(connections)?;
        }
        if let Some(pause) = &told.pause {
            let seconds = i64::try_from(pause.duration.0.as_secs()).unwrap_or(i64::MAX);
            let pause = self.pause_until(seconds, pause.only_spn).map_err(ChangeError::script)?;
            self.apply(Change::Pause(pause))?;
        }
        for (is_told, change) in [
            (told.resume, Change::Resume),
            (told.restart, Change::Lifecycle(Lifecycle::Restart)),
            (told.shutdown, Change::Lifecycle(Lifecycle::Shutdown)),
        ] {
            if is_told {
                self.apply(change)?;
            }
        }
        Ok(())
    }

    /// The same for what nobody waits for: a refusal is told to those who listen. Whether it happened.
    pub(super) fn perform_or_tell(&mut self, whose: &str, told: &scenario::Change) -> bool {
        let done = self.perform(told);
        if let Err(refused) = &done {
            self.emit(Event::Refused(format!("{whose}: {refused}")));
        }
        done.is_ok()
    }

    /// Whether an option is unknown here, but not in other contracts.
    pub(super) fn is_of_another_contract(&self, key: &str) -> bool {
        self.config.option(key).is_none()
            && Contract::ALL.iter().any(|one| one.options().iter().any(|option| option.key == key))
    }

    fn perform_dns(&mut self, told: &scenario::DnsChange) -> Result<(), ChangeError> {
        if told.clear {
            self.apply(Change::ClearDnsCache { written: false })?;
        }
        for entry in told.cache.iter().flat_map(|cache| &cache.add) {
            self.apply(Change::CacheAnswer(Box::new(entry.clone())))?;
        }
        for (name, state) in &told.resolvers {
            self.apply(Change::Resolver { name: name.clone(), state: state.clone() })?;
        }
        Ok(())
    }

    fn perform_connections(&mut self, told: &ConnectionsChange) -> Result<(), ChangeError> {
        // Nothing is closed if nothing can be opened.
        self.room_for(told)?;
        match &told.open {
            Some(Open::Some(_)) => self.check_makers(&[])?,
            Some(Open::Recipe(recipe)) => self.check_makers(&recipe.apps)?,
            Some(Open::Listed(_)) | None => {}
        }
        match &told.close {
            Some(Close::Named(id)) if id == "all" => {
                let ids = self.oldest_active();
                self.apply(Change::Close(ids))?;
            }
            Some(Close::Named(id)) => self.apply(Change::Close(vec![id.clone()]))?,
            Some(Close::Some(count)) => {
                let mut ids = self.oldest_active();
                ids.truncate(*count as usize);
                self.apply(Change::Close(ids))?;
            }
            None => {}
        }
        let rows = match &told.open {
            Some(Open::Some(count)) => self.drawn(*count, &[])?,
            Some(Open::Recipe(recipe)) => self.drawn(recipe.count, &recipe.apps)?,
            Some(Open::Listed(rows)) => {
                let filled = |row: &ConnectionRow| {
                    let mut row = self.filled(row.clone());
                    // One that is not active is over at once.
                    row.ended = row.ended.or((!row.active).then_some(row.started));
                    row.into()
                };
                rows.iter().map(filled).collect()
            }
            None => return Ok(()),
        };
        self.apply(Change::Open(rows))
    }

    /// Whether there are programs that make connections.
    fn check_makers(&self, names: &[String]) -> Result<(), ChangeError> {
        let unknown = names.iter().find(|name| !self.apps.iter().any(|app| app.name == **name));
        match unknown {
            Some(name) => Err(ChangeError::script(generate::GenerateError::App(name.clone()))),
            None if self.apps.is_empty() => Err(ChangeError::script(generate::GenerateError::NoApps)),
            None => Ok(()),
        }
    }

    /// The ids of the connections that have not ended, the oldest first.
    fn oldest_active(&self) -> Vec<String> {
        let mut rows: Vec<_> = self.connections.values().filter(|row| row.active).collect();
        rows.sort_by(|a, b| a.started.cmp(&b.started).then_with(|| a.id().cmp(b.id())));
        rows.into_iter().map(|row| row.id().to_owned()).collect()
    }

    /// Believable connections that begin now.
    fn drawn(&mut self, count: u32, apps: &[String]) -> Result<Vec<Generated>, ChangeError> {
        self.start_makers(apps, SignedDuration::ZERO);
        let all = std::mem::take(&mut self.apps);
        let result = self.drawn_of(&all, count.min(limits::OPENED), apps);
        self.apps = all;
        result.map_err(ChangeError::script)
    }

    fn drawn_of(
        &mut self,
        all: &[scenario::App],
        count: u32,
        apps: &[String],
    ) -> Result<Vec<Generated>, generate::GenerateError> {
        let recipe = self.recipe(all, apps, SignedDuration::ZERO)?;
        let ports = usize::try_from(self.connections.ever()).unwrap_or(0);
        let recipe = Recipe { ports, tunnels: self.tunnels(), ..recipe };
        let rng = self.chance.stream("connections");
        Ok(generate::connections(&recipe, count, rng).collect())
    }

    /// A row with what follows from its program and from the time.
    pub(super) fn filled(&self, mut row: ConnectionRow) -> ConnectionRow {
        let app = self.app(&row.profile_name);
        if let Some(app) = app {
            if row.profile.is_empty() {
                row.profile = format!("local/{}", self.profile_id(app));
                if let Some(profile) = self.profiles.get(&row.profile) {
                    row.profile_name.clone_from(&profile.name);
                }
            }
            if row.path.is_empty() {
                row.path.clone_from(&app.path);
            }
            if row.extra_data.is_null()
                && row.extra_data_text.is_none()
                && let Some(process) = app.processes.first()
            {
                let began = process.started.unwrap_or(self.clock.start());
                row.extra_data = json!({ "pid": process.pid, "processCreatedAt": began.as_millisecond() });
            }
        }
        if row.country.is_empty()
            && let Some(place) = row.remote_ip.parse().ok().and_then(|ip| self.whereabouts(ip))
        {
            (row.country, row.asn, row.as_owner) = (place.country, place.asn.into(), place.as_org);
            let place = place.place;
            (row.latitude, row.longitude) =
                place.map_or((0.0, 0.0), |place| (place.latitude, place.longitude));
        }
        // Early cores do not say when a process began (netquery §4 "Versions").
        if !self.behaviour.process_created
            && let Some(extra) = row.extra_data.as_object_mut()
        {
            extra.shift_remove("processCreatedAt");
        }
        if row.started == Timestamp::UNIX_EPOCH {
            row.started = self.now();
        }
        if row.id.is_empty() {
            let process = app.and_then(|app| app.processes.first());
            let began = process.and_then(|process| process.started).unwrap_or(self.clock.start());
            row.id = format!(
                "{}-{}-{}-{}-{}-{}-{}-{}",
                process.map_or(0, |process| process.pid),
                began.as_millisecond(),
                row.ip_protocol,
                row.local_ip,
                row.local_port,
                row.remote_ip,
                row.remote_port,
                self.connections.ever(),
            );
        }
        row
    }

    /// Opens connections: in the place of earlier ones of the same id. What they have received and sent is measured now.
    pub(super) fn open(&mut self, opened: Vec<Generated>) {
        let now = self.now();
        let mut measured = Vec::new();
        for Generated { mut row, mut end, .. } in opened {
            if prompt::is_undecided(&row) {
                end = self.screen(&mut row);
            }
            let earlier = self.connections.get(&row.id);
            let before = earlier.map_or([0; 2], |earlier| [earlier.bytes_received, earlier.bytes_sent]);
            let [incoming, outgoing] = [row.bytes_received - before[0], row.bytes_sent - before[1]];
            if row.live && incoming.max(outgoing) > 0 {
                let (conn_id, time) = (row.id.clone(), now.as_second());
                measured.push(Bandwidth {
                    conn_id,
                    time,
                    incoming: incoming.max(0),
                    outgoing: outgoing.max(0),
                });
            }
            let row = self.replace(row, end);
            if prompt::is_undecided(&row) {
                self.ask_about(&row);
            }
        }
        if !measured.is_empty() {
            self.emit(Event::Measured(measured));
        }
    }

    /// Keeps a connection, new or in the place of an earlier one of its id, and tells of it.
    pub(super) fn replace(&mut self, row: ConnectionRow, end: Option<Timestamp>) -> Arc<ConnectionRow> {
        let kept = self.connections.insert(row.clone(), self.now());
        if let Some(end) = end {
            self.connections.ends_at(&kept, end);
        }
        self.activate(&row);
        let row = Arc::new(row);
        self.emit(Event::Connection(Arc::clone(&row)));
        row
    }

    /// Ends connections; those that have ended stay as they are.
    pub(super) fn close(&mut self, ids: &[String]) {
        let now = self.now();
        for id in ids {
            if let Some(ended) = self.connections.end(id, now) {
                self.emit(Event::Connection(Arc::new(ended.row())));
            }
        }
    }

    /// Lets connections go that ended long enough ago.
    pub(super) fn expire_connections(&mut self) {
        let now = self.now();
        // Those that went the last time are nowhere any more by now.
        self.connections.forget_unshared();
        let gone = self.connections.take_gone(now);
        if !gone.is_empty() {
            self.emit(Event::Gone(gone, now));
        }
    }

    /// Changes the network that the device is in.
    pub(super) fn change_network(&mut self, told: NetworkChange) {
        fn put<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        let network = &mut self.network;
        put(&mut network.online, told.online);
        put(&mut network.captive_portal, told.captive_portal);
        put(&mut network.gateways, told.gateways);
        put(&mut network.nameservers, told.nameservers);
        put(&mut network.location, told.location);
        put(&mut network.traceroute, told.traceroute);
        put(&mut network.addresses, told.addresses);
    }

    /// Changes what the core says of itself.
    pub(super) fn change_core(&mut self, told: &scenario::CoreChange) {
        self.core.starting = told.starting.unwrap_or(self.core.starting);
        self.core.self_check = told.self_check.unwrap_or(self.core.self_check);
        self.core.custom_list = told.custom_list.unwrap_or(self.core.custom_list);
    }

    /// Keeps an answer in the cache.
    ///
    /// # Errors
    /// When its resolver is not there.
    pub(super) fn cache(&mut self, entry: scenario::CacheEntry) -> Result<(), ChangeError> {
        let present = self.resolvers().into_iter().find(|one| one.is_called(&entry.resolver));
        // One that is configured no more is told by its URL.
        let resolver = present
            .or_else(|| Resolver::configured(&entry.resolver, &self.behaviour.value_checks))
            .ok_or_else(|| {
                ChangeError::Script(format!("dns.cache.add: there is no resolver \"{}\"", entry.resolver))
            })?;
        let stored = self.now() - SignedDuration::from_secs(i64::from(entry.age));
        let key = format!("{}{}", entry.domain, entry.kind);
        self.supersede(&format!("{}{key}", super::records::NAME_RECORDS));
        self.dns.cache.insert(key, super::dns::Cached { entry, stored, resolver });
        Ok(())
    }

    /// Keeps a file that was downloaded, in the place of an earlier one of the same name.
    pub(super) fn download(&mut self, resource: scenario::Resource) {
        match self.resources.iter_mut().find(|one| one.name == resource.name) {
            Some(place) => *place = resource,
            None => self.resources.push(resource),
        }
    }

    /// Gets to know a program; one of the same name is replaced.
    pub(super) fn learn(&mut self, app: scenario::App) {
        let profile = super::Profile::of_app(&app, self);
        let key = profile.key();
        self.let_live(&app);
        let runs = !app.processes.is_empty();
        let name = app.name.clone();
        let was = match self.apps.iter_mut().find(|one| one.name == app.name) {
            Some(place) => Some(Box::new(std::mem::replace(place, app))),
            None => {
                self.apps.push(app);
                None
            }
        };
        self.store(key.clone(), profile);
        self.emit(Event::Program(name, was));
        if runs {
            self.use_profile(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use portmaster_fixtures::Scenario;

    use super::*;
    use crate::world::Options;

    #[test]
    fn a_person_answers_what_waits_with_what_it_offers() {
        let mut world = World::new(Scenario::load("home-office").unwrap(), Options::default()).unwrap();
        let mut perform = |told: &str| {
            let change: scenario::Change = serde_saphyr::from_str(told).unwrap();
            let done = world.perform(&change).map_err(|error| error.to_string());
            done.map(|()| {
                let one = world.notification("ask").unwrap();
                (one.state.clone(), one.selected_action_id.clone())
            })
        };
        let ask = "{ notifications: { add: [{ id: ask, actions: [{ id: 'yes', text: Y }, { id: 'no', text: N }] }] } }";
        perform(ask).unwrap();
        let answer = |action: &str| format!("{{ notifications: {{ answer: {{ ask: {action} }} }} }}");
        let refused = perform(&answer("perhaps")).unwrap_err();
        assert!(refused.ends_with("has no action \"perhaps\": expected yes, no"), "{refused}");
        assert_eq!(
            perform(&answer("'no'")),
            Ok((crate::world::notifications::State::Responded, "no".to_owned()))
        );
        assert!(perform(&answer("'yes'")).unwrap_err().ends_with("is answered already"));
        perform("{ pause: { duration: 5s } }").unwrap();
        let resume = perform("{ notifications: { answer: { 'control:paused': '' } } }").unwrap_err();
        assert!(resume.ends_with("it has none"), "who shows it resumes: {resume}");
    }

    #[test]
    fn a_change_is_carried_out_as_a_whole_or_not_at_all() {
        let scenario = Scenario::load("home-office").unwrap();
        for refused in [
            "{ config: { spn/enable: false, core/devMode: 7 } }",
            "{ network: { online: offline }, pause: { duration: 0s } }",
            "{ dns: { clear: true, cache: { add: [{ domain: x., type: A, answer: [], resolver: Nobody }] } } }",
            "{ connections: { close: all, open: { count: 1, apps: [Nobody] } } }",
            "{ connections: { open: 3 }, spn: { home: Nowhere } }",
            "{ spn: { hubs: { join: [{ name: New, country: DE }], leave: [Avior] }, home: Nowhere } }",
            "{ spn: { hubs: { join: [{ name: New, country: DE, lanes: [{ to: Nowhere, latency_ms: 1, capacity_mbit: 1 }] }] } } }",
            "{ notifications: { add: [{ id: told, actions: [{ id: a, text: A }] }], answer: { told: a, nothing: a } } }",
            "{ notifications: { add: [{ id: told }] }, apps: { add: [{ name: New, path: /new }] }, spn: { hubs: { leave: [Nowhere] } } }",
        ] {
            let change: scenario::Change = serde_saphyr::from_str(refused).unwrap();
            let mut world = World::new(scenario.clone(), Options::default()).unwrap();
            let before = format!("{world:?}");
            assert!(world.perform(&change).is_err(), "{refused}");
            assert!(format!("{world:?}") == before, "{refused}");
        }
    }
}
