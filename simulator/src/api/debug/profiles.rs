//! `debug/cpu`, `debug/heap` and `debug/allocs`: profiles that `go tool pprof` reads.

use std::time::Duration;

use hyper::{header::CONTENT_DISPOSITION, http::HeaderValue};
use rand::RngExt;

use super::invented::{Frame, HOT, PROGRAM, SITES, TEXT_SIZE, TEXT_START};
use crate::{
    api::{Call, Reply},
    go::{
        duration,
        pprof::{Function, Label, Line, Location, Mapping, Profile, Sample, Texts, compress},
    },
    world::{World, chance},
};

/// How long a CPU profile takes when nobody says.
const DEFAULT_DURATION: &str = "10s";
/// The time between samples of a CPU profile, ns.
const CPU_PERIOD: i64 = 10_000_000;
/// The share of the time that the core is busy, in percent.
const LOAD: i64 = 6;
/// The bytes between samples of a heap profile.
const HEAP_PERIOD: i64 = 524_288;

pub(super) fn cpu(world: &mut World, call: &Call) -> Reply {
    let asked = call.filled("duration").unwrap_or_else(|| DEFAULT_DURATION.to_owned());
    let nanos = match duration::parse(&asked) {
        Ok(nanos) => nanos.max(0),
        Err(error) => return Reply::failure(format!("failed to parse duration: {error}")),
    };
    let span = Duration::from_nanos(nanos.unsigned_abs());
    if !world.begin_cpu_profile(span) {
        let busy = Reply::failure("failed to start cpu profile: cpu profiling already in use");
        return download(world, "cpu-profile", busy);
    }
    let profile = Reply::Data(compress(&cpu_profile(world, nanos)).into());
    Reply::After(span, Box::new(download(world, "cpu-profile", profile)))
}

pub(super) fn heap(world: &mut World, _: &Call) -> Reply {
    let profile = Reply::Data(compress(&heap_profile(world, "")).into());
    download(world, "memory-heap-profile", profile)
}

pub(super) fn allocs(world: &mut World, _: &Call) -> Reply {
    let profile = Reply::Data(compress(&heap_profile(world, "alloc_space")).into());
    download(world, "memory-allocs-profile", profile)
}

/// Adds the name to be saved under, where the contract has it. It stays on a failure (core-2.2 §6.4).
fn download(world: &World, what: &str, reply: Reply) -> Reply {
    if !world.behaviour.reports.downloads {
        return reply;
    }
    let name = format!("attachment; filename=\"portmaster-{what}_v{}.pprof\"", world.version());
    let name = HeaderValue::from_str(&name).expect("a version of a contract is printable");
    Reply::With(CONTENT_DISPOSITION, name, Box::new(reply))
}

/// A CPU profile of a span in ns that begins now.
fn cpu_profile(world: &World, nanos: i64) -> Profile {
    let mut maker = Maker::new();
    let mut chance = chance::fresh(world.chance.seed(), "debug/cpu");
    let total = nanos / CPU_PERIOD * LOAD / 100;
    for (share, stack) in HOT {
        // A tenth more or less than the share.
        let count = total * i64::from(*share) * chance.random_range(90..=110) / 10_000;
        if count > 0 {
            maker.sample(stack, vec![count, count * CPU_PERIOD], None);
        }
    }
    let texts = &mut maker.texts;
    Profile {
        sample_type: vec![texts.value_type("samples", "count"), texts.value_type("cpu", "nanoseconds")],
        period_type: Some(texts.value_type("cpu", "nanoseconds")),
        period: CPU_PERIOD,
        duration_nanos: nanos,
        ..maker.profile(world)
    }
}

/// A heap profile; the kind of value that is shown first, if it is another than the last.
fn heap_profile(world: &World, first: &str) -> Profile {
    let mut maker = Maker::new();
    let minutes = world.now().duration_since(world.clock.start()).as_mins();
    for site in SITES {
        let allocated = site.first + site.each_minute * minutes;
        let used = site.first * site.kept / 1000;
        let values = vec![allocated, allocated * site.size, used, used * site.size];
        maker.sample(site.stack, values, Some(("bytes", site.size)));
    }
    let texts = &mut maker.texts;
    let kinds = [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ];
    Profile {
        sample_type: kinds.map(|(kind, unit)| texts.value_type(kind, unit)).to_vec(),
        period_type: Some(texts.value_type("space", "bytes")),
        period: HEAP_PERIOD,
        default_sample_type: texts.index(first),
        ..maker.profile(world)
    }
}

/// A profile while it is made.
struct Maker {
    texts: Texts,
    frames: Vec<Frame>,
    functions: Vec<(&'static str, &'static str)>,
    samples: Vec<Sample>,
}

impl Maker {
    fn new() -> Self {
        Self { texts: Texts::new(), frames: Vec::new(), functions: Vec::new(), samples: Vec::new() }
    }

    fn sample(&mut self, stack: &[Frame], value: Vec<i64>, label: Option<(&str, i64)>) {
        // Locations are numbered from 1, in the order of their first use.
        let location_id = stack.iter().map(|frame| number(&mut self.frames, *frame)).collect();
        let label = label.map(|(key, num)| Label { key: self.texts.index(key), num }).into_iter().collect();
        self.samples.push(Sample { location_id, value, label });
    }

    /// The profile without what is particular to its kind. Takes what was collected.
    fn profile(mut self, world: &World) -> Profile {
        let mut location = Vec::with_capacity(self.frames.len());
        for (id, frame) in (1..).zip(&self.frames) {
            let function_id = number(&mut self.functions, (frame.function, frame.file));
            let line = vec![Line { function_id, line: i64::from(frame.line) }];
            location.push(Location { id, mapping_id: 1, address: frame.address(), line });
        }
        let mut function = Vec::with_capacity(self.functions.len());
        for (id, (name, file)) in (1..).zip(&self.functions) {
            let name = self.texts.index(name);
            function.push(Function { id, name, system_name: name, filename: self.texts.index(file) });
        }
        let mapping = Mapping {
            id: 1,
            memory_start: TEXT_START,
            memory_limit: TEXT_START + TEXT_SIZE,
            filename: self.texts.index(PROGRAM),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
        };
        Profile {
            sample: self.samples,
            mapping: vec![mapping],
            location,
            function,
            string_table: self.texts.into_list(),
            time_nanos: i64::try_from(world.now().as_nanosecond()).unwrap_or(i64::MAX),
            ..Profile::default()
        }
    }
}

/// The number of an entry, from 1; a new one is added.
fn number<T: PartialEq>(list: &mut Vec<T>, entry: T) -> u64 {
    let at = list.iter().position(|one| *one == entry).unwrap_or_else(|| {
        list.push(entry);
        list.len() - 1
    });
    at as u64 + 1
}
