//! Whose a directory is: one process, one chain, one format.

use std::fs;

use cairn_core::testing::TestChain;

use super::world::{World, assert_same, feed, in_memory};
use crate::store::directory::COOKIE_FILE;
use crate::store::*;

#[test]
fn a_directory_is_for_one_process_at_a_time() {
    let world = World::new();
    let _first = world.open();
    assert!(matches!(world.try_open(Opening::Resume), Err(OpenError::InUse { .. })));
}

#[test]
fn a_directory_of_another_chain_is_rejected_and_left_alone() {
    let world = World::new();
    drop(world.open());
    let other = TestChain::named("other");
    let opened = SledStore::open(world.directory.path(), &other.genesis, Opening::Reindex);
    assert!(
        matches!(opened, Err(OpenError::OtherChain { found, .. }) if found == world.test.params.genesis_hash)
    );
    assert_eq!(world.open().tip().hash(), world.test.genesis.hash());
}

#[test]
fn a_directory_of_another_format_is_rejected() {
    let world = World::new();
    drop(world.open());
    let path = world.directory.path().join("CHAIN");
    let text = fs::read_to_string(&path).expect("readable").replace("format 2", "format 99");
    fs::write(&path, text).expect("written");
    assert!(matches!(world.try_open(Opening::Resume), Err(OpenError::OtherFormat { found: 99, .. })));
}

/// Whatever is in the file that names the chain, its blocks are in the journal.
#[test]
fn a_damaged_chain_file_is_named_with_the_way_out_and_reindexing_mends_it() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let path = world.directory.path().join("CHAIN");
    let expected = in_memory(&world, &blocks);
    for damage in [&b"\xff\xfe\x00scribble"[..], b"", b"format 2\ngenesis zz\n", b"genesis only\nformat x\n"]
    {
        fs::write(&path, damage).expect("written");
        let error = world.try_open(Opening::Resume).err().expect("rejected");
        assert!(matches!(&error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("start with --reindex"), "{error}");
        assert_eq!(fs::read(&path).expect("readable"), damage, "it is left alone until then");
        assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
        assert_same(&world.open(), &expected, &blocks);
    }
    // The journal of another chain is not rebuilt for this one.
    fs::write(&path, b"scribble").expect("written");
    let other = TestChain::named("other");
    let opened = SledStore::open(world.directory.path(), &other.genesis, Opening::Reindex);
    assert!(matches!(opened, Err(OpenError::Damaged { .. })));
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
}

#[test]
fn the_cookie_of_a_killed_run_is_gone_whether_the_next_start_succeeds_or_not() {
    let world = World::new();
    let cookie = world.directory.path().join(COOKIE_FILE);
    let leave = || fs::write(&cookie, "secret").expect("written");
    leave();
    let running = world.open();
    assert!(!cookie.exists());
    leave();
    assert!(matches!(world.try_open(Opening::Resume), Err(OpenError::InUse { .. })));
    assert!(cookie.exists(), "that of a node that runs stays");
    drop(running);
    let other = TestChain::named("other");
    assert!(SledStore::open(world.directory.path(), &other.genesis, Opening::Resume).is_err());
    assert!(!cookie.exists(), "its server is gone, though this start failed");
}

#[test]
fn a_directory_of_the_format_before_is_rejected_until_it_is_reindexed() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let path = world.directory.path().join("CHAIN");
    let text = fs::read_to_string(&path).expect("readable").replace("format 2", "format 1");
    fs::write(&path, text).expect("written");
    let error = world.try_open(Opening::Resume).err().expect("rejected");
    assert!(matches!(error, OpenError::OldFormat { found: 1, expected: 2, .. }), "{error}");
    assert!(error.to_string().ends_with("start with --reindex to rebuild it from its blocks"), "{error}");
    let expected = in_memory(&world, &blocks);
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
    assert_same(&world.open(), &expected, &blocks);
}
