//! A payment in three types, so that nothing is signed that was not shown:
//! [`Draft`] (coins chosen) → [`Reviewed`] (shown and agreed to) → [`Signed`].

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::hash::GenesisHash;
use cairn_core::lock::Lock;
use cairn_core::signing::{sign, signature_digest, signers};
use cairn_core::transaction::{LockTime, Output, Transaction, TransactionBody};

use crate::balance::{Balance, SpendableCoin};
use crate::keys::{Branch, Keys};
use crate::selection::{FeeRate, propose, signed_size};

/// Change below this goes to the fee: spending it later would cost more than it holds.
const LEAST_CHANGE: u64 = 1_000;
/// No node relays a transaction with more bytes than this (docs/protocol.md, 12).
const LARGEST: usize = 100_000;

/// A payment as a person asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The lock of the output that pays the recipient.
    pub to: Lock,
    /// What the recipient gets; none means all there is, less the fee.
    pub amount: Option<Amount>,
    pub rate: FeeRate,
    /// More than this is never paid as a fee.
    pub fee_ceiling: Amount,
}

/// The payment cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpendError {
    /// The coins that can be spent are too few.
    #[error("{}", insufficient(*.needed, .balance))]
    InsufficientFunds { needed: Amount, balance: Box<Balance> },
    /// The amount is zero.
    #[error("the amount is zero: nothing would be paid")]
    Nothing,
    /// The fee is above the ceiling, as after a slip of the finger.
    #[error(
        "the fee would be {fee}, more than the ceiling of {ceiling}; raise it with --max-fee if you mean it"
    )]
    FeeAboveCeiling { fee: Amount, ceiling: Amount },
    /// Sums exceed the range of amounts.
    #[error("amount and fee together exceed every possible amount")]
    Overflow,
    /// It takes so many small coins that no node would relay it.
    #[error(
        "{coins} coins would pay this, in {size} bytes, and no node relays more than {LARGEST}; pay less at once, or send `all` to an address of your own first, which joins the largest of them"
    )]
    TooLarge { coins: usize, size: usize },
    /// A coin's key is not among ours: the book and the words do not belong together.
    #[error("the key of a coin to spend is not this wallet's: the wallet's files do not belong together")]
    ForeignCoin,
}

/// A payment whose coins are chosen. Not yet agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    body: TransactionBody,
    coins: Vec<SpendableCoin>,
    /// What the recipient gets.
    pub amount: Amount,
    /// What the miner gets.
    pub fee: Amount,
    /// Output that comes back to the wallet; zero if there is none.
    pub change: Amount,
    /// Bytes of the transaction once signed.
    pub size: usize,
    /// What did not fit when all was to be sent.
    pub left_out: LeftOut,
}

/// Coins beyond what one transaction holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub coins: usize,
    pub amount: Amount,
}

/// A payment that its owner agreed to.
pub struct Reviewed(Draft);

/// A payment that can be sent.
pub struct Signed(Transaction);

impl Draft {
    /// Chooses coins; `change_to` gets what is left.
    ///
    /// # Errors
    /// Every variant of [`SpendError`] but `ForeignCoin`.
    pub fn new(
        wish: &Wish,
        coins: &[SpendableCoin],
        change_to: Lock,
        balance: &Balance,
    ) -> Result<Self, SpendError> {
        let draft = match wish.amount {
            Some(Amount::ZERO) => return Err(SpendError::Nothing),
            Some(amount) => Self::exact(wish, amount, coins, change_to, balance)?,
            None => Self::everything(wish, coins, balance)?,
        };
        if draft.size > LARGEST {
            return Err(SpendError::TooLarge { coins: draft.coins.len(), size: draft.size });
        }
        if draft.fee > wish.fee_ceiling {
            return Err(SpendError::FeeAboveCeiling { fee: draft.fee, ceiling: wish.fee_ceiling });
        }
        Ok(draft)
    }

    /// Takes the person's agreement to exactly this payment.
    pub fn agreed(self) -> Reviewed {
        Reviewed(self)
    }

    /// Whether all the coins it spends are among these.
    pub fn is_possible(&self, coins: &[SpendableCoin]) -> bool {
        self.coins.iter().all(|coin| coins.iter().any(|there| there.outpoint == coin.outpoint))
    }

    /// How many coins it spends.
    pub fn inputs(&self) -> usize {
        self.coins.len()
    }

    fn exact(
        wish: &Wish,
        amount: Amount,
        coins: &[SpendableCoin],
        change_to: Lock,
        balance: &Balance,
    ) -> Result<Self, SpendError> {
        let payment = Output { amount, lock: wish.to };
        let (order, taken) = propose(coins, amount, std::slice::from_ref(&payment), wish.rate);
        let mut needed = amount;
        for count in taken..=order.len() {
            let chosen: Vec<SpendableCoin> = order.iter().take(count).map(|i| coins[*i].clone()).collect();
            let total = sum(&chosen)?;
            let with_change =
                vec![payment.clone(), Output { amount: Amount::from_units(1), lock: change_to }];
            for outputs in [with_change, vec![payment.clone()]] {
                let has_change = outputs.len() == 2;
                let mut body = body(&chosen, outputs);
                let size = signed_size(&body, &chosen);
                let mut fee = wish.rate.fee(size).ok_or(SpendError::Overflow)?;
                needed = amount.checked_add(fee).ok_or(SpendError::Overflow)?;
                let Some(rest) = total.checked_sub(needed) else { continue };
                let mut change = Amount::ZERO;
                if !has_change {
                    fee = fee.checked_add(rest).ok_or(SpendError::Overflow)?;
                } else if rest.units() < LEAST_CHANGE {
                    continue;
                } else {
                    (body.outputs[1].amount, change) = (rest, rest);
                }
                let left_out = LeftOut::default();
                return Ok(Self { body, coins: chosen, amount, fee, change, size, left_out });
            }
        }
        Err(SpendError::InsufficientFunds { needed, balance: Box::new(balance.clone()) })
    }

