//! The store under a real chain: the same as memory, after a stop, a crash, damage, a rebuild.

use std::collections::BTreeMap;
use std::fs;

use cairn_core::amount::Amount;
use cairn_core::testing::TestChain;

use super::*;
use crate::store::journal::HEAD;
use world::{World, assert_same, coins, feed, in_memory};

pub mod world;

#[test]
fn it_holds_what_memory_holds_through_payments_and_a_reorganisation() {
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
    assert_eq!(chain.tip().hash, firsts[0].hash());
    // A reorganisation, and ties above it.
    let seconds = siblings(&firsts[7]);
    feed(&mut chain, &seconds);
    chain.flush().expect("flushed");
    world.kill(chain);
    assert_eq!(world.open().tip().hash, seconds[0].hash());
}

#[test]
fn an_unfinished_entry_at_the_end_is_cut_off_wherever_the_kill_came() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    feed(&mut chain, &blocks[..20]);
    let before = chain.store().journal.size();
    feed(&mut chain, &blocks[20..21]);
    let after = chain.store().journal.size();
    world.kill(chain);
    let path = world.directory.path().join("blocks.dat");
    let whole = fs::read(&path).expect("readable");
    // The last entry names the new tip; the block is complete before it.
    let complete = after - (HEAD + BlockHash::ZERO.as_bytes().len()) as u64;
    for cut in (before..after).step_by(7) {
        fs::write(&path, &whole[..cut as usize]).expect("written");
        let chain = world.open();
        let expected = if cut < complete { &blocks[19] } else { &blocks[20] };
        assert_eq!(chain.tip().hash, expected.hash(), "cut at {cut}");
        world.kill(chain);
    }
}

#[test]
fn a_journal_that_lost_its_end_is_refused_by_name() {
    let world = World::new();
    let mut chain = world.open();
    feed(&mut chain, &world.blocks());
    drop(chain);
    let path = world.directory.path().join("blocks.dat");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(2_000).expect("shortened");
    let error = world.try_open(Opening::Resume).err().expect("refused").to_string();
    assert!(error.contains("blocks.dat") && error.contains("--reindex"), "{error}");
}

#[test]
fn a_scribbled_byte_in_the_journal_is_found_and_reindex_keeps_the_rest() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    feed(&mut chain, &blocks[..41]);
    let damaged_at = chain.store().headers[&blocks[40].hash()].body.expect("a body").offset + 40;
    drop(chain);
    let path = world.directory.path().join("blocks.dat");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[damaged_at as usize] ^= 1;
    fs::write(&path, bytes).expect("written");
    let error = world.try_open(Opening::Resume).err().expect("refused").to_string();
    assert!(error.contains("blocks.dat") && error.contains("--reindex"), "{error}");
    let mut chain = world.try_open(Opening::Reindex).expect("it opens");
    assert_same(&chain, &in_memory(&world, &blocks[..40]), &blocks[..40]);
    feed(&mut chain, &blocks[40..]);
    assert_same(&chain, &in_memory(&world, &blocks), &blocks);
}

#[test]
fn a_scribbled_database_is_refused_or_intact_and_never_silently_wrong() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    feed(&mut chain, &blocks);
    drop(chain);
    let expected = in_memory(&world, &blocks);
    let path = world.directory.path().join("state/db");
    let whole = fs::read(&path).expect("readable");
    let mut refused = 0;
    for seed in 0..40_usize {
        let mut bytes = whole.clone();
        let at = seed * 7_919 * 31 % bytes.len();
        let end = (at + 64).min(bytes.len());
        bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(&path, bytes).expect("written");
        match world.try_open(Opening::Resume) {
            Ok(chain) => {
                assert_same(&chain, &expected, &blocks);
                world.kill(chain);
            }
            Err(error) => {
                assert!(error.to_string().contains("--reindex"), "{error}");
                refused += 1;
            }
        }
        fs::write(&path, &whole).expect("written");
    }
    assert!(refused > 0, "nothing of the file was ever read");
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
}

#[test]
fn a_lost_database_beside_its_journal_is_refused_by_name() {
    let world = World::new();
    drop(world.open());
    fs::remove_dir_all(world.directory.path().join("state")).expect("removed");
    let error = world.try_open(Opening::Resume).err().expect("refused").to_string();
    assert!(error.contains("state") && error.contains("--reindex"), "{error}");
}

#[test]
fn a_directory_is_for_one_process_at_a_time() {
    let world = World::new();
    let _first = world.open();
    assert!(matches!(world.try_open(Opening::Resume), Err(OpenError::InUse { .. })));
}

#[test]
fn a_directory_of_another_chain_is_refused_and_left_alone() {
    let world = World::new();
    drop(world.open());
    let other = TestChain::named("other");
    let opened = SledStore::open(world.directory.path(), &other.genesis, Opening::Reindex);
    assert!(
        matches!(opened, Err(OpenError::OtherChain { found, .. }) if found == world.test.params.genesis_hash)
    );
    assert_eq!(world.open().tip().hash, world.test.genesis.hash());
}

#[test]
fn a_directory_of_another_format_is_refused() {
    let world = World::new();
    drop(world.open());
    let path = world.directory.path().join("CHAIN");
    let text = fs::read_to_string(&path).expect("readable").replace("format 1", "format 99");
    fs::write(&path, text).expect("written");
    assert!(
        matches!(world.try_open(Opening::Resume), Err(OpenError::OtherFormat { found, .. }) if found == "99")
    );
}

/// Everything that can happen happens while it is read: blocks, checkpoints, a reorganisation.
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
