//! Damage of every kind: rejected by name or harmless, and what is intact is kept.

use std::fs;

use cairn_core::height::Height;

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
        assert_eq!(chain.tip().hash(), expected.hash(), "cut at {cut}");
        world.kill(chain);
    }
}

#[test]
fn a_journal_that_lost_its_end_is_rejected_by_name() {
    let world = World::new();
    let mut chain = world.open();
    feed(&mut chain, &world.blocks());
    drop(chain);
    let path = world.directory.path().join("blocks.dat");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(2_000).expect("shortened");
    let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
    assert!(error.contains("blocks.dat") && error.contains("--reindex"), "{error}");
}

/// Scribbles over the journal, rebuilds, and feeds every block again as peers would.
#[track_caller]
fn assert_mends(world: &World, blocks: &[Arc<Block>], damage: impl FnOnce(&mut [u8])) -> Height {
    let path = world.directory.path().join("blocks.dat");
    let whole = fs::read(&path).expect("readable");
    let mut bytes = whole.clone();
    damage(&mut bytes);
    fs::write(&path, bytes).expect("written");
    let mut chain = world.try_open(Opening::Reindex).expect("it opens");
    let kept = chain.tip().height;
    feed(&mut chain, &blocks[1..]);
    assert_same(&chain, &in_memory(world, blocks), blocks);
    drop(chain);
    fs::write(&path, whole).expect("written");
    kept
}

#[test]
fn a_journal_with_a_hole_anywhere_is_rebuilt_as_far_as_it_goes_and_takes_the_rest_again() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let length = fs::metadata(world.directory.path().join("blocks.dat")).expect("a file").len() as usize;
    for (sixteenth, size) in (0..16).flat_map(|at| [40, 700, 5_000].map(|size| (at, size))) {
        let begin = length * sixteenth / 16;
        assert_mends(&world, &blocks, |bytes| {
            let end = bytes.len().min(begin + size);
            bytes[begin..end].fill(0xa5);
        });
    }
}

/// Whatever is said of a block beside it can be said again from the block.
#[test]
fn a_journal_of_which_only_the_blocks_are_left_is_rebuilt_whole() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    feed(&mut chain, &blocks);
    let tip = chain.tip().height;
    let mut bodies: Vec<_> =
        chain.store().headers.values().filter_map(|stored| stored.body).map(|body| body.offset).collect();
    bodies.sort_unstable();
    drop(chain);
    let kept = assert_mends(&world, &blocks, |bytes| {
        let mut offset = 0;
        while offset < bytes.len() {
            let length: [u8; 4] = bytes[offset + 5..offset + 9].try_into().expect("four bytes");
            let end = offset + HEAD + u32::from_le_bytes(length) as usize;
            if bodies.binary_search(&(offset as u64)).is_err() {
                bytes[offset..end].fill(0);
            }
            offset = end;
        }
    });
    assert_eq!(kept, tip);
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
    let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
    assert!(error.contains("blocks.dat") && error.contains("--reindex"), "{error}");
    let mut chain = world.try_open(Opening::Reindex).expect("it opens");
    assert_same(&chain, &in_memory(&world, &blocks[..40]), &blocks[..40]);
    feed(&mut chain, &blocks[40..]);
    assert_same(&chain, &in_memory(&world, &blocks), &blocks);
}

#[test]
fn a_scribbled_database_is_rejected_or_intact_and_never_silently_wrong() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.open();
    feed(&mut chain, &blocks);
    drop(chain);
    let expected = in_memory(&world, &blocks);
    let path = world.directory.path().join("state/db");
    let whole = fs::read(&path).expect("readable");
    let mut rejected = 0;
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
                rejected += 1;
            }
        }
        fs::write(&path, &whole).expect("written");
    }
    assert!(rejected > 0, "nothing of the file was ever read");
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
}

#[test]
fn a_lost_database_beside_its_journal_is_rejected_by_name() {
    let world = World::new();
    drop(world.open());
    fs::remove_dir_all(world.directory.path().join("state")).expect("removed");
    let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
    assert!(error.contains("state") && error.contains("--reindex"), "{error}");
}

/// sled's own checksums are behind its pages; what it hands out wrong all the same is met by ours.
#[test]
fn a_changed_value_that_sled_takes_for_good_is_rejected_when_opening_and_when_read() {
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
            chain.store().database.change_raw(&key, |value| *value.last_mut().expect("not empty") ^= bit);
        };
        changed(1);
        if key[0] == b'T' {
            let error = chain.store().coin(&outpoint).expect_err("rejected");
            assert!(
                matches!(&error, StoreError::Damaged { place, .. } if place.ends_with("state")),
                "{error}"
            );
            chain.store().for_each_coin(&mut |_, _| {}).expect_err("rejected");
        }
        world.kill(chain);
        let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
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
    drop(rebuild::salvage(&directory.expect("it opens"), world.test.genesis.hash()).expect("salvaged"));
    let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
    assert!(error.contains("--reindex"), "{error}");
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &in_memory(&world, &blocks), &blocks);
}
