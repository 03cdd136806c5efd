//! Builders for the tests of the devnet.

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::target::CompactTarget;
use cairn_core::work::Work;
use cairn_daemon::api::event::{Arrival, BlockInfo};
use cairn_daemon::api::status::NodeStatus;

/// A hash of one byte, repeated.
pub fn hash(byte: u8) -> BlockHash {
    BlockHash::from_bytes([byte; 32])
}

/// Work that grows with the number.
pub fn work(number: u32) -> Work {
    let one = CompactTarget::from_bits(0x2007_ffff).to_target().expect("a target").work();
    (0..number).fold(Work::ZERO, |sum, _| sum.checked_add(one).expect("it fits"))
}

/// A block of node 3 with two transactions, as a node reports it.
pub fn block(height: u32, byte: u8, previous: u8) -> Arrival {
    let block = BlockInfo {
        height: Height::from_u32(height),
        hash: hash(byte),
        previous: hash(previous),
        time_ms: 0,
        transactions: 3,
        size: 300,
        tag: "node 3".into(),
    };
    Arrival { block, chainwork: work(height), from: None }
}

/// The status of an idle node on a tip of this height and hash.
pub fn status(height: u32, byte: u8) -> NodeStatus {
    NodeStatus {
        peer_id: String::new(),
        version: String::new(),
        phase: "idle".into(),
        sync_from: None,
        height: Height::from_u32(height),
        tip: hash(byte),
        chainwork: work(height),
        tip_time_ms: 0,
        tip_interval_ms: None,
        headers: Height::from_u32(height),
        header_chainwork: work(height),
        peers: Vec::new(),
        peer_states: Vec::new(),
        blockedpeers: Vec::new(),
        mempool: 0,
        mempool_bytes: 0,
        hashrate: None,
        mining: None,
        stuck: None,
        uptime_ms: 0,
    }
}
