//! Refusals: with whom this node wants no connection, whoever dials.

use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::event::DisconnectReason;
use crate::peer::{PeerAddress, PeerId};
use crate::peers::bans::BanList;
use crate::peers::dialling::Dialler;

/// Everything that keeps a connection from standing, apart from lack of room.
#[derive(Clone, Debug)]
pub struct Refusals {
    own: PeerId,
    /// Those that broke a rule.
    pub bans: BanList,
    blocked: BTreeSet<PeerId>,
    is_active: bool,
}

impl Refusals {
    /// Refuses nobody but this node itself.
    pub fn new(own: PeerId) -> Self {
        Self { own, bans: BanList::default(), blocked: BTreeSet::new(), is_active: true }
    }

    /// Why this peer may not be connected, if so.
    pub fn reason(&self, now: Timestamp, peer: &PeerId, address: &PeerAddress) -> Option<DisconnectReason> {
        if *peer == self.own {
            Some(DisconnectReason::Duplicate)
        } else if !self.is_active {
            Some(DisconnectReason::Operator)
        } else if self.blocked.contains(peer) {
            Some(DisconnectReason::Blocked)
        } else if self.bans.refuses(now, peer, address) {
            Some(DisconnectReason::Banned)
        } else {
            None
        }
    }

    /// Whether dialling this peer is in vain.
    pub fn refuses_to_dial(&self, now: Timestamp, peer: &PeerId) -> bool {
        self.blocked.contains(peer) || self.bans.refuses_peer(now, peer)
    }

    /// Whether an address of the book is worth a dial: it is not in use, not being dialled, not banned.
    pub fn would_dial(
        &self,
        now: Timestamp,
        address: &PeerAddress,
        dialler: &Dialler,
        in_use: &BTreeSet<PeerAddress>,
    ) -> bool {
        !dialler.has(address) && !in_use.contains(address) && !self.bans.refuses_host(now, address)
    }

    /// Replaces the set of those cut off; returns who is so no longer.
    pub fn set_blocked(&mut self, blocked: BTreeSet<PeerId>) -> BTreeSet<PeerId> {
        let before = core::mem::replace(&mut self.blocked, blocked);
        before.difference(&self.blocked).copied().collect()
    }

    /// Those cut off.
    pub fn blocked(&self) -> &BTreeSet<PeerId> {
        &self.blocked
    }

    /// Lets connections stand at all, or none.
    pub fn set_active(&mut self, is_active: bool) {
        self.is_active = is_active;
    }

    /// Whether connections may stand at all.
    pub fn is_active(&self) -> bool {
        self.is_active
    }
}
