//! The node as the wallet's logic sees it: what it reads, and one way to hand in a transaction.
//!
//! [`Client`] calls a node over JSON-RPC; tests put a chain in memory in its place.

use std::sync::Arc;

use cairn_core::amount::{Amount, ParseAmountError};
use cairn_core::block::Block;
use cairn_core::encoding::{Decode, decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, ClientError, malformed};

/// Bitcoin Core's codes for a height, hash or transaction that is not there.
const NOT_THERE: [i64; 2] = [-8, -5];
/// Bitcoin Core's code for a transaction that a block holds already.
const ALREADY_IN_CHAIN: i64 = -27;
/// Confirmations that the fee estimate aims at.
const ESTIMATE_TARGET: u32 = 2;

/// A node's chain and mempool. Only [`Self::submit`] changes anything there. Every method fails if the
/// node does not reply.
pub trait Node {
    /// Height of the best chain's tip.
    fn height(&self) -> Result<Height, ClientError>;

    /// Hash of the best chain's block at a height; none above the tip.
    fn hash_at(&self, height: Height) -> Result<Option<BlockHash>, ClientError>;

    /// Whether the node knows a block, on any branch.
    fn knows_block(&self, hash: &BlockHash) -> Result<bool, ClientError>;

    /// This many blocks of the best chain from a height on; none when the chain became shorter.
    fn blocks(&self, first: Height, count: u32) -> Result<Option<Vec<Block>>, ClientError>;

    /// Ids of the mempool's transactions, parents before children.
    fn mempool(&self) -> Result<Vec<Txid>, ClientError>;

    /// The transactions among these that the node still has, in the same order.
    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Arc<Transaction>>, ClientError>;

    /// Hands a transaction to the network. One that the node has already is not an error.
    fn submit(&self, transaction: &Transaction) -> Result<(), ClientError>;

    /// The fee per 1,000 bytes that the node estimates for one of the next blocks.
    fn fee_rate(&self) -> Result<Amount, ClientError>;
}

#[derive(Deserialize)]
struct FeeEstimate {
    feerate: serde_json::Number,
}

impl Node for Client {
    fn height(&self) -> Result<Height, ClientError> {
        self.call("getblockcount", json!([])).map(Height::from_u32)
    }

    fn hash_at(&self, height: Height) -> Result<Option<BlockHash>, ClientError> {
        there(self.call("getblockhash", json!([height])))
    }

    fn knows_block(&self, hash: &BlockHash) -> Result<bool, ClientError> {
        Ok(there(self.call::<Value>("getblockheader", json!([hash, false])))?.is_some())
    }

    fn blocks(&self, first: Height, count: u32) -> Result<Option<Vec<Block>>, ClientError> {
        let heights: Vec<Value> =
            (first.get()..).take(count as usize).map(|height| json!([height])).collect();
        let hashes = self.batch::<BlockHash>("getblockhash", &heights)?;
        let Some(hashes) = there(hashes.into_iter().collect::<Result<Vec<_>, _>>())? else { return Ok(None) };
        let wanted: Vec<Value> = hashes.iter().map(|hash| json!([hash, 0])).collect();
        let blocks = self.batch::<String>("getblock", &wanted)?;
        there(blocks.into_iter().map(|raw| decoded("getblock", &raw?)).collect())
    }

    fn mempool(&self) -> Result<Vec<Txid>, ClientError> {
        self.call("getrawmempool", json!([]))
    }

    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Arc<Transaction>>, ClientError> {
        let wanted: Vec<Value> = txids.iter().map(|txid| json!([txid, 0])).collect();
        let raw = self.batch::<String>("getrawtransaction", &wanted)?;
        let there = raw.into_iter().filter_map(|raw| there(raw).transpose());
        there.map(|raw| decoded("getrawtransaction", &raw?).map(Arc::new)).collect()
    }

    fn submit(&self, transaction: &Transaction) -> Result<(), ClientError> {
        match self.call::<Txid>("sendrawtransaction", json!([hex::encode(encode(transaction))])) {
            Ok(_) | Err(ClientError::Rejected { code: ALREADY_IN_CHAIN, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn fee_rate(&self) -> Result<Amount, ClientError> {
        let method = "estimatesmartfee";
        let estimate: FeeEstimate = self.call(method, json!([ESTIMATE_TARGET]))?;
        estimate.feerate.to_string().parse().map_err(|error: ParseAmountError| malformed(method, error))
    }
}

/// The result of a call, or none if the node has no such block or transaction.
fn there<T>(reply: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match reply {
        Ok(found) => Ok(Some(found)),
        Err(ClientError::Rejected { code, .. }) if NOT_THERE.contains(&code) => Ok(None),
        Err(error) => Err(error),
    }
}

fn decoded<T: Decode<()>>(method: &str, raw: &str) -> Result<T, ClientError> {
    let bytes = hex::decode(raw).map_err(|error| malformed(method, error))?;
    decode(&bytes, bytes.len()).map_err(|error| malformed(method, error))
}
