//! Where a recording is replayed: a running target, one that is kept, one that a command starts for each setup, or a
//! simulator of our own.

use std::{
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portmaster_fixtures::Contract;
use portmaster_simulator::{ClockMode, ExternalAuth, Simulator};
use tokio::{
    net::TcpStream,
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
    time::sleep,
};

use super::{
    exchange::{Setup, SetupKeys},
    stand_in::standard_keys,
};
#[cfg(unix)]
use crate::keeper::heir;
use crate::{
    keeper::{Keeper, Way},
    target::{Address, SendError},
};

/// How long a target may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what a started target complains about is kept, in bytes.
const COMPLAINT: usize = 500;

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// The command line of a target makes no sense.
    #[error("--start: {0}")]
    Command(String),
    /// The target could not be started, or ended.
    #[error("the target {0}")]
    Target(String),
    /// Nobody listens there.
    #[error(transparent)]
    Gone(#[from] SendError),
    /// The setup cannot be had from an embedded simulator.
    #[error("the embedded simulator cannot be set up as recorded: {0}")]
    Setup(String),
}

/// Where a recording is replayed.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// A target that runs already.
    Running(Address),
    /// A target that was launched, and is started again when it falls.
    Kept(Keeper),
    /// A command that starts one; `{addr}` stands in it for where it shall listen.
    Command(Vec<String>),
    /// A simulator within this program.
    Embedded,
}

impl Stage {
    /// A command line as a shell would take it apart.
    pub(crate) fn command(template: &str) -> Result<Self, StageError> {
        let words = shlex::split(template)
            .ok_or_else(|| StageError::Command(format!("a quote is not closed in {template:?}")))?;
        if !words.iter().any(|word| word.contains("{addr}")) {
            return Err(StageError::Command("{addr} must stand where the target's address goes".to_owned()));
        }
        Ok(Self::Command(words))
    }

    /// A target with that setup. `folder` is the recording's, `contract` what it is about when the setup does
    /// not say; scripts need a clock that runs.
    pub(crate) async fn start(
        &self,
        setup: &Setup,
        folder: &Path,
        contract: Option<Contract>,
        scripts: bool,
    ) -> Result<Target, StageError> {
        match self {
            Self::Running(address) => Ok(Target { address: address.clone(), own: Own::Nothing }),
            Self::Kept(keeper) => kept(keeper, setup).await,
            Self::Command(words) => started(words, setup, folder).await,
            Self::Embedded => embedded(setup, folder, contract, scripts).await,
        }
    }
}

/// A target as long as it is needed.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    own: Own,
}

#[derive(Debug)]
enum Own {
    Nothing,
    Kept(Keeper),
    Process { process: Child, complaint: Arc<Mutex<Vec<u8>>>, _heir: Option<tokio::process::Child> },
    Simulator(#[expect(dead_code, reason = "it serves until it is dropped")] Simulator),
}

impl Target {
    /// Whether it is ours to start anew.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.own, Own::Process { .. } | Own::Simulator(_))
    }

    /// Whether somebody starts it again when it falls.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.own, Own::Kept(_))
    }

    /// Waits until it is known how it is, and it is there again if it fell.
    pub(crate) async fn settle(&self) -> Result<(), StageError> {
        match &self.own {
            Own::Kept(keeper) => keeper.settle().await.map(drop).ok_or_else(gone),
            _ => Ok(()),
        }
    }

    /// Whether a process that was started for the recording has ended.
    pub(crate) fn ended(&mut self) -> Option<StageError> {
        match &mut self.own {
            Own::Process { process, complaint, .. } => match process.try_wait() {
                Ok(Some(status)) => Some(StageError::Target(format!("ended: {status}{}", last(complaint)))),
                _ => None,
            },
            Own::Nothing | Own::Kept(_) | Own::Simulator(_) => None,
        }
    }

    /// Waits until somebody listens again.
    pub(crate) async fn listens(&mut self) -> Result<(), StageError> {
        if let Own::Kept(keeper) = &self.own {
            return keeper.after_farewell().await.map(drop).ok_or_else(gone);
        }
        let begun = Instant::now();
        loop {
            if TcpStream::connect(self.address.socket()).await.is_ok() {
                return Ok(());
            }
            if let Some(error) = self.ended() {
                return Err(error);
            }
            if begun.elapsed() > PATIENCE {
                let (address, seconds) = (&self.address, PATIENCE.as_secs());
                return Err(StageError::Target(format!("does not listen on {address} within {seconds} s")));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let Own::Process { process, .. } = &mut self.own else { return };
        // It may take long: a runtime that can lets others have this thread's work.
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => block_in_place(|| end(process)),
            _ => end(process),
        }
    }
}

