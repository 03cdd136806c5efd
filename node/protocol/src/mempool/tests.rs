//! What the mempool takes in, keeps and lets go.

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::height::Height;
use cairn_core::signature::SerialVerifier;
use cairn_core::testing::{TestChain, lock, pay};
use cairn_core::transaction::{LockTime, Output, TransactionBody};
use core::time::Duration;
use proptest::prelude::*;

use super::*;
use crate::chain::memory::MemoryStore;
use crate::limits::{MAX_ANCESTORS, MAX_RELAYED_TRANSACTION};

type Funds = (OutPoint, Output);

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A chain, the mempool on it, and the blocks that made it.
struct World {
    test: TestChain,
    chain: Chain<MemoryStore>,
    pool: Mempool,
}

impl World {
    fn new() -> Self {
        Self::with_room(DEFAULT_MEMPOOL_BYTES)
    }

    fn with_room(max_usage: usize) -> Self {
        let test = TestChain::new();
        let store = MemoryStore::default();
        let chain = Chain::open(test.params.clone(), &test.genesis, store, Box::new(SerialVerifier));
        Self { chain: chain.expect("it opens"), test, pool: Mempool::new(max_usage) }
    }

    /// A transaction of one owner that pays `fee` units and shares the rest among `outputs` outputs
    /// back to itself.
    fn spend(&self, owner: u8, funds: &[Funds], outputs: u64, fee: u64) -> Arc<Transaction> {
        let total: u64 = funds.iter().map(|(_, output)| output.amount.units()).sum();
        let each = Amount::from_units((total - fee) / outputs);
        let first = Amount::from_units(total - fee - each.units() * (outputs - 1));
        let amounts = core::iter::once(first).chain(core::iter::repeat_n(each, outputs as usize - 1));
        let outputs = amounts.map(|amount| Output { amount, lock: lock(owner) }).collect();
        self.test.spend(owner, funds, outputs)
    }

    fn accept(&mut self, transaction: &Arc<Transaction>) -> Result<Admitted, MempoolError> {
        let tested = self.pool.test(NOW, transaction, &self.chain).expect("memory");
        let accepted = self.pool.accept(NOW, transaction.clone(), &self.chain).expect("memory");
        assert_eq!(tested, accepted, "a test foretells what happens");
        self.pool.entries().assert_consistent();
        assert!(self.pool.usage() <= self.pool.max_usage());
        accepted
    }

    fn give(&mut self, block: &Arc<Block>) -> Followed {
        let accepted = self.chain.accept_block(NOW, block.clone()).expect("memory").expect("valid");
        let Some(change) = accepted.change else { return Followed::default() };
        let followed = self.pool.follow(NOW, &change, &self.chain).expect("memory");
        self.pool.entries().assert_consistent();
        followed
    }

    fn block(&self, parent: &Block, payee: u8, transactions: &[&Arc<Transaction>]) -> Arc<Block> {
        let transactions = transactions.iter().map(|transaction| Arc::clone(transaction)).collect();
        self.test.block_on(parent, payee, Amount::ZERO, transactions)
    }
}

/// An output of a transaction.
fn of(transaction: &Transaction, index: u32) -> Funds {
    let outpoint = OutPoint { txid: transaction.txid(), index };
    (outpoint, transaction.outputs()[index as usize].clone())
}

#[test]
fn a_payment_comes_in_with_its_fee_and_only_once() {
    let mut world = World::new();
    let payment = world.spend(1, &[world.test.premine(1)], 2, 5_000);
    let admitted = world.accept(&payment).expect("it is fine");
    assert_eq!((admitted.fee.units(), admitted.size, admitted.removed), (5_000, payment.size(), vec![]));
    assert_eq!(world.accept(&payment), Err(MempoolError::Known { txid: payment.txid() }));
}

