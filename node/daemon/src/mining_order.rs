//! What is to be mined: the word between those who say it (settings, RPC) and the miner.

use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_genesis::hashrate::Hashrate;
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

/// The hash rate that keeps a chain's spacing where no difficulty follows the hash rate: there, mining as
/// fast as possible floods the chain. None where the difficulty does.
pub fn spacing_hashrate(params: &ChainParams) -> Option<Hashrate> {
    params.half_life.is_none().then(|| Hashrate::for_spacing(params.pow_limit, params.spacing))
}

/// Where the order of the moment is said; the miner follows by subscribing. None: it rests.
pub type MiningSwitch = watch::Sender<Option<MiningOrder>>;
