//! Methods about the chain: its tip, headers, blocks, branches, and waiting for the next block.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::block::Block;
use cairn_core::coin::{Coin, Undo};
use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use tokio::time::{Instant, timeout_at};

use crate::Machine;
use crate::rpc::access::{Rpc, aside};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Json, Object, Text, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::render::{self, PlacedHeader, Spent, seconds};

methods! { "Blockchain":
    "getbestblockhash" [] "Hash of the tip of the best chain." => get_best_block_hash;
    "getblock" [required("blockhash", Kind::Text), optional("verbosity|verbose", Kind::Any)]
        "A block: 0 its bytes in hex, 1 its header and txids, 2 its transactions, 3 also the coins \
         that they spend." => get_block;
    "getblockchaininfo" [] "The state of the chain." => get_blockchain_info;
    "getblockcount" [] "Height of the tip; genesis is 0." => get_block_count;
    "getblockhash" [required("height", Kind::Number)]
        "Hash of the block of the best chain at a height." => get_block_hash;
    "getblockheader" [required("blockhash", Kind::Text), optional("verbose", Kind::Flag)]
        "A header, as an object or (verbose false) its 88 bytes in hex." => get_block_header;
    "getchaintips" [] "The tips of all known branches, the best first." => get_chain_tips;
    "getdifficulty" [] "How much harder the tip's target is than the chain's easiest." => get_difficulty;
    "getindexinfo" [optional("index_name", Kind::Text)]
        "The indexes: transactions and spenders are always indexed, addresses with --address-index."
        => get_index_info;
    "waitforblock" [required("blockhash", Kind::Text), optional("timeout", Kind::Number)]
        "Waits until this block is the tip, or some milliseconds; 0 waits for ever." => wait_for_block;
    "waitforblockheight" [required("height", Kind::Number), optional("timeout", Kind::Number)]
        "Waits until the tip is at this height or above, or some milliseconds; 0 waits for ever."
        => wait_for_block_height;
    "waitfornewblock" [optional("timeout", Kind::Number), optional("current_tip", Kind::Text)]
        "Waits until the tip is another, or some milliseconds; 0 waits for ever." => wait_for_new_block;
}

async fn get_best_block_hash(rpc: Rpc, _: Params) -> RpcResult {
    Ok(json(&Text(rpc.query(|node| lookup::tip(node).0).await?)))
}

async fn get_block_count(rpc: Rpc, _: Params) -> RpcResult {
    Ok(json(&rpc.query(|node| lookup::tip(node).1.get()).await?))
}

async fn get_difficulty(rpc: Rpc, _: Params) -> RpcResult {
    let difficulty = rpc.query(|node| {
        let tip = lookup::tip_header(node);
        render::difficulty(tip.header.bits, lookup::params(node))
    });
    Ok(json(&difficulty.await?))
}

async fn get_block_hash(rpc: Rpc, params: Params) -> RpcResult {
    let wanted: i64 = Params::must(params.number("height")?);
    let (found, tip) = rpc
        .query(move |node| {
            let height = u32::try_from(wanted).ok().map(Height::from_u32);
            (height.and_then(|height| lookup::hash_at(node, height)), lookup::tip(node).1)
        })
        .await?;
    let hash = found.ok_or_else(|| {
        let error = RpcError::invalid_parameter("Block height out of range");
        error.with_data(object! { "height": wanted, "tip_height": tip.get() })
    })?;
    Ok(json(&Text(hash)))
}

async fn get_block_header(rpc: Rpc, params: Params) -> RpcResult {
    let hash: BlockHash = Params::must(params.hash("blockhash")?);
    let verbose = params.flag("verbose").unwrap_or(true);
    let (mut placed, stored, params) = rpc
        .query(move |node| {
            let stored = lookup::block(node, &hash).ok();
            Ok::<_, RpcError>((lookup::header(node, &hash)?, stored, lookup::params(node).clone()))
        })
        .await??;
    if !verbose {
        return Ok(json(&hex::encode(placed.header.to_bytes())));
    }
    aside(move || {
        if let Some(stored) = stored {
            placed.transactions = stored.block().map_err(lookup::failed)?.transactions().len() + 1;
        }
        Ok(json(&placed.object(&params)))
    })
    .await
}

/// What `getblock` shows.
struct FoundBlock {
    block: Arc<Block>,
    placed: PlacedHeader,
    undo: Option<Arc<Undo>>,
    params: ChainParams,
}

async fn get_block(rpc: Rpc, params: Params) -> RpcResult {
    let hash: BlockHash = Params::must(params.hash("blockhash")?);
    let verbosity = params.verbosity("verbosity", 1)?;
    let (placed, stored, params) = rpc
        .query(move |node| {
            let (placed, stored) = (lookup::header(node, &hash)?, lookup::block(node, &hash)?);
            Ok::<_, RpcError>((placed, stored, lookup::params(node).clone()))
        })
        .await??;
    // Read and rendered here and not on the node's thread, which has better things to do.
    aside(move || {
        let block = stored.block().map_err(lookup::failed)?;
        let undo = if verbosity >= 2 { stored.undo().map_err(lookup::failed)? } else { None };
        let placed = PlacedHeader { transactions: block.transactions().len() + 1, ..placed };
        let found = FoundBlock { placed, block, undo, params };
        Ok(match verbosity {
            0 => json(&hex::encode(encode(&*found.block))),
            1 => found.with_transactions(|found| {
                found.block.txids().iter().map(|txid| json(&Text(txid))).collect()
            }),
            2 => found.with_transactions(|found| found.transactions(|coins| Spent::Known(coins))),
            _ => found.with_transactions(|found| found.transactions(|coins| Spent::Shown(coins))),
        })
    })
    .await
}

