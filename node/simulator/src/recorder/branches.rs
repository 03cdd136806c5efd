//! Changes of branch, put together from the events of a node.

use std::collections::{BTreeMap, BTreeSet};

use cairn_core::block::Block;
use cairn_core::hash::Txid;

use crate::node_index::NodeIndex;
use crate::report::Reorganization;

/// The most reorganizations of a report; of more the deepest are kept.
const MAX_REORGANIZATIONS: usize = 1_000;

#[derive(Clone, Debug)]
struct Underway {
    change: Reorganization,
    to_come: u32,
    gone: BTreeSet<Txid>,
}

/// Changes of branch, complete and under way.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    underway: BTreeMap<NodeIndex, Underway>,
    list: Vec<Reorganization>,
    /// The number of changes that are complete.
    pub count: u64,
    /// The most blocks that left in a change of an honest node.
    pub deepest: u32,
}

impl Branches {
    /// A change is complete.
    pub fn add(&mut self, change: Reorganization, is_honest: bool) {
        self.count += 1;
        if is_honest {
            self.deepest = self.deepest.max(change.disconnected);
        }
        if self.list.len() >= 2 * MAX_REORGANIZATIONS {
            self.keep_deepest();
        }
        self.list.push(change);
    }

    /// The deepest changes, deepest first.
    pub fn into_list(mut self) -> Vec<Reorganization> {
        self.keep_deepest();
        self.list
    }

    fn keep_deepest(&mut self) {
        self.list.sort_by_key(|one| (core::cmp::Reverse(one.disconnected), one.at_ms, one.node));
        self.list.truncate(MAX_REORGANIZATIONS);
    }

    /// A node begins to change branch; its blocks follow.
    pub fn begin(&mut self, at: NodeIndex, fork_height: u32, disconnected: u32, connected: u32) {
        let (node, at_ms, unconfirmed) = (at.number(), 0, 0);
        let change = Reorganization { at_ms, node, fork_height, disconnected, connected, unconfirmed };
        self.underway.insert(at, Underway { change, to_come: connected, gone: BTreeSet::new() });
    }

    /// A block left the best chain of a node.
    pub fn disconnected(&mut self, at: NodeIndex, block: &Block) {
        if let Some(change) = self.underway.get_mut(&at) {
            change.gone.extend(block.transactions().iter().map(|transaction| transaction.txid()));
        }
    }

    /// A block joined; returns the change that is complete with it.
    pub fn connected(&mut self, at_ms: u64, at: NodeIndex, block: &Block) -> Option<Reorganization> {
        let change = self.underway.get_mut(&at)?;
        if !change.gone.is_empty() {
            for transaction in block.transactions() {
                change.gone.remove(&transaction.txid());
            }
        }
        change.to_come = change.to_come.saturating_sub(1);
        if change.to_come > 0 {
            return None;
        }
        let Underway { change, gone, .. } = self.underway.remove(&at)?;
        let unconfirmed = u32::try_from(gone.len()).unwrap_or(u32::MAX);
        Some(Reorganization { at_ms, unconfirmed, ..change })
    }

    /// A node is gone, and what it was telling with it.
    pub fn forget(&mut self, at: NodeIndex) {
        self.underway.remove(&at);
    }
}
