//! Wallets funded in genesis, and how they pay on either engine.

use std::sync::Arc;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::hash::{GenesisHash, Txid};
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output, Transaction};
use cairn_genesis::Chain;
use cairn_genesis::definition::{Definition, DefinitionError, Payment};
use cairn_protocol::input::RequestId;
use ed25519_dalek::SigningKey;

use crate::node_index::NodeIndex;

/// What each payment pays the miner.
const FEE: Amount = Amount::from_units(10_000);
/// What each payment pays.
const PAYMENT: Amount = Amount::from_units(1_000_000);
/// What genesis gives each wallet.
const PREMINE: Amount = Amount::from_units(1_000_000_000_000);
/// Marks of second payments of coins come after those of payments.
pub const FIRST_CONFLICT: u64 = 1 << 32;
/// Keys of miners come after those of wallets.
const FIRST_MINER: u32 = 1 << 16;

/// The chain of a definition, with a coin for each wallet in its genesis.
///
/// # Panics
/// When the definition's numbers do not fit together, or not with that many wallets: the code that read it
/// has checked that with [`chain_with_wallets`].
pub fn with_wallets(definition: &Definition, wallets: u16) -> Chain {
    chain_with_wallets(definition, wallets).expect("a plan's chain was checked when it was read")
}

/// The same of a definition that is not checked yet.
pub fn chain_with_wallets(definition: &Definition, wallets: u16) -> Result<Chain, DefinitionError> {
    let mut definition = definition.clone();
    let (params, _) = definition.to_params()?;
    definition.premine = (0..wallets)
        .map(|number| Payment {
            address: Address::new(&params.address_prefix, lock(u32::from(number))).to_string(),
            amount: PREMINE,
        })
        .collect();
    Chain::from_definition(definition)
}

/// The chain that simulated worlds run unless their plan says otherwise.
///
/// # Panics
/// Never: a test makes it.
pub fn usual_chain() -> Definition {
    Definition::parse(include_str!("../simulation.toml")).expect("a test parses it")
}

/// The lock that a miner's blocks pay.
pub fn miner_lock(miner: u16) -> Lock {
    lock(FIRST_MINER + u32::from(miner))
}

/// A wallet: it spends one coin after the other, each the change of the one before, so that no two wallets are
/// in each other's way.
#[derive(Clone, Debug)]
pub struct SimWallet {
    number: u16,
    key: SigningKey,
    /// The lock of the wallet that it pays.
    payee: Lock,
    coin: (OutPoint, Output),
    /// A payment that was handed in and not yet answered, and the node.
    asked: Option<(NodeIndex, Arc<Transaction>)>,
    /// The second payment of its coin that is not yet answered, and the node.
    asked_twice: Option<(NodeIndex, Arc<Transaction>)>,
    /// Of a coin that is paid twice: whether the first payment was accepted, and the second one if it was.
    accepted: (bool, Option<Arc<Transaction>>),
    /// Whether nodes accepted two payments of its coin: only the end tells which change is its own.
    has_cheated: bool,
}

impl SimWallet {
    /// Every wallet of a chain that [`with_wallets`] made.
    pub fn all(chain: &Chain) -> Vec<Self> {
        let keys = (0..chain.genesis.coinbase().outputs.len() as u32).map(key);
        Self::of_genesis(chain, keys.collect())
    }

    /// A wallet for each output of genesis, with its key; each pays the next one.
    pub fn of_genesis(chain: &Chain, keys: Vec<SigningKey>) -> Vec<Self> {
        let (txid, outputs) = (chain.genesis.coinbase().txid(), &chain.genesis.coinbase().outputs);
        let payees = outputs.iter().cycle().skip(1).map(|output| output.lock);
        let wallets = (0..).zip(outputs).zip(keys).zip(payees);
        let wallet = |(((number, output), key), payee): (((u16, &Output), _), _)| Self {
            number,
            key,
            payee,
            coin: (OutPoint { txid, index: u32::from(number) }, output.clone()),
            asked: None,
            asked_twice: None,
            accepted: (false, None),
            has_cheated: false,
        };
        wallets.map(wallet).collect()
    }

