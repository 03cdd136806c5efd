//! The address index: always what a scan of the best chain gives, however the chain came about.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::coin::Undo;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::testing::lock;
use cairn_core::transaction::{OutPoint, Output};
use cairn_protocol::chain::Chain;
use cairn_protocol::random::Random;
use proptest::prelude::*;

use super::world::{LATE, World, feed};
use crate::store::address_schema::{HistoryEntry, INDEX_CHECKPOINT_KEY, IndexCheckpoint, LockSummary};
use crate::store::addresses::AddressIndex;
use crate::store::verify::verify;
use crate::store::*;

/// Keys that own something.
const OWNERS: u8 = 12;
/// Everything is written at once and read from sled again.
const TINY: Bounds = Bounds { dirty: 6, cached: 2 };

/// An address as a person finds it who reads the best chain from genesis.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    entries: Vec<HistoryEntry>,
    coins: BTreeMap<OutPoint, Amount>,
}

fn scanned(chain: &Chain<SledStore>) -> BTreeMap<Lock, Seen> {
    let mut seen: BTreeMap<Lock, Seen> = BTreeMap::new();
    let mut outputs: BTreeMap<OutPoint, Output> = BTreeMap::new();
    for (height, hash) in (0..).map(Height::from_u32).zip(chain.best_chain()) {
        let block = chain.block(hash).expect("readable").expect("a body");
        let coinbase = block.coinbase();
        let mut all = vec![(coinbase.txid(), Vec::new(), coinbase.outputs.clone())];
        all.extend(block.transactions().iter().map(|transaction| {
            (transaction.txid(), transaction.inputs().to_vec(), transaction.outputs().to_vec())
        }));
        for (position, (txid, inputs, made)) in (0..).zip(all) {
            let mut changed: BTreeMap<Lock, (u64, u64)> = BTreeMap::new();
            for outpoint in inputs {
                let output = outputs.remove(&outpoint).expect("a valid chain");
                changed.entry(output.lock).or_default().1 += output.amount.units();
                seen.get_mut(&output.lock).expect("was paid").coins.remove(&outpoint);
            }
            for (index, output) in (0..).zip(made) {
                let outpoint = OutPoint { txid, index };
                changed.entry(output.lock).or_default().0 += output.amount.units();
                seen.entry(output.lock).or_default().coins.insert(outpoint, output.amount);
                outputs.insert(outpoint, output);
            }
            for (lock, (received, spent)) in changed {
                let (received, spent) = (Amount::from_units(received), Amount::from_units(spent));
                let entry = HistoryEntry { txid, height, position, received, spent };
                seen.get_mut(&lock).expect("just seen").entries.push(entry);
            }
        }
    }
    seen
}

fn index(chain: &Chain<SledStore>) -> &AddressIndex {
    chain.store().addresses().expect("the index is kept")
}

#[track_caller]
fn assert_equals_a_scan(chain: &Chain<SledStore>) {
    let (index, expected) = (index(chain), scanned(chain));
    for number in 0..=OWNERS {
        let lock = lock(number);
        let none = Seen::default();
        let seen = expected.get(&lock).unwrap_or(&none);
        let sum = |of: fn(&HistoryEntry) -> Amount| {
            seen.entries.iter().map(|entry| u128::from(of(entry).units())).sum()
        };
        let summary = LockSummary {
            transactions: seen.entries.len() as u64,
            coins: seen.coins.len() as u64,
            received: sum(|entry| entry.received),
            spent: sum(|entry| entry.spent),
        };
        assert_eq!(index.summary(&lock).expect("readable"), summary, "owner {number}");
        let held: u128 = seen.coins.values().map(|amount| u128::from(amount.units())).sum();
        assert_eq!(summary.balance(), held);
        let mut history = index.history(&lock, 0, u64::MAX).expect("readable");
        assert_eq!(history.get(1..3), index.history(&lock, 1, 2).expect("readable").get(..2));
        history.reverse();
        assert_eq!(history, seen.entries, "owner {number}");
        let coins = |skip, count| index.coins(&lock, skip, count).expect("readable");
        let all: Vec<(OutPoint, Amount)> = seen.coins.clone().into_iter().collect();
        assert_eq!(coins(0, usize::MAX), all, "owner {number}");
        assert_eq!(coins(1, 2), all.iter().skip(1).take(2).copied().collect::<Vec<_>>());
    }
    let records: usize = expected.values().map(|seen| 1 + seen.entries.len() + seen.coins.len()).sum();
    assert_eq!(index.count().expect("readable"), records as u64);
}

