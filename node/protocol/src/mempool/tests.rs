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
use crate::chain::memory_store::MemoryStore;
use crate::limits::{MAX_ANCESTORS, MAX_RELAYED_TRANSACTION};

mod following;
mod limits;

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

    /// A transaction of one owner that pays `fee` units and shares the rest among `outputs`
    /// outputs back to itself.
    fn spend(&self, owner: u8, funds: &[Funds], outputs: u64, fee: u64) -> Arc<Transaction> {
        let total: u64 = funds.iter().map(|(_, output)| output.amount.units()).sum();
        let each = Amount::from_units((total - fee) / outputs);
        let first = Amount::from_units(total - fee - each.units() * (outputs - 1));
        let amounts = core::iter::once(first).chain(core::iter::repeat_n(each, outputs as usize - 1));
        let outputs = amounts.map(|amount| Output { amount, lock: lock(owner) }).collect();
        self.test.spend(owner, funds, outputs)
    }

    fn accept(&mut self, transaction: &Arc<Transaction>) -> Result<AcceptedTransaction, MempoolError> {
        let rejection = |failure: Failure<MempoolError>| failure.rejection().expect("memory");
        let tested = self.pool.test(NOW, transaction, None, &self.chain).map_err(rejection);
        let accepted = self.pool.accept(NOW, transaction, &self.chain).map_err(rejection);
        assert_eq!(tested, accepted, "a test foretells what happens");
        self.pool.entries().assert_consistent();
        assert!(self.pool.usage() <= self.pool.max_usage());
        accepted
    }

    fn give(&mut self, block: &Arc<Block>) -> MempoolChange {
        let accepted = self.chain.accept_block(NOW, block.clone()).expect("valid");
        let Some(change) = accepted.change else { return MempoolChange::default() };
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
