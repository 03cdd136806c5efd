//! Methods about the node as a whole.

use cairn_core::address::Address;
use cairn_core::height::Height;
use cairn_protocol::peer::PeerId;

use crate::Machine;
use crate::api::status::{MiningStatus, NodeStatus, PeerStatus};
use crate::clock;
use crate::rpc::lookup;
use crate::rpc::method::{Code, Rpc, RpcResult, methods};

methods! { "Control":
    Reads "getnodestatus" []
        "In one answer: the node's activity, tip, peers and mempool, and why its chain does not grow."
        => get_node_status;
    Changes "setclockoffset" ["offset_ms"]
        "Sets this node's clock ahead of the system's by this number of milliseconds, or behind it, until the node \
         ends: to try wrong clocks on a chain of one's own. The clock never goes back: a smaller offset slows \
         it until it is reached." => set_clock_offset;
    Changes "stop" [] "Stops the node." => stop;
    Reads "uptime" [] "Seconds since the node started." => uptime;
}

/// The chain that nodes of different owners share.
const PUBLIC_CHAIN: &str = "testnet";
/// A clock is set off by ten years at the most: no block time comes near the end of 64 bits.
const MOST_OFFSET_MS: u64 = 10 * 365 * 86_400_000;

async fn uptime(rpc: Rpc) -> RpcResult<u64> {
    Ok(rpc.uptime().as_secs())
}

async fn set_clock_offset(rpc: Rpc, offset: i64) -> RpcResult<()> {
    let chain = rpc.query(|node| node.chain().params().name.clone()).await?;
    if chain == PUBLIC_CHAIN {
        let message =
            format!("{chain} is shared with other people's nodes: a wrong clock is for devnet and regtest");
        return Err(Code::Misc.error(message));
    }
    if offset.unsigned_abs() > MOST_OFFSET_MS {
        let message = format!("offset_ms {offset} is out of range: at most {MOST_OFFSET_MS} either way");
        return Err(Code::InvalidParameter.error(message));
    }
    clock::set_offset_ms(offset);
    // Any call wakes the driver, which sleeps by the clock that was.
    rpc.query(|_| ()).await
}

/// The answer is on its way before the server ends: it lets answers finish.
async fn stop(rpc: Rpc) -> RpcResult<&'static str> {
    rpc.node()?.stop();
    Ok("Cairn stopping")
}

async fn get_node_status(rpc: Rpc) -> RpcResult<NodeStatus> {
    let own = rpc.node()?.peer_id();
    let uptime = rpc.uptime().as_millis() as u64;
    let mining = rpc.mining().borrow().clone();
    let hashrate = rpc.hashrate();
    rpc.query(move |node| {
        let (chain, peers) = (node.chain(), node.peers());
        let (tip, best_header) = (chain.tip(), chain.best_header());
        NodeStatus {
            peer_id: own.to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
            phase: lookup::phase(node).into(),
            sync_from: node.sync().bodies.busiest().map(|peer| peer.to_string()),
            height: tip.height,
            tip: tip.hash(),
            chainwork: tip.work,
            tip_time_ms: tip.header.time.millis(),
            tip_interval_ms: tip_interval_ms(node),
            headers: best_header.height,
            header_chainwork: best_header.work,
            peers: peers.ready().map(|peer| peer.peer.to_string()).collect(),
            peer_states: peers.ready().map(|peer| peer_status(node, &peer.peer)).collect(),
            blockedpeers: peers.filter.blocked.iter().map(ToString::to_string).collect(),
            mempool: node.mempool().len(),
            mempool_bytes: node.mempool().entries().total().size,
            hashrate,
            mining: mining.map(|order| MiningStatus {
                address: Address::new(&chain.params().address_prefix, order.pay_to).to_string(),
                threads: order.threads,
                hashrate: order.hashrate,
            }),
            stuck: lookup::stuck(node),
            uptime_ms: uptime,
        }
    })
    .await
}

/// Milliseconds between the tip and the block before it. Genesis was made when the chain was defined,
/// so the first block after it came after no interval that says anything.
fn tip_interval_ms(node: &Machine) -> Option<u64> {
    let tip = node.chain().tip();
    let before = node.chain().tree().parent(tip).filter(|before| before.height > Height::GENESIS)?;
    Some(tip.header.time.since(before.header.time).as_millis() as u64)
}

fn peer_status(node: &Machine, peer: &PeerId) -> PeerStatus {
    let best = node.sync().headers.best_of(peer);
    let ping = node.peers().get(peer).and_then(|connection| connection.ping);
    PeerStatus {
        peer_id: peer.to_string(),
        owes_blocks: node.sync().bodies.owed_by(peer),
        height: best.map(|best| best.height),
        hash: best.map(|best| best.hash),
        ping_ms: ping.map(|ping| ping.as_secs_f64() * 1000.0),
        on_our_tip: best.map(|best| best.hash) == Some(node.chain().tip().hash()),
    }
}
