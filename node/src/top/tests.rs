//! Builders for the tests of `cairn top`.

use std::collections::BTreeSet;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;

use crate::devnet::groups::Groups;
use crate::devnet::tests::{hash, status, work};
use crate::devnet::view::{BlockView, ChainView, DevnetView, NodeView};

/// A running node on a tip.
pub fn node(id: u16, tip: u8) -> NodeView {
    NodeView {
        id,
        peer_id: None,
        up: true,
        why_down: None,
        tip: hash(tip),
        height: Height::from_u32(2),
        mining: false,
        percent: Some(100),
        delay_ms: 0,
        answers: true,
        behind: None,
        status: Some(status(2, tip)),
    }
}

/// A block; its work grows with the number.
pub fn block(own: u8, previous: u8, height: u32, amount: u32) -> BlockView {
    BlockView {
        hash: hash(own),
        previous: hash(previous),
        height: Height::from_u32(height),
        time_ms: 0,
        at_ms: 0,
        chainwork: work(amount),
        transactions: None,
        size: None,
        miner: Some(1),
        tag: String::new(),
        got: Vec::new(),
    }
}

/// The end of a hash of this byte, as the screen shows it.
pub fn end(byte: u8) -> String {
    BlockHash::from_bytes([byte; 32]).to_string()[58..].to_owned()
}

/// A view of nodes in these groups, the first and the last of a pair 0 and 2 connected.
pub fn view(nodes: Vec<NodeView>, groups: &str) -> DevnetView {
    let count = nodes.len() as u16;
    DevnetView {
        kind: "devnet".into(),
        groups: Groups::parse(groups, count).unwrap_or_else(|_| Groups::whole(count)),
        nodes,
        links: BTreeSet::from([(0, 2)]),
        blocks: Vec::new(),
        agreement: Vec::new(),
        marks: Vec::new(),
        expectations: Vec::new(),
        is_over: false,
        chain: ChainView {
            name: "devnet".into(),
            genesis_hash: String::new(),
            spacing_ms: 2_000,
            address_prefix: String::new(),
        },
        run: String::new(),
        now_ms: 0,
        next: 0,
        version: String::new(),
        addresses: Vec::new(),
    }
}
