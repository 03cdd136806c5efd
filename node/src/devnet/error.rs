//! Errors of a devnet, said so that a person knows what to do.

use std::path::PathBuf;

use cairn_core::hash::{BlockHash, Txid};
use cairn_core::text::grouped;
use cairn_daemon::api::client::CallError;
use cairn_genesis::programs::home::HomeError;
use cairn_genesis::programs::running::DevnetName;
use cairn_simulator::play::Failure;

use crate::devnet::groups::{Groups, GroupsError};

/// A devnet could not be started, or a step could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// A node rejected a call or did not reply.
    #[error("node {node}: {error}")]
    Node { node: u16, error: CallError },
    /// Nodes have not replied lately, and so are not called again.
    #[error("{} not replied for some seconds; `cairn net status` shows the nodes", have(nodes))]
    NotAnswering { nodes: Vec<u16> },
    /// A step was carried out on some nodes only, or on none of them yet.
    #[error(
        "{step} is {}not yet in force on {} ({error}), where it is applied as soon as there is a reply",
        if done.is_empty() { String::new() } else { format!("in force on {}, and ", named(done)) },
        named(missed)
    )]
    NotEverywhere { step: &'static str, done: Vec<u16>, missed: Vec<u16>, error: Box<Self> },
    /// A step that needs every node has changed nothing.
    #[error("{step} was not begun, and nothing was changed: {error}")]
    NotBegun { step: &'static str, error: Box<Self> },
    /// A fork has ended before its report; `after` is the state that it left.
    #[error("the fork stopped: {error}; {after}")]
    ForkStopped { error: Box<Self>, after: String },
    /// A node has no hash rate of which a share could be taken.
    #[error(
        "node {node} has no hash rate to take a share of: it was started without mining; `cairn devnet --mine` \
         chooses the miners"
    )]
    NoHashrate { node: u16 },
    /// A step needs a whole network.
    #[error("the network is partitioned ({groups}): `cairn net heal` first; nothing was changed")]
    Partitioned { groups: Groups },
    /// A node mined no block.
    #[error("node {node} mined no block: {why}")]
    NotMined { node: u16, why: String },
    /// A node mined fewer blocks than it was asked for.
    #[error("node {node} mined {} of {blocks} blocks: {why}", hashes.len())]
    MinedFewer { node: u16, hashes: Vec<BlockHash>, blocks: u32, why: String },
    /// Blocks at once would not end in time: each makes the next ones harder.
    #[error(
        "{} blocks at once would take {} hashes, as many as {} blocks take now: at most {} are possible now; for many \
         blocks there is `cairn devnet --chain regtest`, where the difficulty is fixed",
        grouped(*blocks),
        grouped(*hashes),
        grouped(hashes / (*usual_hashes).max(1)),
        grouped(*possible)
    )]
    TooManyAtOnce { blocks: u64, hashes: u64, possible: u64, usual_hashes: u64 },
    /// A node ended by itself while it started.
    #[error("node {node} ended while starting; the last it wrote:\n{log}")]
    EndedAtStart { node: u16, log: String },
    /// A node took too long.
    #[error("node {node} did not {what} within {seconds} s; its log is {}", log.display())]
    TooSlow { node: u16, what: &'static str, seconds: u64, log: PathBuf },
    /// There is no such node.
    #[error("there is no node {node}: this devnet has nodes 0 to {last}")]
    NoSuchNode { node: u16, last: u16 },
    /// Nodes do not run.
    #[error("{}", down(nodes))]
    Down { nodes: Vec<u16> },
    /// The node is running.
    #[error("node {node} is running already")]
    Up { node: u16 },
    /// Another step takes its time.
    #[error(
        "{step} was not done: the devnet is at work on {at_work} (for {seconds} s already); try again when that is done"
    )]
    Busy { step: String, at_work: String, seconds: u64 },
    /// The world of a scenario does not begin.
    #[error("the world does not begin: {0}")]
    World(#[from] Failure),
    /// A command to the player needs a scenario that is played.
    #[error("nothing is played: choose a scenario first")]
    NothingPlays,
    /// A text does not name groups.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// An argument is not valid.
    #[error("{found:?} is not valid: expected {expected}")]
    Argument { found: String, expected: String },
    /// Nodes have different tips.
    #[error("the nodes did not agree within {seconds} s: {tips}")]
    NoAgreement { seconds: u64, tips: String },
    /// The faucet has no coin that the node would let it spend.
    #[error(
        "the faucet has {available} coins that can be spent on node {node}, {wanted} are wanted with the fee; wait for a block, or ask for less"
    )]
    FaucetEmpty { node: u16, available: String, wanted: String },
    /// The node was handed the faucet's payment and did not reply.
    #[error("the payment {txid} may be on its way; do not ask for it again: node {node} {error}")]
    MayBePaid { txid: Txid, node: u16, error: CallError },
    /// The chain has no faucet.
    #[error("the chain {chain} funds no faucet in its genesis")]
    NoFaucet { chain: String },
    /// A call of the operating system failed.
    #[error("cannot {attempt} {object}: {source}")]
    Io { attempt: &'static str, object: String, source: std::io::Error },
    /// The directory is in use.
    #[error("a devnet runs in {} already; stop it, or name another --dir", .0.display())]
    DirectoryInUse(PathBuf),
    /// A living devnet has the name.
    #[error("a devnet {name} runs already, in {}; choose another --name", directory.display())]
    NameInUse { name: DevnetName, directory: PathBuf },
    /// Notes and arguments of nodes are text, and this path is not.
    #[error("the directory {0:?} has a name that is not UTF-8; name another --dir")]
    DirectoryNotText(PathBuf),
    /// Another process changes the notes and does not end.
    #[error("another devnet has held {} for {seconds} s; is it stopped?", path.display())]
    NotesInUse { path: PathBuf, seconds: u64 },
    /// Cairn's home is not an absolute path.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The directory is another chain's.
    #[error("{} holds a devnet of the chain with genesis {found}, not {expected}; name another --dir, or the --chain it was made with", directory.display())]
    OtherChain { directory: PathBuf, found: String, expected: String },
    /// No port is left.
    #[error(
        "no port from {first} to 65535 is free; choose a lower --rpc-port (peers meet 1,000 above it), or fewer --nodes"
    )]
    NoPort { first: u16 },
}