/// Asks a process to end, as a service manager does, and ends it if it does not.
fn end(process: &mut Child) {
    #[cfg(unix)]
    if let Some(id) = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw)
        && matches!(process.try_wait(), Ok(None))
        && rustix::process::kill_process(id, rustix::process::Signal::TERM).is_ok()
    {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) && matches!(process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // It may have ended already.
    let _ = process.kill();
    let _ = process.wait();
}

fn last(complaint: &Mutex<Vec<u8>>) -> String {
    let bytes = complaint.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() { text } else { format!("; it said: {text}") }
}

/// The world of a setup: a name, or a file beside the recording.
fn scenario(setup: &Setup, folder: &Path) -> Option<String> {
    let name = setup.scenario.as_deref()?;
    let is_file = [".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    Some(if is_file { folder.join(name).display().to_string() } else { name.to_owned() })
}

fn keys(setup: &Setup) -> Vec<String> {
    match &setup.keys {
        SetupKeys::Named(name) if name == "standard" => standard_keys(),
        SetupKeys::Named(_) => vec![],
        SetupKeys::Listed(keys) => keys.clone(),
    }
}

/// The flags that set a started target up.
fn flags(setup: &Setup, folder: &Path) -> Vec<String> {
    let mut flags = vec![];
    let mut flag = |name: &str, value: Option<String>| {
        flags.push(format!("--{name}"));
        flags.extend(value);
    };
    if setup.dev_mode {
        flag("dev-mode", None);
    }
    for key in keys(setup) {
        flag("api-key", Some(key));
    }
    flag("external-auth", Some(setup.external_auth.clone()));
    if let Some(scenario) = scenario(setup, folder) {
        flag("scenario", Some(scenario));
    }
    for (key, value) in &setup.config {
        flag("set", Some(format!("{key}={value}")));
    }
    flags
}

fn gone() -> StageError {
    StageError::Target("does not start any more".to_owned())
}

/// A launched target, anew in the way of that setup if it is not in it.
async fn kept(keeper: &Keeper, setup: &Setup) -> Result<Target, StageError> {
    let way = match setup.external_auth.as_str() {
        _ if setup.dev_mode => Way::Development,
        "grant" if keeper.can_turn(Way::Granting) => Way::Granting,
        _ => Way::Guarded,
    };
    match keeper.turn(way).await {
        true => Ok(Target { address: keeper.address().clone(), own: Own::Kept(keeper.clone()) }),
        false => Err(gone()),
    }
}

async fn started(words: &[String], setup: &Setup, folder: &Path) -> Result<Target, StageError> {
    let target = |error: &dyn std::fmt::Display| StageError::Target(format!("cannot be started: {error}"));
    // Free now, and most likely still free when the target takes it.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.map_err(|error| target(&error))?.to_string();
    let words: Vec<_> = words.iter().map(|word| word.replace("{addr}", &free)).collect();
    let (program, arguments) =
        words.split_first().ok_or_else(|| StageError::Command("it names no program".to_owned()))?;
    let mut command = Command::new(program);
    #[cfg(unix)]
    let (_heir, group) = heir().unzip();
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, group.unwrap_or(0));
    #[cfg(not(unix))]
    let _heir = None;
    let mut process = command
        .args(arguments)
        .args(flags(setup, folder))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| target(&format!("{program}: {error}")))?;
    let complaint = Arc::new(Mutex::new(vec![]));
    if let Some(stderr) = process.stderr.take() {
        let complaint = Arc::clone(&complaint);
        std::thread::spawn(move || listen(stderr, &complaint));
    }
    let address = free.parse().map_err(|error| target(&error))?;
    let mut target = Target { address, own: Own::Process { process, complaint, _heir } };
    target.listens().await?;
    Ok(target)
}

