//! How the nodes stand to each other: whether they agree, are cut apart, or are there at all.

use serde::{Deserialize, Serialize};

/// How living nodes stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How many live.
    pub running: usize,
    /// How many tips they have.
    pub tips: usize,
    /// Whether a cut lies between some of them.
    pub is_cut: bool,
}

impl Standing {
    /// Whether a cut keeps nodes from agreeing.
    pub const fn is_divided(&self) -> bool {
        self.is_cut && self.tips > 1
    }

    /// In words.
    pub fn in_words(&self) -> String {
        match self.tips {
            _ if self.running == 0 => "no node runs".into(),
            0 | 1 => "all nodes that run agree".into(),
            tips if self.is_cut => format!("ended divided: {tips} tips, as a cut still stands"),
            tips => format!("{tips} tips"),
        }
    }
}