/// A block on `parent` that moves coins of its branch about, some of them more than once.
fn eventful_block(
    world: &World,
    random: &mut Random,
    chain: &Chain<SledStore>,
    parent: &Block,
) -> Arc<Block> {
    let mut coins = coins_on(chain, parent);
    let mut payments = Vec::new();
    for _ in 0..random.below(4) {
        let (outpoint, output) = coins.swap_remove(random.below(coins.len() as u64) as usize);
        let owner = (0..OWNERS).find(|owner| lock(*owner) == output.lock).expect("an owner of ours");
        let first = random.below(output.amount.units());
        let amounts = [first, output.amount.units() - first].into_iter().filter(|units| *units > 0);
        let made: Vec<Output> = amounts
            .map(|units| Output {
                amount: Amount::from_units(units),
                lock: lock(random.below(u64::from(OWNERS)) as u8),
            })
            .collect();
        let payment = world.test.spend(owner, &[(outpoint, output)], made.clone());
        let txid = payment.txid();
        coins.extend((0..).zip(made).map(|(index, output)| (OutPoint { txid, index }, output)));
        payments.push(payment);
    }
    world.test.block_on(parent, random.below(u64::from(OWNERS)) as u8, Amount::ZERO, payments)
}

/// What can be spent on a branch: no coinbase, which would have to ripen.
fn coins_on(chain: &Chain<SledStore>, tip: &Block) -> Vec<(OutPoint, Output)> {
    let mut lineage = vec![Arc::new(tip.clone())];
    while let Some(parent) =
        chain.block(&lineage.last().expect("the tip").header().previous_block_hash).expect("readable")
    {
        lineage.push(parent);
    }
    let mut coins: BTreeMap<OutPoint, Output> = BTreeMap::new();
    let genesis = lineage.last().expect("genesis").coinbase();
    let premine = (0..).zip(genesis.outputs.iter().cloned());
    coins.extend(premine.map(|(index, output)| (OutPoint { txid: genesis.txid(), index }, output)));
    for transaction in lineage.iter().rev().flat_map(|block| block.transactions()) {
        for outpoint in transaction.inputs() {
            coins.remove(outpoint);
        }
        let txid = transaction.txid();
        let made = (0..).zip(transaction.outputs().iter().cloned());
        coins.extend(made.map(|(index, output)| (OutPoint { txid, index }, output)));
    }
    coins.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Blocks on the tip and on branches beside it, stops, kills, and the index off for a while.
    #[test]
    fn it_is_what_a_scan_of_the_best_chain_gives(seed: u64, is_tiny: bool) {
        let world = World::new();
        let bounds = if is_tiny { TINY } else { Bounds::default() };
        let open = |indexing| world.try_open_with(bounds, Opening::Resume, indexing).expect("it opens");
        let mut random = Random::derive(seed, 0);
        let mut chain = open(Indexing::On);
        for _ in 0..60 {
            let back = if random.below(3) == 0 { random.below(5) as u32 } else { 0 };
            let height = chain.tip().height.checked_sub(back).unwrap_or(Height::GENESIS);
            // A branch goes on for a while, so that some of them win.
            let (mut parent, mut left) = (chain.hash_at(height).expect("a block"), back + 1);
            while left > 0 {
                let body = chain.block(&parent).expect("readable").expect("a body");
                let block = eventful_block(&world, &mut random, &chain, &body);
                parent = block.hash();
                chain.accept_block(LATE, block).expect("a valid block");
                left -= 1;
            }
            match random.below(12) {
                0 => {
                    drop(chain);
                    chain = open(Indexing::On);
                }
                1 => {
                    chain.flush().expect("flushed");
                    world.kill(chain);
                    chain = open(Indexing::On);
                }
                2 => {
                    drop(chain);
                    assert!(open(Indexing::Off).store().addresses().is_none());
                    chain = open(Indexing::On);
                }
                3 => assert_equals_a_scan(&chain),
                _ => {}
            }
        }
        assert_equals_a_scan(&chain);
        verify(chain.store(), chain.store().addresses(), &world.test.params, &world.test.genesis, LATE, |_, _| {})
            .expect("valid");
    }
}

#[test]
fn it_is_made_for_a_chain_that_has_none_and_goes_on_with_it() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::Off).expect("it opens");
    feed(&mut chain, &blocks[..40]);
    drop(chain);
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    assert_equals_a_scan(&chain);
    feed(&mut chain, &blocks[40..]);
    assert_equals_a_scan(&chain);
}

