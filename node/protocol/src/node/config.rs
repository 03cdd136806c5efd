//! Node configuration.

use core::time::Duration;

use crate::peer::{PeerAddress, PeerId};
use crate::peers::ConnectionLimits;
use crate::peers::address_key::AddressKey;

/// The settings of a node, which do not change while it runs.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub id: PeerId,
    /// Program and version, in printable ASCII.
    pub user_agent: String,
    /// Addresses at which the node accepts connections.
    pub listen: Vec<PeerAddress>,
    /// Addresses that the node dials for ever.
    pub connect: Vec<PeerAddress>,
    pub limits: ConnectionLimits,
    /// The pause between pings, usually [`crate::limits::PING_INTERVAL`]; none for no pings, where the transport
    /// reports every connection that ends.
    pub ping_interval: Option<Duration>,
    /// The secret of a new address manager; a saved one has its own.
    pub address_key: AddressKey,
}
