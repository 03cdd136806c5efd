//! Payments of a scenario: its wallets hand in transactions at real nodes.

use std::convert::Infallible;
use std::sync::Arc;

use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::transaction::Transaction;
use cairn_daemon::api::client::WORK;
use cairn_genesis::accounts;
use cairn_protocol::input::RequestId;
use cairn_simulator::conductor::payments::{Answer, Payments, Wallets, pay_next};
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::note::Note;
use cairn_simulator::wallets::SimWallet;

use crate::devnet::event::DevnetEvent;
use crate::devnet::network::Network;
use crate::devnet::scenario::chain_setup::account_of;

/// The wallets that the network's genesis fills.
#[derive(Debug)]
pub struct Payer {
    network: Arc<Network>,
    wallets: Wallets,
}

impl Payer {
    /// The wallets of a devnet that has just started.
    pub fn new(network: Arc<Network>) -> Self {
        let accounts: Vec<_> = (0..accounts::COUNT).map(accounts::signing_key).collect();
        let outputs = network.chain.genesis.coinbase().outputs.len() as u16;
        let keys = (0..outputs).map(|wallet| accounts[usize::from(account_of(wallet))].clone());
        let list = SimWallet::of_genesis(&network.chain, keys.collect());
        let wallets = Wallets::new(network.chain.params.genesis_hash, list);
        Self { network, wallets }
    }

    /// The wallet whose turn it is pays at its own node; one whose node is down or rejects the payment tries again
    /// at its next turn.
    pub fn pay(&mut self) {
        let nodes = usize::from(self.network.ids().end);
        let Ok(()) = pay_next(self, nodes);
    }
}

impl Payments for Payer {
    type Error = Infallible;

    fn wallets(&mut self) -> &mut Wallets {
        &mut self.wallets
    }

    fn takes_payments(&self, node: NodeIndex) -> bool {
        self.network.client(node.number()).is_ok()
    }

    fn submit(
        &mut self,
        at: NodeIndex,
        _request: RequestId,
        transaction: Arc<Transaction>,
    ) -> Result<Answer, Infallible> {
        let params = [hex::encode(encode(&*transaction))];
        Ok(match self.network.call::<Txid>(WORK, at.number(), "sendrawtransaction", params) {
            Ok(_) => Answer::Accepted,
            Err(error) => Answer::Rejected(error.to_string()),
        })
    }

    fn note(&mut self, note: Note) {
        self.network.happened(DevnetEvent::Conductor(note));
    }
}
