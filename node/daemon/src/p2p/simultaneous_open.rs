//! Simultaneous open: which of two connections to one peer stays when both sides dialed at once.
//!
//! Both sides decide by the same rule on what both know, so they keep the same one.

use cairn_protocol::peer::{Direction, PeerId};

/// The decision about a second connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The new connection is closed.
    KeepOld,
    /// The old connection is closed.
    TakeNew,
}

/// Decides between an established connection and a new one.
///
/// Of two that were dialed from different ends, the one that the smaller identity dialed stays.
/// Of two from the same end only its dialer decides, by keeping the old and never opening a stream
/// on the new; so where a second stream does come in, its dialer has lost the first.
pub fn choose(own: &PeerId, peer: &PeerId, old: Direction, new: Direction) -> Choice {
    let we_are_smaller = own < peer;
    match (old, new) {
        (Direction::Outbound, Direction::Outbound) => Choice::KeepOld,
        (Direction::Inbound, Direction::Inbound) => Choice::TakeNew,
        (_, Direction::Outbound) if we_are_smaller => Choice::TakeNew,
        (_, Direction::Inbound) if !we_are_smaller => Choice::TakeNew,
        _ => Choice::KeepOld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: PeerId = PeerId::from_bytes([1; 32]);
    const GREAT: PeerId = PeerId::from_bytes([2; 32]);

    /// The side that dialed the connection that stays, after a node has met `first` and then `second`.
    fn kept(own: &PeerId, peer: &PeerId, first: Direction, second: Direction) -> PeerId {
        let stays = match choose(own, peer, first, second) {
            Choice::KeepOld => first,
            Choice::TakeNew => second,
        };
        if stays == Direction::Outbound { *own } else { *peer }
    }

    #[test]
    fn both_sides_keep_the_same_of_two_crossing_connections_in_whatever_order_they_meet_them() {
        for (own, peer) in [(SMALL, GREAT), (GREAT, SMALL)] {
            for (first, second) in
                [(Direction::Inbound, Direction::Outbound), (Direction::Outbound, Direction::Inbound)]
            {
                assert_eq!(kept(&own, &peer, first, second), SMALL);
            }
        }
    }

    #[test]
    fn of_two_that_we_dialed_the_old_one_stays() {
        assert_eq!(choose(&SMALL, &GREAT, Direction::Outbound, Direction::Outbound), Choice::KeepOld);
    }

    #[test]
    fn a_peer_that_dials_again_has_lost_its_first_connection() {
        assert_eq!(choose(&SMALL, &GREAT, Direction::Inbound, Direction::Inbound), Choice::TakeNew);
    }
}
