//! Methods about mining: templates for others' miners, and submitted blocks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::block::Block;
use cairn_core::difficulty::next_bits;
use cairn_core::encoding::encode;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::target::CompactTarget;
use cairn_genesis::hashrate::{Hashrate, HashrateError};
use cairn_protocol::chain::{BlockRejection, BlockVerdict};
use cairn_protocol::mempool::policy::MIN_RELAY_FEE_RATE;
use cairn_protocol::template::Template;
use serde_json::{Map, Value};

use crate::Machine;
use crate::clock;
use crate::handle::{Stopped, SubmitError};
use crate::miner::{MiningSettings, spacing_hashrate};
use crate::rpc::lookup;
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcResult, aside, json, methods, object};
use crate::rpc::params::{Argument, Kind};
use crate::rpc::proposal;
use crate::rpc::render::{self, as_float};

methods! { "Mining":
    TakesLong "getblocktemplate" ["template_request"]
        "A template of the next block (BIP 22): with longpollid, waits for another template; with mode proposal and \
         data, says whether a block would be valid but for its work." => get_block_template;
    Reads "getmininginfo" [] "Mining as a whole." => get_mining_info;
    Reads "getnetworkhashps" ["nblocks", "height"]
        "Hashes per second of the whole network, from the last nblocks (120 by default)."
        => get_network_hash_ps;
    Changes "setmining" ["address", "threads", "hashrate"]
        "Mines from now on to this address, on this number of threads (1 by default), at most at this hash rate per \
         second (0 for no limit; by default none, but on a chain of fixed difficulty the rate that keeps its \
         spacing); without an address it stops." => set_mining;
    Changes "submitblock" ["hexdata", "dummy"]
        "Submits a mined block; null when it is the new tip, else why not (BIP 22)." => submit_block;
    Changes "submitheader" ["hexdata"] "Submits a header whose block is still to come." => submit_header;
}

/// How long a long poll waits for a new tip before better fees are reason enough.
const LONG_POLL: Duration = Duration::from_secs(60);

/// The lock of an address of this chain; [`Code::InvalidAddressOrKey`] if it is not one.
pub async fn pay_to(rpc: &Rpc, text: String) -> RpcResult<Lock> {
    rpc.try_query(move |node| lookup::lock_of(node, &text)).await
}

async fn get_block_template(rpc: Rpc, request: Option<Map<String, Value>>) -> RpcResult {
    let request = request.unwrap_or_default();
    match request.get("mode").map(|mode| mode.as_str().unwrap_or_default()) {
        None | Some("template") => {}
        Some("proposal") => {
            let data = request.get("data").and_then(Value::as_str);
            let data = data.ok_or_else(|| Code::Type.error("Missing data String key for proposal"))?;
            let block = Arc::new(read_block(data)?);
            return rpc.query(move |node| json(&proposed(node, &block))).await;
        }
        Some(_) => return Err(Code::InvalidParameter.error("Invalid mode")),
    }
    if let Some(id) = request.get("longpollid").and_then(Value::as_str) {
        wait_for_other(&rpc, id).await?;
    }
    let next = rpc.events().next();
    let look = |node: &Machine| {
        let template = Template::new(clock::now(), node.chain(), node.mempool());
        (template, node.chain().params().max_block_bytes)
    };
    let (template, max_block_bytes) = rpc.query(look).await?;
    // Written down beside the driver: a whole block in hex.
    aside(move || Ok(json(&template_object(&template, max_block_bytes, next)))).await
}

/// BIP 22's word for what is wrong with a proposed block.
fn proposed(node: &Machine, block: &Arc<Block>) -> Option<&'static str> {
    match node.chain().entry(&block.hash()) {
        Some(entry) if entry.is_invalid() => Some("duplicate-invalid"),
        Some(_) => Some("duplicate"),
        None => proposal::check(node, block).err().map(|rejected| rejected.token),
    }
}

