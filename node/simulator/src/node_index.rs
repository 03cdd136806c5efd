//! Node indexes: a node's number in the world, its identity and its address, each computed from the other.

use core::fmt;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cairn_protocol::peer::{PeerAddress, PeerId};
use cairn_protocol::prefix_map::PrefixKey;

/// Where simulated nodes listen.
const LISTENING_PORT: u16 = 9_000;
/// Where their outbound connections come from.
const DIALLING_PORT: u16 = 50_000;

/// A node's number in the world, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(u16);

impl PrefixKey for NodeIndex {
    fn prefix(&self) -> u32 {
        u32::from(self.0)
    }
}

impl NodeIndex {
    /// The node of this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The first `count` nodes.
    pub fn first(count: u16) -> impl DoubleEndedIterator<Item = Self> {
        (0..count).map(Self)
    }

    /// The number of the node.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The number, to index with.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its identity towards peers.
    pub fn peer_id(self) -> PeerId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&self.0.to_be_bytes());
        PeerId::from_bytes(bytes)
    }

    /// The node with this identity.
    pub fn of_peer(peer: &PeerId) -> Self {
        let [high, low, ..] = *peer.as_bytes();
        Self(u16::from_be_bytes([high, low]))
    }

    /// Where it listens: a host of its own for each node, so that bans of hosts hit one.
    pub fn listens_at(self) -> PeerAddress {
        self.address(LISTENING_PORT)
    }

    /// Where its outbound connections come from.
    pub fn dials_from(self) -> PeerAddress {
        self.address(DIALLING_PORT)
    }

    /// The node that listens at this address, if it is one of the world's.
    pub fn listening_at(address: &PeerAddress) -> Option<Self> {
        match address.socket() {
            SocketAddr::V4(socket) if socket.port() == LISTENING_PORT => {
                let [_, high, low, _] = socket.ip().octets();
                Some(Self(u16::from_be_bytes([high, low])))
            }
            _ => None,
        }
    }

    fn address(self, port: u16) -> PeerAddress {
        let [high, low] = self.0.to_be_bytes();
        PeerAddress::new(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, high, low, 1)), port))
    }
}

/// The number of the group of each of `nodes` nodes, of which each is in one.
pub fn sides(groups: &[Vec<NodeIndex>], nodes: usize) -> Vec<usize> {
    let mut sides = vec![0; nodes];
    for (number, group) in groups.iter().enumerate() {
        for node in group {
            if let Some(side) = sides.get_mut(node.index()) {
                *side = number;
            }
        }
    }
    sides
}

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The nodes that are in none of these groups.
pub fn rest(groups: &[Vec<NodeIndex>], nodes: u16) -> Vec<NodeIndex> {
    let named: BTreeSet<&NodeIndex> = groups.iter().flatten().collect();
    NodeIndex::first(nodes).filter(|node| !named.contains(node)).collect()
}

/// The sides of a partition into groups: nodes that are in none form one more.
pub fn with_rest(mut groups: Vec<Vec<NodeIndex>>, nodes: u16) -> Vec<Vec<NodeIndex>> {
    groups.retain(|group| !group.is_empty());
    let rest = rest(&groups, nodes);
    groups.extend(Some(rest).filter(|rest| !rest.is_empty()));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_identity_and_address_tell_the_same() {
        for number in [0, 1, 255, 256, 9_999, u16::MAX] {
            let node = NodeIndex::new(number);
            assert_eq!(NodeIndex::of_peer(&node.peer_id()), node);
            assert_eq!(NodeIndex::listening_at(&node.listens_at()), Some(node));
            assert_eq!(NodeIndex::listening_at(&node.dials_from()), None);
        }
    }
}