#[test]
fn a_fee_one_unit_below_the_relay_rate_is_too_low() {
    let mut world = World::new();
    let funds = [world.test.premine(1)];
    let size = world.spend(1, &funds, 1, 1).size();
    let needed = MIN_RELAY_FEE_RATE.fee_for(size);
    let low = world.spend(1, &funds, 1, needed.units() - 1);
    let fee = Amount::from_units(needed.units() - 1);
    assert_eq!(
        world.accept(&low),
        Err(MempoolError::FeeTooLow { fee, needed, size, rate: MIN_RELAY_FEE_RATE })
    );
    let enough = world.spend(1, &funds, 1, needed.units());
    assert!(world.accept(&enough).is_ok());
}

#[test]
fn an_output_of_a_transaction_that_nobody_knows_is_unknown() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let child = world.spend(1, &[of(&parent, 0)], 1, 5_000);
    let outpoint = child.inputs()[0];
    assert_eq!(world.accept(&child), Err(MempoolError::UnknownOutput { outpoint }));
    world.accept(&parent).expect("the parent");
    assert!(world.accept(&child).is_ok());
}

#[test]
fn an_output_beyond_those_of_its_transaction_never_existed() {
    let mut world = World::new();
    let (premine, output) = world.test.premine(1);
    let outpoint = OutPoint { index: 99, ..premine };
    let beyond = world.spend(1, &[(outpoint, output.clone())], 1, 5_000);
    assert_eq!(world.accept(&beyond), Err(MempoolError::NoSuchOutput { outpoint, outputs: 10 }));
    let parent = world.spend(1, &[(premine, output.clone())], 2, 5_000);
    world.accept(&parent).expect("the parent");
    let outpoint = OutPoint { txid: parent.txid(), index: 2 };
    let beyond = world.spend(1, &[(outpoint, output)], 1, 5_000);
    assert_eq!(world.accept(&beyond), Err(MempoolError::NoSuchOutput { outpoint, outputs: 2 }));
}

#[test]
fn an_output_spent_in_a_block_is_told_with_who_spent_it_and_where() {
    let mut world = World::new();
    let spender = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    world.give(&world.block(&world.test.genesis, 9, &[&spender]));
    let late = world.spend(1, &[world.test.premine(1)], 1, 9_000);
    let (outpoint, by, height) = (late.inputs()[0], spender.txid(), Height::from_u32(1));
    assert_eq!(world.accept(&late), Err(MempoolError::SpentInChain { outpoint, by, height }));
    assert_eq!(world.accept(&spender), Err(MempoolError::Confirmed { txid: by, height }));
}

#[test]
fn an_immature_coinbase_is_told_with_the_blocks_that_are_missing() {
    let mut world = World::new();
    let block = world.block(&world.test.genesis, 3, &[]);
    world.give(&block);
    let coinbase = block.coinbase();
    let funds = (OutPoint { txid: coinbase.txid(), index: 0 }, coinbase.outputs[0].clone());
    let spend = world.spend(3, &[funds], 1, 5_000);
    let expected = MempoolError::Immature {
        outpoint: spend.inputs()[0],
        made_at: Height::from_u32(1),
        spendable_at: 11,
        missing: 9,
    };
    assert_eq!(world.accept(&spend), Err(expected));
    for block in world.test.blocks_on(&block, 4, 9) {
        world.give(&block);
    }
    assert!(world.accept(&spend).is_ok());
}

#[test]
fn a_lock_time_that_is_not_over_is_told() {
    let mut world = World::new();
    let (outpoint, output) = world.test.premine(1);
    let lock_time = LockTime::Height(Height::from_u32(1));
    let body = TransactionBody { inputs: vec![outpoint], outputs: vec![pay(999, 1)], lock_time };
    let digest = cairn_core::signing::signature_digest(&world.test.params.genesis_hash, &body, &[output]);
    let signature = cairn_core::signing::sign(&cairn_core::testing::key(1), &digest);
    let locked = Arc::new(Transaction::new(body, vec![signature]));
    assert!(matches!(world.accept(&locked), Err(MempoolError::NotFinal { height, .. }) if height.get() == 1));
    world.give(&world.block(&world.test.genesis, 9, &[]));
    assert!(world.accept(&locked).is_ok());
}

