//! What verifying finds in stores that are whole by every checksum, and wrong.

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::block::BlockError;
use cairn_core::check::connect::ConnectError;
use cairn_core::coin::CoinChanges;
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::testing::{mine, pay};
use cairn_core::transaction::Output;
use cairn_core::work::Work;
use cairn_protocol::chain::BlockRejection;
use cairn_protocol::chain::store::{BlockStatus, ChainBlock, Commit, HeaderRecord};

use crate::store::database::Batch;
use crate::store::journal::JournalRecord;
use crate::store::schema::{OutputState, StoredTransaction, transaction_key};
use crate::store::tests::world::{LATE, World, feed};
use crate::store::{Opening, SledStore};

use super::*;

/// A stopped store with these blocks.
fn stored(world: &World, blocks: &[Arc<Block>]) {
    let mut chain = world.open();
    feed(&mut chain, blocks);
}

fn open(world: &World) -> SledStore {
    SledStore::open(world.directory.path(), &world.test.genesis, Opening::Resume).expect("it opens")
}

/// Changes the stopped store behind the chain's back, through its own doors, so that every checksum
/// is right; then verifies what is read back.
fn verified_after(world: &World, change: impl FnOnce(&mut SledStore)) -> Result<Verified, VerifyError> {
    let mut store = open(world);
    change(&mut store);
    store.write_checkpoint().expect("written");
    drop(store);
    verify(&open(world), None, &world.test.params, &world.test.genesis, LATE, |_, _| {})
}

/// Changes one transaction's record.
fn rewrite(store: &SledStore, txid: Txid, change: impl FnOnce(&mut StoredTransaction)) {
    let key = transaction_key(&txid);
    let mut record: StoredTransaction = store.database.get(&key).expect("readable").expect("a record");
    change(&mut record);
    let mut batch = Batch::default();
    batch.insert(&key, &encode(&record));
    store.database.write(batch).expect("written");
}

fn verify_error(outcome: Result<Verified, VerifyError>) -> VerifyError {
    outcome.expect_err("something is wrong")
}

/// The first payment of block 1: its first output was spent in that block, its second is a coin.
fn payment(blocks: &[Arc<Block>]) -> Txid {
    blocks[1].transactions()[0].txid()
}

/// Puts another body under a block's hash.
fn replace_body(store: &mut SledStore, block: Block) {
    let hash = block.hash();
    let location = store.journal.append(&JournalRecord::Body(Arc::new(block))).expect("written");
    store.headers.get_mut(&hash).expect("a header").body = Some(location);
    store.dirty_headers.insert(hash);
}

#[test]
fn a_chain_with_a_reorganization_behind_it_is_valid_and_counted() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let mut steps = Vec::new();
    let store = open(&world);
    let verified = verify(&store, None, &world.test.params, &world.test.genesis, LATE, |passed, of| {
        steps.push((passed, of))
    });
    let tip = blocks.last().expect("blocks").hash();
    // 57 blocks before the fork and 5 after; two payments in each of the first ten; the premine's ten
    // outputs are spent, each leaves two coins.
    let coins = 62 + 20 + world.test.genesis.coinbase().outputs.len() as u64 - 10;
    assert_eq!(
        verified.expect("valid"),
        Verified { tip, blocks: 62, transactions: 82, coins, addresses: None }
    );
    assert_eq!(steps, (1..=62).map(|height| (height, 62)).collect::<Vec<_>>());
}

#[test]
fn a_body_that_its_header_does_not_commit_to_is_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let error = verify_error(verified_after(&world, |store| {
        for at in [7, 5] {
            let mut coinbase = blocks[at].coinbase().clone();
            coinbase.outputs = vec![pay(1, 99)];
            let transactions = blocks[at].transactions().to_vec();
            replace_body(store, Block::new(*blocks[at].header(), coinbase, transactions));
        }
    }));
    let VerifyError::Invalid { height, hash, error } = error else { panic!("{error}") };
    assert_eq!((height.get(), hash), (5, blocks[5].hash()));
    assert!(matches!(*error, BlockRejection::Body(BlockError::MerkleRoot { .. })), "{error}");
}

