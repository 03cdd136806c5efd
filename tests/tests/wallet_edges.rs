//! The wallet's edges with real processes: what was done is told as done, no command waits in silence, secrets
//! are read as people write them, and the terminal is left as it was found.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use cairn_genesis::programs::running::{Devnet as Note, DevnetNode};
use cairn_tests::devnet::Devnet;
use cairn_tests::process::{NodeProcess, Options, program, wallet};
use cairn_tests::pty::AtTerminal;
use cairn_wallet::keystore;
use cairn_wallet::mnemonic::Words;
use nix::sys::signal::Signal;
use nix::sys::termios::LocalFlags;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Exit status of what was done, or may have been, before something failed.
const DONE_BUT: Option<i32> = Some(3);

/// A devnet whose account 3 is the wallet `a`.
struct Ground {
    devnet: Devnet,
}

impl Ground {
    fn start(port: u16) -> Self {
        let ground = Self { devnet: Devnet::start(port, &["--nodes", "2", "--mine", "none"]) };
        ground.succeeds(&["restore", "--devnet", "3"]);
        ground
    }

    fn wallet(&self, arguments: &[&str]) -> Command {
        let node = &self.devnet.ready["nodes"][0];
        let mut command = Command::new(wallet());
        command.args(arguments).env("CAIRN_WALLET", "a").stdin(Stdio::null());
        command.env("CAIRN_HOME", self.devnet.home());
        command.env("CAIRN_RPC", node["rpc"].as_str().expect("an address"));
        command.env("CAIRN_COOKIE", node["cookie"].as_str().expect("a path"));
        command
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> Output {
        let output = self.wallet(arguments).output().expect("the program can be run");
        assert!(output.status.success(), "{output:?}");
        output
    }

    fn address(&self) -> String {
        self.devnet.net(&["accounts"])[0]["address"].as_str().expect("an address").to_owned()
    }

    fn send(&self, amount: &str) -> Command {
        self.wallet(&["send", "--yes", &self.address(), amount])
    }

    /// The wallet `b` made anew, with its passphrase in a file.
    fn other_wallet(&self, arguments: &[&str], passphrase_file: &PathBuf) -> Output {
        let mut command = self.wallet(arguments);
        command.env("CAIRN_WALLET", "b").arg("--passphrase-file").arg(passphrase_file);
        command.output().expect("the program can be run")
    }

    fn file(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.devnet.home().join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has it")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[track_caller]
fn is_told_as_on_its_way(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), DONE_BUT, "{said}");
    let told = said.lines().find_map(|line| line.strip_prefix("error: the payment "));
    let (txid, rest) = told.and_then(|told| told.split_once(' ')).unwrap_or_else(|| panic!("{said}"));
    assert!(rest.starts_with("is on its way; do not make it again: cannot write"), "{said}");
    txid.to_owned()
}

#[test]
fn a_payment_whose_id_cannot_be_printed_is_told_as_made_with_a_status_of_its_own() {
    let ground = Ground::start(21_700);
    let mut sent = Vec::new();
    for json in [&[][..], &["--json"]] {
        let output = ground.send("5").args(json).stdout(full()).output().expect("run");
        sent.push(is_told_as_on_its_way(&output));
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = ground.send("5").args(json).stdout(writer).output().expect("run");
        sent.push(is_told_as_on_its_way(&output));
    }
    let mut closed = Command::new("sh");
    closed.args(["-c", r#""$0" "$@" >&-"#]).arg(wallet()).args(ground.send("5").get_args());
    closed.envs(ground.send("5").get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = closed.output().expect("run");
    assert!(text(&output.stderr).contains("is on its way"), "{output:?}");

    let signed = ground.send("1").args(["--offline", "--json"]).output().expect("run");
    let signed: Value = serde_json::from_slice(&signed.stdout).expect("JSON");
    let hex = signed["hex"].as_str().expect("hex");
    let output = ground.wallet(&["broadcast", hex]).stdout(full()).output().expect("run");
    assert_eq!(is_told_as_on_its_way(&output), signed["txid"]);

    // What can be said is not lost with standard error, either.
    let output = ground.send("5").stderr(full()).output().expect("run");
    assert!(output.status.success(), "{output:?}");
    let history = text(&ground.succeeds(&["history"]).stdout);
    assert!(sent.iter().all(|txid| history.contains(txid)), "{history}");
    let output = ground.send("5").args(["--fee-rate", "0.00000001"]).output().expect("run");
    assert_eq!(output.status.code(), Some(1), "a payment that the node refuses: {output:?}");
}

/// One HTTP message, headers and body.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let length = stream.read(&mut more).ok().filter(|length| *length > 0)?;
        bytes.extend(&more[..length]);
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some(head) = text.find("\r\n\r\n") else { continue };
        let body: usize = text.split("content-length: ").nth(1)?.lines().next()?.trim().parse().ok()?;
        if bytes.len() >= head + 4 + body {
            return Some(bytes);
        }
    }
}

/// The way to a node on which the answer to a handed-in transaction is lost.
fn lossy_way_to(node: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while let Some(request) = message(&mut caller) {
                    let mut node = TcpStream::connect(node).expect("the node listens");
                    node.write_all(&request).expect("sent");
                    let answer = message(&mut node).expect("an answer");
                    if String::from_utf8_lossy(&request).contains("sendrawtransaction") {
                        return;
                    }
                    caller.write_all(&answer).expect("sent");
                }
            });
        }
    });
    address
}

