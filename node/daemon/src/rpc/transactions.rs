//! Methods about single transactions: reading, trying, sending.

use std::sync::Arc;

use cairn_core::address::AddressPrefix;
use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_protocol::mempool::fee_rate::FeeRate;
use cairn_protocol::mempool::policy::MempoolError;
use serde_json::Value;

use crate::Machine;
use crate::clock;
use crate::handle::SubmitError;
use crate::rpc::lookup::{self, Source};
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcResult, aside, json, methods, object};
use crate::rpc::params::Verbosity;
use crate::rpc::rejection::{MISSING_INPUTS, Rejection};
use crate::rpc::render::{self, Detail, seconds};
use crate::store::StoredBlock;

methods! { "Rawtransactions":
    Reads "decoderawtransaction" ["hexstring"] "The fields of a transaction in hex." => decode_raw_transaction;
    Reads "getrawtransaction" ["txid", "verbosity|verbose", "blockhash"]
        "A transaction of the mempool or the best chain, or of the block given: 0 its bytes in hex, \
         1 its values, 2 also the coins it spends." => get_raw_transaction;
    Changes "sendrawtransaction" ["hexstring", "maxfeerate"]
        "Accepts a signed transaction to the mempool and announces it to peers. Rejects one that pays more \
         than maxfeerate in coins per 1,000 bytes (0.10 by default; 0 for any)." => send_raw_transaction;
    TakesLong "testmempoolaccept" ["rawtxs", "maxfeerate"]
        "Whether the mempool would accept these transactions, one by one, without accepting them."
        => test_mempool_accept;
}

/// A fee rate above this many units per 1,000 bytes is a typing mistake: Bitcoin Core's figure.
const DEFAULT_MAX_FEE_RATE: u64 = 10_000_000;
/// Transactions in one `testmempoolaccept`: Bitcoin Core's bound on a package.
const MAX_TESTED: usize = 25;

async fn decode_raw_transaction(rpc: Rpc, text: String) -> RpcResult<Object> {
    let transaction = read(&text)?;
    let prefix = rpc.query(|node| node.chain().params().address_prefix.clone()).await?;
    Ok(render::transaction(&transaction, None, Detail::Fee, &prefix))
}

async fn get_raw_transaction(
    rpc: Rpc,
    txid: Txid,
    verbosity: Option<Verbosity>,
    inside: Option<BlockHash>,
) -> RpcResult {
    let Verbosity(verbosity) = verbosity.unwrap_or(Verbosity(0));
    let (source, coins, prefix) = rpc
        .try_query(move |node| {
            let source = lookup::find_transaction(node, &txid, inside)?;
            let coins = match &source {
                Source::Mempool(transaction) if verbosity >= 2 => lookup::coins_spent_by(node, transaction)?,
                _ => None,
            };
            Ok((source, coins, node.chain().params().address_prefix.clone()))
        })
        .await?;
    // A block may have to be read for it.
    aside(move || {
        let mut object = match &source {
            Source::Mempool(transaction) => {
                render::whole_transaction(transaction, coins.as_deref(), Detail::Coins, &prefix)
            }
            Source::Block(stored, placed) => in_block(&txid, stored, placed.height, verbosity, &prefix)?,
        };
        if verbosity == 0 {
            return Ok(json(&object.get("hex")));
        }
        if let Source::Block(_, placed) = source {
            if inside.is_some() {
                object.put("in_active_chain", &(placed.confirmations > 0));
            }
            object.put("blockhash", &placed.hash);
            object.put("confirmations", &placed.confirmations.max(0));
            object.put("height", &placed.height);
            object.put("time", &seconds(placed.header.time));
            object.put("blocktime", &seconds(placed.header.time));
        }
        Ok(json(&object))
    })
    .await
}

