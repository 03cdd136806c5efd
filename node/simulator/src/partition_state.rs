//! How the nodes stand to each other: whether they agree, are cut apart, or are there at all.

use serde::{Deserialize, Serialize};

/// How living nodes stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// How many live.
    pub running: usize,
    /// How many tips they have.
    pub tips: usize,
    /// Whether something keeps some of them from hearing of others: a cut, or peers that pass nothing on.
    pub is_cut: bool,
}

impl PartitionState {
    /// Whether that keeps nodes from agreeing.
    pub const fn is_divided(&self) -> bool {
        self.is_cut && self.tips > 1
    }

    /// In words.
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