#[test]
fn a_payment_whose_fate_is_unknown_is_told_as_one_that_may_be_on_its_way() {
    let ground = Ground::start(21_840);
    let node =
        ground.devnet.ready["nodes"][0]["rpc"].as_str().expect("an address").parse().expect("an address");
    let way = lossy_way_to(node).to_string();
    let output = ground.send("5").env("CAIRN_RPC", &way).output().expect("run");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), DONE_BUT, "{said}");
    let last = said.lines().last().expect("a line");
    assert!(
        last.starts_with("error: the payment ") && last.contains(" may be on its way; do not make it again"),
        "{said}"
    );
    assert!(text(&ground.succeeds(&["history"]).stdout).contains(&last[19..83]), "{said}");
    let signed = ground.send("1").args(["--offline", "--json"]).output().expect("run");
    let signed: Value = serde_json::from_slice(&signed.stdout).expect("JSON");
    let hex = signed["hex"].as_str().expect("hex");
    let output = ground.wallet(&["--json", "broadcast", hex]).env("CAIRN_RPC", &way).output().expect("run");
    assert_eq!(output.status.code(), DONE_BUT, "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["txid"], signed["txid"]);
    assert!(text(&output.stderr).contains("may be on its way"), "{output:?}");
}

#[test]
fn waiting_for_confirmations_rides_out_a_restart_of_the_node() {
    let ground = Ground::start(21_720);
    let mut child =
        ground.send("5").args(["--wait", "2"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().expect("run");
    let mut txid = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut txid).expect("an id");
    ground.devnet.net(&["kill", "0"]);
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let waits = format!("the payment {} is on its way; waiting for a node", txid.trim());
    assert!(said.any(|line| line.starts_with(&waits)), "{waits}");
    ground.devnet.net(&["restart", "0"]);
    ground.devnet.net(&["mine", "1", "2"]);
    assert!(said.any(|line| line == "2 of 2 confirmations, block 2"));
    assert!(child.wait().expect("ended").success());
}

#[test]
fn a_step_whose_answer_cannot_be_printed_is_told_as_done() {
    // One hash a second: a miner that has a rate to change, and that finds no block meanwhile.
    let devnet = Devnet::start(21_740, &["--nodes", "2", "--mine", "0", "--hashrate", "1"]);
    let address = devnet.net(&["accounts"])[0]["address"].as_str().expect("an address").to_owned();
    for (arguments, done) in [
        (&["mine", "0", "1"][..], "cairn: node 0 mined 1 block, paid to "),
        (&["faucet", &address, "3"], "cairn: sent 3 coins by node 0"),
        (&["partition", "0", "/", "1"], "cairn: cut: 0 / 1 no longer reach each other"),
        (&["heal"], "cairn: healed"),
        (&["hashrate", "0", "0%"], "cairn: node 0 mines at 0 %"),
        (&["slow", "0", "5"], "cairn: the links of node 0 are slower by 5 ms"),
        (&["kill", "0"], "cairn: killed node 0"),
        (&["restart", "0"], "cairn: node 0 runs again"),
        (&["fork", "--blocks", "1"], "cairn: cut into 0 / 1"),
    ] {
        for json in [&[][..], &["--json"]] {
            // A second one would find nothing to do.
            if !json.is_empty() && ["kill", "restart", "heal"].contains(&arguments[0]) {
                continue;
            }
            let mut command = Command::new(program());
            command.arg("net").args(arguments).args(json).env("CAIRN_HOME", devnet.home()).stdout(full());
            let output = command.output().expect("run");
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), DONE_BUT, "{arguments:?}: {said}");
            assert!(said.contains(done) && said.contains("cannot write to standard output"), "{said}");
        }
    }
    let mut command = Command::new(program());
    command.args(["net", "status"]).env("CAIRN_HOME", devnet.home()).stdout(full());
    assert_eq!(command.output().expect("run").status.code(), Some(1), "nothing was done");
}

