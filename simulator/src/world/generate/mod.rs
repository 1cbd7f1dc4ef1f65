//! Believable connections, drawn from a seed.
//!
//! A program looks a name up and then connects; what it connects to follows from its name. Some connections come from
//! outside and are dropped, some are on a filter list, some go through the privacy network. Ended connections stay in
//! the live table for ten minutes and then only in the history (netquery §6).

mod habits;
mod internet;
mod live;

use std::{net::IpAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use portmaster_fixtures::scenario::{App, Bandwidth, ConnectionRow, Generate, Process};
use rand::{RngExt as _, rngs::ChaCha20Rng};
use sha2::{Digest as _, Sha256};

use self::internet::{NETWORKS, Network, ROLES, Role, Service};
pub use self::live::Life;
use super::{Event, World, connections::KEPT_AFTER_END, profiles::LOCAL, spn::Tunnel};

use crate::{go::duration, limits};

/// Why a recipe for connections cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// It names a program that is not there.
    #[error("there is no app \"{0}\" in this scenario")]
    App(String),
    /// Nobody can make connections.
    #[error("the scenario has no apps to make connections")]
    NoApps,
    /// It makes too many.
    #[error("{0} connections, expected at most {most}", most = limits::OPENED)]
    Many(u32),
    /// The span is none.
    #[error("over: {0}")]
    Over(String),
}

/// A program that makes connections.
#[derive(Clone, Debug)]
pub struct Maker<'a> {
    /// The program.
    pub app: &'a App,
    /// The id of its profile.
    pub profile: String,
    /// The profile's name.
    pub name: String,
    /// The sort of program that it is.
    role: &'static Role,
    /// Whether its connections may go through the privacy network.
    pub uses_spn: bool,
}

impl<'a> Maker<'a> {
    /// A program with the id and the name of its profile, and whether it may use the privacy network.
    pub fn new(app: &'a App, profile: String, name: String, uses_spn: bool) -> Self {
        Self { app, profile, name, role: role_of(app), uses_spn }
    }
}

/// What connections are made from.
#[derive(Clone, Debug)]
pub struct Recipe<'a> {
    /// The programs that make them; at least one.
    pub makers: Vec<Maker<'a>>,
    /// The present.
    pub start: Timestamp,
    /// How long ago the first began.
    pub over: SignedDuration,
    /// Ways through the privacy network; no connection is tunnelled without.
    pub tunnels: Arc<[Tunnel]>,
    /// The device's own addresses.
    pub local: Vec<IpAddr>,
    /// How many ports were handed out before.
    pub ports: usize,
    /// When programs began of which nothing is said.
    pub began: Timestamp,
    /// Whether there is a history that takes connections and keeps those which are no longer live. Without it all
    /// connections are live: those that would be gone ended a little later.
    pub history: bool,
    /// Whether ids are hashes and processes have no start, as before core 1.3.
    pub hashed_ids: bool,
    /// Whether they are what programs that live have made: without a history, what would be gone is gone.
    pub lives: bool,
}

/// A connection and the traffic that was measured on it.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The row.
    pub row: ConnectionRow,
    /// The samples, by time.
    pub bandwidth: Vec<Bandwidth>,
    /// When it ends by itself, if it is active and does.
    pub end: Option<Timestamp>,
}

impl From<ConnectionRow> for Generated {
    /// A connection that stays as it is.
    fn from(row: ConnectionRow) -> Self {
        Self { row, bandwidth: Vec::new(), end: None }
    }
}

impl World {
    /// Makes the connections of a scenario's recipe.
    pub(super) fn generate(&mut self, recipe: &Generate) -> Result<(), GenerateError> {
        let over = match &recipe.over {
            Some(text) => SignedDuration::from_nanos(duration::parse(text).map_err(GenerateError::Over)?),
            None => SignedDuration::from_hours(1),
        };
        if recipe.count > limits::OPENED {
            return Err(GenerateError::Many(recipe.count));
        }
        self.start_makers(&recipe.apps, over);
        let apps = std::mem::take(&mut self.apps);
        let result = self.recipe(&apps, &recipe.apps, over).map(|mut recipe_of| {
            let now = self.now();
            recipe_of.tunnels = self.tunnels();
            if recipe.live {
                recipe_of.lives = true;
                return self.live(recipe, &recipe_of);
            }
            let mut filling = self.connections.filling(now);
            connections(&recipe_of, recipe.count, self.chance.stream("connections"))
                .for_each(|Generated { row, bandwidth, end }| filling.add(row, bandwidth, end));
            let measured = filling.end();
            self.emit(Event::Made(measured));
        });
        self.apps = apps;
        result
    }