#[test]
fn a_forged_signature_is_refused_by_the_chains_rule() {
    let mut world = World::new();
    let theft = world.spend(2, &[world.test.premine(1)], 1, 5_000);
    assert_eq!(world.accept(&theft), Err(TransactionError::BadSignature { index: 0 }.into()));
}

#[test]
fn a_transaction_above_the_relayed_size_is_too_big() {
    let mut world = World::new();
    let big = world.spend(1, &[world.test.premine(1)], 2_500, 1_000_000);
    let found = big.size();
    assert!(found > MAX_RELAYED_TRANSACTION);
    assert_eq!(world.accept(&big), Err(MempoolError::TooBig { found, allowed: MAX_RELAYED_TRANSACTION }));
}

#[test]
fn an_output_that_costs_more_to_spend_than_it_holds_is_dust() {
    let mut world = World::new();
    let (amount, minimum) = (Amount::from_units(99), Amount::from_units(100));
    let dust =
        world.test.spend(1, &[world.test.premine(1)], vec![pay(999, 2), Output { amount, lock: lock(2) }]);
    assert_eq!(world.accept(&dust), Err(MempoolError::Dust { index: 1, amount, minimum }));
    let enough = vec![pay(999, 2), Output { amount: minimum, lock: lock(2) }];
    assert!(world.accept(&world.test.spend(1, &[world.test.premine(1)], enough)).is_ok());
}

#[test]
fn a_conflict_names_the_other_and_what_replacing_it_costs() {
    let mut world = World::new();
    let first = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    world.accept(&first).expect("the first");
    let rival = world.spend(1, &[world.test.premine(1)], 2, 5_000);
    let outpoint = rival.inputs()[0];
    let Err(MempoolError::Conflict { outpoint: found, by, fee, needed }) = world.accept(&rival) else {
        panic!("it should conflict")
    };
    assert_eq!((found, by, fee.units()), (outpoint, first.txid(), 5_000));
    let short = world.spend(1, &[world.test.premine(1)], 2, needed.units() - 1);
    assert!(matches!(world.accept(&short), Err(MempoolError::Conflict { .. })));
    let enough = world.spend(1, &[world.test.premine(1)], 2, needed.units());
    let admitted = world.accept(&enough).expect("it pays enough");
    assert_eq!(admitted.removed, [(first.txid(), RemovalReason::Replaced)]);
    assert_eq!(world.pool.len(), 1);
}

/// ATTACKS 33: a large low-rate replacement pays for everything it displaces.
#[test]
fn a_replacement_pays_for_the_children_that_go_too() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 1_000);
    let child = world.spend(1, &[of(&parent, 0)], 1, 50_000);
    world.accept(&parent).expect("parent");
    world.accept(&child).expect("child");
    let rival = world.spend(1, &[world.test.premine(1)], 2, 40_000);
    assert!(
        matches!(world.accept(&rival), Err(MempoolError::Conflict { needed, .. }) if needed.units() > 51_000)
    );
    let rival = world.spend(1, &[world.test.premine(1)], 2, 60_000);
    let mut removed = world.accept(&rival).expect("it pays for both").removed;
    removed.sort();
    let mut expected =
        vec![(parent.txid(), RemovalReason::Replaced), (child.txid(), RemovalReason::Replaced)];
    expected.sort();
    assert_eq!(removed, expected);
}

#[test]
fn a_replacement_may_not_spend_what_it_replaces() {
    let mut world = World::new();
    let first = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let split = world.spend(2, &[world.test.premine(2)], 2, 5_000);
    world.accept(&first).expect("first");
    world.accept(&split).expect("split");
    let own = world.spend(1, &[world.test.premine(1), of(&first, 0)], 1, 90_000);
    assert_eq!(world.accept(&own), Err(MempoolError::SpendsWhatItReplaces { txid: first.txid() }));
    let child = world.spend(2, &[of(&split, 0)], 1, 5_000);
    let stranger = world.spend(2, &[world.test.premine(2), of(&split, 1)], 1, 90_000);
    world.accept(&child).expect("child");
    assert!(matches!(world.accept(&stranger), Err(MempoolError::SpendsWhatItReplaces { .. })));
}

