//! The state of the network: how many nodes are up, whether they agree, and whether a partition is between them.

use serde::{Deserialize, Serialize};

/// The state of the living nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    pub running: usize,
    /// How many tips they have.
    pub tips: usize,
    /// Whether a partition, or peers that pass nothing on, is between some of them.
    pub is_cut: bool,
}

impl PartitionState {
    /// Whether that keeps nodes from agreeing.
    pub const fn is_divided(&self) -> bool {
        self.is_cut && self.tips > 1
    }

    /// The state as a sentence shows it.
    pub fn in_words(&self) -> String {
        match self.tips {
            _ if self.running == 0 => "no node runs".into(),
            0 | 1 => "all nodes that run agree".into(),
            tips if self.is_cut => {
                format!("ended divided: {tips} tips, as not all of them hear of each other")
            }
            tips => format!("{tips} tips"),
        }
    }
}
