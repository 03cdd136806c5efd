//! Damaged, foreign, busy or unwritable: whatever a node finds, one clear sentence, and nothing harmed.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ended, Stdio};
use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::params::ChainParams;
use cairn_core::subsidy::subsidy;
use cairn_core::transaction::{Coinbase, Output};
use cairn_core::work::Work;
use cairn_daemon::store::{Opening, SledStore};
use cairn_genesis::{Chain as Definition, accounts};
use cairn_protocol::chain::store::{BlockStatus, ChainBlock, ChainStore, Commit, HeaderRecord};
use cairn_tests::blocks::mined;
use cairn_tests::ports::Port;
use cairn_tests::process::{NodeProcess, Options, program};
use serde_json::json;

fn address() -> String {
    let definition = Definition::builtin("regtest").expect("a chain of ours");
    Address::new(&definition.params.address_prefix, accounts::lock(1)).to_string()
}

/// A node that made blocks and stopped.
fn stopped_node(blocks: u32) -> NodeProcess {
    let mut node = NodeProcess::start(Options::default());
    node.call("generatetoaddress", json!([blocks, address()]));
    assert!(node.stop().success());
    node
}

/// `cairn node` that is expected to give up by itself; it ends when this test does, if it does not.
fn node_on(data_dir: &Path, further: &[&str]) -> Ended {
    let rpc = Port::free();
    let mut command = Command::new(program());
    command
        .args(["node", "--listen", "none", "--stop-on-stdin-close", "--rpc"])
        .arg(rpc.address().to_string());
    command.arg("--data-dir").arg(data_dir).args(further).stdin(Stdio::piped());
    command.output_while_open()
}

fn verify(node: &NodeProcess) -> Ended {
    let mut command = Command::new(program());
    let command = command.arg("verify").arg("--data-dir").arg(node.data_dir());
    command.output().expect("the program can be run")
}

#[track_caller]
fn refused(output: &Ended, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sentence = said.lines().find(|line| line.starts_with("cairn: "));
    let sentence = sentence.unwrap_or_else(|| panic!("no sentence for people in:\n{said}"));
    words.iter().for_each(|word| assert!(sentence.contains(word), "no {word:?} in: {sentence}"));
    assert!(!said.contains("panicked"), "{said}");
}