#[test]
fn a_replacement_that_adds_an_unconfirmed_input_is_refused() {
    let mut world = World::new();
    let split = world.spend(2, &[world.test.premine(2)], 2, 5_000);
    world.give(&world.block(&world.test.genesis, 9, &[&split]));
    let waiting = world.spend(2, &[of(&split, 0)], 1, 5_000);
    let replaced = world.spend(2, &[of(&split, 1)], 1, 5_000);
    world.accept(&waiting).expect("waiting");
    world.accept(&replaced).expect("replaced");
    let rival = world.spend(2, &[of(&split, 1), of(&waiting, 0)], 1, 90_000);
    let outpoint = of(&waiting, 0).0;
    assert_eq!(world.accept(&rival), Err(MempoolError::NewUnconfirmedInput { outpoint }));
}

#[test]
fn a_chain_of_waiting_transactions_ends_at_its_bound() {
    let mut world = World::new();
    let mut last = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    world.accept(&last).expect("the first");
    for _ in 1..MAX_ANCESTORS {
        last = world.spend(1, &[of(&last, 0)], 1, 5_000);
        world.accept(&last).expect("within the bound");
    }
    let beyond = world.spend(1, &[of(&last, 0)], 1, 5_000);
    let count = MAX_ANCESTORS + 1;
    assert!(
        matches!(world.accept(&beyond), Err(MempoolError::TooManyAncestors { count: found, .. }) if found == count)
    );
}

#[test]
fn as_many_as_the_bound_may_depend_on_one_and_no_more() {
    let mut world = World::new();
    let root = world.spend(1, &[world.test.premine(1)], 30, 50_000);
    world.accept(&root).expect("root");
    for index in 1..crate::limits::MAX_DESCENDANTS as u32 {
        world.accept(&world.spend(1, &[of(&root, index)], 1, 5_000)).expect("within the bound");
    }
    let beyond = world.spend(1, &[of(&root, 25)], 1, 5_000);
    assert!(
        matches!(world.accept(&beyond), Err(MempoolError::TooManyDescendants { on, count: 26, .. }) if on == root.txid())
    );
    // One that takes the place of another adds none.
    let replacement = world.spend(1, &[of(&root, 1)], 1, 20_000);
    assert!(world.accept(&replacement).is_ok());
}

/// A mempool with room for about so many small transactions, full, each paying another rate.
fn full() -> (World, Vec<Arc<Transaction>>) {
    let mut world = World::with_room(10 * 1_300);
    let split = world.spend(1, &[world.test.premine(1)], 40, 50_000);
    world.give(&world.block(&world.test.genesis, 9, &[&split]));
    let mut waiting = Vec::new();
    for index in 0..40 {
        let payment = world.spend(1, &[of(&split, index)], 1, 10_000 + u64::from(index) * 10_000);
        if world.accept(&payment).expect("each pays more").removed.is_empty() {
            waiting.push(payment);
            continue;
        }
        waiting.push(payment);
        return (world, waiting);
    }
    panic!("it never was full")
}

#[test]
fn a_full_mempool_lets_the_cheapest_go_and_asks_for_more_than_it_paid() {
    let (world, waiting) = full();
    assert!(!world.pool.contains(&waiting[0].txid()), "the first paid least");
    assert!(waiting[1..].iter().all(|transaction| world.pool.contains(&transaction.txid())));
    let asked = world.pool.min_fee_rate(NOW);
    let paid = FeeRate::of(Amount::from_units(10_000), waiting[0].size());
    assert_eq!(asked, paid.plus(INCREMENTAL_FEE_RATE));
    let half_life = world.test.params.spacing * FULL_FEE_HALF_LIFE_BLOCKS;
    assert_eq!(world.pool.min_fee_rate(NOW.saturating_add(half_life)), asked.halved(1));
    assert_eq!(world.pool.min_fee_rate(NOW.saturating_add(half_life * 64)), MIN_RELAY_FEE_RATE);
}

