//! Targets that are launched: the flags for it, and the keeper that they make.

use std::path::PathBuf;

use super::{bar::waiting, trouble::Trouble};
use crate::keeper::{Keeper, Launch, LaunchError};

/// The ids of the flags below, for a command that takes one target: it is launched or runs already.
pub(super) const LAUNCHES: [&str; 4] = ["launch", "core", "data", "with_config"];

/// What to launch as the target.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Launched {
    /// Launch the target with this command, watch it, start it again when it ends, and end it afterwards; {addr} or
    /// {port}, {data}, {bin} and {dns} stand for where it listens, its fresh folders and its name server, {auth} for what
    /// its external authenticator does (deny, grant or none). Everything is allowed then
    #[arg(long, value_name = "COMMAND", conflicts_with = "core")]
    pub(super) launch: Option<String>,
    /// The same for a core: the path of its program; its flags are known
    #[arg(long, value_name = "PATH")]
    pub(super) core: Option<PathBuf>,
    /// Begin with a copy of this data folder
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Add these settings, nested as in a core's config.json, to those that the target gets
    #[arg(long, value_name = "FILE")]
    pub(super) with_config: Option<PathBuf>,
}

impl Launched {
    /// Launches it and waits until it is ready. The name for reports comes with it.
    pub(super) async fn keeper(&self) -> Result<Option<(Keeper, String)>, Trouble> {
        let usage = |error: LaunchError| Trouble::Usage(error.to_string());
        let launch = match (&self.launch, &self.core) {
            (Some(command), _) => Launch::command(command).map_err(usage)?,
            (None, Some(program)) => Launch::core(program).await.map_err(usage)?,
            (None, None) if self.data.is_some() || self.with_config.is_some() => {
                return Err(Trouble::Usage("--data and --with-config are for --launch or --core".to_owned()));
            }
            (None, None) => return Ok(None),
        };
        let launch = launch.with_data(self.data.clone()).map_err(usage)?;
        let launch = launch.with_config(self.with_config.as_deref()).map_err(usage)?;
        let name = launch.name();
        let started = waiting("starting the target", |bar| {
            Keeper::launch(launch, move |text| bar.suspend(|| anstream::eprintln!("{text}")))
        });
        match started.await {
            Ok(keeper) => Ok(Some((keeper, name))),
            Err(error @ LaunchError::NoStart(_)) => Err(Trouble::Unreachable(error.to_string())),
            Err(error) => Err(usage(error)),
        }
    }
}
