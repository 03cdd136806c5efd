//! However little memory there is, what is written is whole.

use cairn_core::testing::{lock, pay};
use cairn_core::transaction::{OutPoint, Output, Transaction};

use super::*;

/// Every step is followed by a checkpoint, and the cache holds two records.
const NEXT_TO_NOTHING: Bounds = Bounds { dirty: 1, cached: 1 };

/// The premine of one key, split into as many outputs as half a block holds.
fn split(world: &World, owner: u8, parts: u64) -> Arc<Transaction> {
    let part = Output { amount: Amount::from_units(1_000 * Amount::COIN.units() / parts), lock: lock(owner) };
    world.test.spend(owner, &[world.test.premine(owner)], vec![part; parts as usize])
}

/// All outputs of a transaction, joined again; what is left of the division goes to the fee.
fn join(world: &World, owner: u8, parts: &Transaction) -> Arc<Transaction> {
    let coins = parts.outputs().iter().cloned().enumerate();
    let coins: Vec<(OutPoint, Output)> =
        coins.map(|(index, output)| (OutPoint { txid: parts.txid(), index: index as u32 }, output)).collect();
    world.test.spend(owner, &coins, vec![pay(999, owner)])
}

/// ATTACKS 9, BIP 50: a limit of the database on what one step may touch once split a chain in two.
#[test]
fn the_largest_blocks_and_a_reorganization_that_undoes_them_are_whole_with_next_to_no_memory() {
    let world = World::new();
    let splits = [split(&world, 1, 11_000), split(&world, 2, 11_000)];
    let joins = [join(&world, 1, &splits[0]), join(&world, 2, &splits[1])];
    let most = world.test.params.max_block_bytes;
    let large = world.test.block_on(&world.test.genesis, 30, Amount::ZERO, splits.to_vec());
    let spending = world.test.block_on(&large, 30, Amount::ZERO, joins.to_vec());
    assert!(large.size() > most * 9 / 10 && spending.size() > most * 3 / 4, "close to the bound");
    let mut blocks = vec![large, spending.clone()];
    blocks.extend(world.test.blocks_on(&spending, 30, 40));
    let ways = [2, blocks.len(), blocks.len() + 43];
    blocks.extend(world.test.blocks_on(&world.test.genesis, 31, 43));
    for end in ways {
        let world = World { test: world.test.clone(), directory: tempfile::tempdir().expect("a directory") };
        let open = || world.try_open_within(NEXT_TO_NOTHING, Opening::Resume).expect("it opens");
        let mut chain = open();
        feed(&mut chain, &blocks[..end]);
        let expected = in_memory(&world, &blocks[..end]);
        assert_eq!(chain.tip().hash(), expected.tip().hash());
        assert!(coins(&chain) == coins(&expected), "the same coins after {end} blocks");
        chain.flush().expect("flushed");
        world.kill(chain);
        let chain = open();
        assert_eq!(chain.tip().hash(), expected.tip().hash());
        assert!(coins(&chain) == coins(&expected), "the same coins after {end} blocks and a kill");
    }
}

/// ATTACKS 9: any stop between two steps finds the state of one of them, as with plenty of memory.
#[test]
fn a_store_with_next_to_no_memory_holds_what_memory_holds_through_kills_and_a_reorganization() {
    let world = World::new();
    let blocks = world.blocks();
    let open = || world.try_open_within(NEXT_TO_NOTHING, Opening::Resume).expect("it opens");
    let mut chain = open();
    for (end, block) in (1..).zip(&blocks) {
        feed(&mut chain, std::slice::from_ref(block));
        if end % 7 == 0 || end > 58 {
            chain.flush().expect("flushed");
            world.kill(chain);
            chain = open();
            assert_same(&chain, &in_memory(&world, &blocks[..end]), &blocks[..end]);
        }
    }
}

/// ATTACKS 13: a look at one output of a large transaction does not copy the others.
#[test]
fn looking_at_every_output_of_a_large_transaction_shares_its_record() {
    let world = World::new();
    let parts = split(&world, 1, 20_000);
    let mut chain = world.open();
    feed(&mut chain, &[world.test.block_on(&world.test.genesis, 30, Amount::ZERO, vec![parts.clone()])]);
    let chain = world.checkpoint(chain);
    let record = || chain.store().transactions.find(&parts.txid()).expect("readable").expect("stored");
    let first = record();
    assert_eq!(first.outputs.len(), 20_000);
    assert!(Arc::ptr_eq(&first, &record()));
}