impl FoundBlock {
    fn with_transactions(&self, transactions: impl FnOnce(&Self) -> Vec<Json>) -> Json {
        let mut object = self.placed.object(&self.params);
        render::put_sizes(&mut object, &self.block);
        object.put("tx", &transactions(self));
        json(&object)
    }

    fn transactions(&self, spent: fn(&[Coin]) -> Spent<'_>) -> Vec<Json> {
        let prefix = &self.params.address_prefix;
        let known = self.undo.as_ref().map(|undo| render::coins_spent(&self.block, self.placed.height, undo));
        let mut shown = vec![json(&render::coinbase(self.block.coinbase(), prefix))];
        for transaction in self.block.transactions() {
            let inputs = transaction.inputs().iter();
            let coins =
                known.as_ref().and_then(|known| inputs.map(|input| known.get(input).cloned()).collect());
            let coins: Option<Vec<Coin>> = coins;
            let mut object =
                render::transaction(transaction, coins.as_deref().map_or(Spent::Unknown, spent), prefix);
            object.put("hex", &hex::encode(encode(&**transaction)));
            shown.push(json(&object));
        }
        shown
    }
}

async fn get_blockchain_info(rpc: Rpc, _: Params) -> RpcResult {
    rpc.query(|node| {
        let tip = lookup::tip_header(node);
        let params = lookup::params(node);
        let headers = lookup::best_header_height(node);
        let (blocks, bits) = (tip.height, tip.header.bits);
        let progress = f64::from(blocks.get() + 1) / f64::from(headers.get().max(blocks.get()) + 1);
        reply! {
            "chain": params.name,
            "blocks": blocks.get(),
            "headers": headers.get(),
            "bestblockhash": Text(tip.hash),
            "bits": render::bits(bits),
            "target": render::target(bits),
            "difficulty": render::difficulty(bits, params),
            "time": seconds(tip.header.time),
            "mediantime": seconds(tip.median_time),
            "verificationprogress": progress,
            "initialblockdownload": lookup::is_syncing(node),
            "chainwork": Text(tip.work),
            "size_on_disk": lookup::size_on_disk(node),
            "pruned": false,
            "warnings": lookup::warnings(node),
            "genesishash": Text(params.genesis_hash),
            "name": params.name,
            "addressprefix": Text(&params.address_prefix),
        }
    })
    .await
}

async fn get_chain_tips(rpc: Rpc, _: Params) -> RpcResult {
    let tips = rpc.query(lookup::chain_tips).await?;
    let tips = tips.into_iter().map(|tip| {
        object! {
            "height": tip.height.get(),
            "hash": Text(tip.hash),
            "branchlen": tip.branch_length,
            "status": tip.status,
        }
    });
    Ok(json(&tips.collect::<Vec<_>>()))
}

async fn get_index_info(rpc: Rpc, params: Params) -> RpcResult {
    let look = |node: &Machine| (lookup::tip(node).1.get(), node.chain().store().addresses().is_some());
    let (height, has_addresses) = rpc.query(look).await?;
    let wanted = params.text("index_name").unwrap_or_default();
    let mut indexes = Object::new();
    for (name, is_kept) in [("txindex", true), ("txospenderindex", true), ("addressindex", has_addresses)] {
        if is_kept && (wanted.is_empty() || wanted == name) {
            indexes.put(name, &object! { "synced": true, "best_block_height": height });
        }
    }
    Ok(json(&indexes))
}

async fn wait_for_new_block(rpc: Rpc, params: Params) -> RpcResult {
    let current = match params.hash("current_tip")? {
        Some(hash) => hash,
        None => rpc.query(|node| lookup::tip(node).0).await?,
    };
    wait(rpc, &params, move |hash, _| hash != current).await
}

async fn wait_for_block(rpc: Rpc, params: Params) -> RpcResult {
    let wanted: BlockHash = Params::must(params.hash("blockhash")?);
    wait(rpc, &params, move |hash, _| hash == wanted).await
}

async fn wait_for_block_height(rpc: Rpc, params: Params) -> RpcResult {
    let wanted: i64 = Params::must(params.number("height")?);
    wait(rpc, &params, move |_, height| i64::from(height.get()) >= wanted).await
}

/// Waits until the tip is as wanted or the time is over, and answers with the tip in either case.
async fn wait(rpc: Rpc, params: &Params, is_reached: impl Fn(BlockHash, Height) -> bool) -> RpcResult {
    let allowed: i64 = params.number("timeout")?.unwrap_or(0);
    let allowed = u64::try_from(allowed).map_err(|_| RpcError::new(Code::Misc, "Negative timeout"))?;
    // Nobody waits for longer than a year; the sum with now must exist.
    let allowed = Duration::from_millis(if allowed == 0 { u64::MAX } else { allowed });
    let deadline = Instant::now() + allowed.min(Duration::from_secs(365 * 24 * 60 * 60));
    let mut changes = rpc.changes();
    loop {
        changes.mark_unchanged();
        let (hash, height) = rpc.query(lookup::tip).await?;
        let is_over = is_reached(hash, height) || timeout_at(deadline, changes.changed()).await.is_err();
        if is_over {
            return Ok(reply! { "hash": Text(hash), "height": height.get() });
        }
    }
}