/// A transaction or the coinbase of a block at a height.
fn in_block(
    txid: &Txid,
    stored: &StoredBlock,
    height: Height,
    verbosity: u8,
    prefix: &AddressPrefix,
) -> RpcResult<Object> {
    let block = stored.block()?;
    if block.coinbase().txid() == *txid {
        return Ok(render::coinbase(block.coinbase(), prefix));
    }
    let found = block.transactions().iter().find(|transaction| transaction.txid() == *txid);
    let found = found.ok_or_else(|| lookup::no_such("transaction found in the provided block", txid))?;
    let undo = if verbosity >= 2 { stored.undo()? } else { None };
    let coins = undo.and_then(|undo| render::spent_by(found, &render::coins_spent(&block, height, &undo)));
    Ok(render::whole_transaction(found, coins.as_deref(), Detail::Coins, prefix))
}

async fn send_raw_transaction(rpc: Rpc, text: String, max_fee_rate: Option<Amount>) -> RpcResult<Txid> {
    let transaction = Arc::new(read(&text)?);
    match rpc.node()?.submit_transaction(transaction, fee_rate_limit(max_fee_rate)?).await {
        // Sending again what is in the mempool is how wallets make sure: Bitcoin Core allows it.
        Ok(txid) | Err(SubmitError::Rejected(MempoolError::Known { txid })) => Ok(txid),
        Err(SubmitError::Rejected(error)) => Err(Rejection::of(&error).into_error()),
        Err(SubmitError::Stopped(stopped)) => Err(stopped.into()),
    }
}

async fn test_mempool_accept(
    rpc: Rpc,
    list: Vec<Value>,
    max_fee_rate: Option<Amount>,
) -> RpcResult<Vec<Object>> {
    if list.is_empty() || list.len() > MAX_TESTED {
        let message = format!("Array must contain between 1 and {MAX_TESTED} transactions.");
        return Err(Code::InvalidParameter.error(message));
    }
    let limit = fee_rate_limit(max_fee_rate)?;
    let mut verdicts = Vec::new();
    for hex in list {
        let transaction = Arc::new(read(hex.as_str().unwrap_or_default())?);
        verdicts.push(verdict(&rpc, transaction, limit).await?);
    }
    Ok(verdicts)
}

async fn verdict(rpc: &Rpc, transaction: Arc<Transaction>, limit: Option<FeeRate>) -> RpcResult<Object> {
    let mut verdict = object! { "txid": transaction.txid(), "wtxid": transaction.leaf_hash() };
    let tested = transaction.clone();
    let test = move |node: &Machine| node.mempool().test(clock::now(), &tested, limit, node.chain());
    match rpc.query(test).await? {
        Ok(accepted) => {
            verdict.put("allowed", &true);
            verdict.put("vsize", &transaction.size());
            let fees = object! {
                "base": Coins(accepted.fee),
                "effective-feerate": Coins(FeeRate::of(accepted.fee, transaction.size()).per_kilobyte()),
                "effective-includes": [transaction.leaf_hash()],
            };
            verdict.put("fees", &fees);
        }
        Err(failure) => {
            let error = failure.rejection()?;
            let rejection = Rejection::of(&error);
            let is_missing =
                rejection.code == Code::Verify && !matches!(error, MempoolError::FeeTooHigh { .. });
            verdict.put("allowed", &false);
            verdict.put("reject-reason", if is_missing { MISSING_INPUTS } else { rejection.token });
            verdict.put("reject-details", &rejection.sentence);
        }
    }
    Ok(verdict)
}

fn read(text: &str) -> RpcResult<Transaction> {
    lookup::from_hex(text, "TX decode failed")
}

/// The limit for the fee rate; none when any is allowed.
fn fee_rate_limit(given: Option<Amount>) -> RpcResult<Option<FeeRate>> {
    let limit = given.unwrap_or(Amount::from_units(DEFAULT_MAX_FEE_RATE));
    if limit > Amount::COIN {
        let message = "Fee rates larger than or equal to 1 coin per 1,000 bytes are not accepted";
        return Err(Code::InvalidParameter.error(message));
    }
    Ok((limit > Amount::ZERO).then_some(FeeRate::from_per_kilobyte(limit)))
}
