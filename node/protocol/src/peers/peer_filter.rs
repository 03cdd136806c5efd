//! The peer filter: peers that get no connection, in either direction.

use std::collections::BTreeSet;

use cairn_core::time::Timestamp;

use crate::event::DisconnectReason;
use crate::peer::{PeerAddress, PeerId};
use crate::peers::bans::BanList;
use crate::peers::dialer::Dialer;

/// Every reason against a connection but a lack of slots.
#[derive(Clone, Debug)]
pub struct PeerFilter {
    own: PeerId,
    pub bans: BanList,
    /// The peers on the other side of a partition.
    pub blocked: BTreeSet<PeerId>,
    /// Whether connections are allowed at all (Bitcoin Core's `setnetworkactive`).
    pub is_active: bool,
}

impl PeerFilter {
    /// A filter against nothing but a connection of this node with itself.
    pub fn new(own: PeerId) -> Self {
        Self { own, bans: BanList::default(), blocked: BTreeSet::new(), is_active: true }
    }

    /// The reason why a peer gets no connection; none if it may have one.
    pub fn reason(&self, now: Timestamp, peer: &PeerId, address: &PeerAddress) -> Option<DisconnectReason> {
        if *peer == self.own {
            Some(DisconnectReason::Duplicate)
        } else if !self.is_active {
            Some(DisconnectReason::Operator)
        } else if self.blocked.contains(peer) {
            Some(DisconnectReason::Blocked)
        } else if self.bans.covers(now, peer, address) {
            Some(DisconnectReason::Banned)
        } else {
            None
        }
    }

    /// Whether a peer is not dialed.
    pub fn forbids_dialing(&self, now: Timestamp, peer: &PeerId) -> bool {
        self.blocked.contains(peer) || self.bans.covers_peer(now, peer)
    }

    /// Whether an address of the book may be dialed: it is not in use, not a target of the dialer, not banned.
    pub fn allows_dialing(
        &self,
        now: Timestamp,
        address: &PeerAddress,
        dialer: &Dialer,
        in_use: &BTreeSet<PeerAddress>,
    ) -> bool {
        !dialer.has(address) && !in_use.contains(address) && !self.bans.covers_host(now, address)
    }
}
