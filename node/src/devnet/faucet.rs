//! The faucet: pays out of the published faucet account. It holds no user's key.

use std::collections::VecDeque;
use std::sync::Mutex;

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::hash::Txid;
use cairn_core::lock::Lock;
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output};
use cairn_daemon::api::client::{CallError, LOOK, WORK};
use cairn_daemon::api::decimal::Coins;
use cairn_daemon::api::replies::{TxOut, TxOutScan};
use cairn_genesis::accounts;

use crate::devnet::command::Payment;
use crate::devnet::error::DevnetError;
use crate::devnet::funded_accounts;
use crate::devnet::network::Network;
use cairn_genesis::programs::held::held;

/// Fee of a payment; its largest form has some 700 bytes, so this is above any usual fee rate.
const FEE: Amount = Amount::from_units(10_000);
/// Number of pieces in which large change comes back, so that payments need not wait for each other.
const PIECES: u64 = 8;
/// Change below this stays in one piece.
const SPLIT_ABOVE: Amount = Amount::from_units(1_000 * Amount::COIN.units());
/// Limit of outputs remembered; the oldest go first.
const REMEMBERED: usize = 2_000;

/// The faucet's outputs that no payment of this run has spent, on whatever branch, oldest first. Each node is
/// asked which it lets us spend; what it lacks, such as those that a reorganization gives back, a scan finds.
#[derive(Debug)]
pub struct Faucet {
    lock: Lock,
    unspent: Mutex<VecDeque<OutPoint>>,
}

/// The faucet's coins on a node: the largest, and the first that suffices.
#[derive(Debug, Default)]
struct Spendable {
    largest: Amount,
    chosen: Option<(OutPoint, Output)>,
}

impl Faucet {
    /// The faucet of this devnet's chain.
    pub fn new(network: &Network) -> Result<Self, DevnetError> {
        let chain = &network.chain;
        if !funded_accounts::has_faucet(chain) {
            return Err(DevnetError::NoFaucet { chain: chain.params.name.clone() });
        }
        let lock = accounts::lock(accounts::FAUCET);
        let coinbase = chain.genesis.coinbase();
        let ours = coinbase.outputs.iter().enumerate().filter(|(_, output)| output.lock == lock);
        let unspent =
            ours.map(|(index, _)| OutPoint { txid: coinbase.txid(), index: index as u32 }).collect();
        Ok(Self { lock, unspent: Mutex::new(unspent) })
    }

    /// Pays, handing the payment to this node.
    ///
    /// # Errors
    /// When the node rejects it, or has no coin of ours that suffices.
    pub fn pay(
        &self,
        network: &Network,
        node: u16,
        to: &Address,
        amount: Amount,
    ) -> Result<Payment, DevnetError> {
        let overflow =
            || DevnetError::Argument { found: amount.to_string(), expected: "an amount that exists".into() };
        let wanted = amount.checked_add(FEE).ok_or_else(overflow)?;
        let mut unspent = held(&self.unspent);
        let mut found = self.spendable(network, node, &unspent, wanted)?;
        if found.chosen.is_none() {
            let scanned = self.scan(network, node)?;
            unspent.retain(|known| !scanned.contains(known));
            unspent.extend(scanned);
            found = self.spendable(network, node, &unspent, wanted)?;
        }
        let Some((outpoint, coin)) = found.chosen else {
            let (available, wanted) = (found.largest.to_string(), wanted.to_string());
            return Err(DevnetError::FaucetEmpty { node, available, wanted });
        };
        let mut outputs = vec![Output { amount, lock: to.lock() }];
        let change = coin.amount.checked_sub(wanted).unwrap_or(Amount::ZERO);
        outputs.extend(self.change(change));
        let genesis = &network.chain.params.genesis_hash;
        let key = accounts::signing_key(accounts::FAUCET);
        let transaction = sign_spend(genesis, &key, &[(outpoint, coin)], outputs);
        let txid = transaction.txid();
        let sent =
            network.call::<Txid>(WORK, node, "sendrawtransaction", [hex::encode(encode(&transaction))]);
        sent.map_err(|error| match error {
            DevnetError::Node { node, error: error @ CallError::Unreachable(_) } => {
                DevnetError::MayBePaid { txid, node, error }
            }
            rejected => rejected,
        })?;
        unspent.retain(|known| *known != outpoint);
        let back = transaction.outputs().iter().enumerate().skip(1).map(|(index, _)| index as u32);
        unspent.extend(back.map(|index| OutPoint { txid, index }));
        let excess = unspent.len().saturating_sub(REMEMBERED);
        unspent.drain(..excess);
        Ok(Payment { txid, amount, to: to.to_string(), node, fee: FEE })
    }

    fn spendable(
        &self,
        network: &Network,
        node: u16,
        unspent: &VecDeque<OutPoint>,
        wanted: Amount,
    ) -> Result<Spendable, DevnetError> {
        let mut found = Spendable::default();
        for outpoint in unspent {
            let coin: Option<TxOut> =
                network.call(LOOK, node, "gettxout", (outpoint.txid, outpoint.index, true))?;
            let Some(TxOut { value: Coins(amount) }) = coin else { continue };
            found.largest = found.largest.max(amount);
            if amount >= wanted {
                found.chosen = Some((*outpoint, Output { amount, lock: self.lock }));
                break;
            }
        }
        Ok(found)
    }

    fn scan(&self, network: &Network, node: u16) -> Result<Vec<OutPoint>, DevnetError> {
        let address = Address::new(&network.chain.params.address_prefix, self.lock);
        let found: TxOutScan =
            network.call(WORK, node, "scantxoutset", ("start", [format!("addr({address})")]))?;
        Ok(found.unspents.iter().map(|coin| OutPoint { txid: coin.txid, index: coin.vout }).collect())
    }

    fn change(&self, change: Amount) -> Vec<Output> {
        if change == Amount::ZERO {
            return Vec::new();
        }
        let pieces = if change > SPLIT_ABOVE { PIECES } else { 1 };
        let piece = change.units() / pieces;
        let first = change.units() - piece * (pieces - 1);
        let amounts = std::iter::once(first).chain((1..pieces).map(|_| piece));
        amounts.map(|units| Output { amount: Amount::from_units(units), lock: self.lock }).collect()
    }
}
