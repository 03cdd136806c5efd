//! The report of a run: what happened, in figures; the same for processes and simulation.

use serde::{Deserialize, Serialize};

use crate::expectation::Verdict;
use crate::partition_state::PartitionState;

/// What a run came to. Times are milliseconds since it began, shares and rates millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub name: String,
    /// What one learns from it.
    pub teaches: String,
    pub engine: String,
    /// The seed that plays it again; real processes have none.
    pub seed: Option<u64>,
    pub nodes: usize,
    /// How long it lasted.
    pub lasted_ms: u64,
    /// The wanted time between blocks.
    pub spacing_ms: u64,
    /// The height of the final chain: the one that most nodes ended with; when none runs, the one that
    /// most had when they went.
    pub height: u32,
    /// How the nodes stood to each other at the end.
    pub standing: PartitionState,
    /// Whether the run was stopped before its end.
    pub is_interrupted: bool,
    /// The hash of everything that happened, and how much did; nothing of real processes.
    pub trace: Option<TraceReport>,
    /// The groups, and what each got.
    pub groups: Vec<GroupReport>,
    /// What happened, in plain words.
    pub timeline: Vec<Moment>,
    /// How far the nodes agreed, over time.
    pub agreement: Vec<AgreementPoint>,
    /// Which tip each node had, from when on.
    pub tips: Tips,
    /// The most tips at one time.
    pub most_tips: usize,
    /// How long each healing or restart took to lead to one tip.
    pub convergence: Vec<Convergence>,
    /// Every block that was found, parents before children.
    pub blocks: Vec<BlockReport>,
    /// Reorganizations, the deepest first; of very many only the deepest.
    pub reorganizations: Vec<Reorganization>,
    /// How many there were, all nodes together.
    pub reorganizations_in_all: u64,
    /// Blocks that left in the deepest of an honest node.
    pub deepest: u32,
    /// From finding a block to nodes having it: of all blocks and nodes together.
    pub propagation: Option<Propagation>,
    /// Blocks found, and how many of them are not in the final chain.
    pub stale: Stale,
    /// What became of payments.
    pub payments: Payments,
    /// Messages carried between nodes; not counted with real processes.
    pub messages: u64,
    pub bytes: u64,
    /// What was expected, and what became of it.
    pub expectations: Vec<Verdict>,
}

impl Report {
    /// Whether every expectation is met.
    pub fn is_as_expected(&self) -> bool {
        self.expectations.iter().all(|verdict| verdict.is_met)
    }

    /// The longest time from a healing or restart to one tip, if each led to one.
    pub fn converged_after_ms(&self) -> Option<u64> {
        let times: Option<Vec<u64>> = self.convergence.iter().map(|one| one.took_ms).collect();
        times?.into_iter().max()
    }
}

/// Everything that happened, as one hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceReport {
    pub hash: String,
    pub events: u64,
}

/// A group, and what it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReport {
    pub name: String,
    pub first: u16,
    pub nodes: u16,
    /// What its nodes do, in a word.
    pub behaviour: String,
    /// Its part of all hash rate at the beginning.
    pub hashrate_share: u64,
    pub found: u64,
    /// Of these, in the final chain.
    pub in_chain: u64,
    /// Its part of the final chain's blocks.
    pub revenue_share: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub at_ms: u64,
    /// What kind of thing.
    pub kind: MomentKind,
    /// What, in plain words.
    pub text: String,
    /// Of a change of branch, the node and the blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reorganization: Option<(u16, Branching)>,
}

/// A change of branch: the height of the last block that both branches share, and blocks that left and joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Branching {
    pub fork_height: u32,
    pub disconnected: u32,
    pub connected: u32,
}

/// Kinds of things that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    Partition,
    Heal,
    Kill,
    Restart,
    Slow,
    Clock,
    Mine,
    Pay,
    Hashrate,
    Behave,
    /// A step of the plan that changes nothing.
    NoEffect,
    /// A block was found.
    Block,
    Reorganization,
    /// All nodes have one tip again.
    Agreement,
    /// What an attacker does.
    Attack,
    /// A part of the run begins or ends.
    Phase,
}

