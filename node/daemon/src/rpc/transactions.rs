//! Methods about single transactions: reading, trying, sending.

use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::encoding::decode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::Transaction;
use cairn_protocol::mempool::fee_rate::FeeRate;
use cairn_protocol::mempool::policy::MempoolError;
use serde_json::Value;

use crate::clock;
use crate::rpc::access::{Rpc, aside, stopping};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Coins, Object, Text, json, object};
use crate::rpc::lookup::{self, Found, Whereabouts};
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::refusal::{MISSING_INPUTS, Refusal};
use crate::rpc::render::{self, Spent, seconds};

methods! { "Rawtransactions":
    "decoderawtransaction" [required("hexstring", Kind::Text)]
        "What the bytes of a transaction mean." => decode_raw_transaction;
    "getrawtransaction" [
        required("txid", Kind::Text),
        optional("verbosity|verbose", Kind::Any),
        optional("blockhash", Kind::Text),
    ] "A transaction of the mempool or the best chain, or of the block given: 0 its bytes in hex, \
       1 its values, 2 also the coins it spends." => get_raw_transaction;
    "sendrawtransaction" [
        required("hexstring", Kind::Text),
        optional("maxfeerate", Kind::Coins),
    ] "Takes a signed transaction into the mempool and tells the peers. Refuses one that pays more \
       than maxfeerate in coins per 1,000 bytes (0.10 unless told; 0 for any)." => send_raw_transaction;
    "testmempoolaccept" [required("rawtxs", Kind::List), optional("maxfeerate", Kind::Coins)]
        "Whether the mempool would take these transactions, one by one, without taking them."
        => test_mempool_accept;
}

/// A fee rate above this many units per 1,000 bytes is a typing mistake: Bitcoin Core's figure.
const DEFAULT_MAX_FEE_RATE: u64 = 10_000_000;
/// Transactions in one `testmempoolaccept`: Bitcoin Core's bound on a package.
const MAX_TESTED: usize = 25;

async fn decode_raw_transaction(rpc: Rpc, params: Params) -> RpcResult {
    let transaction = read(Params::must(params.text("hexstring")))?;
    let prefix = rpc.query(|node| lookup::params(node).address_prefix.clone()).await?;
    Ok(json(&render::transaction(&transaction, Spent::Unknown, &prefix)))
}

async fn get_raw_transaction(rpc: Rpc, params: Params) -> RpcResult {
    let txid: Txid = Params::must(params.hash("txid")?);
    let verbosity = params.verbosity("verbosity", 0)?;
    let blockhash: Option<BlockHash> = params.hash("blockhash")?;
    let (place, coins, prefix) = rpc
        .query(move |node| {
            let place = Whereabouts::of(node, &txid, blockhash.as_ref())?;
            let coins = match &place {
                Whereabouts::Mempool(transaction) if verbosity >= 2 => {
                    lookup::coins_spent_by(node, transaction)?
                }
                _ => None,
            };
            Ok::<_, RpcError>((place, coins, lookup::params(node).address_prefix.clone()))
        })
        .await??;
    // A block may have to be read for it.
    aside(move || {
        let found = place.read(&txid)?;
        if verbosity == 0 {
            return Ok(json(&found.hex()));
        }
        let coins = match &found {
            Found::Confirmed { transaction, block } if verbosity >= 2 => {
                place.coins_spent_by(transaction, block)?
            }
            _ => coins,
        };
        let spent = coins.as_deref().map_or(Spent::Unknown, Spent::Shown);
        let mut object = match &found {
            Found::Coinbase { block } => render::coinbase(block.coinbase(), &prefix),
            Found::Pending(transaction) | Found::Confirmed { transaction, .. } => {
                let mut object = render::transaction(transaction, spent, &prefix);
                object.put("hex", &found.hex());
                object
            }
        };
        if let Some(place) = place.place() {
            if blockhash.is_some() {
                object.put("in_active_chain", &(place.confirmations > 0));
            }
            object.put("blockhash", &Text(place.hash));
            object.put("confirmations", &place.confirmations.max(0));
            object.put("height", &place.height.get());
            object.put("time", &seconds(place.header.time));
            object.put("blocktime", &seconds(place.header.time));
        }
        Ok(json(&object))
    })
    .await
}

