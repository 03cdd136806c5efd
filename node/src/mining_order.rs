//! What is to be mined: the word between those who say it (settings, RPC) and the miner.

use cairn_core::lock::Lock;
use tokio::sync::watch;

/// What the miner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiningOrder {
    /// Who is paid.
    pub pay_to: Lock,
    /// On how many threads.
    pub threads: usize,
    /// Hashes per second at the most, over all threads; none for as many as it can.
    pub hashrate: Option<u64>,
}

/// Where the order of the moment is said; the miner follows by subscribing. None: it rests.
pub type MiningSwitch = watch::Sender<Option<MiningOrder>>;
