//! Steps of a devnet: what was asked of nodes is kept, one node that sleeps holds up no other, and a step that
//! cannot be carried out everywhere leaves a true status.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cairn_genesis::programs::running::Devnet as Note;
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::{wait_for, wait_until};
use cairn_tests::process::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// A look at nodes takes two seconds at most; starting a program and a busy machine take the rest.
const A_LOOK: Duration = Duration::from_secs(6);
/// A step waits five seconds for a node that does not reply.
const A_STEP: Duration = Duration::from_secs(10);

fn status(devnet: &Devnet, node: usize) -> Value {
    devnet.rpc(node).call("getnodestatus", json!([])).expect("it replies")
}

/// The devnet's own view of its nodes.
fn view(devnet: &Devnet) -> Value {
    let control = devnet.ready["control"].as_str().expect("an address");
    let mut reply = ureq::get(format!("http://{control}/v1/view")).call().expect("a view");
    reply.body_mut().read_json().expect("JSON")
}

/// `cairn net` as a process.
fn net(devnet: &Devnet, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("net").args(arguments).env("CAIRN_HOME", devnet.home()).stdin(Stdio::null());
    command
}

/// The hash rate to which the miner of a node is limited; null while it is off.
fn limit(devnet: &Devnet, node: usize) -> Value {
    status(devnet, node)["mining"]["hashrate"].clone()
}

fn send(devnet: &Devnet, node: u16, signal: Signal) {
    let is_it = |id: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(&format!("--tag\0node {node}\0"))
    };
    let id = devnet.node_ids().into_iter().find(is_it).expect("the node runs");
    kill(Pid::from_raw(i32::try_from(id).expect("process ids are small")), signal).expect("it runs");
}

#[test]
fn a_wished_hash_rate_outlasts_restart_and_fork_and_a_node_without_one_is_told_so() {
    let devnet = Devnet::start(25_100, &["--nodes", "2", "--mine", "0"]);
    assert_eq!(limit(&devnet, 0), 2_048);
    let refused = devnet.net_fails(&["hashrate", "1", "50%"]);
    assert!(refused.contains("node 1 has no hash rate to take a share of"), "{refused}");
    assert_eq!(limit(&devnet, 1), Value::Null);

    devnet.net(&["hashrate", "0", "25%"]);
    assert_eq!(limit(&devnet, 0), 512);
    devnet.net(&["kill", "0"]);
    devnet.net(&["restart", "0"]);
    assert_eq!(limit(&devnet, 0), 512, "a restart keeps it");

    // A miner that somebody else has started is no business of the devnet's.
    let address = devnet.net(&["accounts"])[1]["address"].clone();
    devnet.rpc(1).call("setmining", json!([address, 1, 300])).expect("it replies");
    devnet.net_fails(&["hashrate", "1", "50%"]);
    assert_eq!(limit(&devnet, 1), 300);
    devnet.net(&["fork", "--blocks", "1"]);
    assert_eq!((limit(&devnet, 0), limit(&devnet, 1)), (json!(512), json!(300)), "a fork keeps both");

    devnet.net(&["hashrate", "0", "0%"]);
    devnet.net(&["kill", "0"]);
    devnet.net(&["restart", "0"]);
    assert_eq!(limit(&devnet, 0), Value::Null, "a miner that was stopped stays so");
    devnet.net(&["hashrate", "0", "100%"]);
    assert_eq!(limit(&devnet, 0), 2_048);
    send(&devnet, 0, Signal::SIGSTOP);
    let said = devnet.net_fails(&["hashrate", "0", "50%"]);
    assert!(said.contains("the step was begun: the hash rate is not yet in force on node 0 ("), "{said}");
    send(&devnet, 0, Signal::SIGCONT);
    wait_until("node 0 mines as asked when it wakes", || limit(&devnet, 0) == 1_024);
    let too_much = devnet.net_fails(&["hashrate", "0", "10001%"]);
    assert!(too_much.contains("from 0 to 10000"), "{too_much}");
}

#[test]
fn a_node_that_sleeps_holds_up_no_look_and_obeys_when_it_wakes() {
    let devnet = Devnet::start(25_200, &["--nodes", "4", "--mine", "none"]);
    send(&devnet, 0, Signal::SIGSTOP);
    let begun = Instant::now();
    let nodes = devnet.net(&["status"])["nodes"].clone();
    assert!(begun.elapsed() < A_LOOK, "{:?}", begun.elapsed());
    let phases: Vec<&str> = (0..4).map(|node| nodes[node]["phase"].as_str().expect("text")).collect();
    assert_eq!(phases, ["silent", "idle", "idle", "idle"]);

    let begun = Instant::now();
    let said = devnet.net_fails(&["partition", "0,1", "/", "2,3"]);
    assert!(begun.elapsed() < A_STEP, "{:?}", begun.elapsed());
    assert!(said.contains("in force on nodes 1,2,3, and not yet in force on node 0 ("), "{said}");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1 / 2,3", "the others refuse the one that sleeps");
    devnet.net(&["mine", "1", "1"]);
    send(&devnet, 0, Signal::SIGCONT);
    wait_until("node 0 obeys", || status(&devnet, 0)["blockedpeers"].as_array().map(Vec::len) == Some(2));
    wait_until("the block is on one side", || status(&devnet, 0)["height"] == 1);
    assert_eq!((&status(&devnet, 2)["height"], &status(&devnet, 3)["height"]), (&json!(0), &json!(0)));

    send(&devnet, 0, Signal::SIGSTOP);
    let said = devnet.net_fails(&["heal"]);
    assert!(
        said.contains("the healing is in force on nodes 1,2,3, and not yet in force on node 0 ("),
        "{said}"
    );
    send(&devnet, 0, Signal::SIGCONT);
    wait_until("all agree", || (0..4).all(|node| status(&devnet, node)["height"] == 1));
}

