//! The server as a process: started, asked, killed, started again.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use shared::Bootstrap;

use crate::Client;

/// How long a start may take before a story gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server, its data folder and what it was started with.
pub struct Edge {
    /// Where it listens, `http://127.0.0.1:<port>`; another one after a restart.
    pub url: String,
    folder: tempfile::TempDir,
    flags: Vec<String>,
    process: Option<Child>,
    started_in: Duration,
    /// What it says on stdout after its first line.
    lines: Mutex<Option<mpsc::Receiver<String>>>,
}

/// `edge-scorer`, built in the profile of the running test.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().find(|folder| folder.join("build").is_dir()).unwrap();
    let binary = folder.join("edge-scorer");
    assert!(binary.is_file(), "{} is missing: build it first", binary.display());
    binary
}

impl Edge {
    /// A server on an empty data folder.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server on an empty data folder, with further flags of `serve`.
    pub fn start_with(flags: &[&str]) -> Self {
        let mut edge = Self {
            url: String::new(),
            folder: tempfile::tempdir().unwrap(),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            process: None,
            started_in: Duration::ZERO,
            lines: Mutex::new(None),
        };
        edge.restart();
        edge
    }

    /// A server on a data folder that is there already, with the credentials of who made it.
    pub fn start_on(data: &Path, bootstrap: &Bootstrap) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(data, folder.path().join("data")).unwrap();
        let text = serde_json::to_vec(bootstrap).unwrap();
        fs::write(folder.path().join("bootstrap.json"), text).unwrap();
        let mut edge = Self {
            url: String::new(),
            folder,
            flags: Vec::new(),
            process: None,
            started_in: Duration::ZERO,
            lines: Mutex::new(None),
        };
        edge.restart();
        edge
    }

    /// Starts it again on the same folder; it must not be running.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server is still running");
        let began = Instant::now();
        let log = fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut process = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(self.data())
            .arg("--bootstrap-file")
            .arg(self.bootstrap_path())
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();

        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            lines.by_ref().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let first = receiver.recv_timeout(PATIENCE);
        // What it waited for a core that others had is not its own time.
        self.started_in = began.elapsed().saturating_sub(waited_for_a_core(process.id()));
        self.process = Some(process);
        self.lines = Mutex::new(Some(receiver));

        let Ok(line) = first else {
            panic!("the server did not start; it wrote:\n{}", self.log());
        };
        let url = line.strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("its first line is `{line}`")).trim();
        url.trim_end_matches('/').clone_into(&mut self.url);
    }

    /// How long the last start took until it listened.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The rest of the next line on stdout that begins with `words`.
    pub fn said(&self, words: &str) -> String {
        let lines = self.lines.lock().unwrap();
        loop {
            let line = lines.as_ref().unwrap().recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it never said `{words}…`"));
            if let Some(rest) = line.strip_prefix(words) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Ends it as a power cut would: `kill -9`, nothing flushed, nothing said.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        end_group(process.id());
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Asks it to stop, as an operator does, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.wait()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.take().unwrap().wait().unwrap()
    }

    /// Asks it to stop and does not wait.
    pub fn ask_to_stop(&self) {
        signal("-TERM", &self.process.as_ref().unwrap().id().to_string());
    }

    /// A caller that has signed in as the administrator of the first start.
    pub async fn client(&self) -> Client {
        Client::sign_in(&self.url, &self.bootstrap()).await
    }

    /// What the first start wrote for scripts.
    pub fn bootstrap(&self) -> Bootstrap {
        serde_json::from_slice(&fs::read(self.bootstrap_path()).unwrap()).unwrap()
    }

    /// Where the bootstrap file is.
    pub fn bootstrap_path(&self) -> PathBuf {
        self.folder.path().join("bootstrap.json")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder beside the data folder that goes with the story.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it has written to stderr, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("stderr.log")
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
            end_group(process.id());
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            #[expect(clippy::print_stderr, reason = "cargo test shows it beside the failure")]
            {
                eprintln!("--- the server's log ends ---\n{}\n---", tail.join("\n"));
            }
        }
    }
}

/// How long the main thread of a process was ready to run and did not.
fn waited_for_a_core(process: u32) -> Duration {
    let line = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let waited = line.split_whitespace().nth(1).and_then(|nanoseconds| nanoseconds.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

/// Ends what a server left: its compile children are in its process group.
fn end_group(leader: u32) {
    signal("-KILL", &format!("-{leader}"));
}

/// `kill`, by process id or by negative group id; one that is gone already is fine.
fn signal(name: &str, target: &str) {
    let kill = Command::new("kill").args([name, "--", target]).stderr(Stdio::null()).status();
    kill.unwrap();
}
