//! Identity, address and direction of a peer.

use core::cmp::Ordering;
use core::fmt;
use std::net::{IpAddr, SocketAddr};

use cairn_core::encoding::{Decode, Encode};

/// A peer's identity: its ed25519 public key, proven by the transport before the first byte of ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct PeerId([u8; 32]);

impl Ord for PeerId {
    /// The order of the bytes; the first eight nearly always decide.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.prefix().cmp(&other.prefix()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for PeerId {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PeerId {
    /// The identity with this public key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first eight bytes, as a number in the same order.
    pub const fn prefix(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The 32 bytes of the public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PeerId {
    /// All 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    /// The first four bytes: enough to distinguish peers in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// From where a host is reached, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Loopback,
    PrivateNetwork,
    Internet,
}

impl Reach {
    /// The reach of a host's address.
    pub fn of(host: IpAddr) -> Self {
        let is_private = match host {
            IpAddr::V4(host) => host.is_private() || host.is_link_local(),
            IpAddr::V6(host) => host.is_unique_local() || host.is_unicast_link_local(),
        };
        match host {
            _ if host.is_loopback() => Self::Loopback,
            _ if is_private => Self::PrivateNetwork,
            _ => Self::Internet,
        }
    }
}

/// The IP address and port of a node. Names are resolved outside of this package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PeerAddress(SocketAddr);

impl PeerAddress {
    /// The address, with IPv4 in the form of IPv6 mapped back to IPv4, so that one host is not counted twice.
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Whether a peer with this address may name another one: no peer outside of a host, or of a private network,
    /// makes us dial inside it.
    pub fn may_name(&self, other: &Self) -> bool {
        Reach::of(self.0.ip()) <= Reach::of(other.0.ip())
    }

    /// The address to dial.
    pub const fn socket(&self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The side that dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    Inbound,
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}
