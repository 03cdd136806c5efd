//! Real nodes as child processes, gone on any exit: killed when dropped, and by the closing of
//! their standard input if the test itself is killed. Whatever a test did to a node that still runs at its end, the
//! node must not have been harmed by it.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use cairn_daemon::driver::step_times::LONGEST_STEP;
use cairn_genesis::programs::held::held;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::patience::{wait_for, wait_until};
use crate::ports::Port;
use crate::rpc::{CallError, Rpc};

/// The program under test, which lies beside the directory of the tests.
///
/// # Panics
/// When the test was started in some way that did not build it.
pub fn program() -> PathBuf {
    beside_the_tests("cairn-tested")
}

/// The wallet under test, which lies there too.
///
/// # Panics
/// As for [`program`].
pub fn wallet() -> PathBuf {
    beside_the_tests("cairn-wallet-tested")
}

fn beside_the_tests(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let found = test.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    found.into_iter().find(|path| path.exists()).expect("cargo builds the programs with the tests")
}

/// The peer ids of the nodes that this process started, which are honest.
static HONEST: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How to run a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or file of the chain.
    pub chain: String,
    /// Whom to keep a connection to.
    pub connect: Vec<SocketAddr>,
    /// Further arguments of `cairn node`.
    pub arguments: Vec<String>,
    /// The most memory that the node may ever have used, in megabytes.
    pub memory_limit: u64,
}

impl Default for Options {
    /// Regtest, where blocks are made on demand; nobody to connect to.
    fn default() -> Self {
        Self { chain: "regtest".into(), connect: Vec::new(), arguments: Vec::new(), memory_limit: 200 }
    }
}

impl Options {
    /// Regtest without a limit of memory, for figures.
    pub fn measured() -> Self {
        Self { memory_limit: u64::MAX, ..Self::default() }
    }

    /// Regtest, connected to these nodes.
    pub fn connected_to(nodes: &[&NodeProcess]) -> Self {
        Self { connect: nodes.iter().map(|node| node.peer_address()).collect(), ..Self::default() }
    }
}

/// A node of its own process, data directory and ports.
#[derive(Debug)]
pub struct NodeProcess {
    options: Options,
    directory: TempDir,
    peer_port: Port,
    rpc: Rpc,
    _rpc_port: Port,
    child: Child,
}

impl NodeProcess {
    /// Starts a node and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up. Whenever a test fails, each node's log is printed.
    #[track_caller]
    pub fn start(options: Options) -> Self {
        let mut node = Self::launch(options);
        node.wait_until_it_answers();
        node
    }

    /// Starts a node without waiting for it.
    ///
    /// # Panics
    /// When the program cannot be run at all.
    #[track_caller]
    pub fn launch(options: Options) -> Self {
        let directory = TempDir::with_prefix("cairn-test-").expect("a temporary directory can be made");
        let (peer_port, rpc_port) = (Port::free(), Port::free());
        let rpc = Rpc::new(rpc_port.address(), &directory.path().join("data").join(".cookie"));
        let child = spawn(&options, directory.path(), peer_port.address(), rpc_port.address());
        Self { options, directory, peer_port, rpc, _rpc_port: rpc_port, child }
    }

    /// Waits until the node answers.
    ///
    /// # Panics
    /// When it ends before, or the deadline passes.
    #[track_caller]
    pub fn wait_until_it_answers(&mut self) {
        wait_until("the node answers", || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the node ended with {ended:?}");
            self.rpc.call("getblockcount", Value::Array(Vec::new())).is_ok()
        });
        let info = self.call("getnetworkinfo", Value::Array(Vec::new()));
        held(&HONEST).insert(info["peerid"].as_str().expect("an id is text").to_owned());
    }

    /// Calls a method of the node's RPC server.
    ///
    /// # Errors
    /// When nobody answers, or the answer is an error.
    pub fn try_call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        self.rpc.call(method, params)
    }

    /// Calls a method that must succeed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn call(&self, method: &str, params: Value) -> Value {
        match self.rpc.call(method, params) {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error:?}"),
        }
    }

    /// The height of the tip.
    #[track_caller]
    pub fn height(&self) -> u64 {
        self.call("getblockcount", Value::Array(Vec::new())).as_u64().expect("a height is a number")
    }

    /// The hash of the tip.
    #[track_caller]
    pub fn tip(&self) -> String {
        let tip = self.call("getbestblockhash", Value::Array(Vec::new()));
        tip.as_str().expect("a hash is text").to_owned()
    }

    /// How many peers have completed the handshake.
    #[track_caller]
    pub fn peers(&self) -> u64 {
        self.call("getconnectioncount", Value::Array(Vec::new())).as_u64().expect("a count is a number")
    }

    /// Waits until the node has this tip.
    #[track_caller]
    pub fn wait_for_tip(&self, tip: &str) {
        wait_until(&format!("tip {tip} at {}; its log:\n{}", self.rpc.address(), self.log()), || {
            self.tip() == tip
        });
    }

    /// Where others can connect.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer_port.address()
    }

    /// Where programs can ask.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc.address()
    }

    /// The node's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the node wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Kills the node as a crash would (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the node to stop (SIGTERM), and waits until it has.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.assert_unharmed();
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        self.wait_for_exit()
    }

    /// Waits until the node has ended by itself.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the node ends", || child.try_wait().expect("a child can be waited for"))
    }

    /// Starts the node again, this once with further arguments.
    #[track_caller]
    pub fn restart_with(&mut self, further: &[&str]) {
        let kept = self.options.clone();
        self.options.arguments.extend(further.iter().map(|argument| (*argument).to_owned()));
        self.restart();
        self.options = kept;
    }

    /// Starts the node again without the addresses that it was connected to.
    #[track_caller]
    pub fn restart_alone(&mut self) {
        self.options.connect.clear();
        self.restart();
    }

    /// Starts the node again on its data and its ports, after `kill` or `stop`, and waits until it answers.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        self.child =
            spawn(&self.options, self.directory.path(), self.peer_port.address(), self.rpc.address());
        self.wait_until_it_answers();
    }
}

