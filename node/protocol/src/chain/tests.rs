//! The chain: what becomes the best one, what stays out, and that nothing is half done.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::check::block::BlockError;
use cairn_core::check::connect::ConnectError;
use cairn_core::check::transaction::TransactionError;
use cairn_core::signature::SerialVerifier;
use cairn_core::subsidy::supply;
use cairn_core::testing::{TestChain, pay};

use super::memory_store::MemoryStore;
use super::store::ChainBlock;
use super::*;

mod attacks;
mod parts;

const LATE: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn open(test: &TestChain) -> Chain<MemoryStore> {
    open_on(test, MemoryStore::default())
}

fn open_on(test: &TestChain, store: MemoryStore) -> Chain<MemoryStore> {
    Chain::open(test.params.clone(), &test.genesis, store, Box::new(SerialVerifier)).expect("it opens")
}

fn verdict(accepted: Result<Accepted, Failure<BlockRejection>>) -> Result<BlockVerdict, BlockRejection> {
    let accepted = accepted.map(|accepted| accepted.verdict);
    accepted.map_err(|failure| failure.rejection().expect("memory does not fail"))
}

fn give(chain: &mut Chain<MemoryStore>, block: &Arc<Block>) -> Result<BlockVerdict, BlockRejection> {
    verdict(chain.accept_block(LATE, block.clone()))
}

fn give_all(chain: &mut Chain<MemoryStore>, blocks: &[Arc<Block>]) {
    blocks.iter().for_each(|block| {
        assert!(give(chain, block).is_ok(), "a valid block");
    });
}

fn coins(chain: &Chain<MemoryStore>) -> BTreeMap<OutPoint, Coin> {
    let mut coins = BTreeMap::new();
    chain
        .store()
        .for_each_coin(&mut |outpoint, coin| {
            coins.insert(outpoint, coin);
        })
        .expect("memory does not fail");
    coins
}

#[test]
fn a_block_on_the_tip_is_connected_and_told() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let accepted = chain.accept_block(LATE, block.clone()).expect("valid");
    let change = accepted.change.expect("the tip moved");
    assert_eq!(accepted.verdict, BlockVerdict::Connected);
    assert_eq!(
        (change.fork_point, change.disconnected.len(), change.connected.len()),
        (Height::GENESIS, 0, 1)
    );
    assert_eq!(chain.tip().hash(), block.hash());
    assert_eq!(give(&mut chain, &block), Ok(BlockVerdict::Duplicate));
}

#[test]
fn of_two_equal_branches_the_first_seen_stays() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let first = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let second = test.block_on(&test.genesis, 2, Amount::ZERO, Vec::new());
    give_all(&mut chain, std::slice::from_ref(&first));
    assert_eq!(give(&mut chain, &second), Ok(BlockVerdict::SideBranch));
    assert_eq!(chain.tip().hash(), first.hash());
}

/// docs/protocol.md, section 11: a header is quickly made known, and would be an option on the tie.
#[test]
fn of_two_equal_blocks_the_one_whose_body_came_first_is_the_best_whichever_header_did() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let shared = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let [first, second] = [1, 2].map(|payee| test.block_on(&shared, payee, Amount::ZERO, Vec::new()));
    for block in [&shared, &first, &second] {
        chain.accept_header(LATE, block.header()).expect("a valid header");
    }
    // A body whose parent's is missing has come when that one comes.
    assert_eq!(give(&mut chain, &second), Ok(BlockVerdict::AncestorMissing));
    give_all(&mut chain, &[shared, first]);
    assert_eq!(chain.tip().hash(), second.hash());
}

#[test]
fn the_branch_with_more_work_wins_and_every_block_that_moved_is_told_in_order() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let losing = test.blocks_on(&test.genesis, 1, 3);
    let winning = test.blocks_on(&test.genesis, 2, 4);
    give_all(&mut chain, &losing);
    give_all(&mut chain, &winning[..3]);
    let accepted = chain.accept_block(LATE, winning[3].clone()).expect("valid");
    let change = accepted.change.expect("a reorganization");
    let left: Vec<BlockHash> = change.disconnected_blocks().map(|block| block.hash()).collect();
    let joined: Vec<BlockHash> = change.connected_blocks().map(|block| block.hash()).collect();
    assert_eq!(left, losing.iter().rev().map(|block| block.hash()).collect::<Vec<_>>());
    assert_eq!(joined, winning.iter().map(|block| block.hash()).collect::<Vec<_>>());
    assert!(change.new_work > change.old_work);
}

