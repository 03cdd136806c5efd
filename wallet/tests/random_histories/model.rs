//! What a wallet must show, worked out from the chain's blocks and the mempool alone, and from what its
//! owner has typed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crate::memory_node::{Coins, MemoryNode, UnspentCoin};
use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::transaction::{OutPoint, Transaction};
use cairn_genesis::accounts;
use cairn_wallet::keys::{Branch, Keys};
use cairn_wallet::mnemonic::Words;
use cairn_wallet::node::Node;
use cairn_wallet::payment::{Lack, State};

/// Blocks until a mined coin may be spent.
pub const MATURITY: u32 = 10;

/// The keys of the wallet and of its copies: genesis pays the first address, so that payments of an
/// earlier chain have coins on a new one.
pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&Words::from_entropy(&accounts::entropy(3))));

/// Every lock that a history here can reach, with its place among the keys.
pub static LOCKS: LazyLock<BTreeMap<Lock, (Branch, u32)>> = LazyLock::new(|| {
    let places = [Branch::Receive, Branch::Change].map(|branch| (0..600).map(move |index| (branch, index)));
    places.into_iter().flatten().map(|(branch, index)| (KEYS.lock(branch, index), (branch, index))).collect()
});

/// Whether its owner has released a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Offline,
    Released,
    OnEarlierChain,
}

/// A payment that the wallet must know.
#[derive(Clone, Debug)]
pub struct Record {
    pub transaction: Arc<Transaction>,
    pub typed: Typed,
}

impl Record {
    pub fn txid(&self) -> Txid {
        self.transaction.txid()
    }
}

/// What the wallet's owner knows, and what the wallet must show.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub records: Vec<Record>,
    /// Which run of the chain was looked at last, if it had blocks.
    run: Option<u32>,
}

/// What a wallet must show.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub spendable: Amount,
    pub immature: Amount,
    pub pending_change: Amount,
    pub pending_out: Amount,
    pub unreleased: Amount,
    pub not_in_mempool: Amount,
    pub incoming: Amount,
    /// What is ours and waits for nobody: no other part of the balance is left out or counted twice.
    pub all: Amount,
    pub states: Vec<(Txid, State)>,
}

pub fn is_ours(lock: &Lock) -> bool {
    LOCKS.contains_key(lock)
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).expect("below the supply")
}

/// Outputs of ours that are neither spent nor about to be: of the chain, and of our payments that wait.
fn owned(coins: &Coins, waiting: &[Arc<Transaction>], records: &[Record]) -> BTreeMap<OutPoint, Amount> {
    let confirmed = coins.unspent.iter().map(|(at, coin)| (*at, coin.output.clone()));
    let known = |txid: Txid| records.iter().any(|record| record.txid() == txid);
    let own = waiting.iter().filter(|one| known(one.txid()));
    let made = own.flat_map(|one| {
        (0..).zip(one.outputs()).map(|(index, it)| (OutPoint { txid: one.txid(), index }, it.clone()))
    });
    let spent: BTreeSet<OutPoint> = waiting.iter().flat_map(|one| one.inputs().to_vec()).collect();
    let ours = confirmed.chain(made).filter(|(at, output)| is_ours(&output.lock) && !spent.contains(at));
    ours.map(|(at, output)| (at, output.amount)).collect()
}

impl Model {
    /// Takes note of what a look at the node shows; says whether the chain was started anew.
    pub fn look(&mut self, node: &MemoryNode, run: u32) -> bool {
        let coins = Coins::of(&node.best_chain());
        let has_blocks = node.height().expect("memory").get() > 0;
        let is_anew = has_blocks && self.run.is_some_and(|known| known != run);
        if is_anew {
            let released = self.records.iter_mut().filter(|record| record.typed == Typed::Released);
            released.for_each(|record| record.typed = Typed::OnEarlierChain);
        }
        self.run = if has_blocks { Some(run) } else { self.run };
        for transaction in node.waiting() {
            let own = |input: &OutPoint| match coins.unspent.get(input) {
                Some(coin) => is_ours(&coin.output.lock),
                None => {
                    let parent = node.waiting().into_iter().find(|one| one.txid() == input.txid);
                    let output = |one: Arc<Transaction>| one.outputs().get(input.index as usize).cloned();
                    parent.and_then(output).is_some_and(|output| is_ours(&output.lock))
                }
            };
            let is_known = self.records.iter().any(|record| record.txid() == transaction.txid());
            if !is_known && transaction.inputs().iter().all(own) {
                self.add(Record { transaction, typed: Typed::Released });
            }
        }
        let waiting: BTreeSet<Txid> = node.waiting().iter().map(|one| one.txid()).collect();
        for record in &mut self.records {
            if waiting.contains(&record.txid()) || coins.confirmed.contains_key(&record.txid()) {
                record.typed = Typed::Released;
            }
        }
        is_anew
    }

    /// Notes a payment, before those that spend its outputs.
    pub fn add(&mut self, record: Record) {
        let mut family = BTreeSet::from([record.txid()]);
        let (mut children, mut others) = (Vec::new(), Vec::new());
        for known in self.records.drain(..) {
            match known.transaction.inputs().iter().any(|input| family.contains(&input.txid)) {
                true => {
                    family.insert(known.txid());
                    children.push(known);
                }
                false => others.push(known),
            }
        }
        self.records = others.into_iter().chain([record]).chain(children).collect();
    }

