//! Rules for transactions: each is broken alone, and its own error comes out.

use std::collections::BTreeMap;

use super::*;
use crate::hash::GenesisHash;
use crate::signature::{SerialVerifier, Verifier};
use crate::signing::sign;
use crate::testing::{TestChain, key, lock, pay};
use crate::transaction::{Signature, TransactionBody};

const HERE: SpendContext =
    SpendContext { height: Height::from_u32(100), median_time_past: Timestamp::from_millis(1_000) };

fn premine(test: &TestChain) -> BTreeMap<OutPoint, Coin> {
    let coin = |number| {
        let (outpoint, output) = test.premine(number);
        (outpoint, Coin { output, height: Height::GENESIS, origin: Origin::Premine })
    };
    (0..10).map(coin).collect()
}

fn check(test: &TestChain, transaction: &Transaction) -> Result<CheckedSpend, TransactionError> {
    check_transaction_alone(transaction, &test.params)?;
    check_transaction_on_coins(transaction, &premine(test), HERE, &test.params)
}

fn unsigned(inputs: Vec<OutPoint>, outputs: Vec<Output>) -> Transaction {
    Transaction::new(TransactionBody { inputs, outputs, lock_time: LockTime::Immediate }, Vec::new())
}

#[test]
fn a_valid_payment_passes_and_leaves_its_fee() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(400, 2), pay(599, 1)]);
    let checked = check(&test, &payment).unwrap();
    assert_eq!(checked.fee, Amount::COIN);
    assert_eq!(SerialVerifier.verify(&checked.signatures), Ok(()));
}

#[test]
fn a_transaction_that_spends_nothing_is_refused() {
    let test = TestChain::new();
    assert_eq!(check(&test, &unsigned(Vec::new(), vec![pay(1, 1)])), Err(TransactionError::NoInputs));
}

#[test]
fn a_transaction_that_makes_nothing_is_refused() {
    let test = TestChain::new();
    assert_eq!(
        check(&test, &unsigned(vec![test.premine(1).0], Vec::new())),
        Err(TransactionError::NoOutputs)
    );
}

#[test]
fn a_transaction_larger_than_a_block_is_refused() {
    let test = TestChain::new();
    let payment = unsigned(vec![test.premine(1).0], vec![pay(1, 1); 25_000]);
    let error = TransactionError::TooLarge { found: payment.size(), allowed: test.params.max_block_bytes };
    assert_eq!(check(&test, &payment), Err(error));
}

/// ATTACKS 3, CVE-2018-17144.
#[test]
fn an_output_spent_twice_by_one_transaction_is_refused() {
    let test = TestChain::new();
    let (outpoint, _) = test.premine(1);
    let payment = test.spend(1, &[test.premine(1), test.premine(1)], vec![pay(2_000, 2)]);
    assert_eq!(check(&test, &payment), Err(TransactionError::DuplicateInput { outpoint }));
}

#[test]
fn an_output_of_nothing_is_refused() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(1, 2), pay(0, 2)]);
    assert_eq!(check(&test, &payment), Err(TransactionError::ZeroOutput { index: 1 }));
}

/// ATTACKS 4, CVE-2010-5139: sums that wrap, and sums that merely exceed all coins.
#[test]
fn outputs_that_exceed_all_coins_are_refused_whether_or_not_the_sum_wraps() {
    let test = TestChain::new();
    let maximum = test.params.max_supply;
    let half = Output { amount: Amount::from_units(u64::MAX / 2 + 1), lock: lock(1) };
    let above = Output { amount: Amount::from_units(maximum.units() + 1), lock: lock(1) };
    for outputs in [vec![half.clone(), half], vec![above]] {
        let payment = test.spend(1, &[test.premine(1)], outputs);
        assert_eq!(check(&test, &payment), Err(TransactionError::OutputsExceedSupply { maximum }));
    }
}

#[test]
fn an_output_that_is_not_there_cannot_be_spent() {
    let test = TestChain::new();
    let outpoint = OutPoint { index: 77, ..test.premine(1).0 };
    let payment = test.spend(1, &[(outpoint, pay(1_000, 1))], vec![pay(1_000, 2)]);
    assert_eq!(check(&test, &payment), Err(TransactionError::MissingCoin { outpoint }));
}

/// ATTACKS 10.
#[test]
fn a_coinbase_is_spendable_at_its_maturity_and_not_a_block_before() {
    let test = TestChain::new();
    let (outpoint, output) = test.premine(1);
    let made_at = Height::from_u32(91);
    let coin = Coin { output: output.clone(), height: made_at, origin: Origin::Coinbase };
    let coins = BTreeMap::from([(outpoint, coin)]);
    let payment = test.spend(1, &[(outpoint, output)], vec![pay(1_000, 2)]);
    let at = |height| {
        let context = SpendContext { height: Height::from_u32(height), ..HERE };
        check_transaction_on_coins(&payment, &coins, context, &test.params).map(|spend| spend.fee)
    };
    let height = Height::from_u32(100);
    let error = TransactionError::ImmatureCoinbase { outpoint, made_at, spendable_at: 101, height };
    assert_eq!(at(100), Err(error));
    assert_eq!(at(101), Ok(Amount::ZERO));
}

