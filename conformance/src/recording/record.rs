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
    script::Script,
    swap::stand_in,
    taken::{answer, request, steps},
};
use crate::{
    suite::{Keys, Mode, Place, Taken, Tier},
    target::Spoken,
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
        let known = Tier::ALL.iter().filter(|&&tier| self.keys.get(tier).is_some());
        let keys = known.map(|&tier| format!("{}{}", stand_in(tier), tier.permissions())).collect();
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
            keys: SetupKeys::Listed(keys),
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
    pub(crate) fn keep(&mut self, check: &str, fresh: bool, taken: &[Taken]) -> Result<(), WriteError> {
        let contract = self.about.contract.clone().unwrap_or_else(|| "target".to_owned());
        for (number, one) in (1..).zip(taken) {
            let id = format!("{contract}/{check}/{number}");
            let response = answer(one, &mut self.redactor);
            let exchange = Exchange {
                id: id.clone(),
                setup: self.about.setup(one.place, fresh.then_some(check)),
                request: request(one, &self.redactor),
                response,
                recorded_on: Some(one.address.authority()),
                ..Exchange::default()
            };
            self.line(&exchange)?;
            self.written.exchanges += 1;
            let script = one.transcript.as_ref().map(|transcript| Script {
                id: format!("{id}/websocket"),
                name: check.to_owned(),
                setup: exchange.setup.clone(),
                recorded_on: exchange.recorded_on.clone(),
                steps: steps(&exchange.request, transcript, &mut self.redactor),
                ..Script::default()
            });
            if let Some(script) = &script {
                self.line(script)?;
                self.written.scripts += 1;
            }
            if let Some(har) = &mut self.har {
                let messages = one.transcript.as_ref().map(|transcript| {
                    let all = transcript.read().into_iter();
                    let frames = all.filter(|(_, spoken)| *spoken != Spoken::End);
                    frames.collect::<Vec<_>>()
                });
                let wrong = har.wrong();
                har.to.entry(&exchange, one, messages.as_deref(), &self.redactor).map_err(wrong)?;
            }
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
