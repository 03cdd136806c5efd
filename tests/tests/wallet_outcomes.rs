//! Outcomes of wallet commands with real processes, where something around them changes: the chain is started
//! anew, a node is down, standard output is closed, the newest devnet is on another chain.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use cairn_tests::devnet::Devnet;
use cairn_tests::process::{program, wallet};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Exit status of what was done, or may have been, before something failed.
const DONE_BUT: Option<i32> = Some(3);

fn in_home_of(devnet: &Devnet, program: std::path::PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("CAIRN_HOME", devnet.home()).stdin(Stdio::null());
    command.env("CAIRN_WALLET_PASSPHRASE", "x");
    command
}

/// The same command with standard output closed.
fn closed(command: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" >&-"#]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::null()).output().expect("run")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn address(devnet: &Devnet) -> String {
    devnet.net(&["accounts"])[0]["address"].as_str().expect("an address").to_owned()
}

#[test]
fn a_wait_names_a_detour_once_and_ends_when_the_chain_is_started_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("net");
    let arguments = ["--nodes", "2", "--mine", "none", "--dir", path.to_str().expect("text")];
    let mut devnet = Devnet::start(28_000, &arguments);
    devnet.wallet(&["restore", "--devnet", "3"]);
    devnet.net(&["mine", "1", "3"]);
    devnet.net(&["kill", "0"]);
    let payment = ["--json", "send", "--yes", &address(&devnet), "5", "--wait", "3"];
    let mut command = in_home_of(&devnet, wallet(), &payment);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let first = lines.next().expect("a line");
    assert!(first.ends_with("node 1 of devnet net is asked instead"), "{first}");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut answer = String::new();
    out.read_line(&mut answer).expect("an answer");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let txid = answer["txid"].as_str().expect("an id");

    devnet.signal(Signal::SIGTERM);
    std::fs::remove_dir_all(&path).expect("removed");
    let anew = devnet.start_beside(28_000, &arguments);
    anew.net(&["mine", "1", "2"]);
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("ended").code(), DONE_BUT, "{rest:?}");
    assert!(rest.iter().all(|line| !line.contains("asked instead")), "{rest:?}");
    let last = rest.last().expect("a line");
    let told = format!("error: the payment {txid} was sent; look at `history` before you make it again: ");
    assert!(last.starts_with(&told) && last.contains(&format!("`resend {txid}`")), "{rest:?}");
    assert_eq!(out.lines().count(), 0, "one JSON value");
}

#[test]
fn what_was_done_is_said_where_standard_output_was_closed_and_a_wanted_dev_null_is_quiet() {
    let devnet = Devnet::start(28_020, &["--nodes", "2", "--mine", "none"]);
    devnet.wallet(&["restore", "--devnet", "3"]);
    let paid = address(&devnet);
    for (tested, arguments, status, told) in [
        (wallet(), &["-w", "b", "new"][..], Some(1), "no wallet was made"),
        (wallet(), &["--json", "balance", "-w", "none"], Some(1), "none"),
        (wallet(), &["address", "--new"], Some(0), "is handed out"),
        (wallet(), &["send", "--yes", &paid, "1"], Some(0), "is on its way; do not make it again"),
        (program(), &["net", "mine", "0", "1"], Some(0), "node 0 mined 1 block"),
        (program(), &["net", "faucet", &paid, "3"], Some(0), "sent 3 coins by node 0"),
        (wallet(), &["send", "--yes", "--offline", &paid, "1"], Some(0), "is signed and not sent"),
    ] {
        let command = in_home_of(&devnet, tested, arguments);
        let output = closed(&command);
        assert_eq!(output.status.code(), status, "{arguments:?}: {output:?}");
        assert!(said(&output).contains(told), "{arguments:?}: {output:?}");
    }
    let mut wanted = in_home_of(&devnet, program(), &["net", "mine", "0", "1"]);
    let output =
        wanted.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().and_then(|it| it.wait_with_output());
    let output = output.expect("run");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_wallet_finds_the_newest_devnet_of_its_own_chain() {
    let devnet = Devnet::start(28_040, &["--nodes", "2", "--mine", "none"]);
    devnet.wallet(&["restore", "--devnet", "3"]);
    let younger = devnet.start_beside(28_060, &["--nodes", "2", "--mine", "none", "--chain", "regtest"]);
    let output = in_home_of(&devnet, wallet(), &["balance"]).output().expect("run");
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("the newest on this wallet's chain, devnet"), "{output:?}");
    let name = younger.net(&["status"])["devnet"].as_str().expect("a name").to_owned();
    let output = in_home_of(&devnet, wallet(), &["balance", "--devnet-dir", &name]).output().expect("run");
    let told = said(&output);
    assert!(told.contains(&format!("node 0 of devnet {name} is on another chain")), "{told}");
    assert!(told.contains("--devnet-dir NAME|DIR chooses another devnet"), "{told}");
}

#[test]
fn an_empty_variable_counts_as_one_that_is_not_set_and_one_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().expect("a directory");
    let list = |name: &str, value: &[u8]| {
        let mut command = Command::new(wallet());
        command.args(["--json", "list"]).env("CAIRN_HOME", home.path());
        command.env(name, std::ffi::OsStr::from_bytes(value)).output().expect("run")
    };
    for name in ["CAIRN_WALLET", "CAIRN_RPC", "CAIRN_COOKIE", "CAIRN_WALLET_DIR", "CAIRN_DEVNET"] {
        let output = list(name, b"");
        assert!(output.status.success(), "{name}: {output:?}");
    }
    for name in ["CAIRN_WALLET", "CAIRN_RPC"] {
        let output = list(name, b"w\xff");
        assert!(output.status.code() == Some(2) && said(&output).contains(name), "{name}: {output:?}");
    }
    let output = list("CAIRN_WALLET_DIR", b"w\xff");
    assert!(output.status.success(), "no panic: {output:?}");
}

#[test]
fn a_wallet_of_a_chain_in_a_file_opens_from_any_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let definition = concat!(env!("CARGO_MANIFEST_DIR"), "/../genesis/regtest.toml");
    std::fs::copy(definition, home.path().join("my.toml")).expect("copied");
    let run = |directory: &std::path::Path, arguments: &[&str]| {
        let mut command = Command::new(wallet());
        command.args(arguments).current_dir(directory).env("CAIRN_HOME", home.path());
        let output = command.env("CAIRN_WALLET_PASSPHRASE", "x").output().expect("run");
        assert!(output.status.success(), "{output:?}");
    };
    run(home.path(), &["new", "--chain", "my.toml"]);
    run(std::path::Path::new("/"), &["address"]);
}