#[test]
fn a_lock_time_must_be_over() {
    let test = TestChain::new();
    let (outpoint, output) = test.premine(1);
    let with = |lock_time| {
        let body = TransactionBody { inputs: vec![outpoint], outputs: vec![pay(1_000, 2)], lock_time };
        let digest = signature_digest(&test.params.genesis_hash, &body, core::slice::from_ref(&output));
        check(&test, &Transaction::new(body, vec![sign(&key(1), &digest)])).map(|spend| spend.fee)
    };
    let SpendContext { height, median_time_past } = HERE;
    for lock_time in [LockTime::Height(height), LockTime::Time(median_time_past)] {
        assert_eq!(with(lock_time), Err(TransactionError::Locked { lock_time, height, median_time_past }));
    }
    assert_eq!(with(LockTime::Height(Height::from_u32(99))), Ok(Amount::ZERO));
    assert_eq!(with(LockTime::Time(Timestamp::from_millis(999))), Ok(Amount::ZERO));
}

#[test]
fn more_cannot_be_made_than_is_spent() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(1_001, 2)]);
    let (inputs, outputs) = (pay(1_000, 1).amount, pay(1_001, 1).amount);
    assert_eq!(check(&test, &payment), Err(TransactionError::OutputsExceedInputs { inputs, outputs }));
}

#[test]
fn one_signature_for_each_distinct_key_and_no_other() {
    let test = TestChain::new();
    let body = |numbers: &[u8]| TransactionBody {
        inputs: numbers.iter().map(|number| test.premine(*number).0).collect(),
        outputs: vec![pay(1_000, 9)],
        lock_time: LockTime::Immediate,
    };
    let signature = Signature::from_bytes([0; 64]);
    for (numbers, found, expected) in [(&[1][..], 0, 1), (&[1], 2, 1), (&[1, 2], 1, 2)] {
        let payment = Transaction::new(body(numbers), vec![signature; found]);
        assert_eq!(check(&test, &payment), Err(TransactionError::SignatureCount { found, expected }));
    }
}

#[test]
fn coins_of_one_key_are_spent_with_one_signature() {
    let test = TestChain::new();
    let made = unsigned(vec![test.premine(1).0], vec![pay(1, 5), pay(2, 5), pay(3, 5)]);
    let spent: Vec<(OutPoint, Output)> = (0..3)
        .map(|index| (OutPoint { txid: made.txid(), index }, made.outputs()[index as usize].clone()))
        .collect();
    let coin = |output: &Output| Coin {
        output: output.clone(),
        height: Height::GENESIS,
        origin: Origin::Transaction,
    };
    let coins: BTreeMap<OutPoint, Coin> =
        spent.iter().map(|(outpoint, output)| (*outpoint, coin(output))).collect();
    let payment = test.spend(5, &spent, vec![pay(6, 6)]);
    let checked = check_transaction_on_coins(&payment, &coins, HERE, &test.params).unwrap();
    assert_eq!(checked.signatures.len(), 1);
    assert_eq!(SerialVerifier.verify(&checked.signatures), Ok(()));
}

/// ATTACKS 11: the digest binds the chain, so nothing is valid on two.
#[test]
fn a_signature_of_another_chain_is_not_valid_here() {
    let (test, mut other) = (TestChain::new(), TestChain::new());
    other.params.genesis_hash = GenesisHash::from_bytes([7; 32]);
    let replayed = other.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let checked = check(&test, &replayed).unwrap();
    assert_eq!(SerialVerifier.verify(&checked.signatures), Err(0));
}

/// ATTACKS 11: the digest binds amounts and owners of what is spent, outputs and lock time.
#[test]
fn the_digest_covers_everything_but_the_signatures() {
    let test = TestChain::new();
    let (outpoint, output) = test.premine(1);
    let body =
        TransactionBody { inputs: vec![outpoint], outputs: vec![pay(1, 2)], lock_time: LockTime::Immediate };
    let genesis = &test.params.genesis_hash;
    let digest = signature_digest(genesis, &body, core::slice::from_ref(&output));
    let others = [
        signature_digest(&GenesisHash::ZERO, &body, core::slice::from_ref(&output)),
        signature_digest(genesis, &body, &[pay(999, 1)]),
        signature_digest(genesis, &body, &[pay(1_000, 2)]),
        signature_digest(
            genesis,
            &TransactionBody { outputs: vec![pay(2, 2)], ..body.clone() },
            core::slice::from_ref(&output),
        ),
        signature_digest(
            genesis,
            &TransactionBody { inputs: vec![test.premine(2).0], ..body.clone() },
            core::slice::from_ref(&output),
        ),
        signature_digest(
            genesis,
            &TransactionBody { lock_time: LockTime::Height(Height::GENESIS), ..body.clone() },
            core::slice::from_ref(&output),
        ),
    ];
    assert!(!others.contains(&digest));
}

#[test]
fn the_id_does_not_depend_on_the_signatures_and_the_leaf_does() {
    let test = TestChain::new();
    let signed = test.spend(1, &[test.premine(1)], vec![pay(1, 2)]);
    let stripped = Transaction::new(signed.body().clone(), Vec::new());
    assert_eq!(signed.txid(), stripped.txid());
    assert_ne!(signed.leaf_hash(), stripped.leaf_hash());
}