impl MomentKind {
    /// Whether it is a step of the plan.
    pub const fn is_step(self) -> bool {
        !matches!(self, Self::Block | Self::Reorganization | Self::Agreement | Self::Attack | Self::Phase)
    }

    /// Whether a long timeline keeps it and leaves out others.
    pub const fn is_kept(self) -> bool {
        self.is_step() || matches!(self, Self::Agreement | Self::Phase)
    }
}

/// How far nodes agreed at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementPoint {
    pub at_ms: u64,
    /// Part of the living nodes that have the tip which most have.
    pub share: u64,
    /// How many tips there were.
    pub tips: u32,
}

/// Which tip each node had, from when on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tips {
    /// In the order of time. A node without one yet is down.
    pub changes: Vec<TipChange>,
    /// The time from which on changes are left out, because there would be too many.
    pub until_ms: Option<u64>,
}

/// When, which node, and its tip from then on: 0 is genesis, and one more than its number in `blocks`
/// any other; none when the node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TipChange(pub u64, pub u16, pub Option<u32>);

/// From a healing, restart or change of behaviour to one tip everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Convergence {
    /// What ended the disagreement, in words.
    pub after: String,
    pub at_ms: u64,
    /// How long it took; none when it did not come to it before the next step or the end.
    pub took_ms: Option<u64>,
}

/// A block that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReport {
    /// Its hash, 64 hex digits.
    pub hash: String,
    /// Its parent among the blocks of this report; none when that is genesis.
    pub parent: Option<usize>,
    pub height: u32,
    pub miner: u16,
    pub at_ms: u64,
    /// Whether it is in the final chain.
    pub is_in_chain: bool,
    /// How many transactions it holds, the coinbase not counted.
    pub transactions: u32,
    /// How many hashes meet its target, on average: its difficulty.
    pub hashes: u64,
    /// How many nodes had it at some time.
    pub reached: u32,
    /// When half, nine of ten and 99 of 100 had it of all nodes that lived when it was first shown to
    /// others and were neither down nor behind a partition since; none if they never did.
    pub propagation: BlockPropagation,
}

/// Time from finding a block to a percentage of the nodes that count having it, on whatever branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPropagation {
    pub median_ms: Option<u64>,
    pub p90_ms: Option<u64>,
    pub p99_ms: Option<u64>,
}

/// The same over all blocks: of all (block, node) pairs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagation {
    /// Half of the pairs took no longer.
    pub median_ms: u64,
    pub p90_ms: u64,
    pub p99_ms: u64,
    /// The mean, in microseconds: the integral of the part of the nodes that lack a block.
    pub mean_us: u64,
    pub pairs: u64,
    /// How many took how long: upper bounds in milliseconds, each with its count.
    pub histogram: Vec<(u64, u64)>,
}

/// A node changed branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reorganization {
    pub at_ms: u64,
    pub node: u16,
    /// The height of the last block that both branches share.
    pub fork_height: u32,
    pub disconnected: u32,
    pub connected: u32,
    /// Transactions that were confirmed on the branch that lost and are not on the one that won.
    pub unconfirmed: u32,
}

/// Blocks found in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Blocks found in all.
    pub found: u64,
    /// Of these, not in the final chain.
    pub stale: u64,
    /// The same as a rate.
    pub rate: u64,
}

/// What became of payments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payments {
    /// A node accepted them.
    pub accepted: u64,
    /// They are in the final chain.
    pub confirmed: u64,
    /// They were in a block that left some node's best chain, at least once.
    pub undone: u64,
    /// A conflicting payment took their node for good after they were confirmed.
    pub double_spent: u64,
    /// The most confirmations that one of these had.
    pub deepest_double_spend: u32,
    /// Attempts at a double spend.
    pub attempts: u64,
    /// They were in a block of some node's best chain once, and are in none now nor in a mempool: the
    /// payer must send them again. None where that is not known.
    pub dropped: Option<u64>,
}