#[test]
fn a_full_mempool_changes_nothing_for_one_that_pays_less_than_all() {
    let (mut world, _) = full();
    let before: Vec<Txid> = world.pool.iter().map(|transaction| transaction.txid()).collect();
    world.pool.full = None;
    let cheap = world.spend(2, &[world.test.premine(2)], 1, 2_000);
    assert!(matches!(world.accept(&cheap), Err(MempoolError::Full { rate }) if rate > MIN_RELAY_FEE_RATE));
    assert_eq!(before, world.pool.iter().map(|transaction| transaction.txid()).collect::<Vec<_>>());
}

#[test]
fn a_block_takes_out_what_it_confirms_and_what_it_contradicts() {
    let mut world = World::new();
    let confirmed = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let heir = world.spend(1, &[of(&confirmed, 0)], 1, 5_000);
    let contradicted = world.spend(2, &[world.test.premine(2)], 1, 5_000);
    let orphaned = world.spend(2, &[of(&contradicted, 0)], 1, 5_000);
    for transaction in [&confirmed, &heir, &contradicted, &orphaned] {
        world.accept(transaction).expect("all are fine");
    }
    let other = world.spend(2, &[world.test.premine(2)], 2, 7_000);
    let followed = world.give(&world.block(&world.test.genesis, 9, &[&confirmed, &other]));
    let removed: BTreeSet<_> = followed.removed.into_iter().collect();
    let expected = [&contradicted, &orphaned].map(|gone| (gone.txid(), RemovalReason::Conflict));
    assert_eq!(removed, expected.into());
    assert_eq!(world.pool.iter().map(|left| left.txid()).collect::<Vec<_>>(), [heir.txid()]);
    assert_eq!(world.pool.entry(&heir.txid()).expect("it waits").ancestors().count, 1);
}

#[test]
fn transactions_of_a_disconnected_block_wait_again_before_their_children() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let free = world.spend(3, &[world.test.premine(3)], 1, 0);
    world.give(&world.block(&world.test.genesis, 9, &[&parent, &free]));
    let child = world.spend(1, &[of(&parent, 0)], 1, 5_000);
    world.accept(&child).expect("child");
    let branch = world.test.blocks_on(&world.test.genesis, 8, 2);
    world.give(&branch[0]);
    let followed = world.give(&branch[1]);
    let returned: Vec<Txid> = followed.returned.iter().map(|admitted| admitted.txid).collect();
    assert_eq!(returned, [parent.txid(), free.txid()], "what a block held is not asked for a fee");
    assert_eq!(followed.removed, []);
    let waiting: Vec<Txid> = world.pool.iter().map(|waiting| waiting.txid()).collect();
    assert_eq!(waiting, [parent.txid(), free.txid(), child.txid()]);
}

/// ATTACKS 10: a reorganisation that un-makes or un-matures a coinbase takes its spenders along.
#[test]
fn what_a_reorganisation_leaves_without_ground_is_gone_with_its_descendants() {
    let mut world = World::new();
    let blocks = world.test.blocks_on(&world.test.genesis, 3, 10);
    blocks.iter().for_each(|block| {
        world.give(block);
    });
    let coinbase = blocks[0].coinbase();
    let funds = (OutPoint { txid: coinbase.txid(), index: 0 }, coinbase.outputs[0].clone());
    let spend = world.spend(3, &[funds], 1, 5_000);
    let child = world.spend(3, &[of(&spend, 0)], 1, 5_000);
    world.accept(&spend).expect("mature");
    world.accept(&child).expect("child");
    let branch = world.test.blocks_on(&world.test.genesis, 4, 11);
    let gone: Vec<_> = branch.iter().flat_map(|block| world.give(block).removed).collect();
    let expected = [&spend, &child].map(|gone| (gone.txid(), RemovalReason::Reorganised));
    assert_eq!(gone, expected);
    assert!(world.pool.is_empty());
}

