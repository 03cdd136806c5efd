//! Events of a node, as `/events` sends them.

use std::borrow::Cow;

use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_protocol::event::{DisconnectReason, Event};
use cairn_protocol::peer::{Direction, PeerId};
use serde::{Deserialize, Serialize};

use crate::api::decimal::Coins;

/// An event of a node. Peers are named by their identities in hex digits. Beside the node's own events, `Hello` is
/// the first line of every stream (`run` is the run of the node to which the numbers of events belong), and `Gap`
/// says that events are missing: the reader looks at the best chain again and goes on with `next`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeEvent {
    Hello { run: String, next: u64, beat_ms: u64 },
    Gap { wanted: u64, next: u64, message: Cow<'static, str> },
    Reorganized(Reorganization),
    BlockDisconnected(BlockInfo),
    BlockConnected(Arrival),
    BlockOnSideBranch(Arrival),
    TransactionAccepted { txid: Txid, fee: Coins, size: usize, from: Option<String> },
    TransactionRemoved { txid: Txid, reason: Cow<'static, str> },
    PeerConnected { peer: String, inbound: bool, address: String, user_agent: String },
    PeerDisconnected { peer: String, reason: Disconnection },
    PeerRejected { peer: String, address: String, reason: Disconnection },
    SyncChanged { from: Option<String>, headers: Height, blocks: Height },
}

/// A change of the best chain from one branch to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reorganization {
    /// Height of the last block that both branches share.
    pub fork_height: Height,
    pub fork_hash: BlockHash,
    /// Blocks that left the best chain.
    pub disconnected: u32,
    /// Blocks that joined it.
    pub connected: u32,
    pub old_chainwork: Work,
    pub new_chainwork: Work,
}

/// A block as events describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockInfo {
    pub height: Height,
    pub hash: BlockHash,
    #[serde(rename = "previousblockhash")]
    pub previous: BlockHash,
    pub time_ms: u64,
    /// Number of transactions with the coinbase.
    #[serde(rename = "nTx")]
    pub transactions: usize,
    /// Bytes of the whole block.
    pub size: usize,
    /// The miner's text in the coinbase.
    pub tag: String,
}

/// A block that reached a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    #[serde(flatten)]
    pub block: BlockInfo,
    /// Chainwork up to and with the block.
    pub chainwork: Work,
    /// The peer that sent it; none for a block of the node's own.
    pub from: Option<String>,
}

/// The reason for which a connection ended: a word for programs, and a sentence where there is more to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnection {
    pub kind: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<&Event> for NodeEvent {
    fn from(event: &Event) -> Self {
        let name = |peer: &PeerId| peer.to_string();
        match event {
            Event::Reorganized { fork_point, fork_hash, disconnected, connected, old_work, new_work } => {
                Self::Reorganized(Reorganization {
                    fork_height: *fork_point,
                    fork_hash: *fork_hash,
                    disconnected: *disconnected,
                    connected: *connected,
                    old_chainwork: *old_work,
                    new_chainwork: *new_work,
                })
            }
            Event::BlockDisconnected { block, height } => {
                Self::BlockDisconnected(BlockInfo::new(block, *height))
            }
            Event::BlockConnected { block, height, work, from } => {
                Self::BlockConnected(Arrival::new(block, *height, *work, *from))
            }
            Event::BlockOnSideBranch { block, height, work, from } => {
                Self::BlockOnSideBranch(Arrival::new(block, *height, *work, *from))
            }
            Event::TransactionAccepted { txid, fee, size, from } => Self::TransactionAccepted {
                txid: *txid,
                fee: Coins(*fee),
                size: *size,
                from: from.as_ref().map(name),
            },
            Event::TransactionRemoved { txid, reason } => {
                Self::TransactionRemoved { txid: *txid, reason: reason.word().into() }
            }
            Event::PeerConnected { peer, direction, address, user_agent } => Self::PeerConnected {
                peer: name(peer),
                inbound: *direction == Direction::Inbound,
                address: address.to_string(),
                user_agent: user_agent.clone(),
            },
            Event::PeerDisconnected { peer, reason } => {
                Self::PeerDisconnected { peer: name(peer), reason: reason.into() }
            }
            Event::PeerRejected { peer, address, reason } => {
                Self::PeerRejected { peer: name(peer), address: address.to_string(), reason: reason.into() }
            }
            Event::SyncChanged { from, headers, blocks } => {
                Self::SyncChanged { from: from.as_ref().map(name), headers: *headers, blocks: *blocks }
            }
        }
    }
}

