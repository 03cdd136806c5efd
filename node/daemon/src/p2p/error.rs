//! The reasons why there is no network, and what to do about them.

use std::error::Error;
use std::net::SocketAddr;

use libp2p::swarm::DialError;

/// The reasons why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("cannot listen for peers on {address}: {source}{}", hint(source))]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot use the node's key: {0}")]
    Key(#[from] libp2p::noise::Error),
    #[error("cannot listen for peers: {0}")]
    Transport(#[from] libp2p::TransportError<std::io::Error>),
}

/// The reason why a dial failed: the error of the system or the protocol, without the layers around it.
pub fn dial_failure(error: &DialError) -> String {
    let mut cause: &dyn Error = match error {
        DialError::Transport(attempts) => attempts.first().map_or(error, |(_, attempt)| attempt),
        error => error,
    };
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What to do about a port in use.
pub fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; another program, perhaps another node, has this port: stop it or choose another port"
        }
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 are for the system: choose another port",
        _ => "",
    }
}
