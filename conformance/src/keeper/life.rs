//! One life of a process: what it prints, how it ends, and how it is ended.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
    time::timeout,
};

use super::stack;

/// How many lines of the log are kept.
const TAIL: usize = 20;
/// How many lines of last words are kept.
const WORDS: usize = 40_000;
/// How long a line may be, bytes.
const LONGEST: usize = 4096;
/// How long an aborted process may take to say where it was.
const ABORT: Duration = Duration::from_secs(5);
/// How long a process that is told to end may take.
#[cfg(unix)]
const END: Duration = Duration::from_secs(10);

/// A process that is watched.
#[derive(Debug)]
pub(crate) struct Life {
    child: Child,
    /// All processes that it began, unless they left: a script that starts the target is none of its own.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    /// Ends them should this program be killed.
    #[cfg(unix)]
    heir: Option<Child>,
    log: Arc<Mutex<Log>>,
    readers: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Log {
    tail: VecDeque<String>,
    /// From the first line on that looks like the end.
    words: Vec<String>,
    /// What panicked and did not end it, each text once.
    survived: Vec<String>,
}

impl Log {
    fn line(&mut self, line: String) {
        let is_end = stack::is_end(&line) || ["SIGABRT", "SIGQUIT"].iter().any(|word| line.starts_with(word));
        if (is_end || !self.words.is_empty()) && self.words.len() < WORDS {
            self.words.push(line);
            return;
        }
        if line.contains("panic") && self.survived.len() < 100 {
            self.survived.push(line.clone());
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }
}

#[cfg(unix)]
impl Drop for Life {
    fn drop(&mut self) {
        // Nobody is left who would end it.
        self.sweep();
    }
}

impl Life {
    /// Starts a program in a folder, with a clean environment.
    pub(super) fn begin(program: &str, arguments: &[String], home: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let (mut life, out) = Self::spawn(command, home)?;
        if let Some(out) = out {
            life.readers.spawn(read(out, Arc::clone(&life.log)));
        }
        Ok(life)
    }

    /// Starts a program that is asked on its standard input, and answers on its standard output.
    pub(crate) fn asked(command: &[OsString], home: &Path) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped());
        let (mut life, out) = Self::spawn(command, home)?;
        let (input, out) = life.child.stdin.take().zip(out).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((life, input, out))
    }

    fn spawn(mut command: Command, home: &Path) -> io::Result<(Self, Option<ChildStdout>)> {
        command.current_dir(home).env_clear();
        // What finds programs and libraries, and what systems cannot do without.
        for name in ["PATH", "LD_LIBRARY_PATH", "SystemRoot", "SYSTEMROOT", "windir"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", home).env("TMPDIR", home).env("LANG", "C.UTF-8");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for this program, which then ends the other.
        #[cfg(unix)]
        let (heir, group) = heir().unzip();
        #[cfg(unix)]
        command.process_group(group.unwrap_or(0));
        let mut child = command.spawn()?;
        let log = Arc::new(Mutex::new(Log::default()));
        let mut readers = JoinSet::new();
        if let Some(err) = child.stderr.take() {
            readers.spawn(read(err, Arc::clone(&log)));
        }
        let out = child.stdout.take();
        #[cfg(unix)]
        let group = group.or(child.id().and_then(|id| id.try_into().ok()));
        let life = Self {
            child,
            #[cfg(unix)]
            heir,
            #[cfg(unix)]
            group: group.and_then(rustix::process::Pid::from_raw),
            log,
            readers,
        };
        Ok((life, out))
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the process has ended, and answers how.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // What it said last is still on its way; a child of its own may hold the pipe.
        let all = async { while self.readers.join_next().await.is_some() {} };
        let _ = timeout(Duration::from_secs(1), all).await;
        Ok(status)
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.log().tail.iter().cloned().collect()
    }

    /// What it said from the first line on that looks like the end.
    pub(crate) fn words(&self) -> Vec<String> {
        self.log().words.clone()
    }

    /// What panicked in it since the last time that somebody asked.
    pub(super) fn survived(&self) -> Vec<String> {
        std::mem::take(&mut self.log().survived)
    }

    /// Has it say where its goroutines are, and ends it.
    pub(crate) async fn abort(&mut self) {
        #[cfg(unix)]
        if self.signal(rustix::process::Signal::ABORT) && timeout(ABORT, self.ended()).await.is_ok() {
            return self.sweep();
        }
        self.kill().await;
    }

    /// Asks it to end, and ends it if it does not, with what it leaves behind.
    pub(super) async fn end(&mut self) {
        #[cfg(unix)]
        if self.signal(rustix::process::Signal::TERM) && timeout(END, self.ended()).await.is_ok() {
            return self.sweep();
        }
        self.kill().await;
    }

    /// Ends what it has left behind.
    #[cfg(unix)]
    fn sweep(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        // The number may be somebody else's soon.
        self.group = None;
        self.heir = None;
    }

    async fn kill(&mut self) {
        #[cfg(unix)]
        self.sweep();
        // It may have ended already.
        let _ = self.child.start_kill();
        let _ = timeout(ABORT, self.ended()).await;
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) -> bool {
        self.group.is_some_and(|group| rustix::process::kill_process_group(group, signal).is_ok())
    }
}

async fn read(from: impl AsyncRead + Unpin, log: Arc<Mutex<Log>>) {
    let mut lines = BufReader::new(from);
    let mut line = vec![];
    while lines.read_until(b'\n', &mut line).await.is_ok_and(|count| count > 0) {
        line.truncate(LONGEST);
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        log.lock().unwrap_or_else(PoisonError::into_inner).line(text);
        line.clear();
    }
}

/// A shell in a process group of its own, which it ends once we are gone, however we went: nobody else holds the other end of what
/// it reads. What is begun in its group (the number) ends with us. Where there is no shell, nobody does it.
#[cfg(unix)]
pub(crate) fn heir() -> Option<(Child, i32)> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' TERM ABRT; read -r _; kill -s KILL 0"]).current_dir("/");
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let shell = shell.process_group(0).kill_on_drop(true).spawn().ok()?;
    let group = shell.id()?.try_into().ok()?;
    Some((shell, group))
}

/// How a process ended, in words.
pub(crate) fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with status {code}"),
        #[cfg(unix)]
        None => {
            use std::os::unix::process::ExitStatusExt;
            format!("it was ended by signal {}", status.signal().unwrap_or_default())
        }
        #[cfg(not(unix))]
        None => "it ended".to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_a_process_leaves_behind_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        // The child does not listen, and holds the output as long as it lives.
        let script = "(trap '' TERM; echo up; exec sleep 600) & wait";
        let command = ["sh", "-c", script].map(OsString::from);
        let (mut life, _input, mut out) = Life::asked(&command, home.path()).unwrap();
        let mut said = [0; 3];
        out.read_exact(&mut said).await.unwrap();
        life.end().await;
        assert_eq!(out.read(&mut said).await.unwrap(), 0);
    }
}