#[test]
fn a_block_that_claims_too_much_is_named_whatever_stands_on_it() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks[..4]);
    let greedy = world.test.block_on(&blocks[3], 9, Amount::COIN, Vec::new());
    let above = world.test.block_on(&greedy, 9, Amount::ZERO, Vec::new());
    let error = verify_error(verified_after(&world, |store| {
        for (height, block) in [(4, &greedy), (5, &above)] {
            store.commit(connecting(height, block)).expect("stored");
        }
    }));
    let VerifyError::Invalid { height, hash, error } = error else { panic!("{error}") };
    assert_eq!((height.get(), hash), (4, greedy.hash()));
    let BlockRejection::Connect { error, .. } = *error else { panic!("{error}") };
    assert!(matches!(error, ConnectError::CoinbaseClaimsTooMuch { .. }), "{error}");
}

/// What connects a block of only a coinbase, without a question asked.
fn connecting(height: u32, block: &Arc<Block>) -> Commit {
    let (hash, height) = (block.hash(), Height::from_u32(height));
    let record = HeaderRecord { header: *block.header(), height, status: BlockStatus::Validated };
    Commit {
        headers: vec![record],
        bodies: vec![block.clone()],
        coins: CoinChanges { spent: Vec::new(), created: Vec::new() },
        connected: vec![ChainBlock { height, block: block.clone(), work: Work::ZERO }],
        tip: Some(hash),
        ..Commit::default()
    }
}

#[test]
fn a_block_whose_header_breaks_a_rule_is_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks[..4]);
    let next = world.test.block_on(&blocks[3], 9, Amount::ZERO, Vec::new());
    let header = mine(cairn_core::header::Header::from(cairn_core::header::HeaderFields {
        time: blocks[1].header().time,
        ..**next.header()
    }));
    let early = Arc::new(Block::new(header, next.coinbase().clone(), Vec::new()));
    let error = verify_error(verified_after(&world, |store| {
        store.commit(connecting(4, &early)).expect("stored");
    }));
    let VerifyError::Invalid { height, hash, error } = error else { panic!("{error}") };
    assert_eq!((height.get(), hash), (4, early.hash()));
    assert!(matches!(*error, BlockRejection::Header(_)), "{error}");
}

#[test]
fn a_body_that_is_gone_is_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let error = verify_error(verified_after(&world, |store| {
        let hash = blocks[8].hash();
        store.headers.get_mut(&hash).expect("a header").body = None;
        store.dirty_headers.insert(hash);
    }));
    assert!(
        matches!(&error, VerifyError::Unreadable { height, hash, .. } if height.get() == 8 && *hash == blocks[8].hash()),
        "{error}"
    );
}

#[test]
fn a_changed_amount_is_found_and_the_coin_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let outpoint = OutPoint { txid: payment(&blocks), index: 1 };
    let error = verify_error(verified_after(&world, |store| {
        rewrite(store, outpoint.txid, |record| record.outputs[1] = OutputState::Unspent(pay(601, 0)));
    }));
    let VerifyError::Coin { outpoint: found, stored, rebuilt } = error else { panic!("{error}") };
    assert_eq!(found, outpoint);
    assert_eq!(stored.map(|coin| coin.output), Some(pay(601, 0)));
    assert_eq!(rebuilt.map(|coin| coin.output), Some(pay(600, 0)));
}

#[test]
fn a_missing_coin_is_found_and_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let outpoint = OutPoint { txid: payment(&blocks), index: 1 };
    let error = verify_error(verified_after(&world, |store| {
        let spent = OutputState::Spent { by: Txid::ZERO, height: Height::from_u32(3) };
        rewrite(store, outpoint.txid, |record| record.outputs[1] = spent);
    }));
    let VerifyError::Coin { outpoint: found, stored: None, rebuilt: Some(rebuilt) } = error else {
        panic!("{error}")
    };
    assert_eq!((found, rebuilt.output), (outpoint, pay(600, 0)));
}