    /// The mark of its submissions.
    pub fn request(&self) -> RequestId {
        RequestId(u64::from(self.number))
    }

    /// The mark of its second payments of a coin.
    pub fn conflict_request(&self) -> RequestId {
        RequestId(FIRST_CONFLICT + u64::from(self.number))
    }

    /// Whether it can pay: its last payment is answered, and nodes never accepted two payments of its coin.
    pub const fn is_ready(&self) -> bool {
        self.asked.is_none() && self.asked_twice.is_none() && !self.has_cheated
    }

    /// Pays the next wallet at a node; none while the last payment is not answered.
    pub fn pay(&mut self, at: NodeIndex, genesis: &GenesisHash) -> Option<Arc<Transaction>> {
        let transaction = self.sign_payment(genesis, self.payee).filter(|_| self.is_ready())?;
        self.asked = Some((at, transaction.clone()));
        Some(transaction)
    }

    /// Pays the next wallet at a node, and itself with the same coin at another; none while the last
    /// payment is not answered.
    pub fn pay_twice(
        &mut self,
        (at, other): (NodeIndex, NodeIndex),
        genesis: &GenesisHash,
    ) -> Option<(Arc<Transaction>, Arc<Transaction>)> {
        let conflict = self.sign_payment(genesis, self.own_lock())?;
        let payment = self.pay(at, genesis)?;
        self.accepted = (false, None);
        self.asked_twice = Some((other, conflict.clone()));
        Some((payment, conflict))
    }

    /// A payment of the coin it has now, with the change to itself, that no node knows yet.
    pub fn sign_payment(&self, genesis: &GenesisHash, payee: Lock) -> Option<Arc<Transaction>> {
        let (coin, lock) = (&self.coin.1, self.own_lock());
        let change = coin.amount.checked_sub(PAYMENT)?.checked_sub(FEE)?;
        let outputs = vec![Output { amount: PAYMENT, lock: payee }, Output { amount: change, lock }];
        Some(Arc::new(sign_spend(genesis, &self.key, core::slice::from_ref(&self.coin), outputs)))
    }

    /// The answer to its payment: once that is accepted, the change is spent next. Returns what was accepted.
    pub fn answered(&mut self, is_accepted: bool) -> Option<Txid> {
        let (_, transaction) = self.asked.take()?;
        self.accepted.0 = is_accepted;
        if is_accepted {
            self.spent(&transaction);
        }
        self.end_conflict();
        is_accepted.then(|| transaction.txid())
    }

    /// The answer to its second payment of a coin.
    pub fn conflict_answered(&mut self, is_accepted: bool) {
        self.accepted.1 = self.asked_twice.take().map(|(_, conflict)| conflict).filter(|_| is_accepted);
        self.end_conflict();
    }

    /// Once both are answered: of one that was accepted, the change is spent next.
    fn end_conflict(&mut self) {
        if self.asked.is_some() || self.asked_twice.is_some() {
            return;
        }
        match core::mem::take(&mut self.accepted) {
            (true, Some(_)) => self.has_cheated = true,
            (false, Some(conflict)) => self.spent(&conflict),
            (_, None) => {}
        }
    }

    /// A node is gone, and its answers with it.
    pub fn lost(&mut self, at: NodeIndex) {
        self.asked.take_if(|(asked, _)| *asked == at);
        self.asked_twice.take_if(|(asked, _)| *asked == at);
        self.end_conflict();
    }

    /// The coin that is spent next.
    pub const fn coin(&self) -> OutPoint {
        self.coin.0
    }

    /// The change of this payment is spent next.
    pub fn spent(&mut self, transaction: &Transaction) {
        if let Some(change) = transaction.outputs().last() {
            self.coin = (OutPoint { txid: transaction.txid(), index: 1 }, change.clone());
        }
    }

