//! Which flags a core takes. Cores 2.x and 1.x call the same things differently; which one it is shows in what it says of its flags.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use super::{folder::temporary, template::Template};

/// How long a program may take to say what flags it has.
const PATIENCE: Duration = Duration::from_secs(10);

/// The flags of a core 2.x, without interception of packets: the machine stays as it is.
const NEW: &[&str] = &[
    "--disable-interception", "--api-address", "{addr}", "--data-dir", "{data}", "--bin-dir", "{bin}",
    "--log-stdout", "--log", "info",
];
/// The flags of a core 1.x.
const OLD: &[&str] = &[
    "--disable-interception", "--data", "{data}", "--api-address", "{addr}", "--nameserver-address", "{dns}",
    "--log", "warning",
];

/// What to think of when a program does not start that says nothing of a core's flags.
const NO_CORE: &str = "\n  hint: what it answers to --help names none of a core's flags; if it is none, --launch 'COMMAND' starts it, \
                       with {addr} where the command says where to listen";

/// The command line that starts the core, and what to think of if it does not.
pub(super) async fn template(program: &Path) -> Result<(Template, &'static str), String> {
    let name = program.display();
    if !program.is_file() {
        return Err(format!("--core: there is no file {name}"));
    }
    // It runs in other folders than this one.
    let path = std::path::absolute(program).map_err(|error| format!("--core: {name}: {error}"))?;
    let help = said(&path, "--help").await?;
    let (flags, hint) = match generation(&help) {
        Some(flags) => (flags, ""),
        // Then it may at least know a flag when it sees one, or name its version.
        None => {
            let version = said(&path, "--version").await?;
            let old =
                version.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| word.starts_with("1."));
            (if old { OLD } else { NEW }, NO_CORE)
        }
    };
    // What stands in braces is a place; a path with braces cannot be told from one.
    let words =
        std::iter::once(path.display().to_string()).chain(flags.iter().map(|flag| (*flag).to_owned()));
    let template = Template::of(words.collect()).map_err(|error| error.to_string())?;
    Ok((template, hint))
}

/// Which flags a help text is about.
fn generation(help: &str) -> Option<&'static [&'static str]> {
    let has = |flag: &str| {
        help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .any(|word| word.trim_start_matches('-') == flag)
    };
    match (has("data-dir"), has("data")) {
        (true, _) if has("bin-dir") => Some(NEW),
        (_, true) if has("nameserver-address") || has("api-address") => Some(OLD),
        _ => None,
    }
}

/// What the program says when it is given one flag.
async fn said(program: &Path, flag: &str) -> Result<String, String> {
    let folder = temporary(&std::env::temp_dir()).map_err(|error| format!("--core: no folder: {error}"))?;
    let asked = Command::new(program)
        .arg(flag)
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(output)) => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr))
        }
        Ok(Err(error)) => Err(format!("--core: {} cannot be started: {error}", program.display())),
        Err(_) => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_differ_in_their_flags() {
        let new = "Flags:\n      --api-address string   x\n      --bin-dir string   y\n      --data-dir string   z\n";
        let old = "Usage of core:\n  -api-address string\n    \tx\n  -data string\n    \ty\n  -nameserver-address string\n";
        assert_eq!(generation(new), Some(NEW));
        assert_eq!(generation(old), Some(OLD));
        assert_eq!(generation("unknown"), None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_is_named_from_where_one_is() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir_in(".").unwrap();
        let file = Path::new(".").join(folder.path().file_name().unwrap()).join("core");
        std::fs::write(&file, "#!/bin/sh\necho ' -data -api-address'\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (said, hint) = template(&file).await.unwrap();
        let said = said.to_string();
        assert!(hint.is_empty());
        assert!(said.starts_with('/') && said.contains("--nameserver-address"), "{said}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_said_so() {
        let error = template(Path::new("/nowhere/core")).await.unwrap_err();
        assert_eq!(error, "--core: there is no file /nowhere/core");
    }
}
