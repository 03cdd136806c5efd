//! What can go wrong with a devnet, said so that a person knows what to do.

use std::path::PathBuf;

use cairn_core::hash::Txid;
use cairn_core::text::grouped;
use cairn_genesis::programs::home::HomeError;
use cairn_genesis::programs::running::DevnetName;
use serde::de::DeserializeOwned;

use crate::devnet::groups::GroupsError;
use crate::devnet::node_rpc::RpcFailure;
use crate::devnet::player::PlayError;

/// A devnet could not be started, or a step could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// A node refused or did not answer.
    #[error("node {node}: {failure}")]
    Node {
        /// Which.
        node: u16,
        /// What it said.
        failure: RpcFailure,
    },
    /// A node has not answered lately, and so is not asked again.
    #[error(
        "node {node} has not answered for some seconds, and was not asked; `cairn net status` shows the nodes"
    )]
    NotAnswering {
        /// Which.
        node: u16,
    },
    /// A node mined no block.
    #[error("node {node} mined no block: {why}")]
    NotMined {
        /// Which.
        node: u16,
        /// What it said.
        why: String,
    },
    /// A node mined fewer blocks than it was asked for.
    #[error("node {node} mined {} of {blocks} blocks: {why}", hashes.len())]
    MinedFewer {
        /// Which.
        node: u16,
        /// Those that it mined.
        hashes: Vec<String>,
        /// How many were asked for.
        blocks: u32,
        /// What it said.
        why: String,
    },
    /// So many blocks at once would not end in time: each makes the next ones harder.
    #[error(
        "{} blocks at once would take {} hashes, as many as {} blocks take now: at most {} are possible now; for many \
         blocks there is `cairn devnet --chain regtest`, where the difficulty is fixed",
        grouped(*blocks),
        grouped(*hashes),
        grouped(hashes / (*usual_hashes).max(1)),
        grouped(*possible)
    )]
    TooManyAtOnce {
        /// How many were asked for.
        blocks: u64,
        /// Hashes that they take together.
        hashes: u64,
        /// How many of them are possible.
        possible: u64,
        /// Hashes that a block takes now.
        usual_hashes: u64,
    },
    /// A node ended by itself while it started.
    #[error("node {node} ended while starting; the last it wrote:\n{log}")]
    EndedAtStart {
        /// Which.
        node: u16,
        /// End of its log.
        log: String,
    },
    /// A node took too long.
    #[error("node {node} did not {what} within {seconds} s; its log is {}", log.display())]
    TooSlow {
        /// Which.
        node: u16,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        seconds: u64,
        /// Where to read more.
        log: PathBuf,
    },
    /// There is no such node.
    #[error("there is no node {node}: this devnet has nodes 0 to {last}")]
    NoSuchNode {
        /// Which was named.
        node: u16,
        /// The last there is.
        last: u16,
    },
    /// The node is not running.
    #[error("node {node} is not running; `cairn net restart {node}` starts it")]
    Down {
        /// Which.
        node: u16,
    },
    /// The node is running.
    #[error("node {node} is running already")]
    Up {
        /// Which.
        node: u16,
    },
    /// Another step takes its time.
    #[error(
        "{step} was not done: the devnet is at work on {at_work} (for {seconds} s already); try again when that is done"
    )]
    Busy {
        /// The step that was asked for.
        step: String,
        /// The step that is carried out.
        at_work: String,
        /// For how long it has been.
        seconds: u64,
    },
    /// A scenario does not begin.
    #[error(transparent)]
    Player(PlayError),
    /// A knob was turned and nothing moved.
    #[error("nothing is played: choose a scenario first")]
    NothingPlays,
    /// The groups make no sense.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// What was typed makes no sense.
    #[error("{found:?} is no {expected}")]
    Argument {
        /// What was typed.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The network did not come to one tip.
    #[error("the nodes did not agree within {seconds} s: {tips}")]
    NoAgreement {
        /// For how long was waited.
        seconds: u64,
        /// Each node's tip.
        tips: String,
    },
    /// The faucet has no coin that this node would let it spend.
    #[error(
        "the faucet has {available} coins that can be spent on node {node}, {wanted} are wanted with the fee; wait for a block, or ask for less"
    )]
    FaucetEmpty {
        /// Which node was asked.
        node: u16,
        /// What there is in one piece.
        available: String,
        /// What is needed.
        wanted: String,
    },
    /// The node was handed the faucet's payment and did not answer.
    #[error("the payment {txid} may be on its way; do not ask for it again: node {node} {failure}")]
    MayBePaid {
        /// The payment.
        txid: Txid,
        /// Which node.
        node: u16,
        /// What was met.
        failure: RpcFailure,
    },
    /// The chain has no faucet.
    #[error("the chain {chain} funds no faucet in its genesis")]
    NoFaucet {
        /// Its name.
        chain: String,
    },
    /// The operating system refused.
    #[error("cannot {attempt} {place}: {source}")]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// On what.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory is in use.
    #[error("a devnet runs in {} already; stop it, or name another --dir", .0.display())]
    DirectoryInUse(PathBuf),
    /// A living devnet has the name.
    #[error("a devnet {name} runs already, in {}; choose another --name", directory.display())]
    NameInUse {
        /// The name.
        name: DevnetName,
        /// Where that devnet runs.
        directory: PathBuf,
    },
    /// Notes and arguments of nodes are text, and this path is none.
    #[error("the directory {0:?} has a name that is not UTF-8; name another --dir")]
    DirectoryNotText(PathBuf),
    /// Another process changes the notes and does not end.
    #[error("another devnet has held {} for {seconds} s; is it stopped?", path.display())]
    NotesInUse {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Cairn's home is no absolute path.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The directory is another chain's.
    #[error("{} holds a devnet of the chain with genesis {found}, not {expected}; name another --dir, or the --chain it was made with", directory.display())]
    OtherChain {
        /// Which directory.
        directory: PathBuf,
        /// Its chain.
        found: String,
        /// The chain asked for.
        expected: String,
    },
    /// No port is left.
    #[error(
        "no port from {first} to 65535 is free; choose a lower --rpc-port (peers meet 1,000 above it), or fewer --nodes"
    )]
    NoPort {
        /// Where the search began.
        first: u16,
    },
}

impl DevnetError {
    /// Whether the step that failed may be done all the same, in whole or in part: nodes were told.
    pub fn is_after_the_beginning(&self) -> bool {
        matches!(
            self,
            Self::MayBePaid { .. }
                | Self::MinedFewer { .. }
                | Self::Node { failure: RpcFailure::Silent(_), .. }
                | Self::TooSlow { .. }
                | Self::NoAgreement { .. }
        )
    }

    /// The blocks that were mined before it failed.
    pub fn mined(&self) -> &[String] {
        if let Self::MinedFewer { hashes, .. } = self { hashes } else { &[] }
    }

    /// Reads what a step is to do.
    ///
    /// # Errors
    /// [`DevnetError::Argument`].
    pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Self> {
        serde_json::from_slice(body).map_err(|error| Self::Argument {
            found: String::from_utf8_lossy(body).chars().take(100).collect(),
            expected: format!("request for this step: {error}"),
        })
    }
}