#[test]
fn a_coin_that_was_spent_long_ago_is_found_and_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let outpoint = OutPoint { txid: payment(&blocks), index: 0 };
    let error = verify_error(verified_after(&world, |store| {
        rewrite(store, outpoint.txid, |record| record.outputs[0] = OutputState::Unspent(pay(400, 20)));
    }));
    let VerifyError::Coin { outpoint: found, stored: Some(stored), rebuilt: None } = error else {
        panic!("{error}")
    };
    assert_eq!((found, stored.output), (outpoint, pay(400, 20)));
}

#[test]
fn a_coin_out_of_nowhere_is_found_and_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let outpoint = OutPoint { txid: Txid::from_bytes([0xee; 32]), index: 0 };
    let error = verify_error(verified_after(&world, |store| {
        let output: Output = pay(5, 5);
        let record = StoredTransaction {
            block: blocks[2].hash(),
            height: Height::from_u32(2),
            position: 1,
            outputs: vec![OutputState::Unspent(output)],
        };
        store.transactions.put(outpoint.txid, record);
    }));
    assert!(
        matches!(&error, VerifyError::Coin { outpoint: found, stored: Some(_), rebuilt: None } if *found == outpoint),
        "{error}"
    );
}

#[test]
fn a_wrong_place_in_the_index_is_found_and_the_transaction_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let (txid, hash) = (payment(&blocks), blocks[1].hash());
    let error =
        verify_error(verified_after(&world, |store| rewrite(store, txid, |record| record.position = 2)));
    assert!(
        matches!(&error, VerifyError::Index { txid: found, position: 1, height, hash: of } if (*found, height.get(), *of) == (txid, 1, hash)),
        "{error}"
    );
}

#[test]
fn a_wrong_spender_in_the_index_is_found_and_the_transaction_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let (made, spender) = (payment(&blocks), blocks[1].transactions()[1].txid());
    let error = verify_error(verified_after(&world, |store| {
        let spent = OutputState::Spent { by: made, height: Height::from_u32(1) };
        rewrite(store, made, |record| record.outputs[0] = spent);
    }));
    assert!(matches!(&error, VerifyError::Index { txid, position: 2, .. } if *txid == spender), "{error}");
}

#[test]
fn a_wrong_height_in_a_headers_record_is_found_and_the_block_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let error = verify_error(verified_after(&world, |store| {
        let hash = blocks[30].hash();
        store.headers.get_mut(&hash).expect("a header").record.height = Height::from_u32(31);
        store.dirty_headers.insert(hash);
    }));
    let VerifyError::Height { hash, found, expected } = error else { panic!("{error}") };
    assert_eq!((hash, found.get(), expected.get()), (blocks[30].hash(), 31, 30));
}

#[test]
fn a_tip_marker_below_the_tip_is_found_and_both_heights_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let marked = blocks[40].hash();
    let error = verify_error(verified_after(&world, |store| store.checkpoint.tip = Some(marked)));
    let VerifyError::TipMarker { tip, height, found } = error else { panic!("{error}") };
    assert_eq!((tip, height.get(), found.map(Height::get)), (marked, 40, Some(62)));
}

#[test]
fn a_tip_marker_on_a_branch_that_was_left_is_found_and_the_block_named() {
    let world = World::new();
    let blocks = world.blocks();
    stored(&world, &blocks);
    let left = blocks[60].hash();
    let error = verify_error(verified_after(&world, |store| store.checkpoint.tip = Some(left)));
    let VerifyError::TipMarker { tip, height, found: None } = error else { panic!("{error}") };
    assert_eq!((tip, height.get()), (left, 60));
}
