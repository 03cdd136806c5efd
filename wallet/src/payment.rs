//! Payments of ours: what the book keeps of each, and the state that the chain and the node's mempool
//! give it.
//!
//! The book keeps one fact that no chain shows: whether the payment was released. Everything else follows from
//! the chain, so a second reorganization brings back what the first one took.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::Txid;
use cairn_core::height::Height;
use cairn_core::transaction::{OutPoint, Transaction};
use serde::{Deserialize, Serialize};

use crate::scan::Scan;

/// A signed payment of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    pub txid: Txid,
    #[serde(with = "hex::serde")]
    pub bytes: Vec<u8>,
    /// When it was signed, in ms since 1970.
    pub made_ms: u64,
    /// Whether it was handed to a node.
    pub release: Release,
}

/// Whether a payment was handed to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// Signed with `send --offline` and never seen at a node.
    Unreleased,
    /// Handed to a node, or seen in a mempool or block.
    Released,
    /// Handed to a node of a chain that was started anew since.
    EarlierChain,
}

/// What chain and mempool make of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A block at this height holds it.
    Confirmed { at: Height },
    /// It was released, and no block holds it.
    Pending { in_mempool: bool },
    /// It is signed and not released; its coins are reserved.
    Unreleased,
    /// It was released on a chain that was started anew since; its coins are free.
    EarlierChain,
    /// Another transaction spends one of its coins.
    Displaced { by: Txid },
    /// It can never be confirmed on this chain.
    Dead { lack: Lack },
}

/// What a dead payment lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The chain does not know this coin: a reorganization undid the block that made it.
    Coin(OutPoint),
    /// The payment of ours whose output it spends is displaced or dead.
    Parent(Txid),
}

/// A payment with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPayment {
    pub transaction: Transaction,
    /// When it was signed, in ms since 1970.
    pub made_ms: u64,
    pub state: State,
}

impl Payment {
    /// The transaction; none if the file was edited.
    pub fn transaction(&self) -> Option<Transaction> {
        let decoded = cairn_core::encoding::decode::<Transaction>(&self.bytes, self.bytes.len()).ok();
        decoded.filter(|transaction| transaction.txid() == self.txid)
    }
}

impl State {
    /// Whether no other payment may spend its coins.
    pub fn reserves_coins(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Unreleased)
    }

    /// Whether it may be confirmed once it is handed to a node.
    pub fn can_be_released(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Unreleased | Self::EarlierChain)
    }

    /// The state as one word, for tables and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Confirmed { .. } => "confirmed",
            Self::Pending { .. } => "pending",
            Self::Unreleased => "unreleased",
            Self::EarlierChain => "earlier-chain",
            Self::Displaced { .. } => "displaced",
            Self::Dead { .. } => "dead",
        }
    }

    /// Why the payment is neither simply pending nor confirmed.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Confirmed { .. } | Self::Pending { in_mempool: true } => None,
            Self::Pending { in_mempool: false } => Some("not in the node's mempool".to_owned()),
            Self::Unreleased => Some("signed and not released".to_owned()),
            Self::EarlierChain => Some("made on a chain that was started anew".to_owned()),
            Self::Displaced { by } => Some(format!("displaced by {by}")),
            Self::Dead { lack } => Some(lack.to_string()),
        }
    }

    /// The command that gets a payment out of this state, to follow [`Self::reason`].
    pub fn remedy(&self, txid: Txid) -> String {
        match self {
            Self::Confirmed { .. } | Self::Pending { in_mempool: true } => String::new(),
            Self::Pending { in_mempool: false } => "; `resend` hands it in again".to_owned(),
            Self::Unreleased => format!(", its coins are reserved; `resend {txid}` releases it"),
            Self::EarlierChain => format!("; `resend {txid}` makes it on this one"),
            Self::Displaced { .. } | Self::Dead { .. } => format!("; `abandon {txid}` forgets it"),
        }
    }
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Coin(coin) => write!(f, "its coin was undone ({coin})"),
            Self::Parent(parent) => write!(f, "it spends {parent}, which is displaced or dead"),
        }
    }
}

impl JudgedPayment {
    /// The id of its transaction.
    pub fn txid(&self) -> Txid {
        self.transaction.txid()
    }
}

