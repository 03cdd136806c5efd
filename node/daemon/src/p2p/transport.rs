//! The transport: TCP, encrypted and authenticated by Noise, multiplexed by Yamux.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use cairn_protocol::peer::PeerAddress;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::{PeerId, Transport, noise, tcp};

use crate::p2p::mux::Yamux;

/// The timeout of both handshakes. A peer that only holds a socket open is disconnected then.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// The transport of a node with this key.
///
/// # Errors
/// When the key cannot sign the handshake's own key.
pub fn build(keypair: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    // Without Nagle's algorithm: a block's announcement must not wait for an acknowledgement.
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
    let noise = noise::Config::new(keypair)?;
    Ok(tcp.upgrade(Version::V1Lazy).authenticate(noise).multiplex(Yamux).timeout(UPGRADE_TIMEOUT).boxed())
}

/// Checks that an address can be listened on, and returns it with the port that the system chose. libp2p
/// shares a port with other programs that share it, so only a plain socket notices a port in use.
///
/// # Errors
/// The error of the system, as "address already in use".
pub fn probe(address: SocketAddr) -> io::Result<SocketAddr> {
    std::net::TcpListener::bind(address)?.local_addr()
}

/// The address in the form of libp2p.
pub fn to_multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

/// The address in the form of the protocol; none if it is not an IP address and a TCP port.
pub fn to_address(multiaddr: &Multiaddr) -> Option<PeerAddress> {
    let mut parts = multiaddr.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => std::net::IpAddr::from(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(PeerAddress::new(SocketAddr::new(ip, port))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_translate_both_ways() {
        for text in ["127.0.0.1:18444", "[::1]:1"] {
            let address: SocketAddr = text.parse().expect(text);
            assert_eq!(to_address(&to_multiaddr(address)), Some(PeerAddress::new(address)));
        }
    }

    #[test]
    fn a_port_in_use_is_noticed() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let error = probe(held.local_addr().expect("bound")).expect_err("it is in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
