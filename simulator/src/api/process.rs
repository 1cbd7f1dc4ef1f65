//! `process/*`: running processes, and the tags by which programs are told apart.

use std::collections::BTreeMap;

use hyper::StatusCode;
use jiff::Timestamp;
use portmaster_fixtures::{
    RecordForm,
    scenario::{self, App},
};
use serde::Serialize;

use super::{Call, Handler, Reply};
use crate::{
    ordered::ordered,
    world::{World, profiles::LOCAL},
};

pub(super) const HANDLERS: &[Handler] = &[
    Handler::new("process/group-leader/{pid:[0-9]+}", group_leader).saying(&[400, 404]),
    Handler::new("process/list/by-profile/{source:[a-z]+}/{id:[A-z0-9-]+}", by_profile),
    Handler::new("process/tags", tags),
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    tags: Vec<Tag>,
}

#[derive(Clone, Copy, Serialize)]
struct Tag {
    #[serde(rename = "ID")]
    id: &'static str,
    #[serde(rename = "Name")]
    name: &'static str,
    #[serde(rename = "Description")]
    description: &'static str,
}

const fn tag(id: &'static str, name: &'static str, description: &'static str) -> Tag {
    Tag { id, name, description }
}

/// What the address of another device is called.
const IP: Tag = tag("ip", "IP Address", "The address of another device that asks, where that is allowed.");

/// Interpreters, whose scripts are told apart.
const SCRIPTS: [Tag; 5] = [
    tag("python-script", "Python Script", ""),
    tag("shell-script", "Shell Script", ""),
    tag("perl-script", "Perl Script", ""),
    tag("ruby-script", "Ruby Script", ""),
    tag("nodejs-script", "NodeJS Script", ""),
];

/// The tags of a contract, in the order in which cores list them.
fn known_tags(set: RecordForm) -> Vec<Tag> {
    let image = "Where the AppImage file lies.";
    let (packed, more) = match set {
        RecordForm::Early => (vec![tag("app-image-path", "App Image Path", image)], Vec::new()),
        RecordForm::Late => (
            vec![
                tag("app-image-path", "AppImage Path", image),
                tag(
                    "app-image-mount-id",
                    "AppImage Mount ID",
                    "What the mount of an AppImage is called. The path is better.",
                ),
                tag("flatpak-id", "Flatpak ID", "The flatpak that the program is from."),
            ],
            vec![
                tag("snap-name", "Snap Name", "The snap package that the program is from."),
                tag("snap-version", "Snap Version", "The version and revision of that package."),
            ],
        ),
    };
    packed.into_iter().chain(SCRIPTS).chain([IP]).chain(more).collect()
}

fn tags(world: &mut World, call: &Call) -> Reply {
    call.structured(&Tags { tags: known_tags(world.behaviour.record_form) })
}

/// The process that starts all others. Cores that are not root may not look at it.
const INIT: i32 = 1;

/// The process of the core itself.
const CORE: i64 = 817;

/// A running process (core-2.2 §9).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process {
    name: String,
    #[serde(rename = "UserID")]
    user_id: u32,
    user_name: &'static str,
    user_home: &'static str,
    pid: i64,
    created_at: i64,
    parent_pid: i64,
    parent_created_at: i64,
    leader_pid: i64,
    path: String,
    exec_name: String,
    cwd: String,
    cmd_line: String,
    first_arg: String,
    env: BTreeMap<&'static str, &'static str>,
    tags: Option<Vec<()>>,
    matching_path: String,
    #[serde(rename = "PrimaryProfileID")]
    primary_profile_id: String,
    first_seen: i64,
    last_seen: i64,
    error: &'static str,
    exec_hashes: Option<()>,
}

/// A process of an app, or the core's.
#[derive(Clone, Copy)]
enum Running<'a> {
    Core,
    OfApp(&'a App, &'a scenario::Process),
}

impl<'a> Running<'a> {
    fn find(world: &'a World, pid: i64) -> Option<Self> {
        if pid == CORE {
            return Some(Self::Core);
        }
        world.apps.iter().find_map(|app| {
            app.processes.iter().find(|process| process.pid == pid).map(|process| Self::OfApp(app, process))
        })
    }

