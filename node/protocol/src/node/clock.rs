//! The clock against the blocks that the node has and that its peers show: one that is behind accepts
//! nothing new, and nothing else tells of it.

use core::fmt;

use cairn_core::check::header::AheadOfClock;
use cairn_core::time::Timestamp;

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::sync::Sync;
use crate::template::Template;

/// Block times ahead of the node's clock, and whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The blocks are those of the best chain.
    OwnChain(AheadOfClock),
    /// The blocks are those of most peers.
    Peers { ahead: AheadOfClock, peers: usize, of: usize },
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnChain(ahead) => ahead.fmt(f),
            // Which of the clocks are wrong cannot be known, only that most agree against this one.
            Self::Peers { ahead, peers, of } => write!(
                f,
                "this node's clock is behind those of {peers} of {of} peers, or theirs are ahead: {ahead}"
            ),
        }
    }
}

/// How far block times are ahead of a clock that shows `now`, if it does not allow them: those of the
/// best chain, or those that most peers have shown. A single peer may date a block as it likes.
pub fn behind<S: ChainStore>(now: Timestamp, chain: &Chain<S>, sync: &Sync) -> Option<Behind> {
    let allowed = chain.params().max_future_drift;
    let own = chain.tip().header.time.max(Template::min_time(chain));
    if let Err(ahead) = AheadOfClock::check(own, now, allowed) {
        return Some(Behind::OwnChain(ahead));
    }
    let shown = sync.shown_beyond(now.saturating_add(allowed), chain.tip().height)?;
    let ahead = AheadOfClock { time: shown.time, now, allowed };
    Some(Behind::Peers { ahead, peers: shown.peers, of: shown.of })
}
