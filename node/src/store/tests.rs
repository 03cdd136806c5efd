//! The store under a real chain: the same as memory, after a stop, a crash, damage, a rebuild.

use std::collections::BTreeMap;
use std::fs;

use cairn_core::amount::Amount;
use cairn_core::signature::SerialVerifier;
use cairn_core::testing::{TestChain, pay};
use cairn_core::time::Timestamp;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::memory::MemoryStore;

use super::*;
use crate::store::journal::HEAD;

const LATE: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct World {
    test: TestChain,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { test: TestChain::new(), directory: tempfile::tempdir().expect("a directory") }
    }

    fn try_open(&self, opening: Opening) -> Result<Chain<SledStore>, OpenError> {
        let store = SledStore::open(self.directory.path(), &self.test.genesis, opening)?;
        let params = self.test.params.clone();
        Chain::open(params, &self.test.genesis, store, Box::new(SerialVerifier)).map_err(
            |error| match error {
                cairn_protocol::chain::open::OpenError::Store(error) => error.into(),
                other => panic!("{other}"),
            },
        )
    }

    fn open(&self) -> Chain<SledStore> {
        self.try_open(Opening::Resume).expect("it opens")
    }

    /// What a kill leaves: nothing is written on the way out. The lock ends with the process, here
    /// by hand.
    fn kill(&self, chain: Chain<SledStore>) {
        std::mem::forget(chain);
        let _ = fs::remove_file(self.directory.path().join("LOCK"));
        let copy = self.directory.path().join("state-copy");
        let state = self.directory.path().join("state");
        copy_directory(&state, &copy);
        fs::remove_dir_all(&state).expect("removed");
        fs::rename(&copy, &state).expect("renamed");
    }

    /// Sixty blocks with payments in them, the last three of which a longer branch replaces.
    fn blocks(&self) -> Vec<Arc<Block>> {
        let mut blocks = vec![self.test.genesis.clone()];
        for number in 0..60_u8 {
            let parent = blocks.last().expect("genesis").clone();
            let mut payments = Vec::new();
            if number < 10 {
                let (outpoint, output) = self.test.premine(number);
                let first =
                    self.test.spend(number, &[(outpoint, output)], vec![pay(400, 20), pay(600, number)]);
                let made = OutPoint { txid: first.txid(), index: 0 };
                let second = self.test.spend(20, &[(made, pay(400, 20))], vec![pay(400, 21)]);
                payments = vec![first, second];
            }
            blocks.push(self.test.block_on(&parent, 30, Amount::ZERO, payments));
        }
        let fork = blocks[57].clone();
        blocks.extend(self.test.blocks_on(&fork, 31, 5));
        blocks
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        match entry.file_type().expect("readable").is_dir() {
            true => copy_directory(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("copied")),
        }
    }
}

fn feed<S: ChainStore>(chain: &mut Chain<S>, blocks: &[Arc<Block>]) {
    for block in blocks {
        chain.accept_block(LATE, block.clone()).expect("the store holds").expect("a valid block");
    }
}

fn coins<S: ChainStore>(chain: &Chain<S>) -> BTreeMap<OutPoint, Coin> {
    let mut coins = BTreeMap::new();
    let mut last = None;
    let mut visit = |outpoint, coin| {
        assert!(last.replace(outpoint) < Some(outpoint), "coins come in order");
        coins.insert(outpoint, coin);
    };
    chain.store().for_each_coin(&mut visit).expect("readable");
    coins
}

fn in_memory(world: &World, blocks: &[Arc<Block>]) -> Chain<MemoryStore> {
    let (params, store) = (world.test.params.clone(), MemoryStore::default());
    let mut chain =
        Chain::open(params, &world.test.genesis, store, Box::new(SerialVerifier)).expect("it opens");
    feed(&mut chain, blocks);
    chain
}

fn assert_same(chain: &Chain<SledStore>, expected: &Chain<MemoryStore>, blocks: &[Arc<Block>]) {
    assert_eq!(chain.tip().hash, expected.tip().hash);
    assert_eq!(coins(chain), coins(expected));
    for block in blocks {
        for txid in block.txids() {
            let place = chain.store().transaction_place(&txid).expect("readable");
            assert_eq!(place, expected.store().transaction_place(&txid).expect("memory"));
        }
        for outpoint in block.transactions().iter().flat_map(|one| one.inputs()) {
            let spender = chain.store().spender(outpoint).expect("readable");
            assert_eq!(spender, expected.store().spender(outpoint).expect("memory"));
            assert_eq!(chain.store().coin(outpoint).expect("readable"), None);
        }
    }
}

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
