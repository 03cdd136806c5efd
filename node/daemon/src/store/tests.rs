//! The store under a real chain: the same as memory, after a stop, a crash, damage, a rebuild.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;

use super::*;
use world::{World, assert_same, coins, feed, in_memory};

mod addresses;
mod bounds;
mod damage;
mod directory;
pub mod world;

#[test]
fn it_holds_what_memory_holds_through_payments_and_a_reorganization() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    for end in [20, 61, blocks.len()] {
        feed(&mut chain, &blocks[..end]);
        assert_same(&chain, &in_memory(&world, &blocks[..end]), &blocks[..end]);
    }
}

#[test]
fn a_stopped_store_goes_on_where_it_was() {
    let world = World::new();
    let blocks = world.blocks();
    for end in [1, 30, 61, blocks.len()] {
        let mut chain = world.open();
        feed(&mut chain, &blocks[..end]);
        drop(chain);
        assert_same(&world.open(), &in_memory(&world, &blocks[..end]), &blocks[..end]);
    }
}

#[test]
fn a_killed_store_goes_on_with_every_block_that_was_flushed() {
    let world = World::new();
    let blocks = world.blocks();
    for end in [1, 2, 30, 61, blocks.len()] {
        let mut chain = world.open();
        feed(&mut chain, &blocks[..end]);
        chain.flush().expect("flushed");
        world.kill(chain);
        assert_same(&world.open(), &in_memory(&world, &blocks[..end]), &blocks[..end]);
    }
}

#[test]
fn of_branches_with_equal_work_a_killed_store_goes_on_with_the_one_seen_first() {
    let world = World::new();
    let mut chain = world.open();
    let parent = world.test.block_on(&world.test.genesis, 1, Amount::ZERO, Vec::new());
    let siblings = |parent: &Block| -> Vec<Arc<Block>> {
        (2..22).map(|payee| world.test.block_on(parent, payee, Amount::ZERO, Vec::new())).collect()
    };
    let firsts = siblings(&parent);
    feed(&mut chain, std::slice::from_ref(&parent));
    feed(&mut chain, &firsts);
    chain.flush().expect("flushed");
    world.kill(chain);
    let mut chain = world.open();
    assert_eq!(chain.tip().hash(), firsts[0].hash());
    // A reorganization, and ties above it.
    let seconds = siblings(&firsts[7]);
    feed(&mut chain, &seconds);
    chain.flush().expect("flushed");
    world.kill(chain);
    assert_eq!(world.open().tip().hash(), seconds[0].hash());
}

/// Everything that can happen happens while it is read: blocks, checkpoints, a reorganization.
#[test]
fn a_snapshot_shows_the_coins_of_one_tip_whatever_happens_while_it_is_read() {
    let world = World::new();
    let blocks = world.blocks();
    for (taken_at, checkpointed) in [(3, false), (8, true), (25, true), (60, false), (60, true)] {
        let world = World { test: world.test.clone(), directory: tempfile::tempdir().expect("a directory") };
        let mut chain = world.open();
        feed(&mut chain, &blocks[..taken_at]);
        if checkpointed {
            chain = world.checkpoint(chain);
        }
        let expected = coins(&chain);
        let (snapshot, _abandoned) = (chain.store().snapshot(), chain.store().snapshot());
        let (mut chain, mut found) = (Some(chain), BTreeMap::new());
        let mut coming = blocks[taken_at..].iter();
        let mut visit = |outpoint, coin| {
            assert!(found.last_key_value().is_none_or(|(last, _)| *last < outpoint), "coins come in order");
            found.insert(outpoint, coin);
            for block in coming.by_ref().take(3) {
                let mut open = chain.take().expect("put back below");
                feed(&mut open, std::slice::from_ref(block));
                chain = Some(world.checkpoint(open));
            }
            std::ops::ControlFlow::Continue(())
        };
        snapshot.for_each_coin(&mut visit).expect("readable");
        assert_eq!(found, expected, "taken after {taken_at} blocks");
        let mut chain = chain.expect("put back");
        feed(&mut chain, coming.as_slice());
        assert_same(&chain, &in_memory(&world, &blocks), &blocks);
    }
}
