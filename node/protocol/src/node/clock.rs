//! The node's clock compared with block times: a node whose clock is behind accepts no new block, and has no other
//! sign of it.

use core::fmt;

use cairn_core::check::header::AheadOfClock;
use cairn_core::time::Timestamp;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::sync::Sync;
use crate::template::Template;

/// A clock that is behind block times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockBehind {
    /// Behind the best chain of the node.
    OwnChain(AheadOfClock),
    /// Behind the blocks of most peers; `ahead` is the least by which one of them is ahead.
    Peers { ahead: AheadOfClock, peers: usize, of: usize },
}

impl fmt::Display for ClockBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnChain(ahead) => ahead.fmt(f),
            // Which clocks are wrong cannot be known, only that most agree against this one.
            Self::Peers { ahead, peers, of } => write!(
                f,
                "this node's clock is behind those of {peers} of {of} peers, or theirs are ahead: {ahead}"
            ),
        }
    }
}

/// Whether a clock that shows `now` does not allow the block times of the best chain, or of most peers. A single
/// peer may date a block as it likes.
pub fn behind<S: ChainStore>(now: Timestamp, chain: &Chain<S>, sync: &Sync) -> Option<ClockBehind> {
    let allowed = chain.params().max_future_drift;
    let own = chain.tip().header.time.max(Template::min_time(chain));
    if let Err(ahead) = AheadOfClock::check(own, now, allowed) {
        return Some(ClockBehind::OwnChain(ahead));
    }
    let shown = sync.headers.shown_beyond(now.saturating_add(allowed), chain.tip().height)?;
    let ahead = AheadOfClock { time: shown.time, now, allowed };
    Some(ClockBehind::Peers { ahead, peers: shown.peers, of: shown.of })
}
