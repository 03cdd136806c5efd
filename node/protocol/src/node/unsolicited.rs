//! Unsolicited blocks: which of them could become part of the best chain (ATTACKS 34).

use cairn_core::header::Header;
use cairn_core::target::Target;

use crate::chain::Chain;
use crate::chain::store::ChainStore;

/// Whether a block cannot become part of the best chain now: its branch has less work than ours, and does not
/// lead to a header with more. False while its parent is unknown.
pub fn is_behind<S: ChainStore>(chain: &Chain<S>, header: &Header) -> bool {
    let Some(parent) = chain.entry(&header.previous_block_hash) else { return false };
    let own = header.bits.to_target().ok().map(Target::work);
    if own.and_then(|own| parent.work.checked_add(own)).is_none_or(|work| work >= chain.work()) {
        return false;
    }
    let best = chain.best_header();
    let on_the_way = chain.tree().ancestor(best, parent.height.next());
    best.work <= chain.work() || on_the_way.is_none_or(|entry| entry.hash() != header.hash())
}
