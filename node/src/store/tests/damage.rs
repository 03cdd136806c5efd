//! Damage of every kind: refused by name or harmless, and what is intact is kept.

use std::fs;

use super::world::{World, assert_same, feed, in_memory};
use crate::store::journal::HEAD;
use crate::store::*;

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

/// sled's own checksums are behind its pages; what it hands out wrong all the same is met by ours.
#[test]
fn a_changed_value_that_sled_takes_for_good_is_refused_when_opening_and_when_read() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let outpoint = OutPoint { txid: blocks[1].transactions()[0].txid(), index: 1 };
    for key in [
        schema::CHECKPOINT_KEY.to_vec(),
        schema::header_key(&blocks[5].hash()).to_vec(),
        schema::transaction_key(&outpoint.txid).to_vec(),
    ] {
        let chain = world.open();
        let changed = |bit: u8| {
            chain.store().state.change_raw(&key, |value| *value.last_mut().expect("not empty") ^= bit);
        };
        changed(1);
        if key[0] == b'T' {
            let error = chain.store().coin(&outpoint).expect_err("refused");
            assert!(
                matches!(&error, StoreError::Damaged { place, .. } if place.ends_with("state")),
                "{error}"
            );
            chain.store().for_each_coin(&mut |_, _| {}).expect_err("refused");
        }
        world.kill(chain);
        let error = world.try_open(Opening::Resume).err().expect("refused").to_string();
        assert!(error.contains("state is damaged") && error.contains("--reindex"), "{error}");
        assert_same(
            &world.try_open(Opening::Reindex).expect("it opens"),
            &in_memory(&world, &blocks),
            &blocks,
        );
    }
}

/// The window between the new journal and the first checkpoint of the new database.
#[test]
fn a_rebuilding_that_is_killed_half_way_is_done_again_and_loses_nothing() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let directory =
        Directory::open(world.directory.path(), world.test.genesis.hash().into(), Opening::Reindex);
    drop(rebuild::salvage(&directory.expect("it opens")).expect("salvaged"));
    let error = world.try_open(Opening::Resume).err().expect("refused").to_string();
    assert!(error.contains("--reindex"), "{error}");
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &in_memory(&world, &blocks), &blocks);
}
