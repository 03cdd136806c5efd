//! Methods about transactions that wait for a block.

use std::collections::BTreeSet;

use cairn_core::hash::Txid;
use cairn_protocol::mempool::entry::MempoolEntry;
use cairn_protocol::mempool::fee_estimate::Basis;
use cairn_protocol::mempool::policy::{INCREMENTAL_FEE_RATE, MIN_RELAY_FEE_RATE};

use crate::Machine;
use crate::clock;
use crate::rpc::access::{Rpc, aside};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Coins, Object, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::render::seconds;

methods! { "Mempool":
    "estimatesmartfee" [required("conf_target", Kind::Number), optional("estimate_mode", Kind::Text)]
        "The fee rate, in coins per 1,000 bytes, that gets a transaction confirmed within so many \
         blocks. Always answers; `basis` says how it knows." => estimate_smart_fee;
    "getmempoolancestors" [required("txid", Kind::Text), optional("verbose", Kind::Flag)]
        "The waiting transactions that one depends on." => get_mempool_ancestors;
    "getmempooldescendants" [required("txid", Kind::Text), optional("verbose", Kind::Flag)]
        "The waiting transactions that depend on one." => get_mempool_descendants;
    "getmempoolentry" [required("txid", Kind::Text)] "A waiting transaction." => get_mempool_entry;
    "getmempoolinfo" [] "The mempool as a whole." => get_mempool_info;
    "getrawmempool" [optional("verbose", Kind::Flag), optional("mempool_sequence", Kind::Flag)]
        "The ids of all waiting transactions, or (verbose) all about them." => get_raw_mempool;
}

/// The furthest confirmation target, Bitcoin Core's.
const MAX_TARGET: i64 = 1008;

async fn get_raw_mempool(rpc: Rpc, params: Params) -> RpcResult {
    let verbose = params.flag("verbose").unwrap_or(false);
    let with_sequence = params.flag("mempool_sequence").unwrap_or(false);
    if verbose && with_sequence {
        let message = "Verbose results cannot contain mempool sequence values.";
        return Err(RpcError::invalid_parameter(message));
    }
    if verbose {
        return listing(rpc.query(|node| node.mempool().entries().iter().cloned().collect()).await?).await;
    }
    let txids = rpc
        .query(|node| node.mempool().iter().map(|transaction| transaction.txid()).collect::<Vec<Txid>>())
        .await?;
    Ok(match with_sequence {
        true => reply! { "txids": txids, "mempool_sequence": rpc.events().next() },
        false => json(&txids),
    })
}

async fn get_mempool_info(rpc: Rpc, _: Params) -> RpcResult {
    let now = clock::now();
    rpc.query(move |node| {
        let mempool = node.mempool();
        let total = mempool.entries().total();
        reply! {
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

async fn get_mempool_entry(rpc: Rpc, params: Params) -> RpcResult {
    let txid: Txid = Params::must(params.hash("txid")?);
    rpc.query(move |node| Ok(json(&entry_object(find(node, &txid)?)))).await?
}

async fn get_mempool_ancestors(rpc: Rpc, params: Params) -> RpcResult {
    relatives(rpc, params, |node, txid| node.mempool().entries().with_ancestors([*txid])).await
}

async fn get_mempool_descendants(rpc: Rpc, params: Params) -> RpcResult {
    relatives(rpc, params, |node, txid| node.mempool().entries().with_descendants([*txid])).await
}

async fn relatives(rpc: Rpc, params: Params, related: fn(&Machine, &Txid) -> BTreeSet<Txid>) -> RpcResult {
    let txid: Txid = Params::must(params.hash("txid")?);
    let verbose = params.flag("verbose").unwrap_or(false);
    let entries: Vec<MempoolEntry> = rpc
        .query(move |node| {
            find(node, &txid)?;
            let related = related(node, &txid).into_iter().filter(|id| *id != txid);
            Ok::<_, RpcError>(related.filter_map(|id| node.mempool().entry(&id).cloned()).collect())
        })
        .await??;
    match verbose {
        true => listing(entries).await,
        false => Ok(json(&entries.iter().map(|entry| entry.transaction.txid()).collect::<Vec<_>>())),
    }
}

fn find<'n>(node: &'n Machine, txid: &Txid) -> Result<&'n MempoolEntry, RpcError> {
    node.mempool().entry(txid).ok_or_else(|| {
        let error = RpcError::new(Code::InvalidAddressOrKey, "Transaction not in mempool");
        error.with_data(object! { "txid": txid })
    })
}

/// An object with each entry under its id. The driver has only copied them: 18,000 take 60 ms to write down.
async fn listing(entries: Vec<MempoolEntry>) -> RpcResult {
    aside(move || {
        let named = entries.iter().map(|entry| (entry.transaction.txid().to_string(), entry_object(entry)));
        Ok(json(&named.collect::<std::collections::BTreeMap<String, Object>>()))
    })
    .await
}

fn entry_object(entry: &MempoolEntry) -> Object {
    let (ancestors, descendants) = (entry.ancestors, entry.descendants);
    object! {
        "vsize": entry.size(),
        "weight": entry.size() * 4,
        "time": seconds(entry.arrived),
        "height": entry.height.get(),
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

async fn estimate_smart_fee(rpc: Rpc, params: Params) -> RpcResult {
    let target: i64 = Params::must(params.number("conf_target")?);
    let mode = params.text("estimate_mode").unwrap_or("unset").to_lowercase();
    if !["unset", "economical", "conservative"].contains(&mode.as_str()) {
        let message =
            "Invalid estimate_mode parameter, must be one of: \"unset\", \"economical\", \"conservative\"";
        return Err(RpcError::invalid_parameter(message));
    }
    let blocks =
        u32::try_from(target).ok().filter(|_| (1..=MAX_TARGET).contains(&target)).ok_or_else(|| {
            RpcError::invalid_parameter(format!("Invalid conf_target, must be between 1 and {MAX_TARGET}"))
        })?;
    let estimate =
        rpc.query(move |node| node.mempool().estimate(blocks, lookup::params(node).max_block_bytes)).await?;
    let basis = match estimate.basis {
        Basis::NotEnoughBlocks { seen } => format!(
            "only {seen} blocks were seen since the node started, too few to tell: this is the least that is relayed"
        ),
        Basis::Blocks { seen } => {
            format!("what the last {seen} blocks left out, and what waits now")
        }
    };
    Ok(reply! {
        "feerate": Coins(estimate.rate.per_kilobyte()),
        "blocks": estimate.blocks,
        "basis": basis,
    })
}