/// ATTACKS 14.
#[test]
fn the_coins_after_a_reorganization_are_those_of_a_node_that_never_saw_the_loser() {
    let test = TestChain::new();
    let (mut there_and_back, mut straight) = (open(&test), open(&test));
    let spend = test.spend(3, &[test.premine(3)], vec![pay(400, 4), pay(600, 5)]);
    let again = test.spend(4, &[(OutPoint { txid: spend.txid(), index: 0 }, pay(400, 4))], vec![pay(400, 6)]);
    let other = test.spend(3, &[test.premine(3)], vec![pay(1_000, 7)]);
    let a1 = test.block_on(&test.genesis, 1, Amount::ZERO, vec![spend, again]);
    let a2 = test.block_on(&a1, 1, Amount::ZERO, Vec::new());
    let b1 = test.block_on(&test.genesis, 2, Amount::ZERO, vec![other]);
    let b = [vec![b1.clone()], test.blocks_on(&b1, 2, 2)].concat();
    give_all(&mut there_and_back, &[a1, a2]);
    give_all(&mut there_and_back, &b);
    give_all(&mut straight, &b);
    assert_eq!(there_and_back.tip().hash(), straight.tip().hash());
    assert_eq!(coins(&there_and_back), coins(&straight));
    let sum = Amount::checked_sum(coins(&straight).values().map(|coin| coin.output.amount));
    assert_eq!(sum, Some(supply(&test.params, Height::from_u32(3))));
}

#[test]
fn bodies_may_come_in_any_order_once_their_headers_are_known() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let blocks = test.blocks_on(&test.genesis, 1, 20);
    for block in &blocks {
        chain.accept_header(LATE, block.header()).expect("a valid header");
    }
    for block in blocks.iter().skip(1).rev() {
        assert_eq!(give(&mut chain, block), Ok(BlockVerdict::AncestorMissing));
    }
    assert_eq!(give(&mut chain, &blocks[0]), Ok(BlockVerdict::Connected));
    assert_eq!(chain.tip().hash(), blocks[19].hash());
}

#[test]
fn a_block_without_its_parent_is_refused_and_welcome_later() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let blocks = test.blocks_on(&test.genesis, 1, 2);
    let parent = blocks[0].hash();
    assert_eq!(give(&mut chain, &blocks[1]), Err(BlockRejection::UnknownParent { parent }));
    give_all(&mut chain, &blocks);
    assert_eq!(chain.tip().hash(), blocks[1].hash());
}

/// ATTACKS 17 and 30: a body that is not the header's says nothing of the header.
#[test]
fn a_false_body_does_not_keep_the_true_one_out() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let spend = test.spend(3, &[test.premine(3)], vec![pay(1_000, 4)]);
    let honest = test.block_on(&test.genesis, 1, Amount::ZERO, vec![spend]);
    let stripped = Arc::new(Block::new(*honest.header(), honest.coinbase().clone(), Vec::new()));
    assert!(matches!(give(&mut chain, &stripped), Err(BlockRejection::Body(BlockError::MerkleRoot { .. }))));
    assert_eq!(give(&mut chain, &honest), Ok(BlockVerdict::Connected));
}

