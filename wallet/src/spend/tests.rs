//! Payments: exact sums, honest refusals, signatures that the chain accepts.

use std::collections::BTreeMap;

use cairn_core::check::transaction::{SpendContext, check_transaction_alone, check_transaction_on_coins};
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::signature::{SerialVerifier, Verifier};
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_genesis::Chain;
use proptest::prelude::*;

use super::*;
use crate::mnemonic::Words;

const RATE: FeeRate = FeeRate::per_kilobyte(Amount::from_units(1_000));

fn keys() -> Keys {
    Keys::new(&Words::from_entropy(&[3; 32]))
}

/// One coin for each amount; even ones lie on address 0, odd ones on addresses of their own.
fn coins(amounts: &[u64]) -> Vec<SpendableCoin> {
    let coin = |(index, units): (usize, &u64)| {
        let address = if index % 2 == 0 { 0 } else { index as u32 };
        SpendableCoin {
            outpoint: OutPoint { txid: Txid::from_bytes([index as u8 + 1; 32]), index: 0 },
            output: Output {
                amount: Amount::from_units(*units),
                lock: keys().lock(Branch::Receive, address),
            },
            unconfirmed: false,
        }
    };
    amounts.iter().enumerate().map(coin).collect()
}

fn balance(spendable: u64) -> Balance {
    Balance {
        spendable: Amount::from_units(spendable),
        immature: Amount::ZERO,
        blocks_to_first_maturity: None,
        blocks_to_full_maturity: None,
        pending_change: Amount::ZERO,
        pending_out: Amount::ZERO,
        unreleased: Amount::ZERO,
        not_in_mempool: Amount::ZERO,
        height: 7,
    }
}

fn wish(amount: Option<u64>) -> Wish {
    Wish {
        to: Keys::new(&Words::from_entropy(&[4; 32])).lock(Branch::Receive, 0),
        amount: amount.map(Amount::from_units),
        rate: RATE,
        fee_ceiling: Amount::COIN,
    }
}

fn draft(amount: Option<u64>, amounts: &[u64]) -> Result<Draft, SpendError> {
    let change_to = keys().lock(Branch::Change, 0);
    Draft::new(&wish(amount), &coins(amounts), change_to, &balance(amounts.iter().sum()))
}

#[test]
fn a_signed_payment_passes_the_rules_of_the_chain() {
    let chain = Chain::builtin("devnet").expect("devnet");
    let keys = keys();
    let places = (0..10).map(|i| (keys.lock(Branch::Receive, i), (Branch::Receive, i))).collect();
    let coins = coins(&[40_000_000, 50_000_000, 60_000_000, 70_000_000]);
    let draft = draft(Some(200_000_000), &[40_000_000, 50_000_000, 60_000_000, 70_000_000]).expect("enough");
    let (fee, size) = (draft.fee, draft.size);
    let signed = draft.agreed().sign(&keys, &places, &chain.params.genesis_hash).expect("our coins");
    let transaction = signed.transaction();
    assert_eq!(transaction.size(), size);
    check_transaction_alone(transaction, &chain.params).expect("well-formed");
    let view: BTreeMap<OutPoint, Coin> = coins
        .into_iter()
        .map(|coin| {
            (
                coin.outpoint,
                Coin { output: coin.output, height: Height::GENESIS, origin: Origin::Transaction },
            )
        })
        .collect();
    let context = SpendContext { height: Height::from_u32(8), median_time_past: Timestamp::from_millis(1) };
    let checked = check_transaction_on_coins(transaction, &view, context, &chain.params).expect("spendable");
    assert_eq!(checked.fee(), fee);
    assert_eq!(SerialVerifier.verify(checked.signatures()), Ok(()));
}

#[test]
fn a_foreign_key_signs_nothing() {
    let foreign = Keys::new(&Words::from_entropy(&[5; 32]));
    let places = BTreeMap::from([(keys().lock(Branch::Receive, 0), (Branch::Receive, 0))]);
    let draft = draft(Some(1_000_000), &[40_000_000]).expect("enough");
    let genesis = Chain::builtin("devnet").expect("devnet").params.genesis_hash;
    assert_eq!(draft.agreed().sign(&foreign, &places, &genesis).err(), Some(SpendError::ForeignCoin));
}

#[test]
fn too_little_is_told_with_what_is_needed() {
    let rejected = draft(Some(50_000_000), &[40_000_000]).expect_err("too little");
    let SpendError::InsufficientFunds { needed, .. } = rejected else { panic!("{rejected}") };
    assert!(needed > Amount::from_units(50_000_000));
}

