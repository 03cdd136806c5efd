//! Connecting: each rule is broken alone; and what is connected can be disconnected without a trace.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::check::block::check_block;
use crate::signature::SerialVerifier;
use crate::testing::{TestChain, pay, seal};
use crate::transaction::{Coinbase, Transaction};

type Coins = BTreeMap<OutPoint, Coin>;

fn genesis_coins(test: &TestChain) -> Coins {
    let coinbase = test.genesis.coinbase();
    coins_of(coinbase.txid(), &coinbase.outputs, Height::GENESIS, Origin::Premine).into_iter().collect()
}

fn connect(test: &TestChain, block: &Arc<Block>, coins: &Coins) -> Result<ConnectedBlock, ConnectError> {
    let checked = check_block(block.clone(), &test.params).expect("a body that breaks no rule on its own");
    let (height, median) = (block.coinbase().height, test.params.genesis_time);
    connect_block(&checked, height, median, coins, &SerialVerifier, &test.params)
}

fn first(test: &TestChain, fees: Amount, transactions: Vec<Arc<Transaction>>) -> Arc<Block> {
    test.block_on(&test.genesis, 1, fees, transactions)
}

fn apply(coins: &mut Coins, changes: CoinChanges) {
    for (outpoint, coin) in changes.spent {
        assert_eq!(coins.remove(&outpoint), Some(coin), "only what is there is spent");
    }
    for (outpoint, coin) in changes.created {
        assert_eq!(coins.insert(outpoint, coin), None, "nothing is overwritten");
    }
}

fn sum(coins: &Coins) -> Amount {
    Amount::checked_sum(coins.values().map(|coin| coin.output.amount)).unwrap()
}

#[test]
fn a_coinbase_that_names_another_height_is_refused() {
    let test = TestChain::new();
    let block = first(&test, Amount::ZERO, Vec::new());
    let checked = check_block(block, &test.params).unwrap();
    let expected = Height::from_u32(2);
    let time = test.params.genesis_time;
    let refused = connect_block(&checked, expected, time, &Coins::new(), &SerialVerifier, &test.params);
    assert_eq!(refused, Err(ConnectError::CoinbaseHeight { found: Height::from_u32(1), expected }));
}

/// ATTACKS 10.
#[test]
fn a_coinbase_may_claim_subsidy_and_fees_and_not_a_unit_more() {
    let test = TestChain::new();
    let payment = test.spend(1, &[test.premine(1)], vec![pay(997, 2)]);
    let fees = pay(3, 1).amount;
    let exact = first(&test, fees, vec![payment.clone()]);
    assert_eq!(connect(&test, &exact, &genesis_coins(&test)).unwrap().fees, fees);
    let greedy = first(&test, Amount::from_units(fees.units() + 1), vec![payment]);
    let allowed = pay(53, 1).amount;
    let claimed = Amount::from_units(allowed.units() + 1);
    let error = ConnectError::CoinbaseClaimsTooMuch { claimed, allowed };
    assert_eq!(connect(&test, &greedy, &genesis_coins(&test)), Err(error));
}

/// ATTACKS 4: a claim whose sum wraps around.
#[test]
fn a_claim_that_wraps_is_refused() {
    let test = TestChain::new();
    let half = Output { amount: Amount::from_units(u64::MAX / 2 + 1), ..pay(1, 1) };
    let coinbase =
        Coinbase { height: Height::from_u32(1), outputs: vec![half.clone(), half], tag: Vec::new() };
    let (time, bits) = (test.params.genesis_time, test.params.pow_limit);
    let block = Arc::new(seal(test.genesis.hash(), time, bits, coinbase, Vec::new()));
    let refused = connect(&test, &block, &genesis_coins(&test));
    assert!(matches!(refused, Err(ConnectError::CoinbaseClaimsTooMuch { .. })), "{refused:?}");
}

#[test]
fn a_transaction_that_spends_what_is_not_there_is_named() {
    let test = TestChain::new();
    let outpoint = OutPoint { txid: Txid::ZERO, index: 0 };
    let bad = test.spend(1, &[(outpoint, pay(1, 1))], vec![pay(1, 2)]);
    let block = first(&test, Amount::ZERO, vec![bad.clone()]);
    let error = TransactionError::MissingCoin { outpoint };
    let error = ConnectError::Transaction { txid: bad.txid(), error };
    assert_eq!(connect(&test, &block, &genesis_coins(&test)), Err(error));
}

#[test]
fn the_forged_signature_among_many_is_the_one_that_is_named() {
    let test = TestChain::new();
    let mut payments: Vec<Arc<Transaction>> =
        (0..9).map(|number| test.spend(number, &[test.premine(number)], vec![pay(1_000, 9)])).collect();
    payments[5] = test.spend(1, &[test.premine(5)], vec![pay(1_000, 9)]);
    let txid = payments[5].txid();
    let block = first(&test, Amount::ZERO, payments);
    let error = TransactionError::BadSignature { index: 0 };
    assert_eq!(connect(&test, &block, &genesis_coins(&test)), Err(ConnectError::Transaction { txid, error }));
}

