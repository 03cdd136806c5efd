//! Methods about the node as a whole.

use cairn_core::address::Address;
use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_protocol::peer::PeerId;

use crate::machine::Machine;
use crate::rpc::access::Rpc;
use crate::rpc::error::RpcResult;
use crate::rpc::json::{Object, Text, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::Params;

methods! { "Control":
    "getnodestatus" []
        "In one answer: what the node is busy with, its tip, peers and mempool, and who is stuck."
        => get_node_status;
    "stop" [] "Stops the node." => stop;
    "uptime" [] "Seconds since the node started." => uptime;
}

async fn uptime(rpc: Rpc, _: Params) -> RpcResult {
    Ok(json(&rpc.uptime().as_secs()))
}

/// The answer is on its way before the server ends: it lets answers finish.
async fn stop(rpc: Rpc, _: Params) -> RpcResult {
    rpc.node()?.stop();
    Ok(json("Cairn stopping"))
}

async fn get_node_status(rpc: Rpc, _: Params) -> RpcResult {
    let own = rpc.node()?.peer_id();
    let uptime = rpc.uptime().as_millis() as u64;
    let mining = rpc.mining().borrow().clone();
    let hashrate = rpc.hashrate();
    rpc.query(move |node| {
        let chain = node.chain();
        let (tip, best_header) = (chain.tip(), chain.best_header());
        let peers = node.peers();
        reply! {
            "peer_id": Text(own),
            "version": env!("CARGO_PKG_VERSION"),
            "phase": lookup::phase(node),
            "sync_from": node.sync().learns_from().map(|peer| peer.to_string()),
            "height": tip.height.get(),
            "tip": Text(tip.hash),
            "chainwork": Text(tip.work),
            "tip_time_ms": tip.header.time.millis(),
            "tip_interval_ms": tip_interval_ms(node),
            "headers": best_header.height.get(),
            "header_chainwork": Text(best_header.work),
            "peers": peers.ready().map(|peer| peer.peer.to_string()).collect::<Vec<_>>(),
            "peer_states": peers.ready().map(|peer| peer_status(node, &peer.peer)).collect::<Vec<_>>(),
            "blockedpeers": peers.refusals().blocked().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "mempool": node.mempool().len(),
            "mempool_bytes": node.mempool().total().size,
            "hashrate": hashrate,
            "mining": mining.as_ref().map(|order| object! {
                "address": Text(Address::new(&lookup::params(node).address_prefix, order.pay_to)),
                "threads": order.threads,
                "hashrate": order.hashrate,
            }),
            "stuck": stuck(node),
            "uptime_ms": uptime,
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

/// Why nothing moves although it should, in words; none when all is well.
fn stuck(node: &Machine) -> Option<String> {
    let chain = node.chain();
    let (tip, best) = (chain.tip(), chain.best_header());
    if best.work <= tip.work {
        return None;
    }
    let missing = best.height.since(tip.height).unwrap_or(0);
    let nobody_owes = node.peers().ready().all(|peer| node.sync().owed_by(&peer.peer) == 0);
    nobody_owes.then(|| match node.peers().ready().next() {
        None => format!("{missing} blocks are missing and no peer is connected"),
        Some(_) => format!("{missing} blocks are missing and no connected peer has them"),
    })
}

fn peer_status(node: &Machine, peer: &PeerId) -> Object {
    let best: Option<(BlockHash, _)> = node.sync().best_of(peer);
    let mut status = object! {
        "peer_id": Text(peer),
        "owes_blocks": node.sync().owed_by(peer),
    };
    if let Some((hash, height)) = best {
        status.put("height", &height.get());
        status.put("hash", &hash);
    }
    if let Some(ping) = node.peers().get(peer).and_then(|connection| connection.ping) {
        status.put("ping_ms", &(ping.as_secs_f64() * 1000.0));
    }
    status.put("on_our_tip", &(best.map(|(hash, _)| hash) == Some(lookup::tip(node).0)));
    status
}