    /// Starts the programs that are to make connections and do not run: a connection has a process.
    pub(super) fn start_makers(&mut self, names: &[String], over: SignedDuration) {
        let began = self.clock.start() - over - SignedDuration::from_mins(5);
        for (at, pid) in (0..self.apps.len()).zip((2_000..).step_by(37)) {
            let app = &mut self.apps[at];
            if app.processes.is_empty() && (names.is_empty() || names.contains(&app.name)) {
                app.processes.push(Process { pid, started: Some(began), ..Process::default() });
                let profile = format!("{LOCAL}/{}", self.profile_id(&self.apps[at]));
                self.use_profile(&profile);
            }
        }
    }

    /// What connections of this world are made from, by the programs of these names; by all if there are none. Tunnels are
    /// left to those who need them: to find ways takes long.
    ///
    /// # Errors
    /// When a name leads nowhere or nobody is left.
    pub(super) fn recipe<'a>(
        &self,
        all: &'a [App],
        names: &[String],
        over: SignedDuration,
    ) -> Result<Recipe<'a>, GenerateError> {
        let find = |name: &String| {
            all.iter().find(|app| app.name == *name).ok_or_else(|| GenerateError::App(name.clone()))
        };
        let apps: Vec<&App> = match names {
            [] => all.iter().collect(),
            names => names.iter().map(find).collect::<Result<_, _>>()?,
        };
        if apps.is_empty() {
            return Err(GenerateError::NoApps);
        }
        let maker = |app| {
            let profile = self.profile_id(app);
            let known = self.profiles.get(&format!("{LOCAL}/{profile}"));
            let told =
                known.map(super::Profile::settings).and_then(|settings| settings.get("spn/use")?.as_bool());
            let name = known.map_or(&app.name, |known| &known.name).clone();
            let uses_spn = told.unwrap_or_else(|| self.config.flag("spn/use"));
            Maker::new(app, profile, name, uses_spn)
        };
        Ok(Recipe {
            makers: apps.into_iter().map(maker).collect(),
            start: self.now(),
            over,
            tunnels: Arc::default(),
            local: self.network.addresses.clone(),
            ports: 0,
            began: self.clock.start(),
            // The history came with its option.
            history: self.config.flag("history/enable"),
            hashed_ids: !self.behaviour.process_created,
            lives: false,
        })
    }
}

/// So many connections, begun evenly over the recipe's span, in the order of their beginning.
pub fn connections<'a>(recipe: &'a Recipe<'a>, count: u32, rng: &'a mut ChaCha20Rng) -> Connections<'a> {
    let programs = (2_000..)
        .step_by(37)
        .zip(&recipe.makers)
        .map(|(pid, maker)| Program::new(maker, pid, recipe))
        .collect();
    Connections { recipe, rng, programs, made: 0, count, port: recipe.ports as i64, waiting: Vec::new() }
}

/// What makes single connections of one program, from a local port.
fn single<'a>(recipe: &'a Recipe<'a>, maker: usize, port: i64, rng: &'a mut ChaCha20Rng) -> Connections<'a> {
    let programs = recipe.makers.get(maker).map(|maker| Program::new(maker, 0, recipe));
    let port = port - FIRST_PORT - 1;
    Connections {
        recipe,
        rng,
        programs: programs.into_iter().collect(),
        made: 0,
        count: 1,
        port,
        waiting: Vec::new(),
    }
}

/// The sort that a program is of.
fn role_of(app: &App) -> &'static Role {
    let name = app.name.to_lowercase();
    let fits = |role: &&Role| role.words.is_empty() || role.words.iter().any(|word| name.contains(word));
    ROLES.iter().find(fits).unwrap_or(&ROLES[ROLES.len() - 1])
}

/// For how many seconds programs that live keep connections to the web open that they may use again.
const IDLE: std::ops::Range<i64> = 240..600;

/// The first port that is handed out.
const FIRST_PORT: i64 = 32_768;

/// Makes connections.
#[derive(Debug)]
pub struct Connections<'a> {
    recipe: &'a Recipe<'a>,
    rng: &'a mut ChaCha20Rng,
    programs: Vec<Program<'a>>,
    made: u32,
    count: u32,
    port: i64,
    /// Connections that follow the last DNS request.
    waiting: Vec<Generated>,
}

/// A program that runs.
struct Program<'a> {
    app: &'a App,
    profile: String,
    name: &'a str,
    role: &'static Role,
    uses_spn: bool,
    pid: i64,
    /// When the process began, Unix milliseconds.
    created: i64,
}

