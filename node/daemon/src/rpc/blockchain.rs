//! Methods about the chain: its tip, headers, blocks, branches, and waiting for the next block.

use std::time::Duration;

use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use tokio::time::{Instant, timeout_at};

use crate::rpc::lookup;
use crate::rpc::method::{Code, Object, Rpc, RpcResult, Text, aside, json, methods, object};
use crate::rpc::params::Verbosity;
use crate::rpc::render::{self, Detail, seconds};

methods! { "Blockchain":
    Reads "getbestblockhash" [] "Hash of the tip of the best chain." => get_best_block_hash;
    Reads "getblock" ["blockhash", "verbosity|verbose"]
        "A block: 0 its bytes in hex, 1 its header and txids, 2 its transactions, 3 also the coins \
         that they spend." => get_block;
    Reads "getblockchaininfo" [] "The state of the chain." => get_blockchain_info;
    Reads "getblockcount" [] "Height of the tip; genesis is 0." => get_block_count;
    Reads "getblockhash" ["height"] "Hash of the block of the best chain at a height." => get_block_hash;
    Reads "getblockheader" ["blockhash", "verbose"]
        "A header, as an object or (verbose false) its 88 bytes in hex." => get_block_header;
    Reads "getchaintips" [] "The tips of all known branches, the best first." => get_chain_tips;
    Reads "getdifficulty" [] "How much harder the tip's target is than the chain's easiest." => get_difficulty;
    Reads "getindexinfo" ["index_name"]
        "The indexes: transactions and spenders are always indexed, addresses with --address-index."
        => get_index_info;
    TakesLong "waitforblock" ["blockhash", "timeout"]
        "Waits until this block is the tip, or some milliseconds; 0 waits for ever." => wait_for_block;
    TakesLong "waitforblockheight" ["height", "timeout"]
        "Waits until the tip is at this height or above, or some milliseconds; 0 waits for ever."
        => wait_for_block_height;
    TakesLong "waitfornewblock" ["timeout", "current_tip"]
        "Waits until the tip is another, or some milliseconds; 0 waits for ever." => wait_for_new_block;
}

async fn get_best_block_hash(rpc: Rpc) -> RpcResult<BlockHash> {
    rpc.query(|node| node.chain().tip().hash()).await
}

async fn get_block_count(rpc: Rpc) -> RpcResult<Height> {
    rpc.query(|node| node.chain().tip().height).await
}

async fn get_difficulty(rpc: Rpc) -> RpcResult<f64> {
    rpc.query(|node| render::difficulty(node.chain().tip().header.bits, node.chain().params())).await
}

async fn get_block_hash(rpc: Rpc, height: i64) -> RpcResult<BlockHash> {
    rpc.try_query(move |node| {
        let wanted = u32::try_from(height).ok().map(Height::from_u32);
        wanted.and_then(|height| node.chain().hash_at(height)).ok_or_else(|| {
            let data = object! { "height": height, "tip_height": node.chain().tip().height };
            Code::InvalidParameter.error("Block height out of range").with_data(data)
        })
    })
    .await
}

async fn get_block_header(rpc: Rpc, hash: BlockHash, verbose: Option<bool>) -> RpcResult {
    let (mut placed, stored, params) = rpc
        .try_query(move |node| {
            let stored = node.chain().store().stored_block(&hash);
            Ok((lookup::header(node, &hash)?, stored, node.chain().params().clone()))
        })
        .await?;
    if verbose == Some(false) {
        return Ok(json(&hex::encode(placed.header.to_bytes())));
    }
    aside(move || {
        if let Some(stored) = stored {
            placed.transactions = stored.block()?.transactions().len() + 1;
        }
        Ok(json(&placed.object(&params)))
    })
    .await
}

async fn get_block(rpc: Rpc, hash: BlockHash, verbosity: Option<Verbosity>) -> RpcResult {
    let Verbosity(verbosity) = verbosity.unwrap_or(Verbosity(1));
    let (mut placed, stored, params) = rpc
        .try_query(move |node| {
            let (placed, stored) = (lookup::header(node, &hash)?, lookup::block(node, &hash)?);
            Ok((placed, stored, node.chain().params().clone()))
        })
        .await?;
    // Read and rendered here and not on the node's thread, which has better things to do.
    aside(move || {
        let block = stored.block()?;
        if verbosity == 0 {
            return Ok(json(&hex::encode(encode(&*block))));
        }
        placed.transactions = block.transactions().len() + 1;
        let mut object = placed.object(&params);
        render::put_sizes(&mut object, &block);
        if verbosity == 1 {
            object.put("tx", &block.txids());
        } else {
            let detail = if verbosity == 2 { Detail::Fee } else { Detail::Coins };
            let coins = stored.undo()?.map(|undo| render::coins_spent(&block, placed.height, &undo));
            let shown = render::transactions(&block, coins.as_ref(), detail, &params.address_prefix);
            object.put("tx", &shown);
        }
        Ok(json(&object))
    })
    .await
}

