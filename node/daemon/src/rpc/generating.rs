//! Methods that make blocks on demand, and one that says beforehand what that does to the difficulty.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::lock::Lock;
use cairn_core::outlook::Outlook;
use cairn_core::subsidy::subsidy;
use cairn_core::transaction::Transaction;
use cairn_protocol::template::Template;
use serde_json::Value;

use crate::Machine;
use crate::api::replies::{MiningEstimate, NotGenerated};
use crate::clock;
use crate::generate::{End, MOST_HASHES_AT_ONCE, Wanted, solve};
use crate::handle::SubmitError;
use crate::rpc::lookup;
use crate::rpc::method::{Code, Object, Rpc, RpcResult, aside, methods, object};
use crate::rpc::mining::{HashrateLimit, pay_to};
use crate::rpc::proposal;
use crate::rpc::render;

methods! { "Mining":
    Changes "generateblock" ["output", "transactions", "submit"]
        "Mines a block that pays this address and holds exactly these transactions, given by id or in \
         hex; with submit false it is only shown." => generate_block;
    Changes "generatetoaddress" ["nblocks", "address", "maxtries"]
        "Mines this number of blocks at once, paid to this address." => generate_to_address;
    TakesLong "estimatemining" ["nblocks", "hashrate"]
        "The effect of mining this number of blocks at once, and how long blocks take afterwards where all miners \
         together have this hash rate; null where the difficulty is fixed." => estimate_mining;
}

/// Nonces to try in all by default. Bitcoin Core's million is too few for hundreds of blocks.
const DEFAULT_TRIES: u64 = u32::MAX as u64;
/// Blocks that an estimate looks at.
const MOST_ESTIMATED: u32 = 100_000;

async fn generate_to_address(
    rpc: Rpc,
    count: u32,
    address: String,
    max_tries: Option<u64>,
) -> RpcResult<Vec<BlockHash>> {
    let pay_to = pay_to(&rpc, address).await?;
    let mut left = Wanted { count, pay_to, tag: rpc.tag(), max_tries: max_tries.unwrap_or(DEFAULT_TRIES) };
    let mut hashes: Vec<BlockHash> = Vec::new();
    while left.count > 0 {
        let made = rpc.node()?.generate(left.clone()).await?;
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
                return Err(Code::Verify.error(message).with_data(data));
            }
        }
    }
    Ok(hashes)
}

async fn generate_block(
    rpc: Rpc,
    address: String,
    list: Vec<Value>,
    submit: Option<bool>,
) -> RpcResult<Object> {
    let (pay_to, tag) = (pay_to(&rpc, address).await?, rpc.tag());
    let block = rpc.try_query(move |node| assemble(node, &list, pay_to, tag)).await?;
    let solved = aside(move || Ok(solve(block, u64::from(u32::MAX)))).await?;
    let block = Arc::new(solved.ok_or_else(|| Code::Misc.error("Failed to make block."))?);
    let mut shown = object! { "hash": block.hash() };
    if submit == Some(false) {
        shown.put("hex", &hex::encode(encode(&*block)));
        return Ok(shown);
    }
    match rpc.node()?.submit_mined(block).await {
        Ok(()) => Ok(shown),
        Err(SubmitError::Rejected(why)) => Err(Code::Verify.error(why.to_string()).with_data(shown)),
        Err(SubmitError::Stopped(stopped)) => Err(stopped.into()),
    }
}

/// A block on the tip with exactly these transactions, valid but for its work.
fn assemble(node: &Machine, list: &[Value], pay_to: Lock, tag: Vec<u8>) -> RpcResult<Block> {
    let chosen = list.iter().map(|value| chosen(node, value)).collect::<RpcResult<Vec<Chosen>>>()?;
    let template = Template::new(clock::now(), node.chain(), node.mempool());
    let (transactions, fees): (Vec<_>, Vec<_>) =
        chosen.into_iter().map(|Chosen { transaction, fee }| (transaction, fee)).unzip();
    let subsidy = subsidy(node.chain().params(), template.height);
    let reward = fees.iter().try_fold(subsidy, |sum, fee| sum.checked_add(*fee));
    let reward =
        reward.ok_or_else(|| Code::InvalidParameter.error("the fees exceed all coins there can be"))?;
    let block = Template { transactions, fees, reward, ..template }.to_block(pay_to, tag);
    proposal::check(node, &Arc::new(block.clone())).map_err(|rejected| {
        let message = format!("TestBlockValidity failed: {}, {}", rejected.token, rejected.sentence);
        Code::Verify.error(message)
    })?;
    Ok(block)
}

/// A transaction for a block, and its fee.
struct Chosen {
    transaction: Arc<Transaction>,
    fee: Amount,
}

/// A transaction of the mempool by its id, or one in hex.
fn chosen(node: &Machine, value: &Value) -> RpcResult<Chosen> {
    let text = value.as_str().unwrap_or_default();
    if let Ok(txid) = text.parse::<Txid>() {
        let entry = node
            .mempool()
            .entry(&txid)
            .ok_or_else(|| Code::InvalidAddressOrKey.error(format!("Transaction {txid} not in mempool.")))?;
        return Ok(Chosen { transaction: entry.transaction.clone(), fee: entry.fee });
    }
    let transaction: Transaction = lookup::from_hex(text, &format!("Transaction decode failed for {text}"))?;
    let coins = lookup::coins_spent_by(node, &transaction)?.unwrap_or_default();
    let fee = render::fee_of(&transaction, &coins).unwrap_or_default();
    Ok(Chosen { transaction: Arc::new(transaction), fee })
}

async fn estimate_mining(
    rpc: Rpc,
    blocks: u32,
    limit: Option<HashrateLimit>,
) -> RpcResult<Option<MiningEstimate>> {
    if !(1..=MOST_ESTIMATED).contains(&blocks) {
        let message = format!("nblocks {blocks}: 1 to {MOST_ESTIMATED} are expected");
        return Err(Code::InvalidParameter.error(message));
    }
    let hashrate = limit.and_then(|HashrateLimit(limit)| limit);
    let (params, parent) = rpc
        .try_query(move |node| {
            let (chain, now) = (node.chain(), clock::now());
            let on_time = Template::new(now, chain, node.mempool()).check_clock(now, chain.params());
            on_time.map_err(|ahead| Code::Verify.error(format!("0 of {blocks} blocks mined: {ahead}")))?;
            Ok((chain.params().clone(), chain.next_context()))
        })
        .await?;
    if params.half_life.is_none() {
        return Ok(None);
    }
    // Not on the driver's thread, which all others need.
    aside(move || {
        let mut outlook =
            Outlook { params: &params, anchor: parent.anchor, height: parent.height, time: parent.time };
        let burst = outlook.burst(blocks, clock::now(), MOST_HASHES_AT_ONCE);
        let time_for = |hashes| hashrate.and_then(|rate| rate.time_for(hashes));
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        // The hash rate need not be the one that the difficulty has settled to.
        let usual = time_for(burst.usual_hashes.saturating_add(burst.usual_hashes / 4));
        let usual_after = usual.and_then(|usual| outlook.time_until(usual.max(params.spacing), time_for));
        Ok(Some(MiningEstimate {
            blocks,
            hashes: burst.hashes,
            possible: burst.possible,
            ahead_ms: u64::from(blocks).saturating_mul(millis(params.spacing)),
            spacing_ms: millis(params.spacing),
            usual_hashes: burst.usual_hashes,
            next_hashes: burst.next_hashes,
            next_ms: time_for(burst.next_hashes).map(millis),
            usual_after_ms: usual_after.map(millis),
        }))
    })
    .await
}
