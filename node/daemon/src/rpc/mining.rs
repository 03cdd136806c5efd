//! Methods about mining: templates for others' miners, and blocks handed in.

use std::sync::Arc;
use std::time::Duration;

use cairn_core::address::Address;
use cairn_core::block::Block;
use cairn_core::difficulty::next_bits;
use cairn_core::encoding::{decode, encode};
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_genesis::hashrate::Hashrate;
use cairn_genesis::hashrate::HashrateError;
use cairn_protocol::chain::{BlockRejection, BlockVerdict};
use cairn_protocol::mempool::policy::MIN_RELAY_FEE_RATE;
use cairn_protocol::template::Template;
use serde_json::Value;

use crate::Machine;
use crate::clock;
use crate::miner::{MiningSettings, spacing_hashrate};
use crate::rpc::access::{Rpc, stopping};
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Object, Text, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required};
use crate::rpc::proposal;
use crate::rpc::render::{self, as_float};

methods! { "Mining":
    "getblocktemplate" [optional("template_request", Kind::Fields)]
        "What to mine on (BIP 22): with longpollid, waits for another template; with mode proposal and \
         data, says whether a block would be valid but for its work." => get_block_template;
    "getmininginfo" [] "Mining as a whole." => get_mining_info;
    "getnetworkhashps" [optional("nblocks", Kind::Number), optional("height", Kind::Number)]
        "Hashes per second of the whole network, from the last nblocks (120 unless told)."
        => get_network_hash_ps;
    "setmining" [
        optional("address", Kind::Text),
        optional("threads", Kind::Number),
        optional("hashrate", Kind::Number),
    ] "Mines from now on to this address, on so many threads (1 unless told), at most so many hashes per \
       second (0 for as many as it can; without a number as many as it can, but on a chain of fixed \
       difficulty as many as keep its spacing); without an address it rests." => set_mining;
    "submitblock" [required("hexdata", Kind::Text), optional("dummy", Kind::Text)]
        "Hands in a mined block; null when it is the new tip, else why not (BIP 22)." => submit_block;
    "submitheader" [required("hexdata", Kind::Text)]
        "Hands in a header whose block is still to come." => submit_header;
}

/// How long a long poll waits for a new tip before better fees are reason enough.
const LONG_POLL: Duration = Duration::from_secs(60);

/// The lock of an address of this chain.
///
/// # Errors
/// [`Code::InvalidAddressOrKey`].
pub async fn pay_to(rpc: &Rpc, text: String) -> Result<Lock, RpcError> {
    rpc.query(move |node| {
        Address::parse(&text, &lookup::params(node).address_prefix).map(|address| address.lock()).map_err(
            |error| RpcError::new(Code::InvalidAddressOrKey, format!("Error: Invalid address: {error}")),
        )
    })
    .await?
}

async fn get_block_template(rpc: Rpc, params: Params) -> RpcResult {
    let none = serde_json::Map::new();
    let request = params.get("template_request").and_then(Value::as_object).unwrap_or(&none);
    match request.get("mode").map(|mode| mode.as_str().unwrap_or_default()) {
        None | Some("template") => {}
        Some("proposal") => {
            let Some(data) = request.get("data").and_then(Value::as_str) else {
                return Err(RpcError::new(Code::Type, "Missing data String key for proposal"));
            };
            let block = Arc::new(read_block(data)?);
            return proposed(&rpc, block).await;
        }
        Some(_) => return Err(RpcError::invalid_parameter("Invalid mode")),
    }
    if let Some(id) = request.get("longpollid").and_then(Value::as_str) {
        wait_for_other(&rpc, id).await?;
    }
    let next = rpc.events().next();
    rpc.query(move |node| json(&template(node, next))).await
}

async fn proposed(rpc: &Rpc, block: Arc<Block>) -> RpcResult {
    rpc.query(move |node| {
        let hash = block.hash();
        if let Some(entry) = node.chain().entry(&hash) {
            return Ok(json(if entry.is_invalid() { "duplicate-invalid" } else { "duplicate" }));
        }
        Ok(match proposal::check(node, &block) {
            Ok(()) => json(&()),
            Err(refused) => json(refused.token),
        })
    })
    .await?
}

