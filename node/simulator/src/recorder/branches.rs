//! Changes of branch, put together from the events in which a node tells them.

use std::collections::BTreeMap;

use cairn_core::block::Block;
use cairn_core::hash::Txid;
use std::collections::BTreeSet;

use crate::node_index::NodeIndex;

/// A change of branch that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The height of the last block that both branches share.
    pub fork_height: u32,
    /// Blocks that left.
    pub disconnected: u32,
    /// Blocks that joined.
    pub connected: u32,
    /// Transactions that left with them and did not come back.
    pub unconfirmed: u32,
}

#[derive(Clone, Debug)]
struct Underway {
    done: Done,
    to_come: u32,
    gone: BTreeSet<Txid>,
}

/// Changes that are being told.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    underway: BTreeMap<NodeIndex, Underway>,
}

impl Branches {
    /// A node begins to tell one.
    pub fn begin(&mut self, at: NodeIndex, fork_height: u32, disconnected: u32, connected: u32) {
        let done = Done { fork_height, disconnected, connected, unconfirmed: 0 };
        self.underway.insert(at, Underway { done, to_come: connected, gone: BTreeSet::new() });
    }

    /// A block left.
    pub fn disconnected(&mut self, at: NodeIndex, block: &Block) {
        if let Some(change) = self.underway.get_mut(&at) {
            change.gone.extend(block.transactions().iter().map(|transaction| transaction.txid()));
        }
    }

    /// A block joined; returns the change that is complete with it.
    pub fn connected(&mut self, at: NodeIndex, block: &Block) -> Option<Done> {
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
        let Underway { done, gone, .. } = self.underway.remove(&at)?;
        Some(Done { unconfirmed: u32::try_from(gone.len()).unwrap_or(u32::MAX), ..done })
    }

    /// A node is gone, and what it was telling with it.
    pub fn forget(&mut self, at: NodeIndex) {
        self.underway.remove(&at);
    }
}
