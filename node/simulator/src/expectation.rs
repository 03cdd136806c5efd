//! What a plan is expected to come to, and what became of it: data, which [`crate::text`] puts into words.

use core::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::partition_state::PartitionState;

/// Bounds of a figure, both included; either may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bounds {
    pub least: Option<u64>,
    pub most: Option<u64>,
}

impl Bounds {
    /// Whether a figure is within.
    pub fn admit(&self, figure: u64) -> bool {
        self.least.is_none_or(|least| figure >= least) && self.most.is_none_or(|most| figure <= most)
    }
}

/// One thing that is expected of a run. Groups are named; shares and rates are in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// After every healing, restart or change of behaviour all nodes have one tip again within this time.
    ConvergedWithinMs(u64),
    /// Nodes have one tip this long after mining ended. Every run is expected to; a verdict about it is made only where
    /// the clocks of nodes are the reason why they do not.
    AgreedWithinMs(u64),
    /// Blocks that left in the deepest reorganization of an honest node.
    DeepestReorganization(Bounds),
    /// Found blocks that are not in the final chain.
    StaleRate(Bounds),
    /// Confirmations that a payment had which a conflicting one then took back, at most.
    NoDoubleSpendDeeperThan(u32),
    /// Payments that a conflicting one took back after they were confirmed.
    DoubleSpends(Bounds),
    /// This group found most of the final chain's blocks from the first partition to its healing.
    Winner(String),
    /// The share of the final chain's blocks that this group mined.
    Revenue { group: String, share: Bounds },
    /// The most tips that living nodes had at one time.
    Tips(Bounds),
    /// The height of the final chain.
    Height(Bounds),
    /// The share of the nodes on the majority's tip at the end.
    Agreement(Bounds),
}

impl Expectation {
    /// The bounds of the figure that is expected; none if something else is.
    pub const fn bounds(&self) -> Option<&Bounds> {
        match self {
            Self::DeepestReorganization(bounds)
            | Self::StaleRate(bounds)
            | Self::DoubleSpends(bounds)
            | Self::Revenue { share: bounds, .. }
            | Self::Tips(bounds)
            | Self::Height(bounds)
            | Self::Agreement(bounds) => Some(bounds),
            _ => None,
        }
    }
}

/// What a run came to, as far as an expectation is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A figure in the unit of the expectation: a number, milliseconds or millionths.
    Figure(u64),
    DoubleSpends {
        payments: u64,
        /// The most confirmations that one of them had.
        deepest: u32,
    },
    Winner(String),
    /// Nodes are divided, or none runs.
    Network(PartitionState),
    /// Nodes whose clocks are off by more than a block may be ahead: their indexes, and milliseconds ahead.
    WrongClocks {
        tips: usize,
        ahead_ms: Vec<(u16, i64)>,
        drift_ms: u64,
    },
    NoAgreement,
    NothingHealed,
    NoBlock,
    NoDoubleSpendTried,
    /// No partition, no block during it, or two groups with as many.
    NoWinner,
}

/// An expectation, what was found, and whether that meets it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    pub expectation: Expectation,
    pub outcome: Outcome,
    pub is_met: bool,
}

impl Verdict {
    /// Holds an outcome against the expectation. An outcome of another kind is a miss.
    pub fn new(expectation: Expectation, outcome: Outcome) -> Self {
        let is_met = match (&expectation, &outcome) {
            (Expectation::ConvergedWithinMs(most), Outcome::Figure(ms)) => ms <= most,
            (Expectation::NoDoubleSpendDeeperThan(most), Outcome::DoubleSpends { deepest, .. }) => {
                deepest <= most
            }
            (Expectation::Winner(group), Outcome::Winner(won)) => group == won,
            (expectation, Outcome::Figure(figure)) => {
                expectation.bounds().is_some_and(|bounds| bounds.admit(*figure))
            }
            _ => false,
        };
        Self { expectation, outcome, is_met }
    }
}

impl Serialize for Verdict {
    /// The data, and beside it the words that people read.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (expected, found) = self.in_words();
        let mut verdict = serializer.serialize_struct("Verdict", 5)?;
        verdict.serialize_field("expectation", &self.expectation)?;
        verdict.serialize_field("outcome", &self.outcome)?;
        verdict.serialize_field("is_met", &self.is_met)?;
        verdict.serialize_field("expected", &expected)?;
        verdict.serialize_field("found", &found)?;
        verdict.end()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_met { "met" } else { "NOT MET" };
        let (expected, found) = self.in_words();
        write!(f, "{word}: {expected}; found {found}")
    }
}
