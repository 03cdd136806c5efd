//! The state of the network: how many nodes are up, whether they agree, and whether a partition is between them.

use serde::{Deserialize, Serialize};

/// The state of the living nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    pub running: usize,
    /// How many tips they have.
    pub tips: usize,
    /// Whether a partition, or peers that relay nothing, is between some of them.
    pub is_cut: bool,
}

impl PartitionState {
    /// Whether that keeps nodes from agreeing.
    pub const fn is_divided(&self) -> bool {
        self.is_cut && self.tips > 1
    }
}