    fn states(&self, coins: &Coins, waiting: &BTreeSet<Txid>) -> Vec<State> {
        let mut states: Vec<State> = Vec::new();
        let is_lost = |state: &State| matches!(state, State::Displaced { .. } | State::Dead { .. });
        for record in &self.records {
            let txid = record.txid();
            let fault = record.transaction.inputs().iter().find_map(|input| {
                if let Some(by) = coins.spenders.get(input) {
                    return Some(State::Displaced { by: *by });
                }
                if coins.unspent.contains_key(input) || waiting.contains(&input.txid) {
                    return None;
                }
                let parent = self.records.iter().zip(&states).find(|(one, _)| one.txid() == input.txid);
                match parent {
                    Some((_, state)) if !is_lost(state) => None,
                    Some(_) => Some(State::Dead { lack: Lack::Parent(input.txid) }),
                    None => Some(State::Dead { lack: Lack::Coin(*input) }),
                }
            });
            states.push(match (coins.confirmed.get(&txid), record.typed) {
                (Some(at), _) => State::Confirmed { at: *at },
                _ if waiting.contains(&txid) => State::Pending { in_mempool: true },
                _ if fault.is_some() => fault.expect("some"),
                (_, Typed::Released) => State::Pending { in_mempool: false },
                (_, Typed::Offline) => State::Unreleased,
                (_, Typed::OnEarlierChain) => State::EarlierChain,
            });
        }
        // Of those that contradict each other the mempool's stands, then the latest, then earlier chains.
        let mut spender: BTreeMap<OutPoint, Txid> = BTreeMap::new();
        let standing: [fn(&State) -> bool; 3] = [
            |state| *state == State::Pending { in_mempool: true },
            |state| matches!(state, State::Pending { in_mempool: false } | State::Unreleased),
            |state| *state == State::EarlierChain,
        ];
        for is_next in standing {
            for index in (0..states.len()).rev().filter(|index| is_next(&states[*index])).collect::<Vec<_>>()
            {
                let record = &self.records[index];
                match record.transaction.inputs().iter().find_map(|input| spender.get(input)) {
                    Some(by) => states[index] = State::Displaced { by: *by },
                    None => spender
                        .extend(record.transaction.inputs().iter().map(|input| (*input, record.txid()))),
                }
            }
        }
        for index in 0..states.len() {
            let parents = self.records[index].transaction.inputs().iter().map(|input| input.txid);
            let lost = |txid: &Txid| {
                let place = self.records.iter().position(|record| record.txid() == *txid);
                place.is_some_and(|place| is_lost(&states[place]))
            };
            let lost = parents.into_iter().find(lost);
            if let (Some(parent), false) = (lost, matches!(states[index], State::Confirmed { .. }))
                && !is_lost(&states[index])
            {
                states[index] = State::Dead { lack: Lack::Parent(parent) };
            }
        }
        states
    }

    /// What the wallet must show now.
    pub fn expect(&self, node: &MemoryNode) -> Expected {
        let coins = Coins::of(&node.best_chain());
        let waiting = node.waiting();
        let ids: BTreeSet<Txid> = waiting.iter().map(|one| one.txid()).collect();
        let states = self.states(&coins, &ids);
        let with = |is_meant: &dyn Fn(&State) -> bool| -> Vec<&Record> {
            let both = self.records.iter().zip(&states);
            both.filter(|(_, state)| is_meant(state)).map(|(record, _)| record).collect()
        };
        let inputs = |records: &[&Record]| -> BTreeSet<OutPoint> {
            records.iter().flat_map(|record| record.transaction.inputs().to_vec()).collect()
        };
        let reserved = inputs(&with(&|s| matches!(s, State::Pending { .. } | State::Unreleased)));
        let next = node.height().expect("memory").next();
        let is_young =
            |coin: &UnspentCoin| coin.is_mined && next.since(coin.height).is_none_or(|age| age < MATURITY);
        let ours: BTreeMap<&OutPoint, &UnspentCoin> =
            coins.unspent.iter().filter(|(_, coin)| is_ours(&coin.output.lock)).collect();
        let owned = owned(&coins, &waiting, &self.records);
        let held = |state: State| {
            let inputs = inputs(&with(&|one| *one == state));
            sum(inputs.iter().filter_map(|at| owned.get(at).copied()))
        };
        let pending = with(&|state| *state == State::Pending { in_mempool: true });
        let mut change = Vec::new();
        let mut out = Vec::new();
        for record in &pending {
            for (index, output) in (0..).zip(record.transaction.outputs()) {
                let outpoint = OutPoint { txid: record.txid(), index };
                match is_ours(&output.lock) {
                    true if !reserved.contains(&outpoint) => change.push(output.amount),
                    true => {}
                    false => out.push(output.amount),
                }
            }
        }
        let known: BTreeSet<Txid> = self.records.iter().map(Record::txid).collect();
        let others = waiting.iter().filter(|one| !known.contains(&one.txid()));
        let incoming = others.flat_map(|one| one.outputs()).filter(|output| is_ours(&output.lock));
        Expected {
            spendable: sum(ours
                .iter()
                .filter(|(at, coin)| !reserved.contains(at) && !is_young(coin))
                .map(|(_, coin)| coin.output.amount)),
            immature: sum(ours
                .iter()
                .filter(|(at, coin)| !reserved.contains(at) && is_young(coin))
                .map(|(_, coin)| coin.output.amount)),
            pending_change: sum(change.into_iter()),
            pending_out: sum(out.into_iter()),
            unreleased: held(State::Unreleased),
            not_in_mempool: held(State::Pending { in_mempool: false }),
            incoming: sum(incoming.map(|output| output.amount)),
            all: sum(owned.into_values()),
            states: self.records.iter().map(Record::txid).zip(states).collect(),
        }
    }
}