fn template(node: &Machine, next_event: u64) -> Object {
    let params = lookup::params(node);
    let template = Template::new(clock::now(), node.chain(), node.mempool());
    let places: std::collections::HashMap<Txid, usize> =
        (1..).zip(&template.transactions).map(|(place, one)| (one.txid(), place)).collect();
    let transactions = template.transactions.iter().zip(&template.fees).map(|(transaction, fee)| {
        let mut depends: Vec<usize> =
            transaction.inputs().iter().filter_map(|input| places.get(&input.txid).copied()).collect();
        depends.sort_unstable();
        depends.dedup();
        object! {
            "data": hex::encode(encode(&**transaction)),
            "txid": transaction.txid(),
            "hash": transaction.leaf_hash(),
            "depends": depends,
            "fee": fee.units(),
            "sigops": transaction.signatures().len(),
            "weight": transaction.size() * 4,
        }
    });
    object! {
        "capabilities": ["proposal"],
        "version": Header::VERSION,
        "rules": [(); 0],
        "vbavailable": Object::new(),
        "vbrequired": 0,
        "previousblockhash": template.previous,
        "transactions": transactions.collect::<Vec<_>>(),
        "coinbaseaux": Object::new(),
        "coinbasevalue": template.reward.units(),
        "longpollid": format!("{}{next_event}", template.previous),
        "target": render::target(template.bits),
        "mintime": template.min_time.millis().div_ceil(1000),
        "mintime_ms": template.min_time.millis(),
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "0000000000000000ffffffffffffffff",
        "sizelimit": params.max_block_bytes,
        "weightlimit": params.max_block_bytes * 4,
        "curtime": render::seconds(template.time),
        "curtime_ms": template.time.millis(),
        "bits": render::bits(template.bits),
        "height": template.height.get(),
    }
}

/// Waits until the tip is another than in the id; or for a minute, after which better fees do too.
async fn wait_for_other(rpc: &Rpc, id: &str) -> Result<(), RpcError> {
    let known: Option<BlockHash> = id.get(..64).and_then(|hash| hash.parse().ok());
    let Some(known) = known else { return Ok(()) };
    let mut changes = rpc.changes();
    let patience = tokio::time::sleep(LONG_POLL);
    tokio::pin!(patience);
    loop {
        changes.mark_unchanged();
        if rpc.query(lookup::tip).await?.0 != known {
            return Ok(());
        }
        tokio::select! {
            () = &mut patience => return Ok(()),
            changed = changes.changed() => changed.map_err(|_| stopping())?,
        }
    }
}

/// The argument `hashrate`; none where it is left out or 0.
///
/// # Errors
/// [`Code::InvalidParameter`].
pub fn hash_rate(params: &Params) -> Result<Option<Hashrate>, RpcError> {
    let given = params.get("hashrate").filter(|value| value.as_f64() != Some(0.0));
    let Some(text) = given.map(Value::to_string) else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|error: HashrateError| RpcError::invalid_parameter(format!("hashrate {text}: {error}")))
}

async fn set_mining(rpc: Rpc, params: Params) -> RpcResult {
    let threads: u16 = params.number("threads")?.unwrap_or(1);
    let given = hash_rate(&params)?;
    let order = match params.text("address") {
        None => None,
        Some(address) => {
            let pay_to = pay_to(&rpc, address.to_owned()).await?;
            let hashrate = match params.get("hashrate") {
                Some(_) => given,
                None => rpc.query(|node| spacing_hashrate(lookup::params(node))).await?,
            };
            Some(MiningSettings { pay_to, threads: usize::from(threads.max(1)), hashrate })
        }
    };
    rpc.mining().send_replace(order);
    Ok(json(&()))
}

async fn submit_block(rpc: Rpc, params: Params) -> RpcResult {
    let block = Arc::new(read_block(Params::must(params.text("hexdata")))?);
    let outcome = rpc.node()?.submit_block(block).await.map_err(|_| stopping())?;
    Ok(match outcome {
        Ok(BlockVerdict::Connected) => json(&()),
        Ok(BlockVerdict::Duplicate) => json("duplicate"),
        Ok(BlockVerdict::SideBranch | BlockVerdict::AncestorMissing) => json("inconclusive"),
        Ok(BlockVerdict::TooEarly(_)) => json("time-too-new"),
        Err(error) => {
            tracing::info!(%error, "a block that was handed in is refused");
            json(proposal::token(&error))
        }
    })
}

