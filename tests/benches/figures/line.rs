//! A block on its way down a line of five nodes.

use std::time::{Duration, Instant};

use cairn_core::address::Address;
use cairn_genesis::{Chain, accounts};
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use serde_json::{Value, json};

use crate::median::in_words;

/// Blocks measured.
const BLOCKS: usize = 50;

/// From the miner's answer to the fifth node's tip.
pub fn measure() -> String {
    let mut nodes: Vec<NodeProcess> = Vec::new();
    while nodes.len() < 5 {
        let before: Vec<&NodeProcess> = nodes.last().into_iter().collect();
        // Nobody dials but whom it was told to dial, or the line would become a mesh.
        let arguments = vec!["--max-outbound".to_owned(), "0".to_owned()];
        nodes.push(NodeProcess::start(Options {
            arguments,
            memory_limit: u64::MAX,
            ..Options::connected_to(&before)
        }));
    }
    wait_until("the line is linked", || nodes.iter().map(NodeProcess::peers).eq([1, 2, 2, 2, 1]));
    in_words((0..BLOCKS).map(|_| pass_down(&nodes)).collect())
}

fn pass_down(nodes: &[NodeProcess]) -> Duration {
    let made = mine(&nodes[0], 1);
    let answered = Instant::now();
    while made[0] != nodes[4].tip() {}
    answered.elapsed()
}

/// Mines blocks on a node and returns their hashes.
pub fn mine(node: &NodeProcess, blocks: u32) -> Value {
    let chain = Chain::builtin("regtest").expect("a chain of ours");
    let address = Address::new(&chain.params.address_prefix, accounts::lock(0)).to_string();
    node.call("generatetoaddress", json!([blocks, address]))
}
