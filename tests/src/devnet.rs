//! A devnet as a person starts it, with a home of its own; gone when dropped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::patience::{LONG, wait_for};
use crate::process::{program, wallet};
use crate::rpc::Rpc;

/// A running devnet and what it has told so far.
#[derive(Debug)]
pub struct Devnet {
    child: Child,
    home: Arc<TempDir>,
    lines: Receiver<String>,
    /// The first line it wrote.
    pub ready: Value,
}

impl Devnet {
    /// Starts a devnet with these arguments and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(rpc_port: u16, arguments: &[&str]) -> Self {
        Self::start_with(rpc_port, arguments, &[])
    }

    /// As [`Self::start`], in a shell with these variables.
    #[track_caller]
    pub fn start_with(rpc_port: u16, arguments: &[&str], variables: &[(&str, &OsStr)]) -> Self {
        let home = TempDir::with_prefix("cairn-test-home-").expect("a temporary directory can be made");
        let mut command = Command::new(program());
        command.args(["devnet", "--json", "--rpc-port", &rpc_port.to_string()]).args(arguments);
        command.envs(variables.iter().copied());
        Self::launch(Arc::new(home), command)
    }

    /// Starts another devnet of the same user.
    #[track_caller]
    pub fn start_beside(&self, rpc_port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["devnet", "--json", "--rpc-port", &rpc_port.to_string()]).args(arguments);
        Self::launch(self.home.clone(), command)
    }

    /// Runs a command that starts a devnet, and waits until that is ready.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn launch(home: Arc<TempDir>, mut command: Command) -> Self {
        // A devnet that is killed leaves its nodes' directories behind: they go with the home.
        command.env("CAIRN_HOME", home.path()).env("TMPDIR", home.path());
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the program can be run");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok());
        });
        let mut devnet = Self { child, home, lines, ready: Value::Null };
        devnet.ready = devnet.wait_for_event("ready");
        devnet
    }

    /// The next event of this name; those before it are passed over.
    ///
    /// # Panics
    /// When none comes, and for long no other either.
    #[track_caller]
    pub fn wait_for_event(&self, name: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(LONG);
            let line = line.unwrap_or_else(|error| panic!("waiting for the event {name}: {error}"));
            let event: Value = serde_json::from_str(&line).expect("every line is JSON");
            if event["event"] == name {
                return event;
            }
        }
    }

    /// Runs `cairn net` and returns what it answered.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn net(&self, arguments: &[&str]) -> Value {
        json_of(self.command(&program(), &[&["net", "--json"], arguments].concat()))
    }

    /// Runs `cairn net`, which must fail, and returns what it said.
    ///
    /// # Panics
    /// When it succeeds.
    #[track_caller]
    pub fn net_fails(&self, arguments: &[&str]) -> String {
        let output = self.command(&program(), &[&["net"], arguments].concat());
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Runs `cairn net` and returns what people read: of standard output, and of standard error.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn net_says(&self, arguments: &[&str]) -> (String, String) {
        let output = self.command(&program(), &[&["net"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    }

    /// Runs `cairn-wallet --json` and returns what it answered.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn wallet(&self, arguments: &[&str]) -> Value {
        json_of(self.command(&wallet(), &[&["--json"], arguments].concat()))
    }

    /// Runs `cairn-wallet`, which must fail, and returns what it said.
    ///
    /// # Panics
    /// When it succeeds.
    #[track_caller]
    pub fn wallet_fails(&self, arguments: &[&str]) -> String {
        let output = self.command(&wallet(), arguments);
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// Each node's tip.
    #[track_caller]
    pub fn tips(&self) -> Vec<String> {
        let status = self.net(&["status"]);
        let nodes = status["nodes"].as_array().expect("nodes").clone();
        nodes.iter().map(|node| node["tip"].as_str().unwrap_or("down").to_owned()).collect()
    }

    /// Where wallets and the devnet's note lie.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A client of a node's RPC server.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn rpc(&self, node: usize) -> Rpc {
        let told = &self.ready["nodes"][node];
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("node {node} has a {name}"));
        Rpc::new(text("rpc").parse().expect("an address"), Path::new(text("cookie")))
    }

    /// The devnet's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Process ids of the nodes, which are the children of the devnet.
    pub fn node_ids(&self) -> Vec<u32> {
        let path = format!("/proc/{0}/task/{0}/children", self.child.id());
        // Children of other threads are listed with those: every task is asked.
        let tasks = PathBuf::from(format!("/proc/{}/task", self.child.id()));
        let lists = std::fs::read_dir(&tasks).map(|tasks| {
            let paths = tasks.flatten().map(|task| task.path().join("children"));
            paths.filter_map(|path| std::fs::read_to_string(path).ok()).collect::<String>()
        });
        let lists = lists.unwrap_or_else(|error| panic!("{path}: {error}"));
        lists.split_whitespace().map(|id| id.parse().expect("ids are numbers")).collect()
    }

    /// Sends a signal to the devnet alone, which need not end it.
    pub fn send(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("it runs");
    }

    /// Sends a signal to the devnet alone and waits until it has ended.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.send(signal);
        let child = &mut self.child;
        wait_for("the devnet ends", || child.try_wait().expect("a child can be waited for"));
    }

    /// Waits until the devnet has ended by itself.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the devnet ends", || child.try_wait().expect("a child can be waited for"))
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("CAIRN_HOME", self.home.path()).stdin(Stdio::null());
        command.env("CAIRN_WALLET_PASSPHRASE", "a passphrase of this test");
        command.output().expect("the program can be run")
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        // Asked to, it ends after its nodes, and they write nothing more where the home was. A test that
        // has failed waits no longer than it must.
        if !std::thread::panicking() && matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
        }
        // Its nodes end when the pipe to them closes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn json_of(output: Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{said}");
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}{said}"))
}