    fn pid(self) -> i64 {
        match self {
            Self::Core => CORE,
            Self::OfApp(_, process) => process.pid,
        }
    }

    fn parent(self) -> i64 {
        match self {
            Self::Core => INIT.into(),
            Self::OfApp(_, process) => process.parent.unwrap_or(INIT.into()),
        }
    }

    fn started(self, world: &World) -> Timestamp {
        match self {
            Self::Core => world.core.installed.unwrap_or(world.clock.start()),
            Self::OfApp(_, process) => process.started.unwrap_or(world.clock.start()),
        }
    }

    /// The first of its ancestors that is known; none for one that leads its group itself.
    fn leader(self, world: &'a World) -> Option<Self> {
        let mut leader = None;
        let mut at = self;
        // No more steps than there are processes, should a scenario go round in circles.
        for _ in 0..world.apps.iter().map(|app| app.processes.len()).sum::<usize>() {
            match Self::find(world, at.parent()) {
                Some(parent) if parent.pid() != self.pid() => {
                    leader = Some(parent);
                    at = parent;
                }
                _ => break,
            }
        }
        leader
    }

    fn described(self, world: &'a World) -> Process {
        let (path, cmd_line, profile) = match self {
            Self::Core => (world.core_path(), None, format!("{LOCAL}/_portmaster")),
            Self::OfApp(app, process) => {
                let profile = format!("{LOCAL}/{}", world.profile_id(app));
                (app.path.as_str(), process.cmd_line.as_deref(), profile)
            }
        };
        let (user_id, user_name, user_home) = match self {
            Self::Core => world.superuser(),
            Self::OfApp(..) => world.user(),
        };
        let (folder, exec_name) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
        let cmd_line = cmd_line.unwrap_or(path);
        let parent = Self::find(world, self.parent());
        let started = self.started(world);
        Process {
            name: exec_name.to_owned(),
            user_id,
            user_name,
            user_home,
            pid: self.pid(),
            created_at: started.as_millisecond(),
            parent_pid: self.parent(),
            parent_created_at: parent.map_or(0, |parent| parent.started(world).as_millisecond()),
            leader_pid: self.leader(world).unwrap_or(self).pid(),
            path: path.to_owned(),
            exec_name: exec_name.to_owned(),
            cwd: if matches!(self, Self::Core) { folder } else { user_home }.to_owned(),
            cmd_line: cmd_line.to_owned(),
            first_arg: cmd_line.split(' ').nth(1).unwrap_or_default().to_owned(),
            env: ordered([
                ("HOME", user_home),
                ("LANG", "en_GB.UTF-8"),
                ("PATH", "/usr/bin:/bin"),
                ("TZ", "UTC"),
            ]),
            tags: None,
            matching_path: String::new(),
            primary_profile_id: profile,
            first_seen: started.as_second(),
            last_seen: 0,
            error: "",
            exec_hashes: None,
        }
    }
}

fn group_leader(world: &mut World, call: &Call) -> Reply {
    let text = call.part("pid");
    let Ok(pid) = text.parse::<i64>() else {
        let error = format!("strconv.ParseInt: parsing \"{text}\": value out of range");
        return Reply::error(StatusCode::BAD_REQUEST, error);
    };
    let no_leader = || Reply::error(StatusCode::NOT_FOUND, "leader not found");
    // Where a core asks the system for a process, the number has 32 bits.
    #[allow(clippy::cast_possible_truncation, reason = "so it is in a core")]
    match (pid, pid as i32) {
        (0, _) => no_leader(),
        (_, short @ ..=0) => Reply::failure(format!("invalid pid {short}")),
        (_, INIT) => {
            Reply::failure(format!("failed to get Path for p{pid}: readlink /proc/1/exe: permission denied"))
        }
        (_, short) => match Running::find(world, short.into()) {
            None => Reply::failure("process does not exist"),
            Some(process) => match process.leader(world) {
                None => no_leader(),
                Some(leader) => call.structured(&leader.described(world)),
            },
        },
    }
}