/// Keeps the last of what a process complains about, so that it can go on complaining.
fn listen(mut stderr: impl Read, complaint: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        let mut kept = complaint.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(COMPLAINT);
        kept.drain(..surplus);
    }
}

async fn embedded(
    setup: &Setup,
    folder: &Path,
    contract: Option<Contract>,
    scripts: bool,
) -> Result<Target, StageError> {
    let wrong = |error: &dyn std::fmt::Display| StageError::Setup(error.to_string());
    let named = setup.contract.as_deref().map(str::parse::<Contract>).transpose();
    let contract = match named.map_err(|error| wrong(&error))?.or(contract) {
        Some(contract) => contract,
        None => return Err(wrong(&"the recording names no contract; give --contract")),
    };
    let external_auth = match setup.external_auth.as_str() {
        "none" => ExternalAuth::None,
        "grant" => ExternalAuth::Grant,
        "deny" => ExternalAuth::Deny,
        other => return Err(wrong(&format!("an external authenticator cannot be {other:?}"))),
    };
    let mut builder = Simulator::builder()
        .contract(contract)
        .healthy(setup.healthy)
        .external_auth(external_auth)
        .config(setup.config.clone());
    if setup.dev_mode {
        builder = builder.dev_mode(true);
    }
    for key in keys(setup) {
        builder = builder.api_key(key);
    }
    if let Some(scenario) = scenario(setup, folder) {
        builder = builder.scenario(scenario);
    }
    if let Some(seed) = setup.seed {
        builder = builder.seed(seed);
    }
    if let Some(clock) = setup.clock.as_deref().or(scripts.then_some("running")) {
        builder = builder.clock(clock.parse::<ClockMode>().map_err(|error| wrong(&error))?);
    }
    let simulator = builder.start().await.map_err(|error| wrong(&error))?;
    let address = simulator.addr().to_string().parse().map_err(|error| wrong(&error))?;
    Ok(Target { address, own: Own::Simulator(simulator) })
}

/// The folder of a recording.
pub(crate) fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setups_become_flags() {
        let setup: Setup = serde_json::from_str(
            r#"{"dev_mode": true, "keys": ["a?read=user"], "external_auth": "deny", "scenario": "x.yaml",
                "config": {"spn/enable": true, "filter/lists": ["A"]}}"#,
        )
        .unwrap();
        assert_eq!(
            flags(&setup, Path::new("there")).join(" "),
            "--dev-mode --api-key a?read=user --external-auth deny --scenario there/x.yaml \
             --set filter/lists=[\"A\"] --set spn/enable=true"
        );
        let plain = flags(&Setup { external_auth: "none".to_owned(), ..Setup::default() }, Path::new(""));
        assert_eq!(plain.iter().filter(|flag| *flag == "--api-key").count(), 7);
    }

    #[test]
    fn a_command_says_where_its_target_listens() {
        assert!(
            matches!(Stage::command("core --listen {addr}"), Ok(Stage::Command(words)) if words.len() == 3)
        );
        let text = Stage::command("core").unwrap_err().to_string();
        assert_eq!(text, "--start: {addr} must stand where the target's address goes");
        assert!(Stage::command("core '{addr}").is_err());
    }
}
