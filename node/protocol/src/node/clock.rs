//! The clock against the blocks that the node has and that its peers show: one that is behind accepts
//! nothing new, and nothing else tells of it.

use cairn_core::time::Timestamp;

use crate::chain::store::ChainStore;
use crate::chain::{AheadOfClock, Chain};
use crate::sync::Sync;
use crate::template::Template;

/// How far block times are ahead of a clock that shows `now`, if it does not allow them: those of the
/// best chain, or those that most peers have shown. A single peer may date a block as it likes.
pub fn behind<S: ChainStore>(now: Timestamp, chain: &Chain<S>, sync: &Sync) -> Option<AheadOfClock> {
    let allowed = chain.params().max_future_drift;
    let own = chain.tip().header.time.max(Template::min_time(chain));
    let shown = sync.shown_beyond(now.saturating_add(allowed));
    AheadOfClock::check(shown.map_or(own, |shown| own.max(shown)), now, allowed).err()
}