#[test]
fn a_fork_in_a_partition_or_with_nodes_down_is_refused_at_once_and_changes_nothing() {
    let devnet = Devnet::start(25_300, &["--nodes", "4", "--mine", "3"]);
    devnet.net(&["partition", "0,1", "/", "2,3"]);
    let begun = Instant::now();
    let refused = devnet.net_fails(&["fork"]);
    assert!(begun.elapsed() < A_LOOK, "{:?}", begun.elapsed());
    assert!(refused.contains("the network is partitioned (0,1 / 2,3)"), "{refused}");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1 / 2,3");

    devnet.net(&["heal"]);
    devnet.net(&["kill", "0"]);
    devnet.net(&["kill", "1"]);
    let refused = devnet.net_fails(&["fork"]);
    assert!(refused.contains("nodes 0,1 are not running"), "{refused}");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1,2,3");
    assert_eq!(limit(&devnet, 3), 2_048, "the miner goes on");
}

#[test]
fn nodes_that_are_not_named_form_one_more_group_as_the_help_says() {
    let devnet = Devnet::start(25_400, &["--nodes", "4", "--mine", "none"]);
    assert_eq!(devnet.net(&["partition", "0,1"])["groups"], "0,1 / 2,3");
    devnet.net(&["mine", "2", "1"]);
    wait_until("the rest is together", || status(&devnet, 3)["height"] == 1);
    let help = devnet.net_says(&["partition", "--help"]).0;
    assert!(help.contains("nodes that are not named form one more group"), "{help}");
}

#[test]
fn the_faucet_pays_on_both_sides_of_a_partition_and_after_it() {
    let devnet = Devnet::start(25_500, &["--nodes", "2", "--mine", "none"]);
    let address = devnet.net(&["accounts"])[2]["address"].as_str().expect("text").to_owned();
    devnet.net(&["partition", "0", "/", "1"]);
    for node in ["0", "1", "0"] {
        let paid = devnet.net(&["faucet", &address, "5", "--node", node]);
        assert_eq!((&paid["amount"], &paid["to"]), (&json!("5"), &json!(address)));
    }
    devnet.net(&["mine", "1", "2"]);
    devnet.net(&["heal"]);
    wait_until("both agree", || status(&devnet, 0)["height"] == 2);
    devnet.net(&["faucet", &address, "5"]);
}

#[test]
fn a_setting_of_a_killed_node_is_kept_for_its_restart_and_the_reply_says_so() {
    let devnet = Devnet::start(25_700, &["--nodes", "2", "--mine", "1"]);
    devnet.net(&["kill", "1"]);
    let said = devnet.net_says(&["hashrate", "1", "50%"]).0;
    assert_eq!(said, "node 1 is down: from its restart on it mines at 50 % of its first rate\n");
    let said = devnet.net_says(&["slow", "1", "300"]).0;
    assert_eq!(
        said,
        "the links of node 1 are slower by 300 ms each way, from its restart on: node 1 is down\n"
    );
    assert_eq!(devnet.net(&["slow", "1", "400"])["in_force"], false);
    let view = view(&devnet);
    assert_eq!((&view["nodes"][1]["mining"], &view["nodes"][1]["percent"]), (&json!(false), &json!(50)));
    devnet.net(&["restart", "1"]);
    assert_eq!(limit(&devnet, 1), 1_024);
    // A block of its own at the same height would keep it from fetching this one.
    devnet.net(&["hashrate", "1", "0%"]);
    wait_until("both agree", || status(&devnet, 0)["tip"] == status(&devnet, 1)["tip"]);
    let block = devnet.net(&["mine", "0", "1"])["hashes"][0].clone();
    let took = wait_for("node 1 has the block", || {
        let blocks = self::view(&devnet)["blocks"].as_array().expect("blocks").clone();
        let got = blocks.into_iter().find(|one| one["hash"] == block)?["got"].clone();
        let at = |node: u16| got.as_array()?.iter().find(|one| one[0] == node)?[1].as_u64();
        Some(at(1)?.saturating_sub(at(0)?))
    });
    assert!(took >= 350, "a delay of 400 ms from the restart on: {took} ms");
    let said = devnet.net_says(&["slow", "1", "0"]).0;
    assert_eq!(said, "the delay of the links of node 1 is removed\n");
    assert_eq!(devnet.net(&["hashrate", "1", "100%"])["in_force"], true);
    assert_eq!(devnet.net_says(&["heal"]).0, "there was no partition: the network is whole\n");
    let table = devnet.net_says(&["status"]).0;
    assert!(table.contains("hash rate") && table.contains("100 %"), "{table}");
}

