//! Methods that make blocks on demand, and one that says beforehand what that does to the difficulty.

use std::sync::Arc;

use cairn_core::encoding::{decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::outlook::Outlook;
use cairn_core::subsidy::subsidy;
use cairn_core::transaction::Transaction;
use cairn_protocol::template::Template;
use serde_json::Value;

use crate::Machine;
use crate::api::replies::{MiningEstimate, NotGenerated};
use crate::clock;
use crate::generate::{End, MOST_HASHES_AT_ONCE, Wanted, solve};
use crate::mined::NotMined;
use crate::rpc::access::{Rpc, stopping};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::mining::{hash_rate, pay_to};
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::proposal;
use crate::rpc::render;

methods! { "Mining":
    "generateblock" [
        required("output", Kind::Text),
        required("transactions", Kind::List),
        optional("submit", Kind::Flag),
    ] "Mines a block that pays this address and holds exactly these transactions, given by id or in \
       hex; with submit false it is only shown." => generate_block;
    "generatetoaddress" [
        required("nblocks", Kind::Number),
        required("address", Kind::Text),
        optional("maxtries", Kind::Number),
    ] "Mines so many blocks at once, paid to this address." => generate_to_address;
    "estimatemining" [required("nblocks", Kind::Number), optional("hashrate", Kind::Number)]
        "What mining so many blocks at once would take, and how long blocks take afterwards where all miners \
         together have this hash rate; null where the difficulty is fixed." => estimate_mining;
}

/// Nonces to try in all, unless told otherwise: Bitcoin Core's figure.
const DEFAULT_TRIES: u64 = 1_000_000;
/// Blocks that an estimate looks at.
const MOST_ESTIMATED: u32 = 100_000;

async fn generate_to_address(rpc: Rpc, params: Params) -> RpcResult {
    let count: u32 = Params::must(params.number("nblocks")?);
    let pay_to = pay_to(&rpc, Params::must(params.text("address")).to_owned()).await?;
    let mut left = Wanted { count, pay_to, tag: rpc.tag(), max_tries: tries(&params)? };
    let mut hashes: Vec<BlockHash> = Vec::new();
    while left.count > 0 {
        let made = rpc.node()?.generate(left.clone()).await.map_err(|_| stopping())?;
        left.max_tries = left.max_tries.saturating_sub(made.tries);
        left.count -= made.hashes.len() as u32;
        hashes.extend(made.hashes);
        match made.end {
            None => {}
            // As Bitcoin Core does: fewer hashes than wanted say so.
            Some(End::OutOfTries) => break,
            Some(End::NotMined(why)) => {
                let message = format!("{} of {count} blocks mined: {why}", hashes.len());
                let data = NotGenerated { hashes, why: Some(why.to_string()) };
                return Err(RpcError::new(Code::Verify, message).with_data(data));
            }
        }
    }
    Ok(json(&hashes))
}

/// Core's bound of tries is for all blocks; ours grows with them, so that hundreds are no surprise.
fn tries(params: &Params) -> Result<u64, RpcError> {
    Ok(params.number("maxtries")?.unwrap_or(DEFAULT_TRIES.max(u64::from(u32::MAX))))
}

async fn generate_block(rpc: Rpc, params: Params) -> RpcResult {
    let pay_to = pay_to(&rpc, Params::must(params.text("output")).to_owned()).await?;
    let list = Params::must(params.get("transactions").and_then(Value::as_array)).clone();
    let submit = params.flag("submit").unwrap_or(true);
    let tag = rpc.tag();
    let block = rpc
        .query(move |node| {
            let chosen = list.iter().map(|value| chosen(node, value)).collect::<Result<Vec<_>, _>>()?;
            let (transactions, fees): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
            let template = Template::new(clock::now(), node.chain(), node.mempool());
            let earned = fees
                .iter()
                .try_fold(subsidy(lookup::params(node), template.height), |sum, fee| sum.checked_add(*fee));
            let reward = earned
                .ok_or_else(|| RpcError::invalid_parameter("the fees exceed all coins there can be"))?;
            let block = Template { transactions, fees, reward, ..template }.to_block(pay_to, tag);
            proposal::check(node, &Arc::new(block.clone())).map_err(|refused| {
                RpcError::new(
                    Code::Verify,
                    format!("TestBlockValidity failed: {}, {}", refused.token, refused.sentence),
                )
            })?;
            Ok::<_, RpcError>(block)
        })
        .await??;
    let solved = tokio::task::spawn_blocking(move || solve(block, u64::from(u32::MAX))).await;
    let solved = solved.ok().flatten().ok_or_else(|| RpcError::new(Code::Misc, "Failed to make block."))?;
    let block = Arc::new(solved);
    if !submit {
        return Ok(reply! { "hash": block.hash(), "hex": hex::encode(encode(&*block)) });
    }
    let outcome = rpc.node()?.submit_block(block.clone()).await.map_err(|_| stopping())?;
    NotMined::check(outcome).map_err(|why| {
        RpcError::new(Code::Verify, why.to_string()).with_data(object! { "hash": block.hash() })
    })?;
    Ok(reply! { "hash": block.hash() })
}

/// A transaction of the mempool by its id, or one in hex; and its fee.
fn chosen(node: &Machine, value: &Value) -> Result<(Arc<Transaction>, cairn_core::amount::Amount), RpcError> {
    let text = value.as_str().unwrap_or_default();
    if let Ok(txid) = text.parse::<Txid>() {
        let entry = node.mempool().entry(&txid).ok_or_else(|| {
            RpcError::new(Code::InvalidAddressOrKey, format!("Transaction {txid} not in mempool."))
        })?;
        return Ok((entry.transaction.clone(), entry.fee));
    }
    let bytes = hex::decode(text).unwrap_or_default();
    let transaction: Transaction = decode(&bytes, bytes.len()).map_err(|error| {
        let message = format!("Transaction decode failed for {text}: {error}");
        RpcError::new(Code::Deserialization, message)
    })?;
    let coins = lookup::coins_spent_by(node, &transaction)?.unwrap_or_default();
    let fee = render::fee_of(&transaction, &coins).unwrap_or_default();
    Ok((Arc::new(transaction), fee))
}

async fn estimate_mining(rpc: Rpc, params: Params) -> RpcResult {
    let blocks: u32 = Params::must(params.number("nblocks")?);
    if !(1..=MOST_ESTIMATED).contains(&blocks) {
        return Err(RpcError::invalid_parameter(format!(
            "nblocks {blocks}: 1 to {MOST_ESTIMATED} are expected"
        )));
    }
    let hashrate = hash_rate(&params)?;
    let (params, parent, on_time) = rpc
        .query(|node| {
            let (chain, now) = (node.chain(), clock::now());
            let on_time = Template::new(now, chain, node.mempool()).check_clock(now, chain.params());
            (lookup::params(node).clone(), chain.next_context(), on_time)
        })
        .await?;
    on_time.map_err(|ahead| RpcError::new(Code::Verify, format!("0 of {blocks} blocks mined: {ahead}")))?;
    if params.half_life.is_none() {
        return Ok(json(&()));
    }
    // Not on the driver's thread, which all others need.
    let estimate = tokio::task::spawn_blocking(move || {
        let mut outlook =
            Outlook { params: &params, anchor: parent.anchor, height: parent.height, time: parent.time };
        let burst = outlook.burst(blocks, clock::now(), MOST_HASHES_AT_ONCE);
        let time_for = |hashes| hashrate.and_then(|rate| rate.time_for(hashes));
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        // The hash rate need not be the one that the difficulty has settled to.
        let usual = time_for(burst.usual_hashes.saturating_add(burst.usual_hashes / 4));
        let usual_after = usual.and_then(|usual| outlook.time_until(usual.max(params.spacing), time_for));
        MiningEstimate {
            blocks,
            hashes: burst.hashes,
            possible: burst.possible,
            ahead_ms: u64::from(blocks).saturating_mul(millis(params.spacing)),
            spacing_ms: millis(params.spacing),
            usual_hashes: burst.usual_hashes,
            next_hashes: burst.next_hashes,
            next_ms: time_for(burst.next_hashes).map(millis),
            usual_after_ms: usual_after.map(millis),
        }
    });
    estimate.await.map(|estimate| json(&estimate)).map_err(|_| stopping())
}
