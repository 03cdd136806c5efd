//! A change of the best chain as people and programs hear of it: every block, in order.

use crate::action::Action;
use crate::chain::verdict::ChainChange;
use crate::event::Event;
use crate::peer::PeerId;

/// A change of the best chain in events: a reorganisation, what left from the tip down, what joined.
pub fn tell(change: &ChainChange, from: Option<PeerId>, actions: &mut Vec<Action>) {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    if !change.disconnected.is_empty() {
        actions.push(Action::Emit(Event::Reorganised {
            fork_point: change.fork_point,
            fork_hash: change.fork_hash,
            disconnected: count(change.disconnected.len()),
            connected: count(change.connected.len()),
            old_work: change.old_work,
            new_work: change.new_work,
        }));
    }
    for (height, block) in &change.disconnected {
        actions.push(Action::Emit(Event::BlockDisconnected { block: block.clone(), height: *height }));
    }
    for (height, block, work) in &change.connected {
        let (block, height, work) = (block.clone(), *height, *work);
        actions.push(Action::Emit(Event::BlockConnected { block, height, work, from }));
    }
}
