//! A long branch is taken in parts: what is told when a later part breaks a rule.

use super::*;

/// Follows the chain by what is told of it, as a client of the events does.
fn retold(test: &TestChain, change: &ChainChange) -> Vec<BlockHash> {
    let mut told = vec![test.genesis.hash()];
    for block in change.disconnected_blocks() {
        assert_eq!(told.pop(), Some(block.hash()), "only the last block can leave");
    }
    for ChainBlock { height, block, .. } in &change.connected {
        assert_eq!(height.get() as usize, told.len());
        assert_eq!(Some(&block.header().previous_block_hash), told.last(), "each stands on the one before");
        told.push(block.hash());
    }
    told
}

#[test]
fn a_branch_left_again_within_one_step_is_told_as_what_remains_of_it() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let first = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let trunk = test.blocks_on(&first, 1, 140);
    let bad = test.block_on(&trunk[139], 1, Amount::COIN, Vec::new());
    let spoiled = [&trunk[..], std::slice::from_ref(&bad), &test.blocks_on(&bad, 1, 30)].concat();
    let good = test.blocks_on(&first, 2, 160);
    for block in std::iter::once(&first).chain(&spoiled).chain(&good) {
        chain.accept_header(LATE, block.header()).expect("a valid header");
    }
    for block in spoiled.iter().chain(&good) {
        assert_eq!(give(&mut chain, block), Ok(BlockVerdict::AncestorMissing));
    }
    let accepted = chain.accept_block(LATE, first.clone()).expect("valid");
    assert_eq!(chain.tip().hash(), good[159].hash());
    assert_eq!(retold(&test, &accepted.change.expect("the tip moved")), chain.best_chain());
}