async fn submit_header(rpc: Rpc, params: Params) -> RpcResult {
    let failed = || RpcError::new(Code::Deserialization, "Block header decode failed");
    let bytes = hex::decode(Params::must(params.text("hexdata"))).map_err(|_| failed())?;
    let header: Header = decode(&bytes, Header::SIZE).map_err(|_| failed())?;
    let outcome = rpc.node()?.submit_header(header).await.map_err(|_| stopping())?;
    outcome.map(|_| json(&())).map_err(|error| match error {
        BlockRejection::UnknownParent { parent } => {
            let message = format!("Must submit previous header ({parent}) first");
            RpcError::new(Code::Verify, message).with_data(object! { "previousblockhash": parent })
        }
        error => RpcError::new(Code::Verify, format!("{}, {error}", proposal::token(&error))),
    })
}

fn read_block(text: &str) -> Result<Block, RpcError> {
    let failed = |why: String| RpcError::new(Code::Deserialization, format!("Block decode failed: {why}"));
    let bytes = hex::decode(text).map_err(|_| failed("expected an even number of hex digits".to_owned()))?;
    decode(&bytes, bytes.len()).map_err(|error| failed(error.to_string()))
}

async fn get_mining_info(rpc: Rpc, _: Params) -> RpcResult {
    let own = own_miner(&rpc);
    rpc.query(move |node| {
        let params = lookup::params(node);
        let tip = lookup::tip_header(node);
        let parent = node.chain().next_context();
        let next = next_bits(params, parent.anchor.as_ref(), parent.height, parent.time);
        reply! {
            "blocks": tip.height.get(),
            "bits": render::bits(tip.header.bits),
            "difficulty": render::difficulty(tip.header.bits, params),
            "target": render::target(tip.header.bits),
            "networkhashps": hashes_per_second(node, tip.height, 120),
            "pooledtx": node.mempool().len(),
            "blockmintxfee": crate::rpc::json::Coins(MIN_RELAY_FEE_RATE.per_kilobyte()),
            "chain": params.name,
            "next": object! {
                "height": tip.height.next().get(),
                "bits": render::bits(next),
                "difficulty": render::difficulty(next, params),
                "target": render::target(next),
            },
            "previousblockhash": Text(tip.hash),
            "miner": own,
            "warnings": lookup::warnings(node),
        }
    })
    .await
}

/// What the node's own miner does and has done.
fn own_miner(rpc: &Rpc) -> Object {
    let threads = rpc.mining().borrow().as_ref().map_or(0, |order| order.threads);
    let done = rpc.mined();
    object! {
        "active": threads > 0,
        "threads": threads,
        "hashespersec": done.rate,
        "hashespersecperthread": if threads > 0 { done.rate / threads as f64 } else { 0.0 },
        "hashes": done.hashes,
        "blocksfound": done.blocks,
    }
}

async fn get_network_hash_ps(rpc: Rpc, params: Params) -> RpcResult {
    let blocks: i64 = params.number("nblocks")?.unwrap_or(120);
    let height: i64 = params.number("height")?.unwrap_or(-1);
    if blocks < -1 || blocks == 0 {
        return Err(RpcError::invalid_parameter("Invalid nblocks. Must be a positive number or -1."));
    }
    let rate = rpc.query(move |node| {
        let tip = lookup::tip(node).1;
        let wanted = u32::try_from(height).map_or(tip, Height::from_u32);
        if height < -1 || wanted > tip {
            return Err(RpcError::invalid_parameter("Block does not exist at specified height"));
        }
        // -1 means since the last change of difficulty, which here is every block: the window.
        Ok(hashes_per_second(node, wanted, u32::try_from(blocks).unwrap_or(120)))
    });
    Ok(json(&rate.await??))
}

/// Work between two blocks over the time between them. A float: it is shown and never used.
fn hashes_per_second(node: &Machine, height: Height, blocks: u32) -> f64 {
    let chain = node.chain();
    let at = |height: Height| chain.hash_at(height).and_then(|hash| chain.entry(&hash));
    // Genesis was made when the chain was defined, long before its first block.
    let first = height.checked_sub(blocks).filter(|first| *first > Height::GENESIS);
    let (Some(last), Some(first)) = (at(height), at(first.unwrap_or(Height::GENESIS.next()))) else {
        return 0.0;
    };
    let seconds = last.header.time.since(first.header.time).as_secs_f64();
    let work = last.work.checked_sub(first.work).map_or(0.0, |work| as_float(&work.to_u256().to_be_bytes()));
    if seconds > 0.0 { work / seconds } else { 0.0 }
}
