//! Writes recordings.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use super::{
    exchange::{Exchange, Setup, SetupKeys},
    har::Har,
    redact::Redactor,
    script::{Script, Step},
    taken::{act, answer, asked, opening},
};
use crate::{
    suite::{Keys, Mode, Place, Taken},
    target::Transcript,
};

/// What a recording is about.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The contract's name, if it is a contract.
    pub(crate) contract: Option<String>,
    /// How a foreign target was found; none for the suite's own simulators.
    pub(crate) mode: Option<Mode>,
    /// The seed of the suite's own simulators.
    pub(crate) seed: u64,
    /// The target's keys.
    pub(crate) keys: Keys,
}

impl About {
    /// How the target of a place is set up. `fresh` says for which check it was started, if for one only.
    fn setup(&self, place: Place, fresh: Option<&str>) -> Setup {
        let own = self.mode.is_none();
        let place = match self.mode {
            None | Some(Mode::Guarded) => place,
            Some(Mode::Development) => Place::Development,
            Some(Mode::Granted) => Place::Granted,
        };
        let external_auth = match place {
            Place::Granted => "grant",
            Place::Main | Place::Bare if own => "deny",
            _ => "none",
        };
        let world = if place == Place::Bare { "fresh-install" } else { "home-office" };
        Setup {
            contract: self.contract.clone(),
            dev_mode: place == Place::Development,
            external_auth: external_auth.to_owned(),
            keys: SetupKeys::standing_for(&self.keys),
            scenario: own.then(|| world.to_owned()),
            config: Default::default(),
            healthy: own,
            seed: own.then_some(self.seed),
            clock: own.then(|| "frozen".to_owned()),
            fresh: fresh.map(str::to_owned),
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) exchanges: usize,
    pub(crate) scripts: usize,
}

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", .file.display())]
pub(crate) struct WriteError {
    file: PathBuf,
    source: io::Error,
}

/// A file that is being written.
#[derive(Debug)]
struct Output<W> {
    file: PathBuf,
    to: W,
}

impl<W> Output<W> {
    fn wrong(&self) -> impl Fn(io::Error) -> WriteError + use<W> {
        let file = self.file.clone();
        move |source| WriteError { file: file.clone(), source }
    }
}

/// Plain, or compressed where the file's name says so.
#[derive(Debug)]
enum Sink {
    Plain(BufWriter<File>),
    Compressed(GzEncoder<BufWriter<File>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Compressed(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Compressed(file) => file.flush(),
        }
    }
}

/// Writes what checks ask and get.
#[derive(Debug)]
pub(crate) struct Recorder {
    about: About,
    redactor: Redactor,
    lines: Output<Sink>,
    har: Option<Output<Har<BufWriter<File>>>>,
    written: Written,
}

/// The name of the connection that the n-th request of a check opened: a to z, then c26 and so on.
fn connection(of: usize) -> String {
    match u8::try_from(of) {
        Ok(letter @ 0..26) => char::from(b'a' + letter).to_string(),
        _ => format!("c{of}"),
    }
}

fn create(file: &Path) -> Result<BufWriter<File>, WriteError> {
    let created = File::create(file).map(BufWriter::new);
    created.map_err(|source| WriteError { file: file.to_owned(), source })
}

impl Recorder {
    /// Begins a recording, and the same as HAR where a file is given for that.
    pub(crate) fn create(about: About, file: &Path, har: Option<&Path>) -> Result<Self, WriteError> {
        let to = create(file)?;
        let to = match file.extension() {
            Some(end) if end == "gz" => Sink::Compressed(GzEncoder::new(to, Compression::default())),
            _ => Sink::Plain(to),
        };
        let har = match har {
            Some(file) => {
                let begun = Har::begin(create(file)?);
                let to = begun.map_err(|source| WriteError { file: file.to_owned(), source })?;
                Some(Output { file: file.to_owned(), to })
            }
            None => None,
        };
        let redactor = Redactor::new(&about.keys);
        let lines = Output { file: file.to_owned(), to };
        Ok(Self { about, redactor, lines, har, written: Written::default() })
    }