#[test]
fn a_fork_names_the_node_that_does_not_follow_and_leaves_a_whole_network_that_mines() {
    let devnet = Devnet::start(25_720, &["--nodes", "4", "--mine", "3"]);
    send(&devnet, 1, Signal::SIGSTOP);
    let output = net(&devnet, &["fork", "--blocks", "2"]).output().expect("the program can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "nothing was begun: {said}");
    assert!(said.contains("the fork was not begun, and nothing was changed: node 1"), "{said}");
    assert_eq!(limit(&devnet, 3), 2_048);
    send(&devnet, 1, Signal::SIGCONT);
    wait_until("node 1 replies", || devnet.net(&["status"])["nodes"][1]["phase"] != "silent");

    // Its miner takes some seconds for the blocks of its side, and the node beside it sleeps meanwhile.
    let fork = net(&devnet, &["fork", "--blocks", "400"]).stderr(Stdio::piped()).spawn();
    devnet.wait_for_event("partitioned");
    send(&devnet, 2, Signal::SIGSTOP);
    let output = fork.and_then(std::process::Child::wait_with_output).expect("the program can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the step was begun: the fork stopped: node 2"), "{said}");
    assert!(
        said.contains("the healing is in force on nodes 0,1,3, and not yet in force on node 2 ("),
        "{said}"
    );
    assert!(said.contains("the miners go on as before"), "{said}");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1,2,3");
    assert_eq!(limit(&devnet, 3), 2_048);
    send(&devnet, 2, Signal::SIGCONT);
    wait_until("node 2 follows", || status(&devnet, 2)["blockedpeers"] == json!([]));
}

#[test]
fn mining_ends_at_its_limit_or_with_ctrl_c_and_neither_it_nor_a_node_that_sleeps_delays_a_step() {
    let directory = tempfile::tempdir().expect("a directory");
    let chain = directory.path().join("hard.toml");
    // A block takes some 2^48 hashes.
    let regtest = std::fs::read_to_string("../genesis/regtest.toml").expect("the chain's file");
    let hard = regtest.replace("207fffff", "1b00ffff").replace("\"regtest\"", "\"hard\"");
    std::fs::write(&chain, hard).expect("it is written");
    let chain = chain.to_str().expect("text");
    let devnet = Devnet::start(25_740, &["--nodes", "3", "--mine", "none", "--chain", chain]);
    let begun = Instant::now();
    let said = devnet.net_fails(&["mine", "0", "5", "--limit", "1"]);
    assert!(said.contains("no block was mined: the time limit of 1 s is over"), "{said}");
    assert!(begun.elapsed() < A_STEP, "{:?}", begun.elapsed());

    let mining = net(&devnet, &["mine", "0", "3000"]).stderr(Stdio::piped()).spawn();
    let mining = mining.expect("the program can be run");
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    devnet.net(&["partition", "0,1", "/", "2"]);
    devnet.net(&["heal"]);
    devnet.net(&["kill", "2"]);
    devnet.net(&["restart", "2"]);
    assert!(begun.elapsed() < A_STEP, "{:?}", begun.elapsed());
    kill(Pid::from_raw(mining.id().cast_signed()), Signal::SIGINT).expect("it runs");
    let output = mining.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no block was mined: stopped by Ctrl-C"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn blocks_are_mined_at_once_while_another_node_sleeps() {
    let devnet = Devnet::start(25_760, &["--nodes", "3", "--mine", "none"]);
    send(&devnet, 2, Signal::SIGSTOP);
    let begun = Instant::now();
    devnet.net(&["mine", "0", "1"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    send(&devnet, 2, Signal::SIGCONT);
}

#[test]
fn a_devnet_takes_the_place_of_a_newer_one_that_was_killed() {
    let shop = Devnet::start(25_600, &["--nodes", "2", "--mine", "none", "--name", "shop"]);
    let mut lab = shop.start_beside(25_600, &["--nodes", "2", "--mine", "none", "--name", "lab"]);
    let shown = || {
        let note = Note::read(&shop.home().join("devnet.json")).expect("a note");
        note.map(|note| note.name.to_string())
    };
    assert_eq!(shown().as_deref(), Some("lab"));
    lab.signal(Signal::SIGKILL);
    wait_until("the note is that of the one that lives", || shown().as_deref() == Some("shop"));
}
