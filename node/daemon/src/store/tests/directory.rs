//! Whose a directory is: one process, one chain, one format.

use std::fs;

use cairn_core::testing::TestChain;

use super::world::{World, assert_same, feed, in_memory};
use crate::store::*;

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
    assert_eq!(world.open().tip().hash(), world.test.genesis.hash());
}

#[test]
fn a_directory_of_another_format_is_refused() {
    let world = World::new();
    drop(world.open());
    let path = world.directory.path().join("CHAIN");
    let text = fs::read_to_string(&path).expect("readable").replace("format 2", "format 99");
    fs::write(&path, text).expect("written");
    assert!(
        matches!(world.try_open(Opening::Resume), Err(OpenError::OtherFormat { found, .. }) if found == "99")
    );
}

#[test]
fn a_directory_of_the_format_before_is_refused_until_it_is_reindexed() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let path = world.directory.path().join("CHAIN");
    let text = fs::read_to_string(&path).expect("readable").replace("format 2", "format 1");
    fs::write(&path, text).expect("written");
    let error = world.try_open(Opening::Resume).err().expect("refused");
    assert!(matches!(error, OpenError::OldFormat { found: 1, expected: 2, .. }), "{error}");
    assert!(error.to_string().ends_with("start with --reindex to rebuild it from its blocks"), "{error}");
    let expected = in_memory(&world, &blocks);
    assert_same(&world.try_open(Opening::Reindex).expect("it opens"), &expected, &blocks);
    assert_same(&world.open(), &expected, &blocks);
}
