//! What a plan is expected to come to, and what became of it.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds of a figure; either may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Bounds {
    /// It is at least this,
    pub least: Option<u64>,
    /// and at most this.
    pub most: Option<u64>,
}

impl Bounds {
    /// Whether a figure is within.
    pub fn admit(&self, figure: u64) -> bool {
        self.least.is_none_or(|least| figure >= least) && self.most.is_none_or(|most| figure <= most)
    }

    /// The bounds in words, each figure as `show` writes it.
    pub fn in_words(&self, show: impl Fn(u64) -> String) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => format!("exactly {}", show(least)),
            (Some(least), Some(most)) => format!("{} to {}", show(least), show(most)),
            (Some(least), None) => format!("at least {}", show(least)),
            (None, Some(most)) => format!("at most {}", show(most)),
            (None, None) => "anything".into(),
        }
    }
}

/// One thing that is expected of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// After every healing, restart or change of behaviour all nodes have one tip again within this time.
    ConvergedWithin(Duration),
    /// Blocks that left in the deepest reorganization of an honest node.
    ReorganizationDepth(Bounds),
    /// Found blocks that are not in the final chain, in millionths.
    StaleRate(Bounds),
    /// Confirmations that a payment had which a conflicting one then took back, at most.
    NoDoubleSpendDeeperThan(u32),
    /// Payments that a conflicting one took back after they were confirmed.
    DoubleSpends(Bounds),
    /// This group found most of the final chain's blocks from the first partition to its healing.
    Winner { group: usize },
    /// Part of the final chain's blocks that this group mined, in millionths.
    Revenue { group: usize, share: Bounds },
    /// The most tips that living nodes had at one time.
    Tips(Bounds),
    /// The height of the final chain.
    Height(Bounds),
    /// The share of the nodes on the majority's tip at the end, in millionths.
    Agreement(Bounds),
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub expected: String,
    pub found: String,
    /// Whether it is so.
    pub is_met: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_met { "met" } else { "NOT MET" };
        write!(f, "{word}: {}; found {}", self.expected, self.found)
    }
}
