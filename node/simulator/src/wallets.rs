//! Payments: purses funded in genesis, each spending its own change, so that none is in another's way.

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
/// What genesis gives each purse.
const PREMINE: Amount = Amount::from_units(1_000_000_000_000);
/// Marks of second payments of coins come after those of payments.
const FIRST_RIVAL: u64 = 1 << 32;
/// Keys of miners come after those of purses.
const FIRST_MINER: u32 = 1 << 16;

/// The chain of a definition, with so many purses in its genesis.
///
/// # Panics
/// When the definition's numbers do not fit together, or not with that many purses: whoever read it
/// has checked that with [`chain_with_wallets`].
pub fn with_wallets(definition: &Definition, purses: u16) -> Chain {
    chain_with_wallets(definition, purses).expect("a plan's chain was checked when it was read")
}

/// The same of a definition that nobody has checked.
///
/// # Errors
/// What does not fit together.
pub fn chain_with_wallets(definition: &Definition, purses: u16) -> Result<Chain, DefinitionError> {
    let mut definition = definition.clone();
    let (params, _) = definition.to_params()?;
    definition.premine = (0..purses)
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

/// Who is paid for a miner's blocks.
pub fn miner_lock(miner: u16) -> Lock {
    lock(FIRST_MINER + u32::from(miner))
}

/// What a coin is spent for: the payment, and the change back; none when it does not suffice.
pub fn payment_and_change(coin: &Output, payee: Lock) -> Option<Vec<Output>> {
    let change = coin.amount.checked_sub(PAYMENT)?.checked_sub(FEE)?;
    Some(vec![Output { amount: PAYMENT, lock: payee }, Output { amount: change, lock: coin.lock }])
}

/// Somebody with coins.
#[derive(Clone, Debug)]
pub struct SimWallet {
    number: u16,
    purses: u16,
    key: SigningKey,
    coin: (OutPoint, Output),
    /// A payment that was handed in and not yet answered.
    asked: Option<(NodeIndex, Arc<Transaction>)>,
    /// The node where it paid its coin once more, and which has not yet answered; and that payment.
    asked_twice: Option<(NodeIndex, Arc<Transaction>)>,
    /// Of a coin that is paid twice: whether the first payment was accepted, and the second one if it was.
    taken: (bool, Option<Arc<Transaction>>),
    /// Whether it paid a coin twice.
    has_cheated: bool,
}

impl SimWallet {
    /// Every purse of a chain, as genesis filled it.
    pub fn all(chain: &Chain) -> Vec<Self> {
        let txid = chain.genesis.coinbase().txid();
        let purses = u16::try_from(chain.genesis.coinbase().outputs.len()).unwrap_or(u16::MAX);
        let purse = |number: u16| {
            let outpoint = OutPoint { txid, index: u32::from(number) };
            let coin = (outpoint, Output { amount: PREMINE, lock: lock(u32::from(number)) });
            let key = key(u32::from(number));
            Self {
                number,
                purses,
                key,
                coin,
                asked: None,
                asked_twice: None,
                taken: (false, None),
                has_cheated: false,
            }
        };
        (0..purses).map(purse).collect()
    }

    /// The mark of this purse's submissions,
    pub fn request(&self) -> RequestId {
        RequestId(u64::from(self.number))
    }

    /// and that of its second payments of a coin.
    pub fn rival_request(&self) -> RequestId {
        RequestId(FIRST_RIVAL + u64::from(self.number))
    }

    /// Pays the next purse, at this node; none while the last payment is not answered.
    pub fn pay(&mut self, at: NodeIndex, genesis: &GenesisHash) -> Option<Arc<Transaction>> {
        if !self.is_ready() {
            return None;
        }
        let payee = lock((u32::from(self.number) + 1) % u32::from(self.purses));
        let transaction = self.sign_payment(genesis, payee)?;
        self.asked = Some((at, transaction.clone()));
        Some(transaction)
    }

    /// Whether it can pay: it waits for no answer, and has never paid a coin twice.
    pub const fn is_ready(&self) -> bool {
        self.asked.is_none() && self.asked_twice.is_none() && !self.has_cheated
    }

    /// Pays the next purse at a node, and with the same coin itself at another; none while the last payment
    /// is not answered. Once both are accepted it never pays again: which change is its own, only the end
    /// will tell.
    pub fn pay_twice(
        &mut self,
        (at, other): (NodeIndex, NodeIndex),
        genesis: &GenesisHash,
    ) -> Option<(Arc<Transaction>, Arc<Transaction>)> {
        let rival = self.sign_payment(genesis, self.own_lock())?;
        let payment = self.pay(at, genesis)?;
        self.taken = (false, None);
        self.asked_twice = Some((other, rival.clone()));
        Some((payment, rival))
    }

    /// Hears how its second payment of a coin ended.
    pub fn rival_answered(&mut self, accepted: bool) {
        self.taken.1 = self.asked_twice.take().map(|(_, rival)| rival).filter(|_| accepted);
        self.settle_rivals();
    }

    /// Once both are answered: of two that were taken, nobody knows which stays; of one, its change is what
    /// is spent next.
    fn settle_rivals(&mut self) {
        if self.asked.is_some() || self.asked_twice.is_some() {
            return;
        }
        match core::mem::take(&mut self.taken) {
            (true, Some(_)) => self.has_cheated = true,
            (false, Some(rival)) => self.spent(&rival),
            (_, None) => {}
        }
    }

    /// A payment of the coin it has now, with the change to itself; nobody is asked to take it.
    pub fn sign_payment(&self, genesis: &GenesisHash, payee: Lock) -> Option<Arc<Transaction>> {
        let outputs = payment_and_change(&self.coin.1, payee)?;
        Some(Arc::new(sign_spend(genesis, &self.key, core::slice::from_ref(&self.coin), outputs)))
    }

    /// The coin that is spent next.
    pub const fn coin(&self) -> OutPoint {
        self.coin.0
    }

    /// The change of this payment is what is spent next.
    pub fn spent(&mut self, transaction: &Transaction) {
        if let Some(change) = transaction.outputs().last() {
            self.coin = (OutPoint { txid: transaction.txid(), index: 1 }, change.clone());
        }
    }

    /// Who is paid with this purse's own key.
    pub fn own_lock(&self) -> Lock {
        lock(u32::from(self.number))
    }

    /// Hears how the payment ended: once it is accepted, the change is what is spent next.
    pub fn answered(&mut self, accepted: bool) -> Option<Txid> {
        let (_, transaction) = self.asked.take()?;
        self.taken.0 = accepted;
        if accepted {
            self.spent(&transaction);
        }
        self.settle_rivals();
        accepted.then(|| transaction.txid())
    }

    /// A node is gone, and its answer with it, if it was asked.
    pub fn lost(&mut self, at: NodeIndex) {
        self.asked.take_if(|(asked, _)| *asked == at);
        self.asked_twice.take_if(|(asked, _)| *asked == at);
        self.settle_rivals();
    }

    /// It has this coin.
    pub fn has(&mut self, outpoint: OutPoint, output: Output) {
        self.coin = (outpoint, output);
    }
}

fn key(number: u32) -> SigningKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// The lock of whoever holds this number's key.
fn lock(number: u32) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

/// The node of its own that a wallet has: so many nodes after that of the wallet before it that
/// wallets in turn use all nodes, however many there are.
pub fn home(wallet: usize, nodes: usize) -> NodeIndex {
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
    fn the_simulated_chain_is_a_valid_definition_that_fills_every_purse() {
        let chain = with_wallets(&usual_chain(), 300);
        assert_eq!(chain.genesis.coinbase().outputs.len(), 300);
    }

    #[test]
    fn a_purse_waits_for_its_answer() {
        let chain = with_wallets(&usual_chain(), 10);
        let mut purse = SimWallet::all(&chain).remove(0);
        let first = purse.pay(NodeIndex::new(0), &chain.params.genesis_hash).expect("it is full");
        assert!(purse.pay(NodeIndex::new(0), &chain.params.genesis_hash).is_none());
        assert_eq!(purse.answered(true), Some(first.txid()));
        let second = purse.pay(NodeIndex::new(0), &chain.params.genesis_hash).expect("change is left");
        assert_eq!(second.inputs(), [OutPoint { txid: first.txid(), index: 1 }]);
    }

    #[test]
    fn a_purse_that_pays_a_coin_twice_pays_others_and_itself_and_then_no_more_if_both_are_taken() {
        let chain = with_wallets(&usual_chain(), 10);
        let (genesis, at) = (chain.params.genesis_hash, NodeIndex::new(0));
        let mut purse = SimWallet::all(&chain).remove(0);
        let both = (at, NodeIndex::new(1));
        let (payment, _) = purse.pay_twice(both, &genesis).expect("it is full");
        purse.answered(true);
        assert!(!purse.is_ready(), "the other has not answered");
        purse.rival_answered(false);
        let (second, rival) = purse.pay_twice(both, &genesis).expect("the first rival was refused");
        assert_eq!(second.inputs(), [OutPoint { txid: payment.txid(), index: 1 }]);
        let payment = second;
        assert_eq!(payment.inputs(), rival.inputs());
        assert_eq!((payment.outputs()[0].lock, rival.outputs()[0].lock), (lock(1), lock(0)));
        purse.answered(false);
        purse.rival_answered(true);
        let (_, third) = purse.pay_twice(both, &genesis).expect("only the rival was taken");
        assert_eq!(third.inputs(), [OutPoint { txid: rival.txid(), index: 1 }]);
        purse.rival_answered(true);
        purse.answered(true);
        assert!(purse.pay(at, &genesis).is_none() && purse.pay_twice(both, &genesis).is_none());
    }

    #[test]
    fn as_many_wallets_as_nodes_have_each_another_home() {
        for nodes in [1, 2, 7, 10, 14, 49, 210] {
            let homes: std::collections::BTreeSet<NodeIndex> =
                (0..nodes).map(|wallet| home(wallet, nodes)).collect();
            assert_eq!(homes.len(), nodes);
        }
        assert_eq!(home(3, 0), NodeIndex::new(0));
    }
}
