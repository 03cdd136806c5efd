//! `GET /v1/view`: the state of a node that a page shows first; the stream of events continues it.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Arc, Mutex};

use cairn_core::block::Block;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_genesis::programs::held::held;
use cairn_protocol::chain::tree::BlockIndexEntry;
use cairn_protocol::peer::Direction;
use cairn_protocol::peers::connection::Connection;

use crate::Machine;
use crate::api::replies::ViewBlock;
use crate::handle::NodeHandle;
use crate::rpc::access::{Rpc, aside};
use crate::rpc::error::{RpcError, RpcResult};
use crate::rpc::json::{Coins, Object, Text, object};
use crate::rpc::lookup;

/// Blocks in a view, side branches included.
const MAX_BLOCKS: usize = 300;
/// Heights above the tip up to which headers without blocks are shown: a node that catches up has thousands.
const MAX_AHEAD: u32 = 20;
/// Bytes of blocks that are read for one view; the next view reads those that are left.
const MAX_READ: usize = 32 * 1024 * 1024;
/// Blocks whose facts are kept; a view has far fewer.
const MAX_KNOWN: usize = 4 * MAX_BLOCKS;

/// Facts about a block that only its body has.
#[derive(Clone, Debug)]
struct Facts {
    /// Number of transactions with the coinbase.
    transactions: usize,
    /// The text in the coinbase.
    tag: String,
}

/// The facts of blocks that earlier views read, so that each is read once. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<Mutex<BTreeMap<BlockHash, Facts>>>);

/// Makes the view of a node.
pub async fn view(rpc: &Rpc, known: &Known) -> RpcResult<Object> {
    // Read first: an event of the meantime is repeated rather than lost.
    let next = rpc.events().next();
    let node = rpc.node()?.clone();
    let (hashrate, uptime) = (rpc.hashrate(), rpc.uptime().as_secs());
    let (chain, shown, peers, blocks) = rpc
        .query(move |machine| {
            let shown = node_object(machine, &node, hashrate, uptime);
            let peers: Vec<Object> =
                machine.peers().ready().map(|peer| peer_object(machine, &node, peer)).collect();
            (chain_object(machine), shown, peers, recent(machine))
        })
        .await?;
    known.learn(rpc, &blocks).await?;
    Ok(object! {
        "kind": "node",
        "chain": chain,
        "version": env!("CARGO_PKG_VERSION"),
        "nodes": [shown],
        "peers": peers,
        "blocks": known.complete(blocks),
        "run": rpc.events().run(),
        "next": next,
    })
}

fn chain_object(node: &Machine) -> Object {
    let params = node.chain().params();
    object! {
        "name": params.name,
        "genesis_hash": Text(params.genesis_hash),
        "genesis_time_ms": params.genesis_time.millis(),
        "spacing_ms": params.spacing.as_millis() as u64,
        "address_prefix": Text(&params.address_prefix),
        "coinbase_maturity": params.coinbase_maturity,
        "subsidy": Coins(params.subsidy),
        "halving_interval": params.halving_interval,
        "max_block_bytes": params.max_block_bytes,
        "max_supply": Coins(params.max_supply),
    }
}

fn node_object(machine: &Machine, node: &NodeHandle, hashrate: Option<f64>, uptime: u64) -> Object {
    let (chain, mempool) = (machine.chain(), machine.mempool());
    let tip = chain.tip();
    let peers = machine.peers();
    object! {
        "id": 0,
        "peer_id": Text(node.peer_id()),
        "address": peers.identity.listen.first().map(Text),
        "phase": lookup::phase(machine),
        "stuck": lookup::stuck(machine),
        "height": tip.height,
        "tip": tip.hash(),
        "chainwork": Text(tip.work),
        "mempool": mempool.len(),
        "mempool_bytes": mempool.entries().total().size,
        "hashrate": hashrate,
        "peers": peers.ready().map(|peer| Text(peer.peer)).collect::<Vec<_>>(),
        "uptime_s": uptime,
        "address_index": chain.store().addresses().is_some(),
    }
}

