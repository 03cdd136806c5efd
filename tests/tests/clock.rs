//! Clocks and the difficulty on real nodes: what is not mined is not said to be, and what many blocks at
//! once do to the next ones is said before.

use std::process::{Command, Stdio};

use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use cairn_tests::process::program;
use cairn_tests::rpc::{CallError, Rpc};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const AHEAD: &str = "ahead of this node's clock";

fn call(rpc: &Rpc, method: &str, params: Value) -> Value {
    rpc.call(method, params).unwrap_or_else(|error| panic!("{method}: {error:?}"))
}

fn refused(rpc: &Rpc, method: &str, params: Value) -> String {
    match rpc.call(method, params) {
        Err(CallError::Rejected { message, .. }) => message,
        other => panic!("{method}: {other:?}"),
    }
}

/// Three days ahead, a dozen blocks, and the same directory with the clock of today.
#[test]
fn a_devnet_resumed_with_its_clock_set_back_says_so_and_mines_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().to_str().expect("text");
    let arguments = ["--nodes", "2", "--mine", "none", "--dir", kept];
    let mut before = Devnet::start(22_110, &arguments);
    for node in 0..2 {
        call(&before.rpc(node), "setclockoffset", json!([3 * 86_400_000]));
    }
    before.net(&["mine", "0", "12"]);
    wait_until("both nodes have the blocks", || call(&before.rpc(1), "getblockcount", json!([])) == 12);
    before.signal(Signal::SIGTERM);

    let devnet = Devnet::start(22_110, &arguments);
    let node = devnet.rpc(0);
    let status = devnet.net(&["status"]);
    let address = devnet.net(&["accounts"])[0]["address"].clone();
    for node in 0..2 {
        assert!(status["nodes"][node]["stuck"].as_str().expect("a sentence").contains(AHEAD), "{status}");
    }
    assert!(devnet.net_fails(&["mine", "0", "1"]).contains(AHEAD));
    let refusal = devnet.net_fails(&["mine", "0", "150"]);
    assert!(refusal.contains(AHEAD) && !refusal.contains("at once are"), "no estimate before it: {refusal}");
    assert!(devnet.net_fails(&["fork", "--blocks", "1"]).contains(AHEAD));
    let told = refused(&node, "generatetoaddress", json!([2, address]));
    assert!(told.starts_with("0 of 2 blocks mined: block time is 259,") && told.contains(AHEAD), "{told}");
    let told = refused(&node, "generateblock", json!([address, []]));
    assert!(told.contains("time-too-new, block time is 259,") && told.contains(AHEAD), "{told}");
    for method in ["getblockchaininfo", "getnetworkinfo", "getmininginfo"] {
        let warnings = call(&node, method, json!([]))["warnings"].clone();
        assert!(warnings[0].as_str().is_some_and(|told| told.contains(AHEAD)), "{method}: {warnings}");
    }
    assert_eq!(call(&node, "getblockcount", json!([])), 12);
    let log = std::fs::read_to_string(directory.path().join("node-0/log")).expect("a log");
    assert_eq!(log.matches(AHEAD).count(), 1, "once, and not for each block: {log}");

    // Its time comes.
    for node in 0..2 {
        call(&devnet.rpc(node), "setclockoffset", json!([3 * 86_400_000]));
    }
    devnet.net(&["mine", "0", "1"]);
    assert_eq!(devnet.net(&["status"])["nodes"][0]["stuck"], Value::Null);
}

#[test]
fn a_node_whose_clock_is_behind_those_of_its_peers_says_so() {
    let devnet = Devnet::start(22_130, &["--nodes", "3", "--mine", "none"]);
    for node in 0..2 {
        call(&devnet.rpc(node), "setclockoffset", json!([200_000]));
    }
    devnet.net(&["mine", "0", "1"]);
    wait_until("the node behind says so", || {
        let stuck = devnet.net(&["status"])["nodes"][2]["stuck"].clone();
        let told = "this node's clock is behind those of 2 of 2 peers, or theirs are ahead: block time is";
        stuck.as_str().is_some_and(|stuck| stuck.starts_with(told) && stuck.contains(AHEAD))
    });
    assert_eq!(devnet.net(&["status"])["nodes"][1]["stuck"], Value::Null);
}

#[test]
fn nodes_are_not_told_to_set_their_clocks_because_of_one_that_is_ahead() {
    let devnet = Devnet::start(22_250, &["--nodes", "3", "--mine", "none"]);
    call(&devnet.rpc(0), "setclockoffset", json!([200_000]));
    devnet.net(&["mine", "0", "1"]);
    devnet.net(&["mine", "1", "2"]);
    wait_until("all have the longer chain", || {
        (0..3).all(|node| call(&devnet.rpc(node), "getblockcount", json!([])) == 2)
    });
    let status = devnet.net(&["status"]);
    for node in 0..3 {
        assert_eq!(status["nodes"][node]["stuck"], Value::Null, "{status}");
    }
}

