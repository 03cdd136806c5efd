//! Coin selection: which coins pay. `bdk_coin_select` proposes, integers decide.

use bdk_coin_select::{Candidate, CoinSelector, FeeRate as SelectorRate, Target, TargetFee, TargetOutputs};
use cairn_core::amount::Amount;
use cairn_core::encoding::encoded_size;
use cairn_core::signing::signers;
use cairn_core::transaction::{Output, Signature, Transaction, TransactionBody};

use crate::balance::SpendableCoin;

/// Bytes that one more input costs at the most: its outpoint and a signature of its own.
const INPUT_BYTES: u64 = 36 + 64;
/// The library counts in weight units, four to a byte.
const WEIGHT_PER_BYTE: u64 = 4;
/// Bytes of a transaction without inputs, outputs and signatures.
const FIXED_BYTES: u64 = 28;

/// A fee rate in units per 1,000 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeRate(u64);

impl FeeRate {
    /// The rate of this many units per 1,000 bytes.
    pub const fn per_kilobyte(units: Amount) -> Self {
        Self(units.units())
    }

    /// The fee of this many bytes, rounded up; none when it exceeds all amounts.
    /// ```
    /// use cairn_core::amount::Amount;
    /// use cairn_wallet::selection::FeeRate;
    ///
    /// let rate = FeeRate::per_kilobyte(Amount::from_units(1_000));
    /// assert_eq!(rate.fee(216), Some(Amount::from_units(216)));
    /// assert_eq!(FeeRate::per_kilobyte(Amount::from_units(1)).fee(216), Some(Amount::from_units(1)));
    /// ```
    pub fn fee(self, bytes: usize) -> Option<Amount> {
        let fee = (u128::from(self.0) * bytes as u128).div_ceil(1000);
        u64::try_from(fee).ok().map(Amount::from_units)
    }
}

impl std::fmt::Display for FeeRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} per 1,000 bytes", Amount::from_units(self.0))
    }
}

/// Bytes of the transaction once signed: one signature for each distinct key.
pub fn signed_size(body: &TransactionBody, coins: &[SpendableCoin]) -> usize {
    let spent: Vec<Output> = coins.iter().map(|coin| coin.output.clone()).collect();
    let blanks = vec![Signature::from_bytes([0; 64]); signers(&spent).len()];
    encoded_size(&Transaction::new(body.clone(), blanks))
}

/// Coins in the order in which the selector would take them for this payment, with how many of them
/// it takes. The caller adds more of them one by one if its exact count says so.
pub fn propose(
    coins: &[SpendableCoin],
    amount: Amount,
    outputs: &[Output],
    rate: FeeRate,
) -> (Vec<usize>, usize) {
    let candidates: Vec<Candidate> = coins
        .iter()
        .map(|coin| Candidate {
            value: coin.output.amount.units(),
            weight: INPUT_BYTES * WEIGHT_PER_BYTE,
            input_count: 1,
            is_segwit: false,
        })
        .collect();
    let output_bytes: u64 = outputs.iter().map(|output| encoded_size(output) as u64).sum();
    let target = Target {
        fee: TargetFee::from_feerate(SelectorRate::from_sat_per_wu(
            rate.0 as f32 / (1000 * WEIGHT_PER_BYTE) as f32,
        )),
        outputs: TargetOutputs {
            value_sum: amount.units(),
            weight_sum: (output_bytes + FIXED_BYTES) * WEIGHT_PER_BYTE,
            n_outputs: outputs.len(),
        },
    };
    let mut selector = CoinSelector::new(&candidates);
    selector.sort_candidates_by(|(a, left), (b, right)| {
        // Confirmed coins first: a payment that spends an unconfirmed one fails with it.
        let key = |index: usize, candidate: Candidate| (coins[index].unconfirmed, u64::MAX - candidate.value);
        key(a, left).cmp(&key(b, right))
    });
    let order: Vec<usize> = selector.candidates().map(|(index, _)| index).collect();
    let taken = match selector.select_until_target_met(target) {
        Ok(()) => selector.selected_indices().len(),
        Err(_) => coins.len(),
    };
    (order, taken)
}
