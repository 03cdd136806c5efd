//! Real nodes as child processes, gone on any exit: killed when dropped, and by the closing of
//! their standard input if the test itself is killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

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

/// How to run a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or file of the chain.
    pub chain: String,
    /// Whom to keep a connection to.
    pub connect: Vec<SocketAddr>,
    /// Further arguments of `cairn node`.
    pub arguments: Vec<String>,
}

impl Default for Options {
    /// Regtest, where blocks are made on demand; nobody to connect to.
    fn default() -> Self {
        Self { chain: "regtest".into(), connect: Vec::new(), arguments: Vec::new() }
    }
}

impl Options {
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

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("-- log of the node at {}:\n{}", self.rpc.address(), self.log());
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