#[test]
fn immature_coins_are_named_with_the_blocks_that_are_missing() {
    let mut balance = balance(0);
    balance.immature = Amount::from_units(10_000_000_000);
    balance.blocks_to_first_maturity = Some(4);
    balance.blocks_to_full_maturity = Some(9);
    let rejected =
        Draft::new(&wish(Some(1)), &[], keys().lock(Branch::Change, 0), &balance).expect_err("nothing");
    let text = rejected.to_string();
    assert!(
        text.contains("100 more was mined but is immature") || text.contains("100.00000000 more"),
        "{text}"
    );
    assert!(text.contains("4 more blocks until the first of it can be spent, 9 for all"), "{text}");
}

#[test]
fn a_fee_above_the_ceiling_is_refused() {
    let mut wish = wish(Some(1_000_000));
    wish.fee_ceiling = Amount::from_units(10);
    let rejected =
        Draft::new(&wish, &coins(&[40_000_000]), keys().lock(Branch::Change, 0), &balance(40_000_000));
    assert!(matches!(rejected, Err(SpendError::FeeAboveCeiling { ceiling, .. }) if ceiling.units() == 10));
}

#[test]
fn nothing_cannot_be_paid() {
    assert_eq!(draft(Some(0), &[40_000_000]).err(), Some(SpendError::Nothing));
}

#[test]
fn all_leaves_nothing_behind() {
    let draft = draft(None, &[40_000_000, 30_000_000]).expect("something");
    assert_eq!(draft.change, Amount::ZERO);
    assert_eq!(draft.amount.units() + draft.fee.units(), 70_000_000);
    assert_eq!(draft.inputs(), 2);
}

/// As many coins on one address, of 10,000 units and one more each.
fn many(count: u32) -> Vec<SpendableCoin> {
    let lock = keys().lock(Branch::Receive, 0);
    let coin = |index: u32| SpendableCoin {
        outpoint: OutPoint { txid: Txid::from_bytes([1; 32]), index },
        output: Output { amount: Amount::from_units(10_000 + u64::from(index)), lock },
        unconfirmed: false,
    };
    (0..count).map(coin).collect()
}

#[test]
fn all_is_as_much_as_nodes_relay_the_largest_coins_first() {
    let (coins, change_to) = (many(4_000), keys().lock(Branch::Change, 0));
    let all: u64 = coins.iter().map(|coin| coin.output.amount.units()).sum();
    let draft = Draft::new(&wish(None), &coins, change_to, &balance(all)).expect("something");
    assert!((LARGEST - 36..=LARGEST).contains(&draft.size), "one more would not fit: {}", draft.size);
    let LeftOut { coins: left, amount } = draft.left_out;
    assert_eq!(left + draft.inputs(), 4_000);
    let least: u64 = many(left as u32).iter().map(|coin| coin.output.amount.units()).sum();
    assert_eq!(amount.units(), least);
    assert_eq!(draft.amount.units() + draft.fee.units() + amount.units(), all);
}

#[test]
fn a_payment_that_no_node_would_relay_is_refused_before_it_is_signed() {
    let (coins, change_to) = (many(4_000), keys().lock(Branch::Change, 0));
    let rejected = Draft::new(&wish(Some(40_000_000)), &coins, change_to, &balance(47_998_000));
    let Err(SpendError::TooLarge { coins, size }) = rejected else { panic!("{rejected:?}") };
    assert!(coins > 2_700 && size > LARGEST, "{coins} {size}");
}

#[test]
fn dust_goes_to_the_fee_instead_of_becoming_change() {
    let exact = draft(Some(1_000_000), &[40_000_000]).expect("enough");
    let fee_without_change = exact.fee.units() - 44 * RATE.fee(1000).expect("small").units() / 1000;
    let left = LEAST_CHANGE / 2;
    let draft = draft(Some(1_000_000), &[1_000_000 + fee_without_change + left]).expect("enough");
    assert_eq!(draft.change, Amount::ZERO);
    assert!(draft.fee.units() >= left, "{}", draft.fee);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_and_the_fee_rate_is_met(
        amounts in prop::collection::vec(1_000u64..100_000_000, 1..8),
        amount in 1u64..200_000_000,
    ) {
        if let Ok(draft) = draft(Some(amount), &amounts) {
            let spent: u64 = draft.coins.iter().map(|coin| coin.output.amount.units()).sum();
            prop_assert_eq!(spent, draft.amount.units() + draft.fee.units() + draft.change.units());
            prop_assert!(draft.fee >= RATE.fee(draft.size).expect("small"));
            prop_assert_eq!(draft.amount.units(), amount);
        } else {
            // Rejected only if all coins together could not pay it.
            let needed = amount + RATE.fee(400 + 150 * amounts.len()).expect("small").units();
            prop_assert!(amounts.iter().sum::<u64>() < needed);
        }
    }
}