#[test]
fn output_that_cannot_be_written_is_told_and_is_no_panic() {
    let home = tempfile::tempdir().expect("a directory");
    for (program, arguments) in [
        (wallet(), &["completions", "bash"][..]),
        (wallet(), &["--help"]),
        (wallet(), &["list"]),
        (wallet(), &["--json", "list"]),
        (program(), &["completions", "bash"]),
        (program(), &["--help"]),
        (program(), &["genesis", "show", "devnet"]),
    ] {
        let mut command = Command::new(program);
        let output =
            command.args(arguments).env("CAIRN_HOME", home.path()).stdout(full()).output().expect("run");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_wallet_whose_words_nobody_could_read_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a directory");
    let new = |json: &[&str]| {
        let mut command = Command::new(wallet());
        command.arg("new").args(json).env("CAIRN_HOME", home.path()).env("CAIRN_WALLET_PASSPHRASE", "x\n");
        command
    };
    for json in [&[][..], &["--json"]] {
        let output = new(json).stdout(full()).output().expect("run");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("no wallet was made"), "{output:?}");
    }
    let output = new(&[]).output().expect("run");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_command_says_whom_it_waits_for() {
    let ground = Ground::start(21_760);
    let path = ground.devnet.home().join("wallets").join("a.lock");
    let mut lock = File::options().write(true).truncate(true).open(path).expect("the lock");
    lock.lock().expect("free");
    lock.write_all(b"4711").expect("written");
    let mut child =
        ground.wallet(&["balance"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut said = String::new();
    BufReader::new(child.stderr.take().expect("piped")).read_line(&mut said).expect("a line");
    assert_eq!(said, "another command holds wallet a (process 4711); waiting\n");
    drop(lock);
    assert!(child.wait().expect("ended").success());
}

#[test]
fn a_prompt_keeps_no_other_command_waiting_and_two_prompts_never_spend_one_coin() {
    let ground = Ground::start(21_780);
    let send = || AtTerminal::run(&ground.wallet(&["send", &ground.address(), "12"]));
    let (mut one, mut two) = (send(), send());
    one.wait_for("send? [y/N] ");
    two.wait_for("send? [y/N] ");
    let balance = ground.succeeds(&["balance"]);
    assert!(balance.stderr.is_empty(), "{balance:?}");
    one.type_in("y\n");
    assert_eq!(one.wait_for_exit(), 0);
    // Its coin is spent by now: the payment is shown anew.
    two.type_in("y\n");
    two.wait_for("look again");
    two.wait_for("send? [y/N] ");
    two.type_in("y\n");
    assert_eq!(two.wait_for_exit(), 0);
    ground.devnet.net(&["mine", "0", "1"]);
    let balance: Value =
        serde_json::from_slice(&ground.succeeds(&["balance", "--json"]).stdout).expect("JSON");
    assert!(balance["spendable"].as_str().is_some_and(|left| left.starts_with("9975.99")), "{balance}");
}

#[test]
fn a_wait_keeps_no_other_command_waiting() {
    let ground = Ground::start(21_800);
    let mut child = ground.send("5").args(["--wait", "1"]).stdout(Stdio::piped()).spawn().expect("run");
    let mut txid = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut txid).expect("an id");
    for _ in 0..3 {
        let balance = ground.succeeds(&["balance"]);
        assert!(balance.stderr.is_empty(), "{balance:?}");
    }
    ground.devnet.net(&["mine", "0", "1"]);
    assert!(child.wait().expect("ended").success());
}

#[test]
fn a_passphrase_file_opens_by_its_first_line_and_an_old_wallet_by_the_whole() {
    let ground = Ground::start(21_820);
    let one_line = ground.file("p1", b"correct horse\n");
    let two_lines = ground.file("p2", b"\xef\xbb\xbfcorrect horse\r\nsecond\r\n\r\n");
    let made = ground.other_wallet(&["new"], &one_line);
    assert!(made.status.success(), "{made:?}");
    let opened = ground.other_wallet(&["rescan"], &two_lines);
    assert!(opened.status.success(), "{opened:?}");

    // As an earlier version would have sealed them.
    let words = Words::parse_bytes(&made.stdout).expect("words");
    let sealed = keystore::seal(&words, "\u{feff}correct horse\r\nsecond").expect("sealed");
    fs::write(ground.devnet.home().join("wallets").join("b.keys"), sealed).expect("written");
    let opened = ground.other_wallet(&["rescan"], &two_lines);
    assert!(opened.status.success(), "{opened:?}");
    assert!(text(&opened.stderr).contains("as earlier versions read it"), "{opened:?}");
    let refused = ground.other_wallet(&["rescan"], &one_line);
    assert!(text(&refused.stderr).contains("wrong passphrase"), "{refused:?}");
    for (bytes, reason) in [(&b"\nx\n"[..], "is empty"), (b"p\xff\n", "is not UTF-8 text")] {
        let refused = ground.other_wallet(&["rescan"], &ground.file("p3", bytes));
        assert!(text(&refused.stderr).contains(reason), "{refused:?}");
    }
}

#[test]
fn words_are_taken_from_what_new_printed() {
    let home = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(wallet());
        command.args(arguments).env("CAIRN_HOME", home.path()).env("CAIRN_WALLET_PASSPHRASE", "x");
        let output = command.output().expect("run");
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let address = |said: &str| said.lines().find(|line| line.starts_with("address")).map(str::to_owned);
    let printed = run(&["new"]);
    let path = home.path().join("paper");
    fs::write(&path, &printed).expect("written");
    let path = path.to_str().expect("text");
    let restored = run(&["-w", "again", "restore", "--words-file", path]);
    assert_eq!(address(&restored), address(&printed));
    let printed = run(&["-w", "third", "--json", "new"]);
    fs::write(path, &printed).expect("written");
    let restored = run(&["-w", "fourth", "--json", "restore", "--words-file", path]);
    let address = |said: &str| serde_json::from_str::<Value>(said).expect("JSON")["address"].clone();
    assert_eq!(address(&restored), address(&printed));
}

#[test]
fn a_prompt_hides_what_is_typed_and_leaves_the_terminal_as_it_was_whatever_ends_it() {
    for ending in
        [None, Some(Signal::SIGINT), Some(Signal::SIGTERM), Some(Signal::SIGHUP), Some(Signal::SIGQUIT)]
    {
        let home = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(wallet());
        command.arg("new").env("CAIRN_HOME", home.path());
        let mut program = AtTerminal::run(&command);
        program.wait_for("choose a passphrase for the key file: ");
        assert!(!program.modes().local_flags.contains(LocalFlags::ECHO));
        match ending {
            Some(signal) => program.signal(signal),
            None => {
                program.type_in("a secret\n");
                program.wait_for("the same again: ");
                program.type_in("another\n");
                program.wait_for("the two passphrases differ");
            }
        }
        assert_eq!(program.wait_for_exit(), ending.map_or(1, |signal| 128 + signal as i32));
        let flags = program.modes().local_flags;
        assert!(
            flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG),
            "{ending:?}: {flags:?}"
        );
        assert!(!home.path().join("wallets").join("main.keys").exists());
    }
}

#[test]
fn words_are_pasted_at_the_terminal_as_new_printed_them() {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(wallet());
    command.args(["new"]).env("CAIRN_HOME", home.path()).env("CAIRN_WALLET_PASSPHRASE", "x");
    let printed = text(&command.output().expect("run").stdout);
    let mut command = Command::new(wallet());
    command.args(["-w", "again", "restore"]).env("CAIRN_HOME", home.path());
    let mut program = AtTerminal::run(&command);
    program.wait_for("the words, in order");
    let end = printed.find("wallet   main").expect("a summary");
    program.type_in(&printed[..end]);
    program.wait_for("choose a passphrase");
    program.type_in("a secret\n");
    program.wait_for("the same again");
    program.type_in("a secret\n");
    let shown = program.wait_for("next     cairn-wallet");
    assert_eq!(program.wait_for_exit(), 0);
    let address = printed.lines().find(|line| line.starts_with("address")).expect("an address");
    assert!(shown.contains(address), "{shown}");
}

/// A note of a devnet that lives as long as this holds its lock.
struct Living {
    _directory: TempDir,
    _lock: File,
}

fn note(home: &std::path::Path, name: &str, started_ms: u64, nodes: &[&NodeProcess]) -> Living {
    let directory = tempfile::tempdir().expect("a directory");
    let node = |(id, node): (usize, &&NodeProcess)| DevnetNode {
        id: u16::try_from(id).expect("few"),
        rpc: node.rpc_address(),
        cookie: node.data_dir().join(".cookie"),
        data_dir: node.data_dir(),
        peer: node.peer_address(),
        peer_id: "peer".to_owned(),
    };
    let note = Note {
        name: name.parse().expect("a name"),
        pid: std::process::id(),
        started_ms,
        dir: directory.path().to_owned(),
        temporary: true,
        chain: "regtest".to_owned(),
        control: "127.0.0.1:1".parse().expect("an address"),
        token: String::new(),
        nodes: nodes.iter().enumerate().map(node).collect(),
    };
    let bytes = json!(note).to_string();
    fs::create_dir_all(home.join("devnets")).expect("made");
    fs::write(note.name.note(home), &bytes).expect("written");
    fs::write(directory.path().join("devnet.json"), &bytes).expect("written");
    let lock = File::create(directory.path().join("devnet.lock")).expect("made");
    lock.lock().expect("free");
    Living { _directory: directory, _lock: lock }
}

#[test]
fn a_wallet_finds_a_given_devnet_names_which_answers_and_asks_another_node_while_the_first_is_down() {
    let home = tempfile::tempdir().expect("a directory");
    let nodes = [NodeProcess::start(Options::default()), NodeProcess::start(Options::default())];
    let run = |arguments: &[&str]| {
        let mut command = Command::new(wallet());
        command.args(arguments).env("CAIRN_HOME", home.path()).env("CAIRN_WALLET_PASSPHRASE", "x");
        command.output().expect("run")
    };
    assert!(run(&["new", "--chain", "regtest"]).status.success());
    assert!(text(&run(&["balance"]).stderr).contains("no devnet runs"));
    let [mut first, second] = nodes;
    let _older = note(home.path(), "older", 1, &[&first, &second]);
    let output = run(&["balance"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let newer = note(home.path(), "newer", 2, &[&second]);
    let output = run(&["balance"]);
    assert!(text(&output.stderr).contains("devnet newer: the newest of 2"), "{output:?}");
    let output = run(&["balance", "--devnet-dir", "older"]);
    assert!(output.status.success() && text(&output.stderr).contains("devnet older"), "{output:?}");
    drop(newer);
    first.kill();
    let output = run(&["balance"]);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stderr);
    assert_eq!(said, "node 0 of devnet older does not answer; node 1 of devnet older is asked instead\n");
    let output = run(&["balance", "--devnet-dir", "elsewhere"]);
    assert!(text(&output.stderr).contains("no devnet \"elsewhere\" runs; older does"), "{output:?}");
    let output = run(&["balance", "--rpc", "localhost"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected HOST:PORT"), "{output:?}");
}