#[test]
fn a_branch_with_an_invalid_block_loses_though_it_has_more_work() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let honest = test.blocks_on(&test.genesis, 1, 2);
    give_all(&mut chain, &honest);
    let theft = test.spend(9, &[test.premine(3)], vec![pay(1_000, 9)]);
    let bad = test.block_on(&test.genesis, 2, Amount::ZERO, vec![theft.clone()]);
    let above = test.blocks_on(&bad, 2, 3);
    assert_eq!(give(&mut chain, &bad), Ok(BlockVerdict::SideBranch), "its coins are not looked at yet");
    assert_eq!(give(&mut chain, &above[0]), Ok(BlockVerdict::SideBranch), "still not more work");
    let hash = above[1].hash();
    assert_eq!(give(&mut chain, &above[1]), Err(BlockRejection::DescendsFromInvalid { hash }));
    assert_eq!(chain.tip().hash(), honest[1].hash());
    let hash = bad.hash();
    assert_eq!(chain.accept_header(LATE, bad.header()), Err(BlockRejection::KnownInvalid { hash }));
    assert_eq!(chain.best_header().hash(), honest[1].hash());
}

#[test]
fn a_forged_signature_is_named() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let theft = test.spend(9, &[test.premine(3)], vec![pay(1_000, 9)]);
    let bad = test.block_on(&test.genesis, 2, Amount::ZERO, vec![theft.clone()]);
    let error =
        ConnectError::Transaction { txid: theft.txid(), error: TransactionError::BadSignature { index: 0 } };
    assert_eq!(give(&mut chain, &bad), Err(BlockRejection::Connect { hash: bad.hash(), error }));
}

/// ATTACKS 7.
#[test]
fn a_block_ahead_of_the_clock_is_kept_aside_and_taken_in_when_its_time_comes() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let early = block
        .header()
        .time
        .saturating_sub(test.params.max_future_drift)
        .saturating_sub(core::time::Duration::from_millis(1));
    let accepted = chain.accept_block(early, block.clone()).expect("no fault");
    assert!(matches!(accepted.verdict, BlockVerdict::TooEarly(ahead) if ahead.now == early));
    assert!(chain.take_due(early).is_empty());
    let due = chain.next_wake().expect("its time is known");
    let blocks = chain.take_due(due);
    assert_eq!(blocks.len(), 1);
    let accepted = chain.accept_block(due, blocks[0].clone()).expect("valid");
    assert_eq!(accepted.verdict, BlockVerdict::Connected);
}

#[test]
fn a_chain_opened_again_is_as_it_was() {
    let test = TestChain::new();
    let mut chain = open(&test);
    give_all(&mut chain, &test.blocks_on(&test.genesis, 1, 30));
    give_all(&mut chain, &test.blocks_on(&test.genesis, 2, 5));
    let (tip, before) = (chain.tip().hash(), coins(&chain));
    let chain = open_on(&test, chain.into_store());
    assert_eq!(chain.tip().hash(), tip);
    assert_eq!(coins(&chain), before);
    assert_eq!(chain.tree().leaves().count(), 2);
}

#[test]
fn what_was_not_flushed_may_be_lost_and_is_fetched_again() {
    let test = TestChain::new();
    let mut chain = open_on(&test, MemoryStore::forgetful());
    let blocks = test.blocks_on(&test.genesis, 1, 10);
    give_all(&mut chain, &blocks[..5]);
    chain.flush().expect("memory");
    give_all(&mut chain, &blocks[5..]);
    let mut store = chain.into_store();
    store.lose_unflushed();
    let mut chain = open_on(&test, store);
    assert_eq!(chain.tip().hash(), blocks[4].hash());
    give_all(&mut chain, &blocks[5..]);
    assert_eq!(chain.tip().hash(), blocks[9].hash());
}

#[test]
fn a_store_of_another_chain_is_refused() {
    let (ours, theirs) = (TestChain::new(), TestChain::named("other"));
    let store = open(&theirs).into_store();
    let refused = Chain::open(ours.params.clone(), &ours.genesis, store, Box::new(SerialVerifier));
    let Err(OpenError::OtherChain { expected }) = refused else {
        panic!("opened the store of another chain")
    };
    assert_eq!(expected, ours.genesis.hash());
}