fn peer_object(machine: &Machine, node: &NodeHandle, peer: &Connection) -> Object {
    let best = machine.sync().headers.best_of(&peer.peer);
    let traffic = node.peer_traffic(&peer.peer);
    object! {
        "peer_id": Text(peer.peer),
        "address": Text(peer.address),
        "user_agent": peer.hello().map(|hello| hello.user_agent.clone()),
        "inbound": peer.direction == Direction::Inbound,
        "best_height": best.map(|best| best.height),
        "best_hash": best.map(|best| best.hash),
        "owes_blocks": machine.sync().bodies.owed_by(&peer.peer),
        "ping_ms": peer.ping.map(|ping| ping.as_secs_f64() * 1000.0),
        "since_ms": peer.since.millis(),
        "received_bytes": traffic.map(|bytes| bytes.received),
        "sent_bytes": traffic.map(|bytes| bytes.sent),
    }
}

/// The newest blocks of all branches, parents before children: from the ends of the branches down, the
/// highest first, until there are enough.
fn recent(machine: &Machine) -> Vec<ViewBlock> {
    let chain = machine.chain();
    let tree = chain.tree();
    let highest = Height::from_u32(chain.tip().height.get().saturating_add(MAX_AHEAD));
    let ends = tree.leaves().filter_map(|leaf| tree.ancestor(leaf, leaf.height.min(highest)));
    let mut ends: BinaryHeap<(Height, BlockHash)> = ends.map(|end| (end.height, end.hash())).collect();
    let mut seen = BTreeSet::new();
    let mut blocks = Vec::new();
    while let Some((_, hash)) = ends.pop() {
        let Some(entry) = tree.get(&hash).filter(|_| seen.insert(hash)) else { continue };
        if blocks.len() == MAX_BLOCKS {
            break;
        }
        ends.extend(tree.parent(entry).map(|parent| (parent.height, parent.hash())));
        blocks.push(view_block(machine, entry));
    }
    blocks.reverse();
    blocks
}

/// A block as the header tree has it: without what only its body has.
fn view_block(machine: &Machine, entry: &BlockIndexEntry) -> ViewBlock {
    let (chain, hash) = (machine.chain(), entry.hash());
    let status = if chain.is_in_best_chain(entry) {
        "best"
    } else if entry.is_invalid() {
        "invalid"
    } else if entry.has_body() {
        "side"
    } else {
        "header"
    };
    ViewBlock {
        hash,
        previous: entry.header.previous_block_hash,
        height: entry.height,
        time_ms: entry.header.time.millis(),
        chainwork: entry.work,
        tx: None,
        size: chain.store().block_size(&hash),
        tag: None,
        status: status.into(),
    }
}

impl Known {
    /// Reads the bodies that are not known yet, the newest first.
    async fn learn(&self, rpc: &Rpc, blocks: &[ViewBlock]) -> Result<(), RpcError> {
        let mut left = MAX_READ;
        for (hash, size) in blocks.iter().rev().filter_map(|block| Some((block.hash, block.size? as usize))) {
            if held(&self.0).contains_key(&hash) {
                continue;
            }
            let Some(rest) = left.checked_sub(size) else { break };
            left = rest;
            let stored = rpc.try_query(move |node| lookup::block(node, &hash)).await?;
            let facts = aside(move || Ok(facts(&*stored.block()?))).await?;
            held(&self.0).insert(hash, facts);
        }
        let mut facts = held(&self.0);
        if facts.len() > MAX_KNOWN {
            let shown: BTreeSet<BlockHash> = blocks.iter().map(|block| block.hash).collect();
            facts.retain(|hash, _| shown.contains(hash));
        }
        Ok(())
    }

    /// Adds to the blocks what is known of their bodies.
    fn complete(&self, mut blocks: Vec<ViewBlock>) -> Vec<ViewBlock> {
        let known = held(&self.0);
        for block in &mut blocks {
            if let Some(facts) = known.get(&block.hash) {
                (block.tx, block.tag) = (Some(facts.transactions), Some(facts.tag.clone()));
            }
        }
        blocks
    }
}

fn facts(block: &Block) -> Facts {
    let tag = String::from_utf8_lossy(&block.coinbase().tag).into_owned();
    Facts { transactions: block.transactions().len() + 1, tag }
}