    /// This coin is spent next.
    pub fn has(&mut self, outpoint: OutPoint, output: Output) {
        self.coin = (outpoint, output);
    }

    /// The lock of its own coins.
    pub const fn own_lock(&self) -> Lock {
        self.coin.1.lock
    }
}

fn key(number: u32) -> SigningKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// The lock of this number's key.
fn lock(number: u32) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

/// The own node of a wallet: as many nodes after that of the wallet before it that
/// wallets in turn use all nodes, however many there are.
pub fn wallet_node(wallet: usize, nodes: usize) -> NodeIndex {
    let shares_no_factor = |step: &usize| {
        let (mut one, mut other) = (*step, nodes.max(1));
        while other != 0 {
            (one, other) = (other, one % other);
        }
        one == 1
    };
    let step = (7..).find(shares_no_factor).unwrap_or(1);
    NodeIndex::new((wallet % nodes.max(1) * step % nodes.max(1)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_chain_is_a_valid_definition_that_fills_every_wallet() {
        let chain = with_wallets(&usual_chain(), 300);
        assert_eq!(chain.genesis.coinbase().outputs.len(), 300);
    }

    #[test]
    fn a_wallet_pays_again_only_when_its_last_payment_is_answered() {
        let chain = with_wallets(&usual_chain(), 10);
        let mut wallet = SimWallet::all(&chain).remove(0);
        let first = wallet.pay(NodeIndex::new(0), &chain.params.genesis_hash).expect("it is full");
        assert!(wallet.pay(NodeIndex::new(0), &chain.params.genesis_hash).is_none());
        assert_eq!(wallet.answered(true), Some(first.txid()));
        let second = wallet.pay(NodeIndex::new(0), &chain.params.genesis_hash).expect("change is left");
        assert_eq!(second.inputs(), [OutPoint { txid: first.txid(), index: 1 }]);
    }

    #[test]
    fn a_wallet_that_pays_a_coin_twice_pays_others_and_itself_and_then_no_more_if_both_are_taken() {
        let chain = with_wallets(&usual_chain(), 10);
        let (genesis, at) = (chain.params.genesis_hash, NodeIndex::new(0));
        let mut wallet = SimWallet::all(&chain).remove(0);
        let both = (at, NodeIndex::new(1));
        let (payment, _) = wallet.pay_twice(both, &genesis).expect("it is full");
        wallet.answered(true);
        assert!(!wallet.is_ready(), "the other has not answered");
        wallet.conflict_answered(false);
        let (second, conflict) = wallet.pay_twice(both, &genesis).expect("the first conflict was refused");
        assert_eq!(second.inputs(), [OutPoint { txid: payment.txid(), index: 1 }]);
        let payment = second;
        assert_eq!(payment.inputs(), conflict.inputs());
        assert_eq!((payment.outputs()[0].lock, conflict.outputs()[0].lock), (lock(1), lock(0)));
        wallet.answered(false);
        wallet.conflict_answered(true);
        let (_, third) = wallet.pay_twice(both, &genesis).expect("only the conflict was taken");
        assert_eq!(third.inputs(), [OutPoint { txid: conflict.txid(), index: 1 }]);
        wallet.conflict_answered(true);
        wallet.answered(true);
        assert!(wallet.pay(at, &genesis).is_none() && wallet.pay_twice(both, &genesis).is_none());
    }

    #[test]
    fn as_many_wallets_as_nodes_have_each_another_wallet_node() {
        for nodes in [1, 2, 7, 10, 14, 49, 210] {
            let homes: std::collections::BTreeSet<NodeIndex> =
                (0..nodes).map(|wallet| wallet_node(wallet, nodes)).collect();
            assert_eq!(homes.len(), nodes);
        }
        assert_eq!(wallet_node(3, 0), NodeIndex::new(0));
    }
}