/// Gives every payment its state. The payments are in the order of signing, parents before children;
/// without a mempool, as offline, each released one is taken to be in it.
pub fn judge(payments: &[Payment], scan: &Scan, mempool: Option<&BTreeSet<Txid>>) -> Vec<JudgedPayment> {
    let confirmed = scan.confirmed();
    let is_in_mempool = |txid: &Txid| mempool.is_some_and(|mempool| mempool.contains(txid));
    let mut judged: Vec<JudgedPayment> = Vec::with_capacity(payments.len());
    let mut index_of: BTreeMap<Txid, usize> = BTreeMap::new();
    for payment in payments {
        let Some(transaction) = payment.transaction() else { continue };
        let obstacle = || {
            let parent = |txid: &Txid| index_of.get(txid).map(|index| &judged[*index]);
            // A coin whose block was undone comes back with its transaction, if the mempool has that.
            let inputs = transaction.inputs().iter().filter(|input| !is_in_mempool(&input.txid));
            inputs.into_iter().find_map(|input| obstacle(input, payment, scan, parent(&input.txid)))
        };
        let state = match (confirmed.get(&payment.txid), obstacle()) {
            (Some(at), _) => State::Confirmed { at: *at },
            (None, Some(displaced @ State::Displaced { .. })) => displaced,
            _ if is_in_mempool(&payment.txid) => State::Pending { in_mempool: true },
            (None, Some(dead)) => dead,
            (None, None) => match payment.release {
                Release::Released => State::Pending { in_mempool: mempool.is_none() },
                Release::Unreleased => State::Unreleased,
                Release::EarlierChain => State::EarlierChain,
            },
        };
        index_of.insert(payment.txid, judged.len());
        judged.push(JudgedPayment { transaction, made_ms: payment.made_ms, state });
    }
    displace_each_other(&mut judged);
    judged
}

/// What keeps one input from being spent by this payment, if anything does.
fn obstacle(
    input: &OutPoint,
    payment: &Payment,
    scan: &Scan,
    parent: Option<&JudgedPayment>,
) -> Option<State> {
    if let Some(coin) = scan.coin(input) {
        let spender = coin.spent.map(|(by, _)| by).filter(|by| *by != payment.txid);
        return spender.map(|by| State::Displaced { by });
    }
    let has_output = |parent: &JudgedPayment| parent.transaction.outputs().len() > input.index as usize;
    match parent.map(|parent| (&parent.state, has_output(parent))) {
        Some((State::Displaced { .. } | State::Dead { .. }, _)) => {
            Some(State::Dead { lack: Lack::Parent(input.txid) })
        }
        Some((state, true)) if state.can_be_released() => None,
        _ => Some(State::Dead { lack: Lack::Coin(*input) }),
    }
}

/// Of two payments that spend one coin the one in the mempool displaces the other, else the later one: it was
/// made when the earlier one was dead, displaced or of another chain.
fn displace_each_other(judged: &mut [JudgedPayment]) {
    let rank = |state: &State| match state {
        State::Pending { in_mempool: true } => 0,
        State::Pending { in_mempool: false } | State::Unreleased => 1,
        _ => 2,
    };
    let mut order: Vec<usize> = (0..judged.len()).filter(|i| judged[*i].state.can_be_released()).collect();
    order.sort_by_key(|index| (rank(&judged[*index].state), usize::MAX - index));
    let mut spender: BTreeMap<OutPoint, Txid> = BTreeMap::new();
    for index in order {
        let payment = &mut judged[index];
        let txid = payment.txid();
        match payment.transaction.inputs().iter().find_map(|input| spender.get(input)) {
            Some(by) => payment.state = State::Displaced { by: *by },
            None => spender.extend(payment.transaction.inputs().iter().map(|input| (*input, txid))),
        }
    }
    let mut gone: BTreeSet<Txid> = BTreeSet::new();
    for payment in judged {
        let txid = payment.txid();
        let parent = payment.transaction.inputs().iter().find(|input| gone.contains(&input.txid));
        if let (Some(parent), true) = (parent, payment.state.can_be_released()) {
            payment.state = State::Dead { lack: Lack::Parent(parent.txid) };
        }
        if matches!(payment.state, State::Displaced { .. } | State::Dead { .. }) {
            gone.insert(txid);
        }
    }
}