#[test]
fn an_output_made_earlier_in_the_block_may_be_spent_in_it_and_later_ones_may_not() {
    let test = TestChain::new();
    let parent = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let made = OutPoint { txid: parent.txid(), index: 0 };
    let child = test.spend(2, &[(made, pay(1_000, 2))], vec![pay(1_000, 3)]);
    let block = first(&test, Amount::ZERO, vec![parent.clone(), child.clone()]);
    let joined = connect(&test, &block, &genesis_coins(&test)).unwrap();
    assert!(joined.changes.created.iter().all(|(outpoint, _)| *outpoint != made), "it never was outside");
    let reversed = first(&test, Amount::ZERO, vec![child.clone(), parent]);
    let error = TransactionError::MissingCoin { outpoint: made };
    let error = ConnectError::Transaction { txid: child.txid(), error };
    assert_eq!(connect(&test, &reversed, &genesis_coins(&test)), Err(error));
}

/// Only coinbases make outputs of zero.
#[test]
fn an_output_of_zero_can_be_spent() {
    let mut test = TestChain::new();
    test.params.coinbase_maturity = 0;
    let outputs = vec![pay(0, 1), pay(50, 1)];
    let coinbase = Coinbase { height: Height::from_u32(1), outputs: outputs.clone(), tag: Vec::new() };
    let (time, bits) = (test.params.genesis_time, test.params.pow_limit);
    let made = Arc::new(seal(test.genesis.hash(), time, bits, coinbase, Vec::new()));
    let mut coins = genesis_coins(&test);
    let joined = connect(&test, &made, &coins).expect("a coinbase may pay nothing");
    apply(&mut coins, joined.changes);
    let txid = made.coinbase().txid();
    let spent: Vec<(OutPoint, Output)> =
        (0..).zip(outputs).map(|(index, output)| (OutPoint { txid, index }, output)).collect();
    let spending = test.spend(1, &spent, vec![pay(50, 2)]);
    let block = test.block_on(&made, 1, Amount::ZERO, vec![spending]);
    assert_eq!(connect(&test, &block, &coins).map(|joined| joined.undo.spent.len()), Ok(2));
}

/// ATTACKS 3: the same coin, made in this very block.
#[test]
fn a_coin_made_in_the_block_is_not_spent_twice_in_it() {
    let test = TestChain::new();
    let parent = test.spend(1, &[test.premine(1)], vec![pay(1_000, 2)]);
    let made = (OutPoint { txid: parent.txid(), index: 0 }, pay(1_000, 2));
    let one = test.spend(2, std::slice::from_ref(&made), vec![pay(1_000, 3)]);
    let other = test.spend(2, std::slice::from_ref(&made), vec![pay(1_000, 4)]);
    let block = first(&test, Amount::ZERO, vec![parent, one, other]);
    let refused = check_block(block, &test.params).expect_err("two spend one output");
    assert_eq!(refused, crate::check::block::BlockError::DoubleSpend { outpoint: made.0 });
}

#[test]
fn the_coinbase_of_a_block_cannot_be_spent_in_it() {
    let test = TestChain::new();
    let coinbase = first(&test, Amount::ZERO, Vec::new()).coinbase().clone();
    let outpoint = OutPoint { txid: coinbase.txid(), index: 0 };
    let early = test.spend(1, &[(outpoint, coinbase.outputs[0].clone())], vec![pay(50, 2)]);
    let block = first(&test, Amount::ZERO, vec![early.clone()]);
    let error =
        ConnectError::Transaction { txid: early.txid(), error: TransactionError::MissingCoin { outpoint } };
    assert_eq!(connect(&test, &block, &genesis_coins(&test)), Err(error));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// ATTACKS 5 and 14: and the sum of all coins is what the subsidies made.
    #[test]
    fn connecting_and_disconnecting_random_blocks_restores_the_coins_exactly(
        choices in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..10, 1u64..5, any::<bool>()), 1..24),
    ) {
        let test = TestChain::new();
        let mut coins = genesis_coins(&test);
        let mut history = Vec::new();
        let mut parent = test.genesis.clone();
        for choices in choices.chunks(4) {
            // Coins that may be spent: those of the premine's kind, and what this block makes.
            let mut spendable: BTreeMap<OutPoint, Output> = coins
                .iter()
                .filter(|(_, coin)| coin.origin != Origin::Coinbase)
                .map(|(outpoint, coin)| (*outpoint, coin.output.clone()))
                .collect();
            let mut transactions = Vec::new();
            for (pick, payee, parts, chained) in choices {
                let outpoint = *pick.get(&spendable.keys().copied().collect::<Vec<_>>());
                let output = spendable.remove(&outpoint).expect("it was picked");
                let owner = (0..10).find(|number| crate::testing::lock(*number) == output.lock).expect("known keys");
                let part = Amount::from_units(output.amount.units() / parts);
                if part == Amount::ZERO {
                    continue;
                }
                let outputs = vec![Output { amount: part, ..pay(1, *payee) }; *parts as usize];
                let made = test.spend(owner, &[(outpoint, output)], outputs);
                if *chained {
                    let places = (0..).zip(made.outputs().iter().cloned());
                    spendable.extend(places.map(|(index, output)| (OutPoint { txid: made.txid(), index }, output)));
                }
                transactions.push(made);
            }
            let block = test.block_on(&parent, 1, Amount::ZERO, transactions);
            let joined = connect(&test, &block, &coins).expect("a valid block");
            history.push((block.clone(), joined.undo.clone(), coins.clone()));
            let made_before = sum(&coins);
            apply(&mut coins, joined.changes);
            let expected = made_before.units() + subsidy(&test.params, block.coinbase().height).units();
            prop_assert_eq!(sum(&coins).units() + joined.fees.units(), expected);
            parent = block;
        }
        for (block, undo, before) in history.into_iter().rev() {
            apply(&mut coins, disconnect_block(&block, block.coinbase().height, &undo));
            prop_assert_eq!(&coins, &before);
        }
    }
}