async fn get_blockchain_info(rpc: Rpc) -> RpcResult<Object> {
    rpc.query(|node| {
        let (chain, params) = (node.chain(), node.chain().params());
        let (tip, headers) = (chain.tip(), chain.best_header().height);
        let (blocks, bits) = (tip.height, tip.header.bits);
        let progress = f64::from(blocks.get() + 1) / f64::from(headers.get().max(blocks.get()) + 1);
        object! {
            "chain": params.name,
            "blocks": blocks,
            "headers": headers,
            "bestblockhash": tip.hash(),
            "bits": render::bits(bits),
            "target": render::target(bits),
            "difficulty": render::difficulty(bits, params),
            "time": seconds(tip.header.time),
            "mediantime": seconds(chain.median_time_past(tip)),
            "verificationprogress": progress,
            "initialblockdownload": node.is_initial_download(),
            "chainwork": Text(tip.work),
            "size_on_disk": chain.store().size_on_disk(),
            "pruned": false,
            "warnings": lookup::warnings(node),
            "genesishash": params.genesis_hash,
            "name": params.name,
            "addressprefix": Text(&params.address_prefix),
        }
    })
    .await
}

async fn get_chain_tips(rpc: Rpc) -> RpcResult<Vec<Object>> {
    rpc.query(lookup::chain_tips).await
}

async fn get_index_info(rpc: Rpc, wanted: Option<String>) -> RpcResult<Object> {
    let wanted = wanted.unwrap_or_default();
    rpc.query(move |node| {
        let (height, store) = (node.chain().tip().height, node.chain().store());
        let mut indexes = Object::new();
        for (name, is_kept) in
            [("txindex", true), ("txospenderindex", true), ("addressindex", store.addresses().is_some())]
        {
            if is_kept && (wanted.is_empty() || wanted == name) {
                indexes.put(name, &object! { "synced": true, "best_block_height": height });
            }
        }
        indexes
    })
    .await
}

async fn wait_for_new_block(rpc: Rpc, timeout: Option<i64>, current: Option<BlockHash>) -> RpcResult<Object> {
    let current = match current {
        Some(hash) => hash,
        None => rpc.query(|node| node.chain().tip().hash()).await?,
    };
    wait(rpc, timeout, move |hash, _| hash != current).await
}

async fn wait_for_block(rpc: Rpc, wanted: BlockHash, timeout: Option<i64>) -> RpcResult<Object> {
    wait(rpc, timeout, move |hash, _| hash == wanted).await
}

async fn wait_for_block_height(rpc: Rpc, wanted: i64, timeout: Option<i64>) -> RpcResult<Object> {
    wait(rpc, timeout, move |_, height| i64::from(height.get()) >= wanted).await
}

/// Waits until the tip is as wanted or the time is over, and answers with the tip in either case.
async fn wait(
    rpc: Rpc,
    timeout_ms: Option<i64>,
    is_reached: impl Fn(BlockHash, Height) -> bool,
) -> RpcResult<Object> {
    let allowed = u64::try_from(timeout_ms.unwrap_or(0));
    let allowed = allowed.map_err(|_| Code::Misc.error("Negative timeout"))?;
    // No caller waits for longer than a year; the sum with now must exist.
    let allowed = Duration::from_millis(if allowed == 0 { u64::MAX } else { allowed });
    let deadline = Instant::now() + allowed.min(Duration::from_secs(365 * 24 * 60 * 60));
    let mut changes = rpc.changes();
    loop {
        changes.mark_unchanged();
        let (hash, height) = rpc.query(|node| (node.chain().tip().hash(), node.chain().tip().height)).await?;
        if is_reached(hash, height) || timeout_at(deadline, changes.changed()).await.is_err() {
            return Ok(object! { "hash": hash, "height": height });
        }
    }
}
