//! The main job with real processes: mine, pay, partition, converge; and nothing is left behind.

use std::path::Path;

use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use nix::sys::signal::Signal;
use serde_json::Value;

fn is_running(id: u32) -> bool {
    // A zombie has ended; it waits for whoever adopted it.
    let status = std::fs::read_to_string(format!("/proc/{id}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

fn all_agree(devnet: &Devnet) -> bool {
    let tips = devnet.tips();
    tips.iter().all(|tip| tip == &tips[0])
}

#[test]
fn a_newcomer_mines_pays_partitions_and_sees_one_chain_win() {
    let devnet = Devnet::start(21_100, &["--nodes", "5"]);
    let nodes = devnet.ready["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 5);
    assert!(nodes.iter().all(|node| Path::new(node["cookie"].as_str().expect("a path")).exists()));
    let block = devnet.wait_for_event("block");
    assert!(block["height"].as_u64() >= Some(1));

    let address = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    devnet.wallet(&["-w", "three", "restore", "--devnet", "3"]);
    let paid = devnet.wallet(&["-w", "three", "send", &address, "12.5", "--yes", "--wait", "1"]);
    assert_eq!(paid["amount"], "12.5");
    devnet.net(&["faucet", &address, "7"]);
    let waiting = devnet.wallet(&["balance"]);
    assert!(waiting["pending_in"] == "7" || waiting["spendable"] == "19.5", "{waiting}");
    devnet.net(&["mine", "0", "1"]);
    wait_until("both payments are confirmed", || devnet.wallet(&["balance"])["spendable"] == "19.5");

    devnet.net(&["partition", "0,1,2", "/", "3,4"]);
    devnet.net(&["mine", "0", "2"]);
    devnet.net(&["mine", "3", "6"]);
    let tips = devnet.tips();
    assert_ne!(tips[0], tips[4]);
    devnet.net(&["heal"]);
    wait_until("all nodes agree", || all_agree(&devnet));
    let told = devnet.wait_for_event("reorganization");
    assert!(told["left"].as_u64() >= Some(1) && told["joined"].as_u64() > told["left"].as_u64(), "{told}");
    assert_eq!(devnet.wallet(&["balance"])["spendable"], "19.5");
}

/// At one hash a second the lot would need an hour for a block.
#[test]
fn a_new_devnet_has_its_first_block_at_once_and_a_resumed_one_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().to_str().expect("text");
    let arguments = ["--nodes", "2", "--mine", "1", "--hashrate", "1", "--dir", kept];
    let mut devnet = Devnet::start(21_240, &arguments);
    let first = devnet.wait_for_event("block");
    assert_eq!((&first["height"], &first["miner"]), (&Value::from(1), &Value::from("node 1")), "{first}");
    wait_until("all nodes agree", || all_agree(&devnet));
    let tips = devnet.tips();
    devnet.signal(Signal::SIGTERM);
    let again = Devnet::start(21_240, &arguments);
    assert_eq!(again.net(&["status"])["nodes"][1]["height"], 1);
    assert_eq!(again.tips(), tips);
}

#[test]
fn a_fork_is_made_healed_and_reported_in_one_go() {
    let devnet = Devnet::start(21_120, &["--nodes", "4"]);
    let report = devnet.net(&["fork", "--blocks", "3"]);
    assert_eq!(report["winner"], "B");
    let reorganized = report["reorganized"].as_array().expect("a list");
    assert_eq!(reorganized.len(), 2, "{report}");
    assert!(reorganized.iter().all(|node| node["left"] == 3 && node["joined"] == 4), "{report}");
    let told = devnet.wait_for_event("reorganization");
    assert_eq!((&told["left"], &told["joined"]), (&Value::from(3), &Value::from(4)));
}

#[test]
fn a_killed_node_comes_back_under_the_cut_that_is_in_force() {
    let devnet = Devnet::start(21_140, &["--nodes", "3", "--mine", "none"]);
    devnet.net(&["partition", "0,1", "/", "2"]);
    devnet.net(&["kill", "2"]);
    devnet.net(&["mine", "0", "4"]);
    devnet.net(&["restart", "2"]);
    let status = devnet.net(&["status"]);
    assert_eq!(
        (&status["nodes"][0]["height"], &status["nodes"][2]["height"]),
        (&Value::from(4), &Value::from(0))
    );
    assert_eq!(status["nodes"][2]["peers"].as_array().map(Vec::len), Some(0));
    devnet.net(&["heal"]);
    wait_until("all nodes agree", || all_agree(&devnet));
    assert_eq!(devnet.net(&["status"])["nodes"][2]["height"], 4);
}

#[test]
fn a_devnet_that_is_killed_leaves_no_node_behind() {
    let mut devnet = Devnet::start(21_160, &["--nodes", "2"]);
    let nodes = devnet.node_ids();
    assert_eq!(nodes.len(), 2);
    devnet.signal(Signal::SIGKILL);
    wait_until("the nodes have ended", || nodes.iter().all(|id| !is_running(*id)));
}

#[test]
fn a_devnet_that_is_told_to_stop_stops_its_nodes_and_takes_its_note_away() {
    let mut devnet = Devnet::start(21_180, &["--nodes", "2"]);
    let nodes = devnet.node_ids();
    assert!(devnet.home().join("devnet.json").exists());
    devnet.signal(Signal::SIGTERM);
    assert!(nodes.iter().all(|id| !is_running(*id)));
    assert!(!devnet.home().join("devnet.json").exists());
}

#[test]
fn a_kept_directory_goes_on_where_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().to_str().expect("text");
    let arguments = ["--nodes", "2", "--mine", "none", "--dir", kept];
    let mut devnet = Devnet::start(21_200, &arguments);
    devnet.net(&["mine", "1", "5"]);
    wait_until("all nodes agree", || all_agree(&devnet));
    let tips = devnet.tips();
    devnet.signal(Signal::SIGTERM);
    let again = Devnet::start(21_200, &arguments);
    assert_eq!(again.tips(), tips);
    assert_eq!(again.net(&["status"])["nodes"][0]["phase"], "idle");
}

#[test]
fn mistakes_are_told_with_what_was_expected() {
    let devnet = Devnet::start(21_220, &["--nodes", "2", "--mine", "none"]);
    assert!(
        devnet.net_fails(&["partition", "0,7"]).contains("there is no node 7: this devnet has nodes 0 to 1")
    );
    assert!(devnet.net_fails(&["kill", "9"]).contains("there is no node 9"));
    assert!(devnet.net_fails(&["hashrate", "0", "fast"]).contains("write per cent, as in 30%"));
    assert!(devnet.net_fails(&["faucet", "nowhere"]).contains("address of this chain"));
    let address = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    devnet.net(&["mine", "0", "1", "--to", &address]);
    let poor = devnet.wallet_fails(&["send", &address, "1", "--yes"]);
    assert!(poor.contains("immature") && poor.contains("9 more blocks"), "{poor}");
    assert!(
        devnet
            .wallet_fails(&["-w", "x", "restore", "--devnet", "3", "--chain", "testnet"])
            .contains("does not fund")
    );
}

#[test]
fn a_payment_that_no_node_takes_can_be_given_up_and_one_that_waits_cannot() {
    let devnet = Devnet::start(21_260, &["--nodes", "2", "--mine", "none"]);
    let address = devnet.wallet(&["new"])["address"].as_str().expect("an address").to_owned();
    devnet.wallet(&["-w", "three", "restore", "--devnet", "3"]);
    let three = |arguments: &[&str]| devnet.wallet(&[&["-w", "three"], arguments].concat());
    let fails = |arguments: &[&str]| devnet.wallet_fails(&[&["-w", "three"], arguments].concat());
    let before = three(&["balance"]);

    let cheap = three(&["send", &address, "1", "--yes", "--offline", "--fee-rate", "0.00000001"]);
    assert_ne!(three(&["balance"])["spendable"], before["spendable"], "its coins are reserved");
    let txid = cheap["txid"].as_str().expect("an id");
    assert_eq!(three(&["abandon", txid])["abandoned"], serde_json::json!([txid]));
    assert_eq!(three(&["balance"])["spendable"], before["spendable"]);
    assert!(fails(&["abandon", txid]).contains("no payment of this wallet has the id"));

    let paid = three(&["send", &address, "1", "--yes"]);
    let txid = paid["txid"].as_str().expect("an id");
    assert!(fails(&["abandon", txid]).contains("in its mempool"));
    devnet.net(&["mine", "0", "1"]);
    assert!(fails(&["abandon", txid]).contains("block 1 has confirmed"));
}

/// As in `cairn net status | head -1`.
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for (program, arguments) in [
        (cairn_tests::process::program(), &["genesis", "show", "devnet"][..]),
        (cairn_tests::process::program(), &["completions", "bash"]),
        (cairn_tests::process::wallet(), &["list"]),
    ] {
        let home = tempfile::tempdir().expect("a directory");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = std::process::Command::new(program);
        command.args(arguments).env("HOME", home.path()).stdout(writer);
        let ended = command.output().expect("the program can be run");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}
