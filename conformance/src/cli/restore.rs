//! `restore`, and what it reads: settings and records of a target that could not be put back because the target went.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{entry::Entry, flags::GivenKeys, footprint::Footprint, probe, trouble::Trouble};
use crate::{
    exit,
    target::{Address, Client, Database, DatabaseError, Key, Keys, Tier},
};

/// The number of the file's schema.
const SCHEMA: u32 = 1;

/// What `restore` takes.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The file that a run has left
    pub file: PathBuf,
    /// The target, if it is another than the file says
    #[arg(long, value_name = "URL")]
    pub target: Option<Address>,
    /// The keys of the target
    #[command(flatten)]
    pub keys: GivenKeys,
}

/// What is to be put back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    schema: u32,
    target: String,
    records: Vec<Entry>,
}

impl Restore {
    /// What a run may have changed of what was there before it: all that it has written.
    pub(super) fn of(address: &Address, before: &Footprint, written: &[String]) -> Self {
        let records = written.iter().filter(|key| Footprint::covers(key));
        let records = records.map(|key| Entry::new(key.clone(), before.value(key))).collect();
        Self { schema: SCHEMA, target: address.to_string(), records }
    }

    /// Keeps it in a file that only its owner may read, and says how to use it.
    pub(super) fn keep(&self, address: &Address) -> std::io::Result<String> {
        let file = PathBuf::from(format!("portmaster-restore-{}.json", address.port()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = format!("{:#}\n", json!(self));
        options.open(&file)?.write_all(text.as_bytes())?;
        let mut lines = vec![format!(
            "what the run had written could not be put back; once the target is there again: portmaster-conformance restore {}",
            file.display()
        )];
        lines.extend(self.records.iter().flat_map(|entry| entry.lines(address)));
        Ok(lines.join("\n  "))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn read(file: &Path) -> Result<Self, Trouble> {
        let bad = |why: String| Trouble::Usage(format!("{}: {why}", file.display()));
        let text = portmaster_fixtures::scenario::file::text(file).map_err(|error| bad(error.to_string()))?;
        let read: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        match read.schema {
            SCHEMA => Ok(read),
            other => Err(bad(format!("its schema is {other}, expected {SCHEMA}"))),
        }
    }
}

/// Puts back what a run could not.
pub(super) async fn restore(args: RestoreArgs) -> Result<u8, Trouble> {
    let kept = Restore::read(&args.file)?;
    let address = match args.target {
        Some(address) => address,
        None => kept
            .target
            .parse()
            .map_err(|error| Trouble::Usage(format!("{}: {error}", args.file.display())))?,
    };
    let keys: Keys = args.keys.keys()?;
    let client = Client::new(super::flags::TIMEOUT);
    let mode = probe::mode(&client, &address).await?;
    probe::keys(&client, &address, mode, &keys).await?;
    let unreachable = |error: DatabaseError| Trouble::Unreachable(format!("{address}: {error}"));
    let admin = keys.get(Tier::Admin).map(Key::secret);
    let mut database = Database::open(&address, admin).await.map_err(unreachable)?;
    let mut out = anstream::stdout().lock();
    for entry in &kept.records {
        entry.put_back(&mut database).await.map_err(unreachable)?;
        // A reader that is gone has the exit status.
        let _ = writeln!(out, "put back {}", entry.key);
    }
    let _ = writeln!(out, "{address} has what it had before the run; {} may be removed", args.file.display());
    Ok(exit::PASSED)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn lines_do_what_the_file_does_and_show_no_keys() {
        let address: Address = "http://127.0.0.1:817".parse().unwrap();
        let lines = |key: &str, was| Entry::new(key.to_owned(), was).lines(&address);
        let unset = lines("config:core/devMode", Value::Null);
        assert!(unset[0].contains("1|update|config:core/devMode|J{\"Value\":null}"), "{unset:?}");
        assert!(unset[1].contains("'2|delete|config:core/devMode'"), "{unset:?}");
        assert!(!lines("config:core/apiKeys", json!(["sesame"]))[0].contains("sesame"));
        assert!(lines("core:conformance/x", Value::Null)[0].contains("1|delete|core:conformance/x"));
    }
}