#[test]
fn who_waits_too_long_expires_with_its_children() {
    let mut world = World::new();
    let parent = world.spend(1, &[world.test.premine(1)], 1, 5_000);
    let child = world.spend(1, &[of(&parent, 0)], 1, 5_000);
    world.accept(&parent).expect("parent");
    world.accept(&child).expect("child");
    let due = world.pool.next_wake().expect("something waits");
    assert_eq!(due, NOW.saturating_add(MEMPOOL_EXPIRY));
    assert_eq!(world.pool.wake(due.saturating_sub(Duration::from_millis(1))), []);
    let expired: BTreeSet<Txid> = world.pool.wake(due).into_iter().map(|(txid, _)| txid).collect();
    assert_eq!(expired, [parent.txid(), child.txid()].into());
    assert_eq!(world.pool.next_wake(), None);
}

#[test]
fn an_estimate_without_blocks_is_the_relay_fee_and_says_so() {
    let mut world = World::new();
    let estimate = world.pool.estimate(3, 1_000_000);
    assert_eq!(
        (estimate.rate, estimate.basis),
        (MIN_RELAY_FEE_RATE, fees::Basis::NotEnoughBlocks { seen: 0 })
    );
    for block in world.test.blocks_on(&world.test.genesis, 1, 6) {
        world.give(&block);
    }
    let estimate = world.pool.estimate(3, 1_000_000);
    assert_eq!((estimate.rate, estimate.basis), (MIN_RELAY_FEE_RATE, fees::Basis::Blocks { seen: 6 }));
}

#[test]
fn an_estimate_outbids_what_fills_the_next_blocks() {
    let (world, waiting) = full();
    let size = waiting[0].size();
    let crowded = world.pool.estimate(1, 2 * size);
    let third_best = FeeRate::of(Amount::from_units(10_000 * (waiting.len() as u64 - 2)), size);
    assert_eq!(crowded.rate, third_best.plus(MIN_RELAY_FEE_RATE));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random payments, blocks and reorganisations: sums and orders stay true (checked after every
    /// step), and what waits can always be mined.
    #[test]
    fn whatever_happens_the_mempool_fits_the_chain(
        steps in prop::collection::vec((0_u8..8, 0_u8..5, 0_usize..40, 1_u64..4, 1_000_u64..60_000), 1..60),
        small: bool,
    ) {
        let mut world = if small { World::with_room(9_000) } else { World::new() };
        let mut funds: Vec<(u8, Funds)> = (0..5).map(|owner| (owner, world.test.premine(owner))).collect();
        let mut tips = vec![world.test.genesis.clone()];
        for (what, owner, pick, outputs, fee) in steps {
            if what < 6 {
                let own: Vec<&(u8, Funds)> = funds.iter().filter(|(whose, _)| *whose == owner).collect();
                let (_, chosen) = own[pick % own.len()].clone();
                let payment = world.spend(owner, &[chosen], outputs, fee);
                if world.accept(&payment).is_ok() {
                    funds.extend((0..outputs as u32).map(|index| (owner, of(&payment, index))));
                }
            } else {
                // On the tip, or on any earlier block: a branch that may win later.
                let at = if what == 6 { tips.len() - 1 } else { pick % tips.len() };
                let on_tip = tips[at].hash() == world.chain.tip().hash;
                let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
                let chosen: Vec<&Arc<Transaction>> =
                    if on_tip { template.transactions.iter().collect() } else { Vec::new() };
                let block = world.block(&tips[at].clone(), owner, &chosen);
                world.give(&block);
                tips.push(block);
            }
            let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
            prop_assert_eq!(template.transactions.len(), world.pool.len(), "all that waits fits a block");
        }
        // The chain itself judges what waits.
        let template = crate::template::Template::new(NOW, &world.chain, &world.pool);
        let mut block = template.to_block(lock(1), Vec::new());
        block = Block::new(cairn_core::testing::mine(*block.header()), block.coinbase().clone(), block.transactions().to_vec());
        let verdict = world.chain.accept_block(NOW, Arc::new(block)).expect("memory");
        prop_assert!(verdict.is_ok(), "{:?}", verdict.err());
    }
}
