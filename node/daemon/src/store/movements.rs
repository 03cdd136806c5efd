//! Movements: what each transaction of a block takes from some locks and gives to others.

use std::collections::BTreeMap;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::Undo;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Output};

/// One transaction with the outputs that it spends and makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement<'b> {
    /// Which.
    pub txid: Txid,
    /// Its place in the block; the coinbase is 0.
    pub position: u32,
    /// What it spends.
    pub spent: Vec<(OutPoint, &'b Output)>,
    /// What it makes.
    pub created: Vec<(OutPoint, &'b Output)>,
}

/// What one transaction means to one lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// What its outputs pay to the lock.
    pub received: Amount,
    /// What its inputs take from it.
    pub spent: Amount,
    /// How many outputs pay it.
    pub made: u64,
    /// How many inputs take from it.
    pub taken: u64,
}

/// An output that a block spends and that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output {0}, which a block of the chain spends, is not known")]
pub struct UnknownOutput(pub OutPoint);

impl Movement<'_> {
    /// What it means to each lock that it pays or spends from.
    pub fn shares(&self) -> BTreeMap<Lock, Share> {
        let mut shares: BTreeMap<Lock, Share> = BTreeMap::new();
        for (_, output) in &self.created {
            let share = shares.entry(output.lock).or_default();
            share.received = sum(share.received, output.amount);
            share.made = share.made.saturating_add(1);
        }
        for (_, output) in &self.spent {
            let share = shares.entry(output.lock).or_default();
            share.spent = sum(share.spent, output.amount);
            share.taken = share.taken.saturating_add(1);
        }
        shares
    }
}

/// The amounts of one transaction stay below the maximum supply: a rule of the chain.
fn sum(one: Amount, other: Amount) -> Amount {
    Amount::from_units(one.units().saturating_add(other.units()))
}

/// The outputs from before a block that it spends, as its undo data has them.
pub fn outputs_before(undo: &Undo) -> BTreeMap<OutPoint, &Output> {
    undo.spent.iter().map(|(outpoint, coin)| (*outpoint, &coin.output)).collect()
}

/// The movements of a block, in its order; `before` has the outputs from before it that it spends.
///
/// # Errors
/// When one of those is missing.
pub fn movements<'b>(
    block: &'b Block,
    before: impl Fn(&OutPoint) -> Option<&'b Output>,
) -> Result<Vec<Movement<'b>>, UnknownOutput> {
    let coinbase = block.coinbase();
    let mut found = vec![Movement {
        txid: coinbase.txid(),
        position: 0,
        spent: Vec::new(),
        created: created(coinbase.txid(), &coinbase.outputs),
    }];
    let mut own: BTreeMap<Txid, &[Output]> = BTreeMap::new();
    for (position, transaction) in (1..).zip(block.transactions()) {
        let output_of = |outpoint: &OutPoint| {
            let made_here =
                own.get(&outpoint.txid).copied().and_then(|outputs| outputs.get(outpoint.index as usize));
            made_here.or_else(|| before(outpoint)).ok_or(UnknownOutput(*outpoint))
        };
        let spent = transaction.inputs().iter().map(|outpoint| Ok((*outpoint, output_of(outpoint)?)));
        let txid = transaction.txid();
        found.push(Movement {
            txid,
            position,
            spent: spent.collect::<Result<_, _>>()?,
            created: created(txid, transaction.outputs()),
        });
        own.insert(txid, transaction.outputs());
    }
    Ok(found)
}

fn created(txid: Txid, outputs: &[Output]) -> Vec<(OutPoint, &Output)> {
    (0..).zip(outputs).map(|(index, output)| (OutPoint { txid, index }, output)).collect()
}
