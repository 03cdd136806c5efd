//! What surrounds a program: variables that were meant for another one, a terminal that is closed, an output
//! that nobody reads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use cairn_tests::devnet::Devnet;
use cairn_tests::patience::{wait_for, wait_until};
use cairn_tests::ports::Port;
use cairn_tests::process::{NodeProcess, Options, program, wallet};
use cairn_tests::rpc::Rpc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

fn run(program: &Path, arguments: &[&str], variables: &[(&str, &OsStr)]) -> Output {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(program);
    command.args(arguments).env("CAIRN_HOME", home.path()).envs(variables.iter().copied());
    command.output().expect("the program can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn payee() -> String {
    let chain = cairn_genesis::Chain::builtin("regtest").expect("built in");
    cairn_node::devnet::funded_accounts::payee(&chain, 0).to_string()
}

/// A node that a person starts by hand; killed when dropped.
struct ByHand {
    child: Child,
    rpc: Rpc,
    _ports: [Port; 2],
}

impl ByHand {
    /// Starts `program` with these first arguments, then those of a node, in a directory.
    fn start(mut command: Command, directory: &Path, data: &Path) -> Self {
        let ports = [Port::free(), Port::free()];
        let rpc = Rpc::new(ports[0].address(), &directory.join(data).join(".cookie"));
        command.args(["node", "--chain", "regtest", "--rpc", &ports[0].address().to_string()]);
        command.args(["--listen", &ports[1].address().to_string()]).current_dir(directory);
        let child = command.spawn().expect("the program can be run");
        let mut node = Self { child, rpc, _ports: ports };
        wait_until("the node answers", || {
            let ended = node.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the node ended with {ended:?}");
            node.rpc.call("getblockcount", json!([])).is_ok()
        });
        node
    }

    fn call(&self, method: &str, params: Value) -> Value {
        self.rpc.call(method, params).unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nodes_of_a_devnet_take_nothing_from_the_shells_variables() {
    let not_text = OsString::from_vec(vec![b'p', 0xff]);
    let text = |value: &'static str| OsStr::new(value);
    let variables = [
        ("CAIRN_MINE", text("nonsense")),
        ("CAIRN_THREADS", text("0")),
        ("CAIRN_HASHRATE", text("3000")),
        ("CAIRN_CONNECT", text("127.0.0.9:18444")),
        ("CAIRN_MAX_INBOUND", text("0")),
        ("CAIRN_REINDEX", text("perhaps")),
        ("CAIRN_CONFIG", text("/nowhere")),
        ("CAIRN_RPC", text("localhost:31210")),
        ("CAIRN_DEVNET", text("another")),
        ("CAIRN_WALLET_PASSPHRASE", not_text.as_os_str()),
    ];
    let devnet = Devnet::start_with(24_200, &["--nodes", "2", "--mine", "none"], &variables);
    wait_until("the nodes meet", || {
        let status = devnet.net(&["status"]);
        status["nodes"][0]["peers"].as_array().is_some_and(|peers| peers.len() == 1)
    });
    for id in devnet.node_ids() {
        let given = std::fs::read(format!("/proc/{id}/environ")).expect("it runs");
        assert!(!given.windows(6).any(|part| part == b"CAIRN_"), "{}", String::from_utf8_lossy(&given));
    }
}

#[test]
fn a_misspelt_variable_is_refused_by_every_program_and_a_clusters_is_harmless() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/split-brain.toml");
    let scenario = scenario.to_str().expect("text");
    let programs: [(PathBuf, &[&str]); 6] = [
        (program(), &["node"]),
        (program(), &["devnet"]),
        (program(), &["net", "list"]),
        (program(), &["simulate", scenario]),
        (program(), &["genesis", "show", "devnet"]),
        (wallet(), &["list"]),
    ];
    for (program, arguments) in &programs {
        for name in ["CAIRN_RPC_ALLOWHOST", "CAIRN_DATADIR", "CAIRN_WALET"] {
            let ended = run(program, arguments, &[(name, OsStr::new("x"))]);
            let said = said(&ended);
            assert!(!ended.status.success(), "{arguments:?} {name}");
            assert!(said.contains(name) && said.contains("CAIRN_RPC_ALLOW_HOST, "), "{arguments:?}: {said}");
        }
    }
    let cluster = [
        ("CAIRN_SERVICE_HOST", OsStr::new("10.0.0.1")),
        ("CAIRN_PORT", OsStr::new("tcp://10.0.0.1:18444")),
        ("CAIRN_PORT_18444_TCP", OsStr::new("tcp://10.0.0.1:18444")),
    ];
    for (program, arguments) in &programs[4..] {
        assert!(run(program, arguments, &cluster).status.success(), "{arguments:?}");
    }
}

#[test]
fn a_directory_in_a_variable_is_taken_as_it_stands_and_cairns_home_may_be_any_bytes() {
    let place = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(program());
    command.env("CAIRN_DATA_DIR", " my, data").stderr(Stdio::null());
    drop(ByHand::start(command, place.path(), Path::new(" my, data")));
    let names: Vec<_> =
        std::fs::read_dir(place.path()).expect("there").flatten().map(|one| one.file_name()).collect();
    assert_eq!(names, [" my, data"]);

    let home = place.path().join(OsString::from_vec(vec![b'h', 0xff]));
    let mut command = Command::new(program());
    command.env("CAIRN_HOME", &home).stderr(Stdio::null());
    drop(ByHand::start(command, place.path(), &home.join("regtest")));
}

/// A devnet's helpers see to it that nothing of it lies anywhere else.
fn left_in(home: &Path) -> Vec<OsString> {
    let names = std::fs::read_dir(home).expect("a home").flatten().map(|entry| entry.file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("cairn-devnet-") || name == "devnet.json")
        .collect()
}

#[test]
fn a_hangup_ends_a_devnet_as_a_termination_does() {
    for (number, signal) in [Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTERM].into_iter().enumerate() {
        let mut devnet = Devnet::start(24_220 + 10 * number as u16, &["--nodes", "2"]);
        let nodes = devnet.node_ids();
        devnet.signal(signal);
        assert!(devnet.wait_for_exit().success(), "{signal}");
        assert_eq!(left_in(devnet.home()), [""; 0], "{signal}");
        let is_gone = |id: &u32| !Path::new(&format!("/proc/{id}")).exists();
        assert!(nodes.iter().all(is_gone), "{signal}");
    }
}

#[test]
fn a_scenario_whose_terminal_is_closed_leaves_its_report() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios_real/brief-partition.toml");
    let kept = tempfile::tempdir().expect("a directory");
    let arguments =
        ["--scenario", file.to_str().expect("text"), "--report", kept.path().to_str().expect("text")];
    let mut devnet = Devnet::start(24_250, &arguments);
    devnet.wait_for_event("moment");
    devnet.signal(Signal::SIGHUP);
    assert!(kept.path().join("report.json").exists() && kept.path().join("index.html").exists());
    assert_eq!(left_in(devnet.home()), [""; 0]);
}

/// Whether a process ignores a signal: bit 0 is signal 1.
fn ignores(id: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("hex") >> (signal as i32 - 1) & 1 == 1
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_ends_neither_a_node_nor_a_devnet() {
    let place = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("nohup");
    command.arg(program()).env("CAIRN_HOME", place.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let node = ByHand::start(command, place.path(), Path::new("regtest"));
    assert!(ignores(node.child.id(), Signal::SIGHUP));
    node.signal(Signal::SIGHUP);
    assert_eq!(node.call("generatetoaddress", json!([1, payee()])).as_array().map(Vec::len), Some(1));

    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut command = Command::new("nohup");
    command.arg(program()).args([
        "devnet",
        "--json",
        "--rpc-port",
        "24270",
        "--nodes",
        "2",
        "--mine",
        "none",
    ]);
    let mut devnet = Devnet::launch(home, command);
    assert!(ignores(devnet.id(), Signal::SIGHUP));
    devnet.send(Signal::SIGHUP);
    devnet.net(&["mine", "0", "1"]);
    devnet.signal(Signal::SIGTERM);
    assert_eq!(left_in(devnet.home()), [""; 0]);
}

/// Two outputs that cannot be written: nobody reads, and the disk is full.
fn lost_outputs() -> [(&'static str, Stdio); 2] {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let full = File::options().write(true).open("/dev/full").expect("a device");
    [("closed", writer.into()), ("full", full.into())]
}

/// As in `cairn node 2>&1 | head -1`.
#[test]
fn a_node_whose_log_cannot_be_written_lives_on() {
    for (how, lost) in lost_outputs() {
        let place = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(program());
        command.env("CAIRN_HOME", place.path()).stderr(lost);
        let mut node = ByHand::start(command, place.path(), Path::new("regtest"));
        for height in 1..=3 {
            node.call("generatetoaddress", json!([1, payee()]));
            assert_eq!(node.call("getblockcount", json!([])), height, "{how}");
        }
        node.signal(Signal::SIGTERM);
        let ended = wait_for("the node ends", || node.child.try_wait().expect("a child can be waited for"));
        assert!(ended.success(), "{how}: {ended}");
    }
}

/// As in `cairn node 2>&1 | less`, left open: its pipe takes 64 KiB and no more.
#[test]
fn a_node_whose_log_is_not_read_lives_on() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let place = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(program());
    command.env("CAIRN_HOME", place.path()).env("CAIRN_LOG", "trace").stderr(writer);
    let mut node = ByHand::start(command, place.path(), Path::new("regtest"));
    for height in 1..=300 {
        node.call("generatetoaddress", json!([1, payee()]));
        assert_eq!(node.call("getblockcount", json!([])), height);
    }
    node.signal(Signal::SIGTERM);
    let ended = wait_for("the node ends", || node.child.try_wait().expect("a child can be waited for"));
    assert!(ended.success(), "{ended}");
    drop(reader);
}

/// As in `cairn devnet | head -1`, and on a full disk.
#[test]
fn a_devnet_that_nobody_reads_lives_on_and_leaves_nothing_when_it_is_stopped() {
    for ((how, lost), json) in lost_outputs().into_iter().zip([false, true]) {
        let home = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(program());
        command.args(["devnet", "--rpc-port", "24290", "--nodes", "2", "--mine", "none"]);
        command.args(json.then_some("--json")).env("CAIRN_HOME", home.path()).env("TMPDIR", home.path());
        let mut devnet = command.stdout(lost).stderr(Stdio::piped()).spawn().expect("the program can be run");
        wait_until("it is ready", || home.path().join("devnet.json").exists());
        let net = |arguments: &[&str]| {
            let mut command = Command::new(program());
            command.args(["net", "--json"]).args(arguments).env("CAIRN_HOME", home.path());
            let output = command.output().expect("the program can be run");
            assert!(output.status.success(), "{how}: {output:?}");
            serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
        };
        net(&["mine", "0", "2"]);
        wait_until("both have the blocks", || {
            let status = net(&["status"]);
            (0..2).all(|node| status["nodes"][node]["height"] == 2)
        });
        kill(Pid::from_raw(devnet.id().cast_signed()), Signal::SIGTERM).expect("it runs");
        let ended = wait_for("it ends", || devnet.try_wait().expect("a child can be waited for"));
        let output = devnet.wait_with_output().expect("it has ended");
        let said = said(&output);
        let lost = said.matches("cannot write to standard output (").count();
        assert_eq!(lost, 1, "{how}: it is said once, when it happens: {said}");
        // A reader that has gone has seen enough; on a full disk what was to be kept is not.
        let (status, last) = match how {
            "closed" => (0, ""),
            _ => (
                3,
                "cairn: all is done: cannot write to standard output: No space left on device (os error 28)\n",
            ),
        };
        assert_eq!(ended.code(), Some(status), "{how}: {said}");
        assert!(said.ends_with(&format!("; going on without\n{last}")), "{how}: {said}");
        assert_eq!(left_in(home.path()), [""; 0], "{how}");
    }
}

#[test]
fn a_report_is_written_though_nobody_reads_what_is_told() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/split-brain.toml");
    for arguments in [&[][..], &["--json"], &["--seeds", "1..2"]] {
        for (how, lost) in lost_outputs() {
            let kept = tempfile::tempdir().expect("a directory");
            let mut command = Command::new(program());
            command.arg("simulate").arg(&scenario).arg("--report").arg(kept.path()).args(arguments);
            let ended = command.stdout(lost).output().expect("the program can be run");
            assert!(kept.path().join("index.html").exists(), "{arguments:?} {how}: {}", said(&ended));
            assert_eq!(ended.status.success(), how == "closed", "{arguments:?}: {}", said(&ended));
        }
    }
}

/// What went wrong is still to be read from the exit status.
#[test]
fn a_mistake_that_cannot_be_said_is_no_panic() {
    for (how, lost) in lost_outputs() {
        let mut command = Command::new(program());
        let ended =
            command.args(["genesis", "show", "nowhere"]).stderr(lost).status().expect("it can be run");
        assert_eq!(ended.code(), Some(1), "{how}");
    }
}

/// A proxy of the surroundings is not meant for what runs on this machine.
#[test]
fn a_devnet_is_reached_past_a_proxy() {
    let proxy =
        [("HTTP_PROXY", OsStr::new("http://127.0.0.1:9")), ("http_proxy", OsStr::new("http://127.0.0.1:9"))];
    let devnet = Devnet::start_with(24_300, &["--nodes", "2", "--mine", "none"], &proxy);
    let mut command = Command::new(program());
    command.args(["net", "status"]).env("CAIRN_HOME", devnet.home()).envs(proxy);
    let ended = command.output().expect("the program can be run");
    assert!(ended.status.success(), "{}", said(&ended));
}

#[test]
fn a_node_says_once_why_it_cannot_connect_to_a_node_that_it_is_to_connect_to() {
    let other = NodeProcess::start(Options { chain: "devnet".into(), ..Options::default() });
    let nobody = Port::free();
    let connect = vec![other.peer_address(), nobody.address()];
    let node = NodeProcess::start(Options { connect, ..Options::default() });
    let lines = |address: &str| {
        let log = node.log();
        let about = |line: &&str| line.contains("cannot connect; trying again") && line.contains(address);
        log.lines().filter(about).map(str::to_owned).collect::<Vec<_>>()
    };
    let (refused, other_chain) = (nobody.address().to_string(), other.peer_address().to_string());
    wait_until("both are said", || !lines(&refused).is_empty() && !lines(&other_chain).is_empty());
    assert!(lines(&refused)[0].contains("refused"), "{}", node.log());
    assert!(
        lines(&other_chain)[0].contains("Chain") || lines(&other_chain)[0].contains("chain"),
        "{}",
        node.log()
    );
}

/// Two nodes started on copies of one data directory take turns at every peer.
#[test]
fn nodes_with_one_identity_say_so_once_each_and_what_to_do() {
    // It dials neither of them itself: a connection that it prefers for that is closed without a word.
    let arguments = ["--max-outbound", "0"].map(str::to_owned).into();
    let hub = NodeProcess::start(Options { arguments, ..Options::default() });
    let first = NodeProcess::start(Options::connected_to(&[&hub]));
    wait_until("the first is connected", || hub.peers() == 1);
    let mut second = NodeProcess::start(Options::default());
    second.stop();
    std::fs::copy(first.data_dir().join("node.key"), second.data_dir().join("node.key")).expect("copied");
    second.restart_with(&["--connect", &hub.peer_address().to_string()]);
    let told = "another node has this node's identity";
    let times = |node: &NodeProcess| node.log().matches(told).count();
    wait_until("both say so", || times(&first) > 0 && times(&second) > 0);
    wait_until("they take turns again", || hub.log().matches("peer connected").count() > 6);
    for node in [&first, &second] {
        assert!(times(node) == 1 && node.log().contains("move node.key out"), "{}", node.log());
    }
    assert_eq!(times(&hub), 0);
}