impl std::fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("app", &self.app.name).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl<'a> Program<'a> {
    fn new(maker: &'a Maker<'a>, pid: i64, recipe: &Recipe<'_>) -> Self {
        let app = maker.app;
        let process = app.processes.first();
        Self {
            app,
            profile: format!("{LOCAL}/{}", maker.profile),
            name: &maker.name,
            role: maker.role,
            uses_spn: maker.uses_spn,
            pid: process.map_or(pid, |process| process.pid),
            created: process.and_then(|process| process.started).unwrap_or(recipe.began).as_millisecond(),
        }
    }
}

impl Connections<'_> {
    /// The instant at which the next connection begins, Unix seconds.
    fn next_start(&self) -> i64 {
        let over = self.recipe.over.as_secs();
        let passed = i128::from(over) * i128::from(self.made) / i128::from(self.count.max(1));
        self.recipe.start.as_second() - over + i64::try_from(passed).unwrap_or(0)
    }

    /// A whole number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound.max(1))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// A number around `middle`: often less, seldom much more.
    fn around(&mut self, middle: i64) -> i64 {
        let unit: f64 = self.rng.random();
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let value = (-(1.0 - unit).ln() * middle as f64 * 1.2) as i64;
        value
    }

    /// A program looks a name up and connects; or somebody outside tries to connect.
    fn visit(&mut self) {
        let began = self.next_start();
        let (some, all) = (self.below(self.programs.len()), self.programs.len());
        // One that runs then, if any does.
        let runs = |place: &usize| self.programs[*place].created < began * 1_000;
        let program = (0..all).map(|step| (some + step) % all).find(runs).unwrap_or(some);
        if self.chance(2) {
            let inbound = self.inbound(program, began);
            self.waiting.push(inbound);
            return;
        }
        let services = self.programs[program].role.services;
        // The smaller of two numbers: the first services are used most.
        let service = &services[self.below(services.len()).min(self.below(services.len()))];
        let machine = self.below(service.machines as usize);
        let domain = service.domain.replace('#', &machine.to_string());
        let followers = 1 + self.below(3);
        for _ in 0..followers {
            let after = self.below(3) as i64;
            let outbound = self.outbound(program, service, machine, &domain, began + after);
            self.waiting.extend(outbound);
        }
        if self.chance(60) {
            let request = self.dns_request(program, service, &domain, began);
            self.waiting.push(request);
        }
        // Taken from the end: the DNS request comes first.
    }

    fn row(&self, program: usize, began: i64) -> ConnectionRow {
        let program = &self.programs[program];
        let second = |value: i64| Timestamp::from_second(value).unwrap_or(self.recipe.start);
        ConnectionRow {
            profile: program.profile.clone(),
            path: program.app.path.clone(),
            profile_name: program.name.to_owned(),
            // A program connects to nothing before it runs.
            started: second(
                began.max(program.created.div_euclid(1_000) + 1).min(self.recipe.start.as_second()),
            ),
            ..ConnectionRow::default()
        }
    }

    /// Sets when a connection ended, and in which tables it is; says when it ends if it has not.
    fn end(&mut self, row: &mut ConnectionRow, seconds: i64) -> Option<Timestamp> {
        let now = self.recipe.start.as_second();
        let mut end = row.started.as_second() + seconds;
        let gone = now - KEPT_AFTER_END;
        if end < gone && !self.recipe.history && !self.recipe.lives {
            end = gone.max(row.started.as_second()) + self.below(KEPT_AFTER_END as usize) as i64;
        }
        row.history = self.recipe.history && row.scope == 4;
        row.live = end >= gone || !(row.history || self.recipe.lives);
        row.active = end > now;
        let end = Timestamp::from_second(end).unwrap_or(row.started);
        row.ended = (!row.active).then_some(end);
        row.active.then_some(end)
    }

    fn id(&self, program: usize, row: &ConnectionRow, connection: &str) -> String {
        let program = &self.programs[program];
        if self.recipe.hashed_ids {
            let digest = Sha256::digest(format!("{connection}-{}", row.started));
            let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
            return digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        }
        format!("{}-{}-{connection}", program.pid, program.created)
    }

    fn next_port(&mut self) -> i64 {
        // As Linux hands them out, going round.
        self.port = (self.port + 1) % 28_000;
        FIRST_PORT + self.port
    }

    fn local(&mut self, v6: bool) -> IpAddr {
        let fitting: Vec<IpAddr> =
            self.recipe.local.iter().copied().filter(|address| address.is_ipv6() == v6).collect();
        match fitting.as_slice() {
            [] if v6 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 0x10]),
            [] => IpAddr::from([192, 168, 1, 10]),
            some => some[self.below(some.len())],
        }
    }

    fn dns_request(&mut self, program: usize, service: &Service, domain: &str, began: i64) -> Generated {
        let mut row = self.row(program, began);
        let blocked = !service.list.is_empty();
        row.kind = "dns".to_owned();
        (row.ip_version, row.ip_protocol) = (0, 0);
        domain.clone_into(&mut row.domain);
        row.verdict = if blocked { 3 } else { 2 };
        _ = self.end(&mut row, 0);
        // Answered at once. Without a history it was asked later, so that it is there still.
        let later = row.ended.filter(|_| !self.recipe.history && !self.recipe.lives);
        row.started = later.unwrap_or(row.started);
        row.ended = Some(row.started);
        row.active = false;
        let serial: u64 = self.rng.random();
        row.id = self.id(program, &row, &format!("dns-{serial:016x}"));
        let dns = format!(
            "\"dns\":{{\"Domain\":{},\"Question\":\"{}\",\"RCode\":\"{}\",\"ServedFromCache\":{},\
             \"RequestingNew\":false,\"IsBackup\":false,\"Filtered\":{blocked},\"Modified\":\"{}\",\
             \"Expires\":\"{}\"}},",
            text(domain),
            if self.chance(70) { "A" } else { "AAAA" },
            if blocked { "NXDOMAIN" } else { "NOERROR" },
            self.chance(35),
            row.started,
            row.started + SignedDuration::from_secs(300),
        );
        self.finish(program, row, service.list, &dns, "").into()
    }

    /// Nothing where it is over and in no table any more: of all that programs have ever done little is left.
    fn outbound(
        &mut self,
        program: usize,
        service: &Service,
        machine: usize,
        domain: &str,
        began: i64,
    ) -> Option<Generated> {
        let network = &NETWORKS[service.network];
        let v6 = self.chance(25);
        let mut row = self.row(program, began);
        let local = self.local(v6);
        let blocked = !service.list.is_empty();
        let may = !self.recipe.tunnels.is_empty() && self.programs[program].uses_spn;
        // Drawn whether it is asked for or not, so that what follows is the same in any world.
        let (lots, way): ((bool, bool), u32) = ((self.chance(60), self.chance(1)), self.rng.random());
        let tunnelled = !blocked && may && lots.0;
        let failed = !blocked && !tunnelled && lots.1;
        (row.verdict, row.encrypted) = match (blocked, tunnelled, failed) {
            (true, ..) => (3, false),
            (_, true, _) => (6, false),
            (.., true) => (7, false),
            _ => (2, false),
        };
        let mut seconds = if blocked || failed { 0 } else { self.around(i64::from(service.seconds)) + 1 };
        if self.recipe.lives && seconds > 0 && service.port == 443 && service.part == 0 {
            seconds += self.rng.random_range(IDLE);
        }
        let end = self.end(&mut row, seconds);
        if !(row.live || row.history) {
            return None;
        }
        row.ip_version = if v6 { 6 } else { 4 };
        row.ip_protocol = service.protocol;
        row.local_ip = local.to_string();
        row.local_port = self.next_port();
        row.remote_ip = address(network, service, machine, v6);
        row.remote_port = service.port;
        domain.clone_into(&mut row.domain);
        place(&mut row, network);
        let (v4_or_6, remote) = (row.ip_protocol, &row.remote_ip);
        row.id = self.id(
            program,
            &row,
            &format!("{v4_or_6}-{}-{}-{remote}-{}", row.local_ip, row.local_port, row.remote_port),
        );
        let mut tunnel = String::new();
        if tunnelled {
            let way = &self.recipe.tunnels[way as usize % self.recipe.tunnels.len()];
            (row.tunneled, row.exit_node) = (true, Some(way.exit.clone()));
            tunnel = format!(",\"tunnel\":{}", way.context);
        }
        let mut bandwidth = Vec::new();
        if row.allowed() == Some(true) {
            row.bytes_received = self.around(i64::from(service.kilobytes) * 1024) + 66;
            row.bytes_sent = row.bytes_received / 12 + self.around(2_000) + 66;
            bandwidth = self.samples(&row);
        }
        Some(Generated { row: self.finish(program, row, service.list, "", &tunnel), bandwidth, end })
    }

    fn inbound(&mut self, program: usize, began: i64) -> Generated {
        let network = &NETWORKS[self.below(NETWORKS.len())];
        let mut row = self.row(program, began);
        let near = self.chance(50);
        row.direction = "inbound".to_owned();
        row.external = false;
        row.local_ip = self.local(false).to_string();
        row.local_port = [22, 445, 631, 5353, 8080, 27036][self.below(6)];
        row.ip_protocol = if row.local_port == 5353 { 17 } else { 6 };
        row.remote_port = 1_024 + self.below(60_000) as i64;
        if near {
            row.remote_ip = match row.local_ip.rsplit_once('.') {
                Some((net, _)) => format!("{net}.{}", 2 + self.below(250)),
                None => row.local_ip.clone(),
            };
            row.scope = 3;
        } else {
            let [a, b, c] = network.prefix;
            row.remote_ip = format!("{a}.{b}.{c}.{}", 1 + self.below(250));
            place(&mut row, network);
        }
        let accepted = near && self.chance(40);
        row.verdict = if accepted { 2 } else { 4 };
        let seconds = if accepted { self.around(60) } else { 0 };
        let end = self.end(&mut row, seconds);
        let ends = format!("{}-{}-{}-{}", row.local_ip, row.local_port, row.remote_ip, row.remote_port);
        row.id = self.id(program, &row, &format!("{}-{ends}", row.ip_protocol));
        Generated { row: self.finish(program, row, "", "", ""), bandwidth: Vec::new(), end }
    }

    /// Traffic within the last ten minutes: a part of the connection's bytes each.
    fn samples(&mut self, row: &ConnectionRow) -> Vec<Bandwidth> {
        let now = self.recipe.start.as_second();
        let from = row.started.as_second().max(now - KEPT_AFTER_END);
        let to = row.ended.map_or(now - 1, Timestamp::as_second);
        if to <= from || !row.live {
            return Vec::new();
        }
        let count = 1 + self.below(3) as i64;
        let (length, share) = (to - from, count + 1);
        (0..count)
            .map(|step| Bandwidth {
                conn_id: row.id.clone(),
                time: from
                    + length * step / count
                    + self.below(usize::try_from(length / count).unwrap_or(0)) as i64,
                incoming: row.bytes_received / share,
                outgoing: row.bytes_sent / share,
            })
            .collect()
    }

    /// Writes `extra_data`: sorted members, nested objects in the core's order.
    fn finish(
        &mut self,
        program: usize,
        mut row: ConnectionRow,
        list: &str,
        dns: &str,
        tunnel: &str,
    ) -> ConnectionRow {
        let program = &self.programs[program];
        let (lists, entities) = if list.is_empty() {
            ("null".to_owned(), "null".to_owned())
        } else {
            (format!("[{}]", text(list)), format!("[{}]", text(&row.domain)))
        };
        let created = if self.recipe.hashed_ids {
            String::new()
        } else {
            format!("\"processCreatedAt\":{},", program.created)
        };
        let (message, option) = match (list.is_empty(), row.verdict, row.direction.as_str()) {
            (false, ..) => ("on a filter list", "filter/lists"),
            (_, 4, _) => ("nobody may connect from outside", "filter/blockInbound"),
            (_, 7, _) => ("the other side cannot be reached", ""),
            (_, _, "inbound") => {
                ("the program may be reached from the local network", "filter/serviceEndpoints")
            }
            _ => ("nothing speaks against it", "filter/defaultAction"),
        };
        row.extra_data_text = Some(format!(
            "{{\"blockedByLists\":{lists},\"blockedEntities\":{entities},\"cname\":null,{dns}\"pid\":{},{created}\
             \"reason\":{{\"Msg\":\"{message}\",\"OptionKey\":\"{option}\",\"Profile\":\"\",\"Context\":null}}{tunnel}}}",
            program.pid
        ));
        row
    }
}

impl Iterator for Connections<'_> {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        if self.made >= self.count {
            return None;
        }
        while self.waiting.is_empty() {
            self.visit();
        }
        self.made += 1;
        self.waiting.pop()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.count - self.made) as usize;
        (left, Some(left))
    }
}

fn place(row: &mut ConnectionRow, network: &Network) {
    network.country.clone_into(&mut row.country);
    network.owner.clone_into(&mut row.as_owner);
    row.asn = network.asn;
    (row.latitude, row.longitude) = network.place;
}

/// The address of one of a service's machines, always the same.
fn address(network: &Network, service: &Service, machine: usize, v6: bool) -> String {
    let seed = service.domain.bytes().fold(machine, |sum, byte| sum * 31 % 9_973 + usize::from(byte));
    if v6 {
        format!("2001:db8:{:x}::{:x}", network.v6, 1 + seed)
    } else {
        let [a, b, c] = network.prefix;
        format!("{a}.{b}.{c}.{}", 1 + seed % 254)
    }
}

/// A string as JSON, `<`, `>` and `&` escaped as the core stores them.
fn text(value: &str) -> String {
    crate::go::json::to_string(&value)
}
