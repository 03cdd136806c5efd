//! Payments to us that wait in the node's mempool. Nothing vouches for them yet: they are shown, and
//! never counted as coins.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::encoding::decode;
use cairn_core::hash::Txid;
use cairn_core::transaction::Transaction;
use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::session::Session;

/// A mempool with more transactions than this is not looked through.
const MAX_LOOKED_AT: usize = 5_000;
/// Transactions in one request.
const WINDOW: usize = 500;

/// A payment that no block holds yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Which.
    pub txid: Txid,
    /// What it pays us.
    pub amount: Amount,
}

/// Payments of others to us that wait for a block; none if too much waits to be looked through.
///
/// # Errors
/// When the node does not answer, or answers with what is no transaction.
pub fn read(session: &Session, client: &Client) -> Result<Option<Vec<Incoming>>, ClientError> {
    let mut waiting: Vec<Txid> = client.call("getrawmempool", json!([]))?;
    if waiting.len() > MAX_LOOKED_AT {
        return Ok(None);
    }
    waiting.retain(|txid| session.book.pending.iter().all(|payment| payment.txid != *txid));
    let mut incoming = Vec::new();
    for window in waiting.chunks(WINDOW) {
        incoming
            .extend(fetch(window, client)?.iter().filter_map(|transaction| paid_to_us(session, transaction)));
    }
    Ok(Some(incoming))
}

/// Those of the transactions that still wait: one may meet its block meanwhile.
fn fetch(window: &[Txid], client: &Client) -> Result<Vec<Arc<Transaction>>, ClientError> {
    let one = |txid: &Txid| json!([txid, 0]);
    let wanted: Vec<Value> = window.iter().map(one).collect();
    let raw: Vec<String> = match client.batch("getrawtransaction", &wanted) {
        Ok(raw) => raw,
        Err(ClientError::Refused { .. }) => {
            let each = wanted.into_iter().map(|wanted| client.call("getrawtransaction", wanted));
            let still = each.filter(|answer| !matches!(answer, Err(ClientError::Refused { .. })));
            still.collect::<Result<_, _>>()?
        }
        Err(error) => return Err(error),
    };
    let decoded = raw.iter().map(|raw| {
        let bytes = hex::decode(raw).map_err(|error| error.to_string())?;
        decode(&bytes, bytes.len()).map(Arc::new).map_err(|error| error.to_string())
    });
    decoded
        .collect::<Result<_, String>>()
        .map_err(|what| ClientError::Nonsense { method: "getrawtransaction".to_owned(), what })
}

fn paid_to_us(session: &Session, transaction: &Transaction) -> Option<Incoming> {
    let locks = session.locks();
    let ours = transaction.outputs().iter().filter(|output| locks.contains(&output.lock));
    // A sum beyond the supply is a lie of the node's.
    let amount = Amount::checked_sum(ours.map(|output| output.amount))?;
    (amount > Amount::ZERO).then(|| Incoming { txid: transaction.txid(), amount })
}
