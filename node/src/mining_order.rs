//! What is to be mined: the word between those who say it (settings, RPC) and the miner.

use cairn_core::lock::Lock;
use cairn_simulator::mining::Hashrate;
use tokio::sync::watch;

/// What the miner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiningOrder {
    /// Who is paid.
    pub pay_to: Lock,
    /// On how many threads.
    pub threads: usize,
    /// How fast all threads hash together at the most; none for as fast as they can.
    pub hashrate: Option<Hashrate>,
}

/// Where the order of the moment is said; the miner follows by subscribing. None: it rests.
pub type MiningSwitch = watch::Sender<Option<MiningOrder>>;