#[test]
fn a_clock_that_was_set_back_during_the_run_is_told() {
    let devnet = Devnet::start(22_230, &["--nodes", "2", "--mine", "none"]);
    let node = devnet.rpc(0);
    call(&node, "setclockoffset", json!([200_000]));
    assert_eq!(devnet.net(&["status"])["nodes"][0]["stuck"], Value::Null);
    call(&node, "setclockoffset", json!([0]));
    let told = "s behind this node's clock, which runs at half pace";
    let stuck = devnet.net(&["status"])["nodes"][0]["stuck"].clone();
    assert!(stuck.as_str().is_some_and(|stuck| stuck.contains(told)), "{stuck}");
    let warnings = call(&node, "getnetworkinfo", json!([]))["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|warning| warning.contains(told)), "{warnings}");
    call(&node, "setclockoffset", json!([200_000]));
    assert_eq!(devnet.net(&["status"])["nodes"][0]["stuck"], Value::Null);
}

#[test]
fn many_blocks_at_once_are_told_before_and_too_many_refused() {
    let devnet = Devnet::start(22_150, &["--nodes", "2", "--mine", "none"]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.arg("net").args(arguments).env("CAIRN_HOME", devnet.home()).stdin(Stdio::null());
        let output = command.output().expect("the program can be run");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (done, mined, told) = run(&["mine", "0", "2"]);
    assert!(done && told.is_empty() && mined.contains("mined 2 blocks"), "{mined}{told}");

    let (done, mined, told) = run(&["mine", "0", "200"]);
    assert!(done && mined.contains("node 0 mined 200 blocks"), "{mined}{told}");
    assert!(
        told.contains("200 blocks mined at once are 400 s ahead of the schedule of one in 2 s"),
        "{told}"
    );
    assert!(told.contains("no node here mines") && told.contains("cairn devnet --chain regtest"), "{told}");

    let as_value = devnet.net(&["mine", "0", "60"]);
    assert_eq!(as_value["hashes"].as_array().map(Vec::len), Some(60));
    assert_eq!(as_value["estimate"]["ahead_ms"], 120_000);
    let now = call(&devnet.rpc(0), "getblockcount", json!([]));
    let refused = devnet.net_fails(&["mine", "0", "3000"]);
    assert!(
        refused.contains("3,000 blocks at once would take") && refused.contains("are possible now"),
        "{refused}"
    );
    assert_eq!(call(&devnet.rpc(0), "getblockcount", json!([])), now, "nothing was begun");
}

#[test]
fn while_many_blocks_are_mined_other_steps_do_not_wait() {
    let devnet = Devnet::start(22_170, &["--nodes", "2", "--mine", "none"]);
    let (address, page) = (text(&devnet.ready["control"]), text(&devnet.ready["page"]));
    let token = page.split_once('#').map(|(_, fragment)| fragment.trim_start_matches("token=").to_owned());
    let mining = std::thread::spawn(move || {
        // In one request: what takes its time is the step and not the program that asks for it.
        ureq::post(format!("http://{address}/v1/mine"))
            .header("Authorization", format!("Bearer {}", token.expect("the page's address holds the token")))
            .send_json(json!({ "node": 0, "blocks": 1_100 }))
            .map(|response| response.status().as_u16())
    });
    wait_until("the first blocks are there", || call(&devnet.rpc(0), "getblockcount", json!([])) != 0);
    devnet.net(&["partition", "0", "/", "1"]);
    devnet.net(&["heal"]);
    assert!(!mining.is_finished(), "partition and heal are done before the blocks are");
    assert_eq!(mining.join().expect("no panic").expect("an answer"), 200);
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[test]
fn on_regtest_all_miners_together_keep_the_spacing() {
    let devnet = Devnet::start(22_190, &["--nodes", "2", "--chain", "regtest"]);
    for node in 0..2 {
        assert_eq!(call(&devnet.rpc(node), "getnodestatus", json!([]))["mining"]["hashrate"], 0.5);
    }
    // And a node that is told to mine without a rate: at once the whole chain's.
    let address = devnet.net(&["accounts"])[0]["address"].clone();
    for (order, rate) in [
        (json!([address]), json!(1)),
        (json!([address, 1, 0]), Value::Null),
        (json!([address, 1, 2]), json!(2)),
    ] {
        call(&devnet.rpc(0), "setmining", order);
        assert_eq!(call(&devnet.rpc(0), "getnodestatus", json!([]))["mining"]["hashrate"], rate);
    }
    devnet.net(&["hashrate", "0", "300%"]);
    assert_eq!(call(&devnet.rpc(0), "getnodestatus", json!([]))["mining"]["hashrate"], 1.5);
    assert_eq!(devnet.net(&["mine", "1", "300"])["estimate"], Value::Null, "its difficulty is fixed");
}

#[test]
fn a_slower_chain_like_the_devnet_has_a_longer_longest_gap() {
    let mut command = Command::new(program());
    command.args(["genesis", "new", "slow", "--like", "devnet", "--spacing-ms", "60000"]);
    let output = command.output().expect("the program can be run");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && text.contains("longest_gap_ms = 600000\n"), "{text}");
}