#[test]
fn headers_follow_the_first_hash_of_a_locator_that_is_on_the_best_chain() {
    let test = TestChain::new();
    let (mut ours, mut theirs) = (open(&test), open(&test));
    let common = test.blocks_on(&test.genesis, 1, 50);
    let branch = test.blocks_on(&common[29], 2, 40);
    give_all(&mut ours, &common);
    give_all(&mut theirs, &common[..30]);
    give_all(&mut theirs, &branch);
    let headers = theirs.headers_after(&ours.locator(), 2000);
    let first = headers.first().expect("some follow");
    let parent = ours.entry(&first.previous_block_hash).expect("it stands on a block of ours");
    assert!(parent.height <= Height::from_u32(30));
    assert_eq!(headers.last().map(Header::hash), Some(branch[39].hash()));
}

#[test]
fn every_ancestor_is_found_by_height() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let blocks = test.blocks_on(&test.genesis, 1, 200);
    give_all(&mut chain, &blocks);
    let tip = chain.tip();
    for height in 1..=200u32 {
        let found = chain.tree().ancestor(tip, Height::from_u32(height)).expect("below the tip");
        assert_eq!(found.hash(), blocks[height as usize - 1].hash());
    }
}

fn mark(chain: &mut Chain<MemoryStore>, block: &Block, decision: BlockOverride) -> Option<ChainChange> {
    chain.override_block(block.hash(), decision).expect("a block that can be overridden")
}

#[test]
fn a_block_called_invalid_takes_what_stands_on_it_along_and_the_next_best_branch_follows() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let best = test.blocks_on(&test.genesis, 1, 6);
    let second = test.blocks_on(&best[0], 2, 3);
    let third = test.blocks_on(&test.genesis, 3, 2);
    give_all(&mut chain, &best);
    give_all(&mut chain, &second);
    give_all(&mut chain, &third);
    let change = mark(&mut chain, &best[2], BlockOverride::Invalidate).expect("the tip moved");
    let left: Vec<BlockHash> = change.disconnected_blocks().map(|block| block.hash()).collect();
    let joined: Vec<BlockHash> = change.connected_blocks().map(|block| block.hash()).collect();
    assert_eq!(left, best[1..].iter().rev().map(|block| block.hash()).collect::<Vec<_>>());
    assert_eq!(joined, second.iter().map(|block| block.hash()).collect::<Vec<_>>());
    assert!(change.new_work < change.old_work, "the next best branch has less");
    assert_eq!(chain.best_header().hash(), second[2].hash());
    let above = test.block_on(&best[5], 1, Amount::ZERO, Vec::new());
    let hash = above.hash();
    assert_eq!(give(&mut chain, &above), Err(BlockRejection::DescendsFromInvalid { hash }));
    let mut straight = open(&test);
    give_all(&mut straight, &best[..1]);
    give_all(&mut straight, &second);
    assert_eq!(coins(&chain), coins(&straight));
}

#[test]
fn without_another_branch_the_chain_ends_below_a_block_called_invalid_and_grows_from_there() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let blocks = test.blocks_on(&test.genesis, 1, 5);
    give_all(&mut chain, &blocks);
    let change = mark(&mut chain, &blocks[1], BlockOverride::Invalidate).expect("the tip moved");
    assert_eq!((change.fork_hash, change.connected.len()), (blocks[0].hash(), 0));
    assert_eq!(chain.tip().hash(), blocks[0].hash());
    let other = test.block_on(&blocks[0], 9, Amount::ZERO, Vec::new());
    assert_eq!(give(&mut chain, &other), Ok(BlockVerdict::Connected));
    assert!(mark(&mut chain, &blocks[1], BlockOverride::Invalidate).is_none(), "it is out already");
}

