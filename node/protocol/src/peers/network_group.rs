//! Network groups: addresses that usually belong to one operator as a whole (Bitcoin Core's `NetGroupManager`). An
//! attacker has many addresses in few groups.

use std::net::{IpAddr, SocketAddr};

use cairn_core::encoding::Encode;

use crate::peer::{PeerAddress, Reach};

/// A group of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub enum NetworkGroup {
    /// One port: the nodes of a devnet share the loopback.
    Port(SocketAddr),
    /// One host of a private network.
    Host(IpAddr),
    /// A /16 of IPv4.
    V4([u8; 2]),
    /// A /32 of IPv6.
    V6([u8; 4]),
}

impl NetworkGroup {
    /// The group of an address at which a node listens.
    pub fn of(address: &PeerAddress) -> Self {
        let socket = address.socket();
        if socket.ip().is_loopback() { Self::Port(socket) } else { Self::of_host(socket.ip()) }
    }

    /// The group of a host that has dialed this node, from any port.
    pub fn of_host(host: IpAddr) -> Self {
        match host {
            private if !is_public(private) => Self::Host(private),
            IpAddr::V4(host) => {
                let [first, second, ..] = host.octets();
                Self::V4([first, second])
            }
            IpAddr::V6(host) => {
                let [first, second, third, fourth, ..] = host.octets();
                Self::V6([first, second, third, fourth])
            }
        }
    }
}

/// Whether an address is that of one host in the whole internet.
pub fn is_public(host: IpAddr) -> bool {
    Reach::of(host) == Reach::Internet && !host.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(text: &str) -> NetworkGroup {
        NetworkGroup::of(&PeerAddress::new(text.parse().expect("a literal address")))
    }

    #[test]
    fn public_hosts_are_grouped_by_prefix_and_those_of_one_machine_by_port() {
        assert_eq!(group("8.8.1.1:1"), group("8.8.200.3:2"));
        assert_eq!(group("[::ffff:8.8.1.1]:1"), group("8.8.200.3:2"), "an IPv4 address in the form of IPv6");
        assert_ne!(group("8.8.1.1:1"), group("8.9.1.1:1"));
        assert_eq!(group("[2001:db8:1::1]:1"), group("[2001:db8:2::1]:1"));
        assert_ne!(group("127.0.0.1:1"), group("127.0.0.1:2"));
        assert_ne!(group("10.0.0.1:1"), group("10.0.0.2:1"));
        assert_eq!(group("10.0.0.1:1"), group("10.0.0.1:2"));
    }
}
