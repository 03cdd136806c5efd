//! Methods about unconfirmed transactions.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::hash::Txid;
use cairn_protocol::mempool::entry::MempoolEntry;
use cairn_protocol::mempool::fee_estimate::Basis;
use cairn_protocol::mempool::policy::{INCREMENTAL_FEE_RATE, MIN_RELAY_FEE_RATE};

use crate::Machine;
use crate::clock;
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcResult, aside, json, methods, object};
use crate::rpc::render::seconds;

methods! { "Mempool":
    Reads "estimatesmartfee" ["conf_target", "estimate_mode"]
        "The fee rate, in coins per 1,000 bytes, that gets a transaction confirmed within this number of \
         blocks. Always answers; `basis` says how it knows." => estimate_smart_fee;
    Reads "getmempoolancestors" ["txid", "verbose"]
        "The unconfirmed transactions that one depends on." => get_mempool_ancestors;
    Reads "getmempooldescendants" ["txid", "verbose"]
        "The unconfirmed transactions that depend on one." => get_mempool_descendants;
    Reads "getmempoolentry" ["txid"] "An unconfirmed transaction." => get_mempool_entry;
    Reads "getmempoolinfo" [] "The mempool as a whole." => get_mempool_info;
    Reads "getrawmempool" ["verbose", "mempool_sequence"]
        "The ids of all unconfirmed transactions, or (verbose) all about them." => get_raw_mempool;
}

/// The furthest confirmation target, Bitcoin Core's.
const MAX_TARGET: i64 = 1008;

async fn get_raw_mempool(rpc: Rpc, verbose: Option<bool>, with_sequence: Option<bool>) -> RpcResult {
    let with_sequence = with_sequence.unwrap_or(false);
    if verbose.unwrap_or(false) {
        if with_sequence {
            let message = "Verbose results cannot contain mempool sequence values.";
            return Err(Code::InvalidParameter.error(message));
        }
        return listing(rpc.query(|node| node.mempool().entries().iter().cloned().collect()).await?).await;
    }
    let txids =
        rpc.query(|node| node.mempool().iter().map(|transaction| transaction.txid()).collect::<Vec<Txid>>());
    let txids = txids.await?;
    if with_sequence {
        return Ok(json(&object! { "txids": txids, "mempool_sequence": rpc.events().next() }));
    }
    Ok(json(&txids))
}

async fn get_mempool_info(rpc: Rpc) -> RpcResult<Object> {
    let now = clock::now();
    rpc.query(move |node| {
        let mempool = node.mempool();
        let total = mempool.entries().total();
        object! {
            "loaded": true,
            "size": mempool.len(),
            "bytes": total.size,
            "usage": mempool.usage(),
            "total_fee": Coins(total.fees),
            "maxmempool": mempool.max_usage(),
            "mempoolminfee": Coins(mempool.min_fee_rate(now).per_kilobyte()),
            "minrelaytxfee": Coins(MIN_RELAY_FEE_RATE.per_kilobyte()),
            "incrementalrelayfee": Coins(INCREMENTAL_FEE_RATE.per_kilobyte()),
            "unbroadcastcount": 0,
            "fullrbf": true,
        }
    })
    .await
}

async fn get_mempool_entry(rpc: Rpc, txid: Txid) -> RpcResult<Object> {
    rpc.try_query(move |node| find(node, &txid).map(entry_object)).await
}

async fn get_mempool_ancestors(rpc: Rpc, txid: Txid, verbose: Option<bool>) -> RpcResult {
    relatives(rpc, txid, verbose, |node, txid| node.mempool().entries().with_ancestors([*txid])).await
}

async fn get_mempool_descendants(rpc: Rpc, txid: Txid, verbose: Option<bool>) -> RpcResult {
    relatives(rpc, txid, verbose, |node, txid| node.mempool().entries().with_descendants([*txid])).await
}

async fn relatives(
    rpc: Rpc,
    txid: Txid,
    verbose: Option<bool>,
    related: fn(&Machine, &Txid) -> BTreeSet<Txid>,
) -> RpcResult {
    let look = move |node: &Machine| {
        find(node, &txid)?;
        let related = related(node, &txid).into_iter().filter(|id| *id != txid);
        Ok(related.filter_map(|id| node.mempool().entry(&id).cloned()).collect::<Vec<MempoolEntry>>())
    };
    let entries = rpc.try_query(look).await?;
    if verbose.unwrap_or(false) {
        return listing(entries).await;
    }
    Ok(json(&entries.iter().map(|entry| entry.transaction.txid()).collect::<Vec<_>>()))
}

fn find<'n>(node: &'n Machine, txid: &Txid) -> RpcResult<&'n MempoolEntry> {
    node.mempool().entry(txid).ok_or_else(|| {
        Code::InvalidAddressOrKey.error("Transaction not in mempool").with_data(object! { "txid": txid })
    })
}

/// An object with each entry under its id. The driver has only copied them: 18,000 take 60 ms to write down.
async fn listing(entries: Vec<MempoolEntry>) -> RpcResult {
    aside(move || {
        let named = entries.iter().map(|entry| (entry.transaction.txid().to_string(), entry_object(entry)));
        Ok(json(&named.collect::<BTreeMap<String, Object>>()))
    })
    .await
}

fn entry_object(entry: &MempoolEntry) -> Object {
    let (ancestors, descendants) = (entry.ancestors, entry.descendants);
    object! {
        "vsize": entry.size(),
        "weight": entry.size() * 4,
        "time": seconds(entry.arrived),
        "height": entry.height,
        "descendantcount": descendants.count,
        "descendantsize": descendants.size,
        "ancestorcount": ancestors.count,
        "ancestorsize": ancestors.size,
        "wtxid": entry.transaction.leaf_hash(),
        "fees": object! {
            "base": Coins(entry.fee),
            "modified": Coins(entry.fee),
            "ancestor": Coins(ancestors.fees),
            "descendant": Coins(descendants.fees),
        },
        "depends": entry.parents,
        "spentby": entry.children,
        "bip125-replaceable": true,
        "unbroadcast": false,
    }
}

async fn estimate_smart_fee(rpc: Rpc, target: i64, mode: Option<String>) -> RpcResult<Object> {
    let mode = mode.unwrap_or("unset".to_owned()).to_lowercase();
    if !["unset", "economical", "conservative"].contains(&mode.as_str()) {
        let message =
            "Invalid estimate_mode parameter, must be one of: \"unset\", \"economical\", \"conservative\"";
        return Err(Code::InvalidParameter.error(message));
    }
    let blocks = u32::try_from(target).ok().filter(|_| (1..=MAX_TARGET).contains(&target));
    let blocks = blocks.ok_or_else(|| {
        Code::InvalidParameter.error(format!("Invalid conf_target, must be between 1 and {MAX_TARGET}"))
    })?;
    let look = move |node: &Machine| node.mempool().estimate(blocks, node.chain().params().max_block_bytes);
    let estimate = rpc.query(look).await?;
    let basis = match estimate.basis {
        Basis::NotEnoughBlocks { seen } => format!(
            "only {seen} blocks were seen since the node started, too few to estimate from: this is the lowest rate \
             that is relayed"
        ),
        Basis::Blocks { seen } => {
            format!("the transactions that the last {seen} blocks left out, and those in the mempool now")
        }
    };
    Ok(object! {
        "feerate": Coins(estimate.rate.per_kilobyte()),
        "blocks": estimate.blocks,
        "basis": basis,
    })
}