async fn send_raw_transaction(rpc: Rpc, params: Params) -> RpcResult {
    let transaction = Arc::new(read(Params::must(params.text("hexstring")))?);
    let limit = max_fee_rate(&params)?;
    let sent = rpc.node()?.submit_transaction(transaction, limit).await;
    match sent.map_err(|_| stopping())? {
        Ok(txid) => Ok(json(&txid)),
        // Sending again what waits already is how wallets make sure: Bitcoin Core allows it.
        Err(MempoolError::Known { txid }) => Ok(json(&txid)),
        Err(error) => Err(Refusal::of(&error).into_error()),
    }
}

async fn test_mempool_accept(rpc: Rpc, params: Params) -> RpcResult {
    let list = Params::must(params.get("rawtxs").and_then(Value::as_array));
    if list.is_empty() || list.len() > MAX_TESTED {
        let message = format!("Array must contain between 1 and {MAX_TESTED} transactions.");
        return Err(RpcError::invalid_parameter(message));
    }
    let limit = max_fee_rate(&params)?;
    let mut verdicts = Vec::new();
    for hex in list {
        let transaction = Arc::new(read(hex.as_str().unwrap_or_default())?);
        verdicts.push(verdict(&rpc, transaction, limit).await?);
    }
    Ok(json(&verdicts))
}

async fn verdict(
    rpc: &Rpc,
    transaction: Arc<Transaction>,
    limit: Option<FeeRate>,
) -> Result<Object, RpcError> {
    let mut verdict = object! { "txid": transaction.txid(), "wtxid": transaction.leaf_hash() };
    let tested = transaction.clone();
    let test = move |node: &crate::Machine| node.mempool().test(clock::now(), &tested, limit, node.chain());
    let fee = match rpc.query(test).await? {
        Ok(accepted) => accepted.fee,
        Err(failure) => {
            let error = failure.rejection().map_err(lookup::failed)?;
            let refusal = Refusal::of(&error);
            let is_missing =
                refusal.code == Code::Verify && !matches!(error, MempoolError::FeeTooHigh { .. });
            verdict.put("allowed", &false);
            verdict.put("reject-reason", if is_missing { MISSING_INPUTS } else { refusal.token });
            verdict.put("reject-details", &refusal.sentence);
            return Ok(verdict);
        }
    };
    let rate = FeeRate::of(fee, transaction.size());
    verdict.put("allowed", &true);
    verdict.put("vsize", &transaction.size());
    let fees = object! {
        "base": Coins(fee),
        "effective-feerate": Coins(rate.per_kilobyte()),
        "effective-includes": [transaction.leaf_hash()],
    };
    verdict.put("fees", &fees);
    Ok(verdict)
}

fn read(text: &str) -> Result<Transaction, RpcError> {
    let failed = |why: String| RpcError::new(Code::Deserialization, format!("TX decode failed. {why}"));
    let bytes = hex::decode(text).map_err(|_| failed("Expected an even number of hex digits.".to_owned()))?;
    decode(&bytes, bytes.len()).map_err(|error| failed(format!("Not the bytes of a transaction: {error}.")))
}

/// The limit for the fee rate; none when any is allowed.
fn max_fee_rate(params: &Params) -> Result<Option<FeeRate>, RpcError> {
    let limit = params.coins("maxfeerate")?.unwrap_or(Amount::from_units(DEFAULT_MAX_FEE_RATE));
    if limit > Amount::COIN {
        let message = "Fee rates larger than or equal to 1 coin per 1,000 bytes are not accepted";
        return Err(RpcError::invalid_parameter(message));
    }
    Ok((limit > Amount::ZERO).then_some(FeeRate::from_per_kilobyte(limit)))
}
