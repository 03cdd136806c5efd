//! The examination at the end of a run: every chain and every ledger once more, and what became of
//! payments that were confirmed at some time.
//!
//! Such a payment must be confirmed or in a mempool in the end, unless a conflicting one took it back. It can be in
//! neither without a fault, so that its payer has to hand it in again, for two reasons: nodes lost their power,
//! and their mempools with it; or more payments left a chain at one time than may depend on each other
//! in a mempool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::hash::Txid;
use cairn_core::transaction::Transaction;
use cairn_protocol::chain::store::ChainStore;
use cairn_protocol::limits::{MAX_ANCESTORS, MAX_DESCENDANTS};

use crate::invariants::{Violation, coins, coins_of_blocks, supply_is_exact};
use crate::world::World;

/// What was found of payments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Payments in the final chain.
    pub confirmed: u64,
    /// Payments that were in some chain once, and are in no mempool now.
    pub dropped: u64,
}

/// Examines every chain and every ledger once, and payments; of those that were confirmed once, only where
/// nodes had the time to agree.
pub fn examine(world: &World, had_time: bool) -> Result<Examined, Violation> {
    let mut seen = BTreeSet::new();
    for host in world.living() {
        let (at, Some(node)) = (host.index(), host.node()) else { continue };
        let chain = node.chain();
        if !seen.insert((chain.tip().hash(), chain.store().digest())) {
            continue;
        }
        supply_is_exact(at, chain)?;
        if coins(at, chain)? != coins_of_blocks(at, chain, &world.verifier)? {
            return Err(Violation::CoinsDiffer { at });
        }
    }
    let confirmed = world.recorder.payments.all().filter(|txid| is_confirmed(world, txid)).count() as u64;
    // Where no node runs, no mempool is left to look at.
    let dropped = if had_time && world.living().next().is_some() { dropped(world)? } else { 0 };
    Ok(Examined { confirmed, dropped })
}

/// Payments that are in no mempool, each for a reason.
fn dropped(world: &World) -> Result<u64, Violation> {
    let is_divided = world.recorder.standing().is_divided();
    let is_dropped = |txid: &&Txid| !is_kept(world, txid, is_divided);
    let dropped: Vec<Txid> = world.seen.confirmed.iter().filter(is_dropped).copied().collect();
    if dropped.is_empty() || world.seen.lost_power {
        return Ok(dropped.len() as u64);
    }
    let left = Left::of(world);
    let is_excused = |txid: &Txid| left.depends_on_too_many(txid) || left.depends_on_conflicts(txid, world);
    match dropped.iter().find(|txid| !is_excused(txid)) {
        Some(txid) => Err(Violation::ConfirmedLost { txid: *txid }),
        None => Ok(dropped.len() as u64),
    }
}

fn is_kept(world: &World, txid: &Txid, is_divided: bool) -> bool {
    let mut nodes = world.living().filter_map(|host| host.node());
    is_confirmed(world, txid)
        || world.seen.taken_back.contains(txid)
        || nodes
            .any(|node| node.mempool().contains(txid) || (is_divided && is_in(node.chain().store(), txid)))
}

/// Whether the chain that most nodes have holds it.
fn is_confirmed(world: &World, txid: &Txid) -> bool {
    let tip = world.recorder.final_tip();
    let mut chains = world.living().filter_map(|host| host.node()).map(|node| node.chain());
    chains.find(|chain| Some(chain.tip().hash()) == tip).is_some_and(|chain| is_in(chain.store(), txid))
}

fn is_in(store: &impl ChainStore, txid: &Txid) -> bool {
    matches!(store.transaction_place(txid), Ok(Some(_)))
}

/// Transactions of blocks that the final chain left out, and which of them spend which.
struct Left {
    transactions: BTreeMap<Txid, Arc<Transaction>>,
    children: BTreeMap<Txid, Vec<Txid>>,
}

impl Left {
    fn of(world: &World) -> Self {
        let blocks = world.recorder.left_out();
        let nodes = || world.living().filter_map(|host| host.node());
        let block = |hash| nodes().find_map(|node| node.chain().block(&hash).ok().flatten());
        let mut left = Self { transactions: BTreeMap::new(), children: BTreeMap::new() };
        for block in blocks.into_iter().filter_map(block) {
            for transaction in block.transactions() {
                let txid = transaction.txid();
                for parent in transaction.inputs() {
                    left.children.entry(parent.txid).or_default().push(txid);
                }
                left.transactions.insert(txid, transaction.clone());
            }
        }
        left
    }

    /// Whether it is, or spends what came of, a payment whose coin was paid twice.
    fn depends_on_conflicts(&self, txid: &Txid, world: &World) -> bool {
        let parents = |txid: &Txid| {
            self.transactions
                .get(txid)
                .map_or(Vec::new(), |one| one.inputs().iter().map(|input| input.txid).collect())
        };
        all(*txid, parents).iter().any(|ancestor| world.seen.taken_back.contains(ancestor))
    }

    /// Whether it has more ancestors or descendants among them than a mempool accepts.
    fn depends_on_too_many(&self, txid: &Txid) -> bool {
        let parents = |txid: &Txid| -> Vec<Txid> {
            let inputs = self.transactions.get(txid).map_or(&[][..], |one| one.inputs());
            inputs
                .iter()
                .map(|input| input.txid)
                .filter(|txid| self.transactions.contains_key(txid))
                .collect()
        };
        let children = |txid: &Txid| self.children.get(txid).cloned().unwrap_or_default();
        let ancestors = all(*txid, parents);
        ancestors.len() > MAX_ANCESTORS
            || ancestors.iter().any(|ancestor| all(*ancestor, children).len() > MAX_DESCENDANTS)
    }
}

/// One, and all that is reached from it.
fn all(first: Txid, next: impl Fn(&Txid) -> Vec<Txid>) -> BTreeSet<Txid> {
    let (mut found, mut to_ask) = (BTreeSet::from([first]), vec![first]);
    while let Some(txid) = to_ask.pop() {
        to_ask.extend(next(&txid).into_iter().filter(|other| found.insert(*other)));
    }
    found
}
