//! What a node is told when it is made.

use core::time::Duration;

use crate::peer::{PeerAddress, PeerId};
use crate::peers::Room;

/// What a node is told when it is made.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub id: PeerId,
    /// The program and its version; printable ASCII.
    pub user_agent: String,
    pub listen: Vec<PeerAddress>,
    /// Whom it dials for ever.
    pub connect: Vec<PeerAddress>,
    /// How many connections it wants and bears.
    pub room: Room,
    /// How often a silent peer is asked whether it lives, usually [`crate::limits::PING_INTERVAL`];
    /// none never, where the transport tells of every connection that ends.
    pub ping_every: Option<Duration>,
}
