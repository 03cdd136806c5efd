//! What went wrong in other chains and needs more than one rule to show: each claim a test.

use core::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::amount::Amount;
use crate::block::Block;
use crate::check::block::{BlockError, check_block};
use crate::check::connect::{ConnectError, ConnectedBlock, connect_block, disconnect_block};
use crate::check::transaction::TransactionError;
use crate::coin::{Coin, CoinChanges, CoinView, Origin};
use crate::encoding::{decode, encode};
use crate::header::Header;
use crate::height::Height;
use crate::signature::{SerialVerifier, SignatureClaim, Verifier};
use crate::signing::{sign, signature_digest};
use crate::testing::{TestChain, key, lock, pay};
use crate::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};

type Coins = BTreeMap<OutPoint, Coin>;

/// Coins that count how often they are looked at.
struct Counted {
    coins: Coins,
    looks: Cell<usize>,
}

impl CoinView for Counted {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.looks.set(self.looks.get() + 1);
        self.coins.coin(outpoint)
    }
}

fn genesis_coins(test: &TestChain) -> Coins {
    let coin = |number| {
        let (outpoint, output) = test.premine(number);
        (outpoint, Coin { output, height: Height::GENESIS, origin: Origin::Premine })
    };
    (0..10).map(coin).collect()
}

fn connect(
    test: &TestChain,
    block: &Arc<Block>,
    coins: &dyn CoinView,
) -> Result<ConnectedBlock, ConnectError> {
    let checked = check_block(block.clone(), &test.params).expect("a body that breaks no rule on its own");
    let (height, median) = (block.coinbase().height, test.params.genesis_time);
    connect_block(&checked, height, median, coins, &SerialVerifier, &test.params)
}

fn apply(coins: &mut Coins, changes: CoinChanges) {
    for (outpoint, coin) in changes.spent {
        assert_eq!(coins.remove(&outpoint), Some(coin), "only what is there is spent");
    }
    for (outpoint, coin) in changes.created {
        assert_eq!(coins.insert(outpoint, coin), None, "nothing is overwritten");
    }
}

/// Connects blocks one on another and returns how to go back.
fn extend(test: &TestChain, coins: &mut Coins, blocks: &[Arc<Block>]) -> Vec<CoinChanges> {
    let step = |block: &Arc<Block>| {
        let joined = connect(test, block, coins).expect("a valid block");
        apply(coins, joined.changes().clone());
        disconnect_block(block, block.coinbase().height, joined.undo())
    };
    blocks.iter().map(step).collect()
}

/// ATTACKS 4, CVE-2010-5139: coins that no chain can hold still wrap no sum.
#[test]
fn fees_that_wrap_are_refused() {
    let test = TestChain::new();
    let mut coins = genesis_coins(&test);
    let payment = |number: u8| {
        let (outpoint, output) = test.premine(number);
        let output = Output { amount: Amount::from_units(u64::MAX), ..output };
        (outpoint, output.clone(), test.spend(number, &[(outpoint, output)], vec![pay(1, 3)]))
    };
    let (one, other) = (payment(1), payment(2));
    for (outpoint, output, _) in [&one, &other] {
        coins.insert(
            *outpoint,
            Coin { output: output.clone(), height: Height::GENESIS, origin: Origin::Premine },
        );
    }
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![one.2, other.2]);
    let error = ConnectError::FeesExceedSupply { maximum: test.params.max_supply };
    assert_eq!(connect(&test, &block, &coins), Err(error));
}

/// ATTACKS 10: what a reorganization gives back is as young as it was.
#[test]
fn a_coinbase_whose_spending_was_undone_is_immature_again_below_its_height() {
    let test = TestChain::new();
    let mut coins = genesis_coins(&test);
    let branch = test.blocks_on(&test.genesis, 1, 10);
    let mut back = extend(&test, &mut coins, &branch);
    let reward = branch[0].coinbase();
    let (outpoint, output) = (OutPoint { txid: reward.txid(), index: 0 }, reward.outputs[0].clone());
    let spend = test.spend(1, &[(outpoint, output)], vec![pay(50, 2)]);
    let spending = test.block_on(&branch[9], 1, Amount::ZERO, vec![spend.clone()]);
    back.extend(extend(&test, &mut coins, &[spending]));

    for _ in 0..2 {
        apply(&mut coins, back.pop().expect("eleven blocks were connected"));
    }
    let early = test.block_on(&branch[8], 2, Amount::ZERO, vec![spend.clone()]);
    let (made_at, height) = (Height::from_u32(1), Height::from_u32(10));
    let error = TransactionError::ImmatureCoinbase { outpoint, made_at, spendable_at: 11, height };
    let error = ConnectError::Transaction { txid: spend.txid(), error };
    assert_eq!(connect(&test, &early, &coins), Err(error));
}

/// ATTACKS 14: A, then B, then A again.
#[test]
fn coins_after_going_to_another_branch_and_back_are_as_if_one_had_never_left() {
    let test = TestChain::new();
    let mut coins = genesis_coins(&test);
    let paying = |to: u8| {
        let spend = test.spend(1, &[test.premine(1)], vec![pay(600, 1), pay(400, to)]);
        let change = (OutPoint { txid: spend.txid(), index: 0 }, pay(600, 1));
        let onward = test.spend(1, &[change], vec![pay(600, to)]);
        let mut blocks = vec![test.block_on(&test.genesis, to, Amount::ZERO, vec![spend, onward])];
        blocks.extend(test.blocks_on(&blocks[0], to, 3));
        blocks
    };
    let (a, b) = (paying(4), paying(5));
    let before = coins.clone();
    let go = |coins: &mut Coins, branch: &[Arc<Block>]| {
        let back = extend(&test, coins, branch);
        let there = coins.clone();
        back.into_iter().rev().for_each(|changes| apply(coins, changes));
        there
    };
    let at_a = go(&mut coins, &a);
    assert_eq!(coins, before);
    let at_b = go(&mut coins, &b);
    assert_eq!(coins, before);
    assert_ne!(at_a, at_b);
    assert_eq!(go(&mut coins, &a), at_a);
}