/// `node 1`, `nodes 1,2`.
fn named(nodes: &[u16]) -> String {
    let numbers = nodes.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    format!("node{} {numbers}", if nodes.len() == 1 { "" } else { "s" })
}

fn have(nodes: &[u16]) -> String {
    format!("{} {}", named(nodes), if nodes.len() == 1 { "has" } else { "have" })
}

fn down(nodes: &[u16]) -> String {
    match nodes {
        [node] => format!("node {node} is not running; `cairn net restart {node}` starts it"),
        _ => format!("{} are not running; `cairn net restart` starts one", named(nodes)),
    }
}

impl DevnetError {
    /// The error of a call of the operating system, from the attempt as a verb and its object.
    pub fn io(attempt: &'static str, object: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { attempt, object: object.to_string(), source }
    }

    /// Whether the step that failed may be carried out all the same, in whole or in part.
    pub fn is_after_the_beginning(&self) -> bool {
        matches!(
            self,
            Self::MayBePaid { .. }
                | Self::MinedFewer { .. }
                | Self::NotEverywhere { .. }
                | Self::ForkStopped { .. }
                | Self::TooSlow { .. }
                | Self::NoAgreement { .. }
        ) || self.is_unreachable()
    }

    /// Whether a node sent no reply to a call.
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Node { error: CallError::Unreachable(_), .. })
    }

    /// The blocks that were mined before it failed.
    pub fn mined(&self) -> &[BlockHash] {
        if let Self::MinedFewer { hashes, .. } = self { hashes } else { &[] }
    }
}
