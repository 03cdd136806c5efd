//! Lock deltas: what each transaction of a block spends from locks and pays to locks.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::Undo;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Output};

/// A transaction with the outputs that it spends and creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDelta<'b> {
    pub txid: Txid,
    /// Index in the block; the coinbase has 0.
    pub position: u32,
    pub spent: Vec<(OutPoint, &'b Output)>,
    pub created: Vec<(OutPoint, &'b Output)>,
}

/// What one transaction does to one lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockDelta {
    /// What its outputs pay to the lock.
    pub received: Amount,
    /// What its inputs spend from the lock.
    pub spent: Amount,
    /// Number of its outputs that pay the lock.
    pub created: u64,
    /// Number of its inputs that spend from the lock.
    pub consumed: u64,
}

/// An output that a block spends and that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output {0}, which a block of the chain spends, does not exist")]
pub struct UnknownOutput(pub OutPoint);

impl TransactionDelta<'_> {
    /// What the transaction does to each lock that it pays or spends from.
    pub fn lock_deltas(&self) -> BTreeMap<Lock, LockDelta> {
        let mut deltas: BTreeMap<Lock, LockDelta> = BTreeMap::new();
        for (_, output) in &self.created {
            let delta = deltas.entry(output.lock).or_default();
            delta.received = sum(delta.received, output.amount);
            delta.created += 1;
        }
        for (_, output) in &self.spent {
            let delta = deltas.entry(output.lock).or_default();
            delta.spent = sum(delta.spent, output.amount);
            delta.consumed += 1;
        }
        deltas
    }
}

/// The amounts of one transaction stay below the maximum supply: a rule of the chain.
fn sum(one: Amount, other: Amount) -> Amount {
    Amount::from_units(one.units().saturating_add(other.units()))
}

/// The outputs of earlier blocks that a block spends, from its undo data.
pub fn spent_outputs(undo: &Undo) -> BTreeMap<OutPoint, &Output> {
    undo.spent.iter().map(|(outpoint, coin)| (*outpoint, &coin.output)).collect()
}

/// The transactions of a block in its order; `earlier` has the outputs of earlier blocks that it spends.
pub fn transaction_deltas<'b>(
    block: &'b Block,
    earlier: impl Fn(&OutPoint) -> Option<&'b Output>,
) -> Result<Vec<TransactionDelta<'b>>, UnknownOutput> {
    let coinbase = block.coinbase();
    let txid = coinbase.txid();
    let created = created_outputs(txid, &coinbase.outputs);
    let mut deltas = vec![TransactionDelta { txid, position: 0, spent: Vec::new(), created }];
    let mut own: BTreeMap<Txid, &[Output]> = BTreeMap::new();
    for (position, transaction) in (1..).zip(block.transactions()) {
        let output_of = |outpoint: &OutPoint| {
            let own = own.get(&outpoint.txid).and_then(|outputs| outputs.get(outpoint.index as usize));
            own.or_else(|| earlier(outpoint)).ok_or(UnknownOutput(*outpoint))
        };
        let spent = transaction.inputs().iter().map(|outpoint| Ok((*outpoint, output_of(outpoint)?)));
        let (txid, spent) = (transaction.txid(), spent.collect::<Result<_, _>>()?);
        let created = created_outputs(txid, transaction.outputs());
        deltas.push(TransactionDelta { txid, position, spent, created });
        own.insert(txid, transaction.outputs());
    }
    Ok(deltas)
}

fn created_outputs(txid: Txid, outputs: &[Output]) -> Vec<(OutPoint, &Output)> {
    (0..).zip(outputs).map(|(index, output)| (OutPoint { txid, index }, output)).collect()
}
