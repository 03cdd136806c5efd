//! Chain events: a change of the best chain as events, block by block.

use crate::chain::store::ChainBlock;
use crate::chain::verdict::ChainChange;
use crate::event::Event;
use crate::peer::PeerId;

/// The events of a change: a reorganization, the disconnected blocks from the tip down, the connected ones up.
pub fn of(change: &ChainChange, from: Option<PeerId>) -> impl Iterator<Item = Event> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let reorganized = (!change.disconnected.is_empty()).then(|| Event::Reorganized {
        fork_point: change.fork_point,
        fork_hash: change.fork_hash,
        disconnected: count(change.disconnected.len()),
        connected: count(change.connected.len()),
        old_work: change.old_work,
        new_work: change.new_work,
    });
    let disconnected = change.disconnected.iter().cloned();
    let disconnected =
        disconnected.map(|one| Event::BlockDisconnected { block: one.block, height: one.height });
    let connected = change.connected.iter().cloned();
    let connected = connected.map(move |ChainBlock { height, block, work }| Event::BlockConnected {
        block,
        height,
        work,
        from,
    });
    reorganized.into_iter().chain(disconnected).chain(connected)
}