#[test]
fn a_mark_survives_a_restart_and_is_taken_back_by_reconsidering() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let blocks = test.blocks_on(&test.genesis, 1, 5);
    give_all(&mut chain, &blocks);
    let before = coins(&chain);
    mark(&mut chain, &blocks[2], BlockOverride::Invalidate);
    let mut chain = open_on(&test, chain.into_store());
    assert_eq!(chain.tip().hash(), blocks[1].hash());
    assert_eq!(chain.best_header().hash(), blocks[1].hash());
    let hash = blocks[2].hash();
    assert_eq!(give(&mut chain, &blocks[2]), Err(BlockRejection::KnownInvalid { hash }));
    // Naming a descendant frees its ancestors, and what stands on it.
    let change = mark(&mut chain, &blocks[3], BlockOverride::Reconsider).expect("the tip moved");
    assert_eq!((change.disconnected.len(), change.connected.len()), (0, 3));
    assert_eq!(chain.tip().hash(), blocks[4].hash());
    assert_eq!(coins(&chain), before);
    let chain = open_on(&test, chain.into_store());
    assert_eq!(chain.tip().hash(), blocks[4].hash());
}

#[test]
fn reconsidering_frees_branches_beside_but_not_those_with_a_mark_of_their_own() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let trunk = test.blocks_on(&test.genesis, 1, 2);
    let (free, marked) = (test.blocks_on(&trunk[1], 2, 1), test.blocks_on(&trunk[1], 3, 3));
    give_all(&mut chain, &trunk);
    give_all(&mut chain, &free);
    give_all(&mut chain, &marked);
    mark(&mut chain, &marked[1], BlockOverride::Invalidate);
    mark(&mut chain, &trunk[0], BlockOverride::Invalidate);
    assert_eq!(chain.tip().hash(), test.genesis.hash());
    mark(&mut chain, &free[0], BlockOverride::Reconsider);
    let is_invalid = |block: &Block| chain.entry(&block.hash()).is_some_and(BlockIndexEntry::is_invalid);
    assert!(!is_invalid(&free[0]) && !is_invalid(&marked[0]));
    assert!(is_invalid(&marked[1]) && is_invalid(&marked[2]));
    assert_eq!(chain.tip().height, Height::from_u32(3));
}

#[test]
fn a_block_that_breaks_a_rule_is_found_out_again_when_it_is_reconsidered() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let theft = test.spend(9, &[test.premine(3)], vec![pay(1_000, 9)]);
    let bad = test.block_on(&test.genesis, 2, Amount::ZERO, vec![theft]);
    assert!(matches!(give(&mut chain, &bad), Err(BlockRejection::Connect { .. })));
    assert!(mark(&mut chain, &bad, BlockOverride::Reconsider).is_none());
    assert_eq!(chain.tip().hash(), test.genesis.hash());
    assert!(chain.entry(&bad.hash()).is_some_and(BlockIndexEntry::is_invalid));
}

#[test]
fn of_equal_branches_the_precious_one_is_the_best_and_more_work_still_wins() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let first = test.blocks_on(&test.genesis, 1, 2);
    let second = test.blocks_on(&test.genesis, 2, 2);
    give_all(&mut chain, &first);
    give_all(&mut chain, &second);
    assert!(mark(&mut chain, &second[0], BlockOverride::Precious).is_none(), "it has less work than the tip");
    let change = mark(&mut chain, &second[1], BlockOverride::Precious).expect("the tip moved");
    assert_eq!((change.disconnected.len(), change.connected.len()), (2, 2));
    mark(&mut chain, &first[1], BlockOverride::Precious);
    assert_eq!(chain.tip().hash(), first[1].hash(), "the last word counts");
    give_all(&mut chain, &test.blocks_on(&second[1], 2, 1));
    assert_eq!(chain.tip().height, Height::from_u32(3));
}

#[test]
fn neither_genesis_nor_an_unknown_block_can_be_called_invalid() {
    let test = TestChain::new();
    let mut chain = open(&test);
    let hash = test.genesis.hash();
    let rejection = |failure: Failure<OverrideError>| failure.rejection().expect("memory");
    let outcome = chain.override_block(hash, BlockOverride::Invalidate).map_err(rejection);
    assert_eq!(outcome.err(), Some(OverrideError::Genesis { hash }));
    for decision in [BlockOverride::Invalidate, BlockOverride::Reconsider, BlockOverride::Precious] {
        let outcome = chain.override_block(BlockHash::ZERO, decision).map_err(rejection);
        assert_eq!(outcome.err(), Some(OverrideError::UnknownBlock { hash: BlockHash::ZERO }));
    }
}
