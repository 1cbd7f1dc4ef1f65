//! `serve`: a simulator in the foreground.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    mem,
    time::Duration,
};

use portmaster_fixtures::scenario::{self, ScenarioError};
use portmaster_simulator::{
    Builder, ClockMode, EVENTS, Lifecycle, Simulator, StartAt, StartError, is_api_key,
};
use portmaster_wire::folder::remove_temporary_folders;
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    args::{Ready, Serve},
    browser, data, signals,
};

/// How long what goes on may take to end, once it is asked to.
const FAREWELL: Duration = Duration::from_millis(500);

/// Serves until Ctrl-C, a termination signal, the core's own shutdown, or what a mutant has it end by: the exit status. A restart
/// begins anew.
///
/// With `shown` the control plane's page is opened once.
pub(crate) fn run(args: Serve, shown: bool) -> Result<u8, StartError> {
    let no_threads = "a machine that cannot start threads runs nothing";
    let stop = signals::listen().expect(no_threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(EVENTS).enable_all().build();
    let runtime = runtime.expect(no_threads);
    let result = runtime.block_on(serve(args, shown, stop));
    runtime.shutdown_timeout(FAREWELL);
    // Of what did not end in time, too.
    remove_temporary_folders();
    result
}

async fn serve(args: Serve, mut shown: bool, mut stop: oneshot::Receiver<()>) -> Result<u8, StartError> {
    let mut abort = std::pin::pin!(abort_signal(&args));
    let mut simulator = builder(&args).start().await?;
    if let Some(folder) = &args.data {
        data::prepare(folder);
    }
    for (index, _) in args.api_key.iter().enumerate().filter(|(_, key)| !is_api_key(key)) {
        let expected = "expected 'KEY?read=user&write=admin&expires=2030-01-01T00:00:00Z'";
        let _ = writeln!(io::stderr(), "API key {} is left out, as a core does: {expected}", index + 1);
    }
    loop {
        announce(&simulator, &args);
        // Not again after a restart.
        if let Some(url) = simulator.control_url().filter(|_| mem::take(&mut shown)) {
            browser::open(url);
        }
        let how = tokio::select! {
            _ = &mut stop => return Ok(ended(&simulator, &args, 0, "")),
            death = simulator.death() => return Ok(ended(&simulator, &args, death.status, &death.trace)),
            () = &mut abort => {
                let trace = simulator.abort_trace().unwrap_or_else(|| "SIGABRT: abort\n".to_owned());
                return Ok(ended(&simulator, &args, 2, &trace));
            }
            how = simulator.down() => how,
        };
        // The answer to the request that did it is still on its way.
        tokio::time::sleep(Duration::from_millis(150)).await;
        match how {
            Lifecycle::Shutdown => return Ok(ended(&simulator, &args, 0, "")),
            Lifecycle::Restart => {
                if let Some(folder) = &args.data {
                    data::write(
                        folder,
                        &if simulator.forgets_settings() { BTreeMap::new() } else { simulator.settings() },
                    );
                }
                if let Some(death) = simulator.death_at_restart() {
                    let _ = io::stderr().lock().write_all(death.trace.as_bytes());
                    return Ok(death.status);
                }
                simulator = match &args.data {
                    None => {
                        simulator.restart().await?;
                        simulator
                    }
                    Some(_) => again(simulator, &args).await?,
                };
            }
        }
    }
}

/// Begins anew in the same places, with the settings that were kept.
async fn again(simulator: Simulator, args: &Serve) -> Result<Simulator, StartError> {
    let mut builder = builder(args).restarted().listen(simulator.addr().to_string());
    if let Some(control) = simulator.control_url().and_then(|url| url.strip_prefix("http://")) {
        builder = builder.control(control);
    }
    if let Some(token) = simulator.control_token() {
        builder = builder.control_token(token);
    }
    simulator.stop().await;
    builder.start().await
}

/// Keeps the settings and says the last words.
fn ended(simulator: &Simulator, args: &Serve, status: u8, trace: &str) -> u8 {
    if let Some(folder) = &args.data {
        data::write(folder, &simulator.settings());
    }
    // A closed standard error is nobody's concern.
    let _ = io::stderr().lock().write_all(trace.as_bytes());
    status
}

fn builder(args: &Serve) -> Builder {
    let mut builder = Simulator::builder()
        .external_auth(args.external_auth)
        .healthy(args.healthy)
        .listen(&args.listen)
        .max_message(args.max_message)
        .listen_anywhere(args.listen_anywhere)
        .config(
            args.data
                .as_deref()
                .map(|folder| data::read(folder, args.contract.unwrap_or_default()))
                .unwrap_or_default(),
        )
        .config(args.set.iter().cloned().collect());
    if args.dev_mode {
        builder = builder.dev_mode(true);
    }
    if let Some(scenario) = &args.scenario {
        builder = builder.scenario(scenario);
    }
    if let Some(contract) = args.contract {
        builder = builder.contract(contract);
    }
    if let Some(version) = &args.core_version {
        builder = builder.core_version(version);
    }
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    // User interfaces draw up to the present of their machine.
    let present = args.ui.is_some();
    if let Some(start) = args.start.or(present.then_some(StartAt::Now)) {
        builder = builder.start_at(start);
    }
    if let Some(mode) = args.clock {
        builder = builder.clock(mode);
    }
    if present {
        builder = builder.usual_clock(ClockMode::Running(1));
    }
    if let Some(path) = &args.ui {
        builder = builder.ui(path);
    }
    if let Some(milliseconds) = args.netquery_latency {
        builder = builder.netquery_latency(Duration::from_millis(milliseconds));
    }
    if let Some(path) = &args.assets {
        builder = builder.assets(path);
    }
    for id in &args.mutant {
        builder = builder.mutant(id);
    }
    for key in &args.api_key {
        builder = builder.api_key(key);
    }
    if args.control != "off" {
        builder = builder.control(&args.control);
    }
    if let Some(entries) = args.journal {
        builder = builder.journal(entries);
    }
    if let Some(token) = args.token() {
        builder = builder.control_token(token);
    }
    builder
}

/// Says where it listens. A closed standard output is nobody's concern.
fn announce(simulator: &Simulator, args: &Serve) {
    let about = simulator.about();
    let open = args.dev_mode || !args.api_key.is_empty() || !args.set.is_empty();
    let hint = if open {
        ""
    } else {
        "\nendpoints with a badge want a key (--api-key 'KEY?read=admin&write=admin') or --dev-mode"
    };
    // One that was given is known.
    let drawn = simulator.control_token().filter(|_| args.token().is_none());
    let control = simulator.control_url().map_or(String::new(), |url| {
        let token = drawn.map(|token| format!(", token {token}")).unwrap_or_default();
        format!("\ncontrol plane: {url}{token}")
    });
    let text = match args.ready {
        Ready::Json => {
            let mut ready = json!({ "api": simulator.url(), "control": simulator.control_url(), "seed": about.seed, "start": about.start });
            if let Some(token) = drawn {
                ready["control_token"] = token.into();
            }
            ready.to_string()
        }
        Ready::Text => format!(
            "Portmaster simulator, listening on {url}\n\
             scenario {}, contract {}, seed {}, start {}, clock {}\n\
             try: curl {url}/api/v1/ping{hint}{control}",
            about.scenario,
            about.contract,
            about.seed,
            about.start,
            about.clock,
            url = simulator.url(),
        ),
    };
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The signal to abort, with which a Go program prints where its goroutines wait. Only a mutant of the process says anything.
fn abort_signal(args: &Serve) -> impl Future<Output = ()> + use<> {
    #[cfg(unix)]
    let signal = {
        use portmaster_fixtures::Mutant;
        use tokio::signal::unix::{SignalKind, signal};
        const ABORT: i32 = 6;
        let mishaps = args.mutant.iter().any(|id| Mutant::named(id).is_ok_and(Mutant::needs_process));
        mishaps.then(|| signal(SignalKind::from_raw(ABORT)).ok()).flatten()
    };
    #[cfg(not(unix))]
    let _ = args;
    async move {
        #[cfg(unix)]
        if let Some(mut signal) = signal {
            signal.recv().await;
            return;
        }
        std::future::pending().await
    }
}

/// How many mistakes of a scenario are shown.
const MISTAKES: usize = 5;

/// Says why it did not start.
pub(crate) fn complain(error: &StartError) {
    let mut text = format!("error: {error}");
    if let StartError::Scenario(ScenarioError::Text { file, report }) = error {
        // All that is wrong with its form, unless it is what another one says that it extends.
        let written = scenario::text(file).unwrap_or_default();
        let mistakes = scenario::check(&written);
        for mistake in mistakes.iter().take(MISTAKES) {
            text = format!("{text}\n{}", mistake.shown(file, &written));
        }
        match mistakes.len() {
            0 => text = format!("{text}\n{report}"),
            all if all > MISTAKES => text = format!("{text}\nand {} more", all - MISTAKES),
            _ => {}
        }
    }
    if let StartError::Listen { source, .. } = error
        && source.kind() == io::ErrorKind::AddrInUse
    {
        text.push_str("\nhint: another program listens there; --listen 127.0.0.1:0 takes a free port");
    }
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}