#[track_caller]
fn assert_valid(node: &NodeProcess) {
    let verified = verify(node);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// The files that hold the chain.
fn data_files(data_dir: &Path) -> Vec<PathBuf> {
    vec![data_dir.join("blocks.dat"), data_dir.join("state").join("db")]
}

#[test]
fn a_scribbled_file_is_refused_by_name_or_harmless_and_reindex_brings_the_node_back() {
    let mut node = stopped_node(150);
    for file in data_files(&node.data_dir()) {
        let whole = fs::read(&file).expect("readable");
        let mut refusals = 0;
        for eighth in 0..8 {
            let offset = whole.len() as u64 * eighth / 8 + 11;
            let scribble = fs::OpenOptions::new().write(true).open(&file).expect("a file");
            scribble.write_all_at(&[0xa5; 40], offset).expect("written");
            let verified = verify(&node);
            if !verified.status.success() {
                let name = if file.ends_with("blocks.dat") { "blocks.dat" } else { "state" };
                refused(&verified, &[name, "--reindex"]);
                refusals += 1;
            }
            fs::write(&file, &whole).expect("written");
        }
        assert!(refusals > 0, "{} was never looked at", file.display());
        assert_valid(&node);
    }
    // The last file lies in ruins, and the node comes back on its blocks.
    fs::write(node.data_dir().join("state").join("db"), [0xa5; 5_000]).expect("written");
    refused(&node_on(&node.data_dir(), &["--chain", "regtest"]), &["state", "--reindex"]);
    node.restart_with(&["--reindex"]);
    assert_eq!(node.height(), 150);
    assert!(node.stop().success());
    assert_valid(&node);
}

#[test]
fn a_shortened_journal_is_refused_by_name_and_peers_give_back_what_is_lost() {
    let source = NodeProcess::start(Options::default());
    source.call("generatetoaddress", json!([60, address()]));
    let mut node = NodeProcess::start(Options::connected_to(&[&source]));
    node.wait_for_tip(&source.tip());
    assert!(node.stop().success());
    let journal = node.data_dir().join("blocks.dat");
    let length = fs::metadata(&journal).expect("a file").len();
    fs::OpenOptions::new().write(true).open(&journal).and_then(|file| file.set_len(length / 2)).expect("cut");
    refused(&node_on(&node.data_dir(), &["--chain", "regtest"]), &["blocks.dat", "--reindex"]);
    node.restart_with(&["--reindex"]);
    node.wait_for_tip(&source.tip());
    assert!(node.stop().success());
    assert_valid(&node);
}

/// As in a journal too large to be read whole at every start: the damage is met on the way.
#[test]
fn damage_that_a_running_node_meets_is_told_by_name_and_never_acted_upon() {
    let mut node = NodeProcess::start(Options::default());
    node.call("generatetoaddress", json!([150, address()]));
    let middle = node.call("getblockhash", json!([75]));
    let journal = node.data_dir().join("blocks.dat");
    let length = fs::metadata(&journal).expect("a file").len();
    let scribble = fs::OpenOptions::new().write(true).open(&journal).expect("a file");
    scribble.write_all_at(&vec![0xa5; length as usize / 2], length / 4).expect("written");
    let error = node.try_call("getblock", json!([middle])).expect_err("refused");
    let error = format!("{error:?}");
    assert!(error.contains("blocks.dat is damaged") && error.contains("--reindex"), "{error}");
    assert_eq!(node.height(), 150);
    let _stops = node.try_call("invalidateblock", json!([middle]));
    assert_eq!(node.wait_for_exit().code(), Some(1));
    let said = node.log();
    assert!(said.contains("cairn: the node stopped: ") && said.contains("blocks.dat is damaged"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    node.restart_with(&["--reindex"]);
    assert!(node.stop().success());
    assert_valid(&node);
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let mut node = NodeProcess::start(Options::default());
    refused(&node_on(&node.data_dir(), &["--chain", "regtest"]), &["in use by another cairn process"]);
    refused(&verify(&node), &["in use by another cairn process"]);
    node.call("generatetoaddress", json!([1, address()]));
    assert_eq!(node.height(), 1);
    assert!(node.stop().success());
}

#[test]
fn a_directory_of_another_chain_is_refused_and_left_alone() {
    let node = stopped_node(3);
    let before: Vec<_> =
        data_files(&node.data_dir()).iter().map(|file| fs::read(file).expect("readable")).collect();
    refused(&node_on(&node.data_dir(), &["--chain", "devnet"]), &["holds the chain with genesis"]);
    let after: Vec<_> =
        data_files(&node.data_dir()).iter().map(|file| fs::read(file).expect("readable")).collect();
    assert!(before == after, "a refused directory was written to");
    assert_valid(&node);
}

#[test]
fn an_unreadable_configuration_is_refused_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let missing = directory.path().join("missing.toml");
    let missing = missing.to_str().expect("text");
    refused(&node_on(&data_dir, &["--config", missing]), &["missing.toml"]);
    let wrong = directory.path().join("wrong.toml");
    fs::write(&wrong, "data-dir = [").expect("written");
    refused(&node_on(&data_dir, &["--config", wrong.to_str().expect("text")]), &["wrong.toml"]);
    assert!(!data_dir.exists(), "a node that does not start leaves nothing behind");
}

/// A limit on the size of files stands for a full disk: both end in a write that is refused. SIGXFSZ
/// is ignored, so that the process is told by an error, as ENOSPC would.
#[test]
fn a_full_disk_stops_the_node_with_a_sentence_and_nothing_is_harmed() {
    let node = stopped_node(2);
    let rpc = Port::free();
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$@\"";
    let mut command = Command::new("bash");
    command
        .args(["-c", script, "bash"])
        .arg(program())
        .args(["node", "--chain", "regtest", "--listen", "none"]);
    command.arg("--data-dir").arg(node.data_dir()).args(["--rpc", &rpc.address().to_string()]);
    command.args(["--mine", &address(), "--threads", "1", "--stop-on-stdin-close"]);
    let output = command.stdin(Stdio::piped()).output_while_open();
    refused(&output, &["cannot", node.data_dir().to_str().expect("text")]);
    assert_valid(&node);
}

/// Every checksum is right, and the coinbase claims one unit too much: only the rules tell.
#[test]
fn verify_ends_with_failure_and_names_the_block_that_breaks_a_rule() {
    let node = stopped_node(12);
    let verified = verify(&node);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && said.starts_with("chain regtest: 12 blocks up to "), "{said}");

    let definition = Definition::builtin("regtest").expect("a chain of ours");
    let store = SledStore::open(&node.data_dir(), &definition.genesis, Opening::Resume);
    let mut store = store.expect("it opens");
    let tip =
        store.tip().and_then(|tip| store.block(&tip.expect("a tip"))).expect("readable").expect("a body");
    let greedy = greedy_block_on(&tip, &definition.params);
    let (hash, height) = (greedy.hash(), greedy.coinbase().height);
    let record = HeaderRecord { header: *greedy.header(), height, status: BlockStatus::Validated };
    let commit = Commit {
        headers: vec![record],
        bodies: vec![greedy.clone()],
        connected: vec![ChainBlock { height, block: greedy, work: Work::ZERO }],
        tip: Some(hash),
        ..Commit::default()
    };
    store.commit(commit).expect("stored");
    drop(store);
    refused(&verify(&node), &[&format!("block 13 ({hash}) is invalid"), "the coinbase claims", "--reindex"]);
}

fn greedy_block_on(parent: &Block, params: &ChainParams) -> Arc<Block> {
    let height = parent.coinbase().height.next();
    let allowed = subsidy(params, height);
    let claimed = allowed.checked_add(Amount::from_units(1)).expect("subsidies are small");
    let outputs = vec![Output { amount: claimed, lock: accounts::lock(1) }];
    let coinbase = Coinbase { height, outputs, tag: Vec::new() };
    let time = parent.header().time.saturating_add(params.spacing);
    Arc::new(mined(parent.hash(), time, params.pow_limit, coinbase, Vec::new()))
}

trait OutputWhileOpen {
    fn output_while_open(&mut self) -> Ended;
}

impl OutputWhileOpen for Command {
    /// As `output`, but standard input stays open meanwhile: a node stops when it closes.
    fn output_while_open(&mut self) -> Ended {
        let mut child =
            self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be run");
        let _open = child.stdin.take();
        child.wait_with_output().expect("a child can be waited for")
    }
}