    /// All that one transaction holds: the largest coins first.
    fn everything(wish: &Wish, coins: &[SpendableCoin], balance: &Balance) -> Result<Self, SpendError> {
        let mut coins = coins.to_vec();
        coins.sort_by_key(|coin| std::cmp::Reverse(coin.output.amount));
        let payment = Output { amount: Amount::from_units(1), lock: wish.to };
        let bytes = |count: usize| {
            let chosen = coins.get(..count).unwrap_or(&coins);
            signed_size(&body(chosen, vec![payment.clone()]), chosen)
        };
        let fitting = largest(coins.len(), |count| bytes(count) <= LARGEST);
        let rest = coins.split_off(fitting);
        let left_out = LeftOut { coins: rest.len(), amount: sum(&rest)? };
        let total = sum(&coins)?;
        let mut body = body(&coins, vec![payment]);
        let size = signed_size(&body, &coins);
        let fee = wish.rate.fee(size).ok_or(SpendError::Overflow)?;
        let left = total.checked_sub(fee).filter(|left| *left > Amount::ZERO);
        let Some(amount) = left else {
            return Err(SpendError::InsufficientFunds { needed: fee, balance: Box::new(balance.clone()) });
        };
        body.outputs[0].amount = amount;
        Ok(Self { body, coins, amount, fee, change: Amount::ZERO, size, left_out })
    }
}

/// The greatest count of up to `all` that fits, when what is less than a fitting one fits too.
fn largest(all: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut fitting, mut beyond) = (0, all + 1);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        if fits(middle) { fitting = middle } else { beyond = middle }
    }
    fitting
}

impl Reviewed {
    /// Signs with one signature for each distinct key.
    pub fn sign(
        self,
        keys: &Keys,
        places: &BTreeMap<Lock, (Branch, u32)>,
        genesis: &GenesisHash,
    ) -> Result<Signed, SpendError> {
        let Draft { body, coins, .. } = self.0;
        let spent: Vec<Output> = coins.into_iter().map(|coin| coin.output).collect();
        let digest = signature_digest(genesis, &body, &spent);
        let signature = |key| {
            let lock = Lock::PublicKey(key);
            let (branch, index) = *places.get(&lock).ok_or(SpendError::ForeignCoin)?;
            if keys.lock(branch, index) != lock {
                return Err(SpendError::ForeignCoin);
            }
            Ok(sign(&keys.signing_key(branch, index), &digest))
        };
        let signatures = signers(&spent).into_iter().map(signature).collect::<Result<Vec<_>, _>>()?;
        Ok(Signed(Transaction::new(body, signatures)))
    }
}

impl Signed {
    /// The transaction to send.
    pub fn transaction(&self) -> &Transaction {
        &self.0
    }
}

fn body(coins: &[SpendableCoin], outputs: Vec<Output>) -> TransactionBody {
    let inputs = coins.iter().map(|coin| coin.outpoint).collect();
    TransactionBody { inputs, outputs, lock_time: LockTime::Immediate }
}

fn sum(coins: &[SpendableCoin]) -> Result<Amount, SpendError> {
    Amount::checked_sum(coins.iter().map(|coin| coin.output.amount)).ok_or(SpendError::Overflow)
}

/// Says what is missing and, where coins are immature, how many blocks that lasts.
fn insufficient(needed: Amount, balance: &Balance) -> String {
    let can_spend = balance.spendable.checked_add(balance.pending_change).unwrap_or(balance.spendable);
    let mut text = format!("{needed} is needed with the fee, {can_spend} can be spent now");
    match (balance.blocks_to_first_maturity, balance.blocks_to_full_maturity) {
        (Some(first), Some(all)) => {
            let blocks = if first == 1 { "block" } else { "blocks" };
            let of_it = if first == all { "it can" } else { "the first of it can" };
            let then = if first == all { String::new() } else { format!(", {all} for all") };
            text += &format!(
                "; {} more was mined but is immature: {first} more {blocks} until {of_it} be spent{then} (`cairn net \
                 mine 0 N` mines them on a devnet)",
                balance.immature
            );
        }
        _ => text += "; on a devnet `cairn net faucet ADDRESS` gives coins",
    }
    let held = balance.unreleased.checked_add(balance.not_in_mempool).unwrap_or(balance.unreleased);
    if held > Amount::ZERO {
        text += &format!(
            "; {held} more is reserved by payments that are not in the node's mempool (`history` shows them: \
             `resend` hands one in, `abandon` frees its coins)"
        );
    }
    text
}

#[cfg(test)]
mod tests;
