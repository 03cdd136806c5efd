//! What can go wrong with a devnet, said so that a person knows what to do.

use std::path::PathBuf;

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
    #[error("no free port from {first} on")]
    NoPort {
        /// Where the search began.
        first: u16,
    },
}

impl DevnetError {
    /// The error of a node that has not answered lately, and so is not asked again.
    pub fn silent(node: u16) -> Self {
        Self::Node { node, failure: RpcFailure::Silent("it has not for some seconds".into()) }
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
