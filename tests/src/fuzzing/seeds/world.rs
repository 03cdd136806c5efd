//! A few blocks and payments of the chain for tests, for other seeds to speak of.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::height::Height;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_genesis::accounts;

use crate::blocks::mined;
use crate::fuzzing::rules::regtest;

/// A few blocks and payments.
pub struct World {
    /// The best chain above genesis; the first holds two payments.
    pub best: Vec<Arc<Block>>,
    /// Two blocks that compete with the first.
    pub rivals: Vec<Arc<Block>>,
    /// Pays out of genesis; in no block.
    pub payment: Arc<Transaction>,
    /// Pays out of what that pays.
    pub child: Arc<Transaction>,
}

impl World {
    /// The same each time.
    ///
    /// # Panics
    /// Never: all of it fits the chain for tests.
    pub fn new() -> Self {
        let genesis = &regtest().genesis;
        let (confirmed, payment) = (premine_payment(2), premine_payment(0));
        let [chained, child] = [&confirmed, &payment].map(spend_on);
        let first = block_on(genesis, 1, vec![confirmed, chained]);
        let second = block_on(&first, 2, Vec::new());
        let third = block_on(&second, 3, vec![premine_payment(4)]);
        let rival = block_on(genesis, 8, Vec::new());
        let rivals = vec![block_on(&rival, 9, vec![premine_payment(6)]), rival];
        Self { best: vec![first, second, third], rivals, payment, child }
    }

    /// Every block above genesis.
    pub fn all_blocks(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.best.iter().chain(&self.rivals)
    }

    /// Every payment that waits.
    pub fn payments(&self) -> impl Iterator<Item = &Arc<Transaction>> {
        [&self.payment, &self.child].into_iter()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Spends the premine of two accounts: some to the next one, the rest back.
fn premine_payment(account: u8) -> Arc<Transaction> {
    let coinbase = regtest().genesis.coinbase();
    let (one, other) = (usize::from(account), usize::from(account) + 1);
    let spent: Vec<Output> = [one, other].map(|place| coinbase.outputs[place].clone()).into();
    let inputs = (0..).skip(one).take(2).map(|index| OutPoint { txid: coinbase.txid(), index }).collect();
    let total = Amount::checked_sum(spent.iter().map(|output| output.amount)).expect("a definition's sum");
    let change = Amount::from_units(total.units() - Amount::COIN.units() - 10_000);
    let outputs = vec![
        Output { amount: Amount::COIN, lock: accounts::lock(account + 1) },
        Output { amount: change, lock: accounts::lock(account) },
    ];
    signed(
        TransactionBody { inputs, outputs, lock_time: LockTime::Immediate },
        &spent,
        &[account, account + 1],
    )
}

/// Spends the change of a payment.
fn spend_on(payment: &Arc<Transaction>) -> Arc<Transaction> {
    let change = payment.outputs()[1].clone();
    let owner =
        (0..accounts::COUNT).find(|number| accounts::lock(*number) == change.lock).expect("an account");
    let amount = Amount::from_units(change.amount.units() - 10_000);
    let body = TransactionBody {
        inputs: vec![OutPoint { txid: payment.txid(), index: 1 }],
        outputs: vec![Output { amount, lock: change.lock }],
        lock_time: LockTime::Height(Height::GENESIS),
    };
    signed(body, &[change], &[owner])
}

fn signed(body: TransactionBody, spent: &[Output], owners: &[u8]) -> Arc<Transaction> {
    let digest = signature_digest(&regtest().params.genesis_hash, &body, spent);
    let signatures = owners.iter().map(|owner| sign(&accounts::signing_key(*owner), &digest)).collect();
    Arc::new(Transaction::new(body, signatures))
}

fn block_on(parent: &Block, tag: u8, transactions: Vec<Arc<Transaction>>) -> Arc<Block> {
    let params = &regtest().params;
    let outputs = vec![Output { amount: params.subsidy, lock: accounts::lock(9) }];
    let coinbase = Coinbase { height: parent.coinbase().height.next(), outputs, tag: vec![tag] };
    let time = parent.header().time.saturating_add(Duration::from_secs(2));
    Arc::new(mined(parent.hash(), time, params.pow_limit, coinbase, transactions))
}