#[test]
fn making_it_goes_on_where_a_kill_broke_it_off() {
    let world = World::new();
    let blocks = world.blocks();
    feed(&mut world.open(), &blocks);
    let store = world.open().into_store();
    let mut begun = AddressIndex::new(store.database.clone(), 0);
    begun.connect(Height::GENESIS, &blocks[0], &Undo::default()).expect("connected");
    for (height, block) in (1..20).map(Height::from_u32).zip(&blocks[1..]) {
        let undo = store.undo(&block.hash()).expect("readable").expect("undo data");
        begun.connect(height, block, &undo).expect("connected");
    }
    let mut batch = Batch::default();
    begun.write(&mut batch, store.checkpoint.sequence, Some(Height::from_u32(20)));
    store.database.write(batch).expect("written");
    drop((begun, store));
    assert!(world.open().store().addresses().is_none(), "what is not complete is not asked");
    let chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    assert_equals_a_scan(&chain);
}

#[test]
fn one_that_was_not_kept_for_a_while_is_made_anew() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    feed(&mut chain, &blocks[..40]);
    let mut store = chain.into_store();
    // As a program would leave it that knows nothing of the index.
    store.write_checkpoint().expect("written");
    store.addresses = None;
    store.write_checkpoint().expect("written");
    drop(store);
    assert!(world.open().store().addresses().is_none());
    let chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    assert_equals_a_scan(&chain);
}

#[test]
fn once_off_nothing_of_it_is_left() {
    let world = World::new();
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    feed(&mut chain, &world.blocks());
    drop(chain);
    let chain = world.try_open_with(TINY, Opening::Resume, Indexing::Off).expect("it opens");
    assert!(chain.store().addresses().is_none());
    let keys = chain.store().database.scan(&address_schema::PREFIX, |key, _| Ok(key.to_vec()));
    assert_eq!(keys.collect::<Result<Vec<_>, _>>().expect("readable"), Vec::<Vec<u8>>::new());
}

#[test]
fn a_rebuilt_store_has_it_rebuilt_too() {
    let world = World::new();
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    feed(&mut chain, &world.blocks());
    drop(chain);
    let chain = world.try_open_with(TINY, Opening::Reindex, Indexing::On).expect("it opens");
    assert_equals_a_scan(&chain);
}

/// Whatever is changed behind its back, `cairn verify` says so.
#[test]
fn verifying_finds_a_wrong_a_missing_and_a_needless_record() {
    let world = World::new();
    let blocks = world.blocks();
    let mut chain = world.try_open_with(Bounds::default(), Opening::Resume, Indexing::On).expect("it opens");
    feed(&mut chain, &blocks);
    let mut store = chain.into_store();
    let verified = |store: &SledStore| {
        let verified =
            verify(store, store.addresses(), &world.test.params, &world.test.genesis, LATE, |_, _| {});
        verified.map(|verified| verified.addresses).map_err(|error| error.to_string())
    };
    assert_eq!(verified(&store), Ok(Some(scanned_count(&world, &blocks))));
    let block = world.test.block_on(&blocks[57], 40, Amount::ZERO, Vec::new());
    let index = store.addresses.as_mut().expect("kept");
    // A block that the chain does not have: first of a stranger, then of a known address.
    index.connect(Height::from_u32(63), &block, &Undo::default()).expect("connected");
    let error = verified(&store).expect_err("more than the blocks make");
    assert!(error.contains("records, the blocks make"), "{error}");
    let block = world.test.block_on(&blocks[57], 31, Amount::ZERO, Vec::new());
    let index = store.addresses.as_mut().expect("kept");
    index.connect(Height::from_u32(63), &block, &Undo::default()).expect("connected");
    let error = verified(&store).expect_err("an address with too much");
    assert!(error.contains("the blocks make it 5 transactions"), "{error}");
    store.addresses = Some(AddressIndex::new(store.database.clone(), 0));
    address_build::remove(&store.database, usize::MAX).expect("removed");
    let error = verified(&store).expect_err("nothing is left");
    assert!(error.contains("of block 0 as number 0 of tcrn1"), "{error}");
}

fn scanned_count(world: &World, blocks: &[Arc<Block>]) -> u64 {
    let other = World { test: world.test.clone(), directory: tempfile::tempdir().expect("a directory") };
    let mut chain = other.open();
    feed(&mut chain, blocks);
    scanned(&chain).len() as u64
}

#[test]
fn a_lost_record_is_damage() {
    let world = World::new();
    let mut chain = world.try_open_with(TINY, Opening::Resume, Indexing::On).expect("it opens");
    feed(&mut chain, &world.blocks());
    let store = chain.into_store();
    let index: IndexCheckpoint =
        store.database.get(INDEX_CHECKPOINT_KEY).expect("readable").expect("an index checkpoint");
    let mut batch = Batch::default();
    let fewer = IndexCheckpoint { records: index.records + 1, ..index };
    batch.insert(INDEX_CHECKPOINT_KEY, &encode(&fewer));
    store.database.write(batch).expect("written");
    drop(store);
    let error = world.try_open(Opening::Resume).err().expect("rejected").to_string();
    assert!(error.contains("records of addresses") && error.contains("--reindex"), "{error}");
}