    /// Writes what a check asked and got; `fresh` when its target had been started for it.
    ///
    /// All that happened is written in its order: what was said on websockets between two requests is one
    /// script, and the next one goes on with the same connections.
    pub(crate) fn keep(&mut self, check: &str, fresh: bool, taken: &[Taken]) -> Result<(), WriteError> {
        for one in taken {
            self.redactor.learn_from_taken(one);
        }
        let mut events: Vec<_> = taken.iter().enumerate().map(|(of, one)| (one.ended, of, None)).collect();
        for (of, one) in taken.iter().enumerate() {
            let said = one.transcript.iter().flat_map(Transcript::read);
            events.extend(said.map(|line| (line.at, of, Some(line.spoken))));
        }
        events.sort_by_key(|(at, ..)| *at);
        let contract = self.about.contract.clone().unwrap_or_else(|| "target".to_owned());
        let id = |number: usize| format!("{contract}/{check}/{number}");
        let setups: Vec<_> =
            taken.iter().map(|one| self.about.setup(one.place, fresh.then_some(check))).collect();
        let mut number = 0;
        let mut script = Script::default();
        let mut opened = false;
        for (_, of, spoken) in events {
            let one = &taken[of];
            if spoken.is_none() || script.setup != setups[of] {
                self.script(&mut script)?;
            }
            let act = match spoken {
                Some(spoken) => act(&spoken, &self.redactor),
                None => {
                    number += 1;
                    let response = answer(one, &self.redactor);
                    let exchange = Exchange {
                        id: id(number),
                        setup: setups[of].clone(),
                        request: asked(&one.request, &one.address, &self.redactor),
                        response,
                        recorded_on: Some(one.address.authority()),
                        ..Exchange::default()
                    };
                    self.exchange(&exchange, one)?;
                    if one.transcript.is_none() {
                        continue;
                    }
                    opening(&exchange.request)
                }
            };
            if script.steps.is_empty() {
                number += 1;
                script = Script {
                    id: id(number),
                    name: check.to_owned(),
                    setup: setups[of].clone(),
                    recorded_on: Some(one.address.authority()),
                    continues: opened,
                    ..Script::default()
                };
                opened = true;
            }
            script.steps.push(Step { conn: connection(of), act });
        }
        self.script(&mut script)
    }

    fn exchange(&mut self, exchange: &Exchange, taken: &Taken) -> Result<(), WriteError> {
        self.line(exchange)?;
        self.written.exchanges += 1;
        if let Some(har) = &mut self.har {
            let messages = taken.transcript.as_ref().map(Transcript::read);
            let wrong = har.wrong();
            har.to.entry(exchange, taken, messages.as_deref(), &self.redactor).map_err(wrong)?;
        }
        Ok(())
    }

    /// Writes a script, if anything happens in it.
    fn script(&mut self, script: &mut Script) -> Result<(), WriteError> {
        let script = std::mem::take(script);
        if !script.steps.is_empty() {
            self.line(&script)?;
            self.written.scripts += 1;
        }
        Ok(())
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), WriteError> {
        let wrong = self.lines.wrong();
        let to = &mut self.lines.to;
        serde_json::to_writer(&mut *to, line).map_err(io::Error::from).map_err(&wrong)?;
        to.write_all(b"\n").map_err(&wrong)
    }

    /// Ends the recording.
    pub(crate) fn finish(self) -> Result<Written, WriteError> {
        let wrong = self.lines.wrong();
        match self.lines.to {
            Sink::Plain(mut file) => file.flush(),
            Sink::Compressed(file) => file.finish().and_then(|mut file| file.flush()),
        }
        .map_err(wrong)?;
        if let Some(har) = self.har {
            let wrong = har.wrong();
            har.to.end().map_err(wrong)?;
        }
        Ok(self.written)
    }
}