impl BlockInfo {
    fn new(block: &Block, height: Height) -> Self {
        let header = block.header();
        Self {
            height,
            hash: block.hash(),
            previous: header.previous_block_hash,
            time_ms: header.time.millis(),
            transactions: block.transactions().len() + 1,
            size: block.size(),
            tag: String::from_utf8_lossy(&block.coinbase().tag).into_owned(),
        }
    }
}

impl Arrival {
    fn new(block: &Block, height: Height, chainwork: Work, from: Option<PeerId>) -> Self {
        let from = from.map(|peer| peer.to_string());
        Self { block: BlockInfo::new(block, height), chainwork, from }
    }
}

impl From<&DisconnectReason> for Disconnection {
    fn from(reason: &DisconnectReason) -> Self {
        let (kind, message) = match reason {
            DisconnectReason::LinkLost => ("link_lost", None),
            DisconnectReason::TheySaid(goodbye) => ("they_said", Some(goodbye.to_string())),
            DisconnectReason::WeSaid(goodbye) => ("we_said", Some(goodbye.to_string())),
            DisconnectReason::TheyLeft => {
                ("they_said", Some("goodbye, with a reason of another version".to_owned()))
            }
            DisconnectReason::Operator => ("operator", None),
            DisconnectReason::Banned => ("banned", None),
            DisconnectReason::Blocked => ("blocked", None),
            DisconnectReason::Misbehavior(offence) => ("misbehavior", Some(offence.clone())),
            DisconnectReason::TimedOut => ("timed_out", None),
            DisconnectReason::Full => ("full", None),
            DisconnectReason::Duplicate => ("duplicate", None),
            DisconnectReason::Tested => ("tested", None),
            DisconnectReason::Redialed => ("redialed", None),
        };
        Self { kind: kind.into(), message }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::amount::Amount;
    use cairn_core::target::CompactTarget;

    use super::*;
    use crate::api::tagged::{join, split};

    #[test]
    fn what_a_node_sends_is_what_its_reader_gets_to_the_last_digit() {
        let info = BlockInfo {
            height: Height::from_u32(7),
            hash: BlockHash::from_bytes([1; 32]),
            previous: BlockHash::from_bytes([2; 32]),
            time_ms: 5,
            transactions: 2,
            size: 300,
            tag: "node 3".into(),
        };
        let chainwork = CompactTarget::from_bits(0x2007_ffff).to_target().expect("a target").work();
        let (txid, fee) = (Txid::from_bytes([3; 32]), Coins(Amount::from_units(u64::MAX)));
        for sent in [
            NodeEvent::BlockConnected(Arrival { block: info.clone(), chainwork, from: Some("p".into()) }),
            NodeEvent::BlockDisconnected(info),
            NodeEvent::TransactionAccepted { txid, fee, size: 1, from: None },
            NodeEvent::PeerDisconnected { peer: "p".into(), reason: (&DisconnectReason::Full).into() },
        ] {
            let (kind, data) = split(&sent);
            assert_eq!(join::<NodeEvent>(&kind, &data).expect("it is read"), sent, "{kind} {data}");
        }
        assert!(join::<NodeEvent>("beat", "{}").is_err());
        let (kind, data) = split(&NodeEvent::TransactionAccepted { txid, fee, size: 1, from: None });
        assert_eq!(kind, "transaction_accepted");
        assert!(data.contains(r#""fee":184467440737.09551615,"size":1,"from":null"#), "{data}");
    }
}