fn by_profile(world: &mut World, call: &Call) -> Reply {
    let key = format!("{}/{}", call.part("source"), call.part("id"));
    let of_core = (key == format!("{LOCAL}/_portmaster")).then_some(Running::Core);
    let of_apps = world.processes(&key).into_iter().map(|(app, process)| Running::OfApp(app, process));
    let list: Vec<Process> = of_core.into_iter().chain(of_apps).map(|one| one.described(world)).collect();
    call.structured(&list)
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Method};
    use portmaster_fixtures::{Contract, Permission, Scenario};
    use serde_json::Value;

    use super::*;
    use crate::{
        api::{Failure, Format, Run},
        world::{Options, session::Token},
    };

    const FAMILY: &str = "
start: 2026-01-05T08:30:00Z
apps:
  - name: Shell
    path: /usr/bin/bash
    processes: [{ pid: 100 }, { pid: 102, parent: 101, cmd_line: bash -c true }]
  - name: Make
    path: /usr/bin/make
    processes: [{ pid: 101, parent: 100 }, { pid: 200, parent: 201 }, { pid: 201, parent: 200 }]
";

    fn ask(run: Run, path: &[(&'static str, &str)]) -> Result<Value, String> {
        let scenario = Scenario::parse("test", FAMILY).expect("a scenario");
        let options = Options { contract: Some(Contract::V2_2), ..Options::default() };
        let mut world = World::new(scenario, options).expect("a world");
        let call = Call {
            method: Method::GET,
            path: path.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: None,
            token: Token { read: Permission::User, write: Permission::User },
            format: Format::default(),
        };
        match run(&mut world, &call) {
            Reply::Struct(bytes) => Ok(serde_json::from_slice(&bytes).expect("JSON")),
            Reply::Failure(Failure { status, text }) => Err(format!("{} {text}", status.as_u16())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_leader_is_the_first_known_ancestor() {
        let leader = |pid: &str| ask(group_leader, &[("pid", pid)]).map(|process| process["Pid"].clone());
        assert_eq!(leader("102"), Ok(100.into()));
        assert_eq!(leader("101"), Ok(100.into()));
        for (pid, error) in [
            ("100", "404 leader not found"),
            ("0", "404 leader not found"),
            ("999", "500 process does not exist"),
            ("4294967296", "500 invalid pid 0"),
            ("2147483648", "500 invalid pid -2147483648"),
            ("1", "500 failed to get Path for p1: readlink /proc/1/exe: permission denied"),
            (
                "99999999999999999999",
                "400 strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
            ),
        ] {
            assert_eq!(leader(pid), Err(error.to_owned()), "{pid}");
        }
    }

    #[test]
    fn processes_that_are_each_others_parents_end() {
        assert_eq!(
            ask(group_leader, &[("pid", "200")]).map(|process| process["Pid"].clone()),
            Ok(201.into())
        );
    }

    #[test]
    fn a_profile_lists_its_own_processes() {
        use crate::world::profiles::{Fingerprint, derived_id};
        let id = derived_id(&[Fingerprint::path("/usr/bin/bash")]);
        let list = ask(by_profile, &[("source", LOCAL), ("id", &id)]).unwrap();
        let pids: Vec<_> = list.as_array().unwrap().iter().map(|one| one["Pid"].clone()).collect();
        assert_eq!(pids, [100, 102]);
        assert_eq!(list[1]["FirstArg"], "-c");
        assert_eq!(list[1]["LeaderPid"], 100);
        assert_eq!(list[0]["PrimaryProfileID"], format!("local/{id}"));
        let core = ask(by_profile, &[("source", LOCAL), ("id", "_portmaster")]).unwrap();
        assert_eq!(core.as_array().map(Vec::len), Some(1));
        assert_eq!(ask(by_profile, &[("source", LOCAL), ("id", "nobody")]), Ok(Value::Array(Vec::new())));
    }
}
