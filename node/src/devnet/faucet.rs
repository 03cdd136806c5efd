//! The faucet: pays out of the published faucet account. It holds no user's key.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::lock::Lock;
use cairn_core::signing::sign_spend;
use cairn_core::transaction::{OutPoint, Output};
use cairn_genesis::accounts;
use serde_json::{Value, json};

use crate::devnet::account;
use crate::devnet::error::DevnetError;
use crate::devnet::network::Network;
use crate::devnet::node_rpc::RpcFailure;

/// What a payment costs; its largest form has some 700 bytes, so this is above any usual fee rate.
const FEE: Amount = Amount::from_units(10_000);
/// Change comes back in so many pieces while it is large, so that payments need not wait in line.
const PIECES: u64 = 8;
/// Change below this stays in one piece.
const SPLIT_ABOVE: Amount = Amount::from_units(1_000 * Amount::COIN.units());
/// Outputs remembered.
const REMEMBERED: usize = 2_000;

/// The faucet's outputs, spent or not, on whatever branch; each node is asked which it lets us spend.
#[derive(Debug)]
pub struct Faucet {
    lock: Lock,
    outputs: Mutex<BTreeSet<OutPoint>>,
}

impl Faucet {
    /// The faucet of this devnet's chain.
    ///
    /// # Errors
    /// When genesis funds none.
    pub fn new(network: &Network) -> Result<Self, DevnetError> {
        let chain = &network.chain;
        if !account::has_faucet(chain) {
            return Err(DevnetError::NoFaucet { chain: chain.params.name.clone() });
        }
        let lock = accounts::lock(accounts::FAUCET);
        let coinbase = chain.genesis.coinbase();
        let ours = coinbase.outputs.iter().enumerate().filter(|(_, output)| output.lock == lock);
        let outputs =
            ours.map(|(index, _)| OutPoint { txid: coinbase.txid(), index: index as u32 }).collect();
        Ok(Self { lock, outputs: Mutex::new(outputs) })
    }

    /// Pays, handing the payment to this node; returns its id.
    ///
    /// # Errors
    /// When the node refuses, or has no coin of ours that suffices.
    pub fn pay(
        &self,
        network: &Network,
        node: u16,
        to: &Address,
        amount: Amount,
    ) -> Result<Value, DevnetError> {
        let overflow =
            || DevnetError::Argument { found: amount.to_string(), expected: "amount that exists".into() };
        let wanted = amount.checked_add(FEE).ok_or_else(overflow)?;
        let mut known = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = self.spendable(network, node, &known, wanted)?;
        if found.1.is_none() {
            // After a restart of the devnet the outputs of earlier runs are known to the chain alone.
            known.extend(self.scan(network, node)?);
            found = self.spendable(network, node, &known, wanted)?;
        }
        let (_, Some((outpoint, coin))) = found else {
            let (available, wanted) = (found.0.to_string(), wanted.to_string());
            return Err(DevnetError::FaucetEmpty { node, available, wanted });
        };
        let mut outputs = vec![Output { amount, lock: to.lock() }];
        let change = coin.amount.checked_sub(wanted).unwrap_or(Amount::ZERO);
        outputs.extend(self.change(change));
        let genesis = &network.chain.params.genesis_hash;
        let key = accounts::signing_key(accounts::FAUCET);
        let transaction = sign_spend(genesis, &key, &[(outpoint, coin)], outputs);
        let txid = transaction.txid();
        let sent = network.call(node, "sendrawtransaction", json!([hex::encode(encode(&transaction))]));
        let answer = sent.map_err(|error| match error {
            DevnetError::Node { node, failure: failure @ RpcFailure::Silent(_) } => {
                DevnetError::MayBePaid { txid, node, failure }
            }
            refused => refused,
        })?;
        let back = transaction.outputs().iter().enumerate().skip(1).map(|(index, _)| index as u32);
        known.extend(back.map(|index| OutPoint { txid, index }));
        while known.len() > REMEMBERED {
            known.pop_first();
        }
        Ok(json!({ "txid": answer, "amount": amount, "to": to.to_string(), "node": node, "fee": FEE }))
    }

    /// The largest of our coins on this node, and the first that suffices.
    fn spendable(
        &self,
        network: &Network,
        node: u16,
        known: &BTreeSet<OutPoint>,
        wanted: Amount,
    ) -> Result<(Amount, Option<(OutPoint, Output)>), DevnetError> {
        let mut largest = Amount::ZERO;
        for outpoint in known {
            let coin = network.call(node, "gettxout", json!([outpoint.txid, outpoint.index, true]))?;
            // The value is a decimal number: read as text, it never becomes a float.
            let Ok(amount) = coin["value"].to_string().parse::<Amount>() else { continue };
            largest = largest.max(amount);
            if amount >= wanted {
                return Ok((largest, Some((*outpoint, Output { amount, lock: self.lock }))));
            }
        }
        Ok((largest, None))
    }

    fn scan(&self, network: &Network, node: u16) -> Result<Vec<OutPoint>, DevnetError> {
        let address = Address::new(&network.chain.params.address_prefix, self.lock);
        let found = network.call(node, "scantxoutset", json!(["start", [format!("addr({address})")]]))?;
        let unspents = found["unspents"].as_array().cloned().unwrap_or_default();
        let outpoint = |coin: &Value| {
            let txid = coin["txid"].as_str()?.parse().ok()?;
            Some(OutPoint { txid, index: u32::try_from(coin["vout"].as_u64()?).ok()? })
        };
        Ok(unspents.iter().filter_map(outpoint).collect())
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
