//! Steps of a devnet: what was asked of nodes is kept, one node that sleeps holds up no other, and a step that
//! cannot be carried out everywhere leaves a true status.

use std::time::{Duration, Instant};

use cairn_genesis::programs::running::Devnet as Note;
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
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
    assert!(said.contains("the hash rate is not yet in force on node 0 ("), "{said}");
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
    assert!(said.contains("in force on nodes 1,2,3, and not yet on node 0 ("), "{said}");
    assert_eq!(devnet.net(&["status"])["groups"], "0,1 / 2,3", "the others refuse the one that sleeps");
    devnet.net(&["mine", "1", "1"]);
    send(&devnet, 0, Signal::SIGCONT);
    wait_until("node 0 obeys", || status(&devnet, 0)["blockedpeers"].as_array().map(Vec::len) == Some(2));
    wait_until("the block is on one side", || status(&devnet, 0)["height"] == 1);
    assert_eq!((&status(&devnet, 2)["height"], &status(&devnet, 3)["height"]), (&json!(0), &json!(0)));

    send(&devnet, 0, Signal::SIGSTOP);
    let said = devnet.net_fails(&["heal"]);
    assert!(said.contains("the healing is in force on nodes 1,2,3, and not yet on node 0 ("), "{said}");
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
