//! Events in JSON, as `/events` sends them.

use cairn_core::block::Block;
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_protocol::event::{DisconnectReason, Event};
use cairn_protocol::peer::{Direction, PeerId};

use crate::rpc::json::{Coins, Object, Text, object};

/// The kind of an event and its values.
pub fn describe(event: &Event) -> (&'static str, Object) {
    match event {
        Event::Reorganized { fork_point, fork_hash, disconnected, connected, old_work, new_work } => (
            "reorganised",
            object! {
                "fork_height": fork_point.get(),
                "fork_hash": Text(fork_hash),
                "disconnected": disconnected,
                "connected": connected,
                "old_chainwork": Text(old_work),
                "new_chainwork": Text(new_work),
            },
        ),
        Event::BlockDisconnected { block: gone, height } => ("block_disconnected", block(gone, *height)),
        Event::BlockConnected { block, height, work, from } => {
            ("block_connected", arrival(block, *height, *work, *from))
        }
        Event::BlockOnSideBranch { block, height, work, from } => {
            ("block_on_side_branch", arrival(block, *height, *work, *from))
        }
        Event::TransactionAccepted { txid, fee, size, from } => (
            "transaction_accepted",
            object! {
                "txid": Text(txid),
                "fee": Coins(*fee),
                "size": size,
                "from": from.map(|peer| peer.to_string()),
            },
        ),
        Event::TransactionRemoved { txid, reason } => {
            ("transaction_removed", object! { "txid": Text(txid), "reason": reason.word() })
        }
        Event::PeerConnected { peer, direction, address, user_agent } => (
            "peer_connected",
            object! {
                "peer": Text(peer),
                "inbound": *direction == Direction::Inbound,
                "address": Text(address),
                "user_agent": user_agent,
            },
        ),
        Event::PeerDisconnected { peer, reason } => {
            ("peer_disconnected", object! { "peer": Text(peer), "reason": disconnection(reason) })
        }
        Event::PeerRejected { peer, address, reason } => (
            "peer_refused",
            object! {
                "peer": Text(peer),
                "address": Text(address),
                "reason": disconnection(reason),
            },
        ),
        Event::SyncChanged { from, headers, blocks } => (
            "sync_changed",
            object! {
                "from": from.map(|peer: PeerId| peer.to_string()),
                "headers": headers.get(),
                "blocks": blocks.get(),
            },
        ),
    }
}

fn arrival(came: &Block, height: Height, work: Work, from: Option<PeerId>) -> Object {
    let mut values = block(came, height);
    values.put("chainwork", &Text(work));
    values.put("from", &from.map(|peer| peer.to_string()));
    values
}

fn block(block: &Block, height: Height) -> Object {
    let header = block.header();
    object! {
        "height": height.get(),
        "hash": Text(block.hash()),
        "previousblockhash": Text(header.previous_block_hash),
        "time_ms": header.time.millis(),
        "nTx": block.transactions().len() + 1,
        "size": block.size(),
        "tag": String::from_utf8_lossy(&block.coinbase().tag),
    }
}

/// Why a connection ended: a word for programs, and where there is more to say, a sentence.
fn disconnection(reason: &DisconnectReason) -> Object {
    let word = match reason {
        DisconnectReason::LinkLost => "link_lost",
        DisconnectReason::TheySaid(goodbye) => {
            return object! { "kind": "they_said", "message": Text(goodbye) };
        }
        DisconnectReason::WeSaid(goodbye) => return object! { "kind": "we_said", "message": Text(goodbye) },
        DisconnectReason::TheyLeft => {
            return object! { "kind": "they_said", "message": "goodbye, with a reason of another version" };
        }
        DisconnectReason::Operator => "operator",
        DisconnectReason::Banned => "banned",
        DisconnectReason::Blocked => "blocked",
        DisconnectReason::Misbehavior(offence) => {
            return object! { "kind": "misconduct", "message": offence };
        }
        DisconnectReason::TimedOut => "timed_out",
        DisconnectReason::Full => "full",
        DisconnectReason::Duplicate => "duplicate",
    };
    object! { "kind": word }
}