/// ATTACKS 13: one digest a transaction, one signature a key, one look a coin, so no block of allowed
/// size costs more than in proportion to its bytes. A full block is checked here.
#[test]
fn the_work_of_a_block_grows_with_its_bytes_and_no_faster() {
    let test = TestChain::new();
    let inputs: Vec<OutPoint> = (0..27_000).map(|index| OutPoint { index, ..test.premine(0).0 }).collect();
    let owners: Vec<Output> = (0..10).map(|number| pay(1, number)).collect();
    let spent: Vec<Output> = owners.into_iter().cycle().take(inputs.len()).collect();
    let made =
        |output: &Output| Coin { output: output.clone(), height: Height::GENESIS, origin: Origin::Premine };
    let coins: Coins = inputs.iter().copied().zip(spent.iter().map(made)).collect();
    let body = TransactionBody {
        inputs: inputs.clone(),
        outputs: vec![Output { amount: Amount::COIN, lock: lock(1) }],
        lock_time: LockTime::Immediate,
    };
    let digest = signature_digest(&test.params.genesis_hash, &body, &spent);
    let transaction = Transaction::new(body, (0..10).map(|number| sign(&key(number), &digest)).collect());
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![Arc::new(transaction)]);
    assert!(block.size() > 970_000, "nearly full");
    let counted = Counted { coins, looks: Cell::new(0) };
    let joined = connect(&test, &block, &counted).expect("a valid block");
    assert_eq!(joined.undo().spent.len(), inputs.len());
    assert_eq!(counted.looks.get(), inputs.len());
}

/// A verifier that remembers what it was asked.
#[derive(Default)]
struct Asked(std::cell::RefCell<Vec<SignatureClaim>>);

impl Verifier for Asked {
    fn verify(&self, batch: &[SignatureClaim]) -> Result<(), usize> {
        self.0.borrow_mut().extend(batch);
        SerialVerifier.verify(batch)
    }
}

/// ATTACKS 13, CVE-2025-46598: as many signatures as fit, each with a coin of its own. Every one pays
/// for itself in bytes, and the digest that all of a transaction sign is made once for each transaction.
#[test]
fn a_block_is_asked_for_no_more_signatures_than_its_bytes_hold_and_a_digest_for_each_transaction() {
    const OWNERS: u8 = 250;
    let test = TestChain::new();
    let mut coins = Coins::new();
    let transactions: Vec<Arc<Transaction>> = (0..4_u32)
        .map(|number| {
            let owned = |owner: u8| {
                (OutPoint { index: number * 1_000 + u32::from(owner), ..test.premine(0).0 }, pay(1, owner))
            };
            let spent: Vec<(OutPoint, Output)> = (0..OWNERS).map(owned).collect();
            let made = |output: &Output| Coin {
                output: output.clone(),
                height: Height::GENESIS,
                origin: Origin::Premine,
            };
            coins.extend(spent.iter().map(|(outpoint, output)| (*outpoint, made(output))));
            let outputs: Vec<Output> = spent.iter().map(|(_, output)| output.clone()).collect();
            let body = TransactionBody {
                inputs: spent.into_iter().map(|(outpoint, _)| outpoint).collect(),
                outputs: vec![pay(1, 1)],
                lock_time: LockTime::Immediate,
            };
            let digest = signature_digest(&test.params.genesis_hash, &body, &outputs);
            Arc::new(Transaction::new(body, (0..OWNERS).map(|owner| sign(&key(owner), &digest)).collect()))
        })
        .collect();
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, transactions);
    let checked = check_block(block.clone(), &test.params).expect("a body that breaks no rule on its own");
    let asked = Asked::default();
    let (height, median) = (Height::from_u32(1), test.params.genesis_time);
    connect_block(&checked, height, median, &coins, &asked, &test.params).expect("a valid block");
    let asked = asked.0.into_inner();
    let digests: std::collections::BTreeSet<_> = asked.iter().map(|claim| claim.digest).collect();
    assert_eq!((asked.len(), digests.len()), (4 * usize::from(OWNERS), 4));
    let (input, signature) = (36, 64);
    assert!(asked.len() * (input + signature) <= block.size());
}

/// ATTACKS 10: no coinbase and two coinbases are no blocks that break a rule, they are no blocks.
#[test]
fn a_block_has_one_coinbase_by_its_form() {
    let test = TestChain::new();
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, Vec::new());
    let bytes = encode(block.as_ref());
    let coinbase = encode(block.coinbase());
    let (header, rest) = bytes.split_at(Header::SIZE);
    assert!(rest.starts_with(&coinbase));
    let without = [header, &rest[coinbase.len()..]].concat();
    let twice = [header, &coinbase, rest].concat();
    for bytes in [without, twice] {
        assert!(decode::<Block>(&bytes, bytes.len()).is_err());
    }
    // Nor can a transaction make coins out of nothing as a coinbase does.
    let body =
        TransactionBody { inputs: Vec::new(), outputs: vec![pay(1, 1)], lock_time: LockTime::Immediate };
    let free = Arc::new(Transaction::new(body, Vec::new()));
    let block = test.block_on(&test.genesis, 1, Amount::ZERO, vec![free.clone()]);
    let error = BlockError::Transaction { txid: free.txid(), error: TransactionError::NoInputs };
    assert_eq!(check_block(block, &test.params), Err(error));
}