/// What must be true of a node, whatever its peers did.
impl NodeProcess {
    /// Asserts, of a node that runs: no step of its driver took longer than promised, it never used more memory than
    /// the test states, and it neither banned nor disconnected an honest peer.
    #[track_caller]
    fn assert_unharmed(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            let has_crashed = status.code() == Some(101) || [Some(6), Some(11)].contains(&status.signal());
            assert!(!has_crashed, "the node has crashed: {status}");
            return;
        }
        let (_, metrics) = self.rpc.page("/metrics").expect("the node shows its metrics");
        let step = number_after(&metrics, "cairn_driver_longest_step_cpu_seconds{input=\"other\"} ");
        assert!(step <= LONGEST_STEP.as_secs_f64(), "one input took the driver {step} s of CPU time");
        let peak = peak_megabytes(self.id());
        assert!(peak <= self.options.memory_limit, "the node has used {peak} MB");
        let honest = held(&HONEST);
        let bans = self.call("listbanned", Value::Array(Vec::new()));
        for ban in bans.as_array().into_iter().flatten().filter(|ban| ban["banned_by"] != "operator") {
            let id = ban["peerid"].as_str().expect("an id is text");
            assert!(!honest.contains(id), "an honest node is banned: {ban}");
        }
        // The log shows the first bytes of an id.
        let ids: Vec<String> = honest.iter().map(|id| format!("peer={} ", &id[..8])).collect();
        let harmful = ["it broke a rule", "it timed out", "all connections of its kind are in use"];
        for line in self.log().lines().filter(|line| line.contains("peer disconnected")) {
            let is_harmful = harmful.iter().any(|reason| line.contains(reason));
            let is_honest = ids.iter().any(|id| line.contains(id));
            assert!(!is_harmful || !is_honest, "an honest peer was disconnected: {line}");
        }
    }

    /// The CPU time of the process so far, over all its threads, in seconds.
    ///
    /// # Panics
    /// When it does not run.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("it runs");
        let fields = stat.rsplit(')').next().expect("its name is in parentheses").split_whitespace();
        // proc_pid_stat(5): the twelfth and thirteenth field after the name, in hundredths of a second.
        let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        ticks.iter().sum::<f64>() / 100.0
    }
}

/// The number after this text, at the start of a line.
#[track_caller]
fn number_after(page: &str, text: &str) -> f64 {
    let found = page.lines().find_map(|line| line.strip_prefix(text));
    found.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no {text} in:\n{page}"))
}

/// The most memory that a process has ever used, in megabytes.
fn peak_megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let kilobytes = number_after(&status.replace(" kB", ""), "VmHWM:");
    kilobytes as u64 / 1024
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
            eprintln!("-- log of the node at {}:\n{}", self.rpc.address(), self.log());
            return;
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.assert_unharmed()));
        self.kill();
        if let Err(panic) = outcome {
            eprintln!("-- log of the node at {}:\n{}", self.rpc.address(), self.log());
            std::panic::resume_unwind(panic);
        }
    }
}

fn spawn(options: &Options, directory: &Path, listen: SocketAddr, rpc: SocketAddr) -> Child {
    let log =
        File::options().create(true).append(true).open(directory.join("log")).expect("a log can be opened");
    let mut command = Command::new(program());
    command.args(["node", "--chain", &options.chain, "--stop-on-stdin-close"]);
    command.arg("--data-dir").arg(directory.join("data"));
    command.args(["--listen", &listen.to_string(), "--rpc", &rpc.to_string()]);
    options.connect.iter().for_each(|address| {
        command.args(["--connect", &address.to_string()]);
    });
    command.args(&options.arguments);
    // The pipe is held by `Child`: it closes with this process, however that ends.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("the program can be run")
}