fn template_object(template: &Template, max_block_bytes: usize, next_event: u64) -> Object {
    let positions: HashMap<Txid, usize> =
        (1..).zip(&template.transactions).map(|(position, one)| (one.txid(), position)).collect();
    let transactions = template.transactions.iter().zip(&template.fees).map(|(transaction, fee)| {
        let mut depends: Vec<usize> =
            transaction.inputs().iter().filter_map(|input| positions.get(&input.txid).copied()).collect();
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
        "mintime_ms": template.min_time,
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "0000000000000000ffffffffffffffff",
        "sizelimit": max_block_bytes,
        "weightlimit": max_block_bytes * 4,
        "curtime": render::seconds(template.time),
        "curtime_ms": template.time,
        "bits": render::bits(template.bits),
        "height": template.height,
    }
}

/// Waits until the tip is not the one in the id; or for a minute, after which better fees do too.
async fn wait_for_other(rpc: &Rpc, id: &str) -> RpcResult<()> {
    let known: Option<BlockHash> = id.get(..64).and_then(|hash| hash.parse().ok());
    let Some(known) = known else { return Ok(()) };
    let mut changes = rpc.changes();
    let deadline = tokio::time::sleep(LONG_POLL);
    tokio::pin!(deadline);
    loop {
        changes.mark_unchanged();
        if rpc.query(|node| node.chain().tip().hash()).await? != known {
            return Ok(());
        }
        tokio::select! {
            () = &mut deadline => return Ok(()),
            changed = changes.changed() => changed.map_err(|_| Stopped)?,
        }
    }
}

/// The argument `hashrate`: a limit in hashes per second; 0 stands for none.
#[derive(Clone, Copy, Debug)]
pub struct HashrateLimit(pub Option<Hashrate>);

impl Argument for HashrateLimit {
    const KIND: Kind = Kind::Number;

    fn read(name: &str, value: &Value) -> RpcResult<Self> {
        if value.as_f64() == Some(0.0) {
            return Ok(Self(None));
        }
        let text = value.to_string();
        let wrong = |error: HashrateError| Code::InvalidParameter.error(format!("{name} {text}: {error}"));
        text.parse().map(|rate| Self(Some(rate))).map_err(wrong)
    }
}

async fn set_mining(
    rpc: Rpc,
    address: Option<String>,
    threads: Option<u16>,
    limit: Option<HashrateLimit>,
) -> RpcResult<()> {
    let order = match address {
        None => None,
        Some(address) => {
            let pay_to = pay_to(&rpc, address).await?;
            let hashrate = match limit {
                Some(HashrateLimit(limit)) => limit,
                None => rpc.query(|node| spacing_hashrate(node.chain().params())).await?,
            };
            Some(MiningSettings { pay_to, threads: threads.unwrap_or(1).max(1).into(), hashrate })
        }
    };
    rpc.mining().send_replace(order);
    Ok(())
}

async fn submit_block(rpc: Rpc, data: String, _dummy: Option<String>) -> RpcResult<Option<&'static str>> {
    Ok(match rpc.node()?.submit_block(Arc::new(read_block(&data)?)).await {
        Ok(BlockVerdict::Connected) => None,
        Ok(BlockVerdict::Duplicate) => Some("duplicate"),
        Ok(BlockVerdict::SideBranch | BlockVerdict::AncestorMissing) => Some("inconclusive"),
        Ok(BlockVerdict::TooEarly(_)) => Some("time-too-new"),
        Err(SubmitError::Rejected(error)) => {
            tracing::info!(%error, "a submitted block is rejected");
            Some(proposal::token(&error))
        }
        Err(SubmitError::Stopped(stopped)) => return Err(stopped.into()),
    })
}

async fn submit_header(rpc: Rpc, data: String) -> RpcResult<()> {
    let header: Header = lookup::from_hex(&data, "Block header decode failed")?;
    rpc.node()?.submit_header(header).await.map(|_| ()).map_err(|error| match error {
        SubmitError::Rejected(BlockRejection::UnknownParent { parent }) => {
            let message = format!("Must submit previous header ({parent}) first");
            Code::Verify.error(message).with_data(object! { "previousblockhash": parent })
        }
        SubmitError::Rejected(error) => Code::Verify.error(format!("{}, {error}", proposal::token(&error))),
        SubmitError::Stopped(stopped) => stopped.into(),
    })
}

fn read_block(text: &str) -> RpcResult<Block> {
    lookup::from_hex(text, "Block decode failed")
}

async fn get_mining_info(rpc: Rpc) -> RpcResult<Object> {
    let own = own_miner(&rpc);
    rpc.query(move |node| {
        let (chain, params) = (node.chain(), node.chain().params());
        let (tip, parent) = (chain.tip(), chain.next_context());
        let next = next_bits(params, parent.anchor.as_ref(), parent.height, parent.time);
        let target = |object: &mut Object, bits: CompactTarget| {
            object.put("bits", &render::bits(bits));
            object.put("difficulty", &render::difficulty(bits, params));
            object.put("target", &render::target(bits));
        };
        let mut info = object! { "blocks": tip.height };
        target(&mut info, tip.header.bits);
        let mut next_block = object! { "height": tip.height.next() };
        target(&mut next_block, next);
        info.extend(object! {
            "networkhashps": hashes_per_second(node, tip.height, DEFAULT_WINDOW),
            "pooledtx": node.mempool().len(),
            "blockmintxfee": Coins(MIN_RELAY_FEE_RATE.per_kilobyte()),
            "chain": params.name,
            "next": next_block,
            "previousblockhash": tip.hash(),
            "miner": own,
            "warnings": lookup::warnings(node),
        });
        info
    })
    .await
}

/// The node's own miner: its state and statistics.
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

/// Blocks over which the hash rate of the network is measured by default.
const DEFAULT_WINDOW: u32 = 120;

async fn get_network_hash_ps(rpc: Rpc, blocks: Option<i64>, height: Option<i64>) -> RpcResult<f64> {
    let (blocks, height) = (blocks.unwrap_or(DEFAULT_WINDOW.into()), height.unwrap_or(-1));
    if blocks < -1 || blocks == 0 {
        return Err(Code::InvalidParameter.error("Invalid nblocks. Must be a positive number or -1."));
    }
    rpc.try_query(move |node| {
        let tip = node.chain().tip().height;
        let wanted = u32::try_from(height).map_or(tip, Height::from_u32);
        if height < -1 || wanted > tip {
            return Err(Code::InvalidParameter.error("Block does not exist at specified height"));
        }
        // -1 means since the last change of difficulty, which here is every block: the window.
        Ok(hashes_per_second(node, wanted, u32::try_from(blocks).unwrap_or(DEFAULT_WINDOW)))
    })
    .await
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
