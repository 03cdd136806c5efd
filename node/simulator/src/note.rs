//! Notes: what the recorder must know of the conductor's work.

use cairn_core::hash::Txid;

use crate::node_index::NodeIndex;
use crate::settlement::Settlement;

/// What the recorder must know of the conductor's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A step of the plan is about to be carried out.
    StepBegins(usize),
    /// A step of the plan was carried out.
    StepIsDone(usize),
    /// Mining ends, and these nodes settle.
    MiningEnds(Settlement),
    /// The number of payments that the step under way handed in, and the reason why not all were.
    HandedIn { paid: u32, why: String },
    /// A node accepted a payment.
    Accepted(Txid),
    /// A node rejected a payment that a step handed in.
    Rejected { at: NodeIndex, why: String },
    /// Two payments of one coin are about to be handed in.
    PaidTwice { payment: Txid, conflict: Txid },
    /// The second payment of a coin was accepted.
    ConflictAccepted(Txid),
    /// The second payment of a coin was rejected, so that the first is like any other.
    ConflictRejected { at: NodeIndex, payment: Txid, why: String },
}
