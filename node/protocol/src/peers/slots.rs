//! Slots: the number of connections, and the inbound peer that is evicted when a new one connects to a full node.
//!
//! Protected are the inbound peers connected longest, those with the shortest ping, and the last ones to deliver
//! a new block or transaction: an attacker can have many new connections, but hardly all of these at once (ATTACKS 28; Bitcoin
//! Core's `SelectNodeToEvict`).

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::peer::{Direction, PeerId};
use crate::peers::connection::Connection;
use crate::peers::network_group::NetworkGroup;

/// The number of connections in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Outbound connections to addresses of the book; with 0, only named addresses are dialed.
    pub outbound: usize,
    pub inbound: usize,
}

/// Number of peers that are protected by each criterion.
const PROTECTED_OF_EACH: usize = 8;

/// The peer to evict: the newest of the largest network group among the unprotected.
pub fn to_evict<'a>(connections: impl Iterator<Item = &'a Connection>) -> Option<PeerId> {
    let mut candidates: Vec<&Connection> =
        connections.filter(|one| one.direction == Direction::Inbound).collect();
    protect(&mut candidates, |one| one.since);
    protect(&mut candidates, |one| one.min_ping.unwrap_or(Duration::MAX));
    protect(&mut candidates, |one| Reverse(one.last_block));
    protect(&mut candidates, |one| Reverse(one.last_transaction));
    let group = |one: &Connection| NetworkGroup::of_host(one.address.socket().ip());
    let mut sizes: BTreeMap<NetworkGroup, usize> = BTreeMap::new();
    candidates.iter().for_each(|one| *sizes.entry(group(one)).or_default() += 1);
    let evicted = candidates.into_iter().max_by_key(|one| (sizes.get(&group(one)), one.since, one.peer));
    evicted.map(|one| one.peer)
}

/// Removes the first few candidates in this order.
fn protect<K: Ord>(candidates: &mut Vec<&Connection>, order: impl Fn(&Connection) -> K) {
    candidates.sort_by_key(|one| (order(one), one.peer));
    candidates.drain(..PROTECTED_OF_EACH.min(candidates.len()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::PeerAddress;
    use crate::peers::purpose::Purpose;
    use cairn_core::time::Timestamp;

    fn inbound(number: u8, host: &str, since_ms: u64) -> Connection {
        let address = PeerAddress::new(format!("{host}:4000").parse().expect("a literal address"));
        Connection::new(
            Timestamp::from_millis(since_ms),
            PeerId::from_bytes([number; 32]),
            Direction::Inbound,
            Purpose::Full,
            address,
            None,
        )
    }

    #[test]
    fn the_newest_of_the_largest_network_group_gives_way() {
        let mut connections: Vec<Connection> =
            (0..40).map(|n| inbound(n, &format!("{}.1.1.1", n + 1), u64::from(n))).collect();
        connections.extend((100..120).map(|n| inbound(n, "200.7.1.1", 1000 + u64::from(n))));
        assert_eq!(to_evict(connections.iter()), Some(PeerId::from_bytes([119; 32])));
    }

    #[test]
    fn the_longest_connected_stay_whatever_comes() {
        let mut connections: Vec<Connection> = (0..8).map(|n| inbound(n, "9.9.9.9", 0)).collect();
        connections.extend((100..200).map(|n| inbound(n, "200.7.1.1", 1000 + u64::from(n))));
        while let Some(victim) = to_evict(connections.iter()) {
            connections.retain(|one| one.peer != victim);
        }
        let kept = |n: u8| connections.iter().any(|one| one.peer == PeerId::from_bytes([n; 32]));
        assert!((0..8).all(kept));
    }

    #[test]
    fn who_just_gave_us_a_block_stays() {
        let mut connections: Vec<Connection> =
            (0..100).map(|n| inbound(n, "9.9.9.9", u64::from(n))).collect();
        connections[99].last_block = Some(Timestamp::from_millis(5000));
        assert_ne!(to_evict(connections.iter()), Some(PeerId::from_bytes([99; 32])));
    }

    #[test]
    fn those_we_dialled_are_never_let_go() {
        let mut connections: Vec<Connection> =
            (0..100).map(|n| inbound(n, "9.9.9.9", u64::from(n))).collect();
        connections.iter_mut().for_each(|one| one.direction = Direction::Outbound);
        assert_eq!(to_evict(connections.iter()), None);
    }
}
