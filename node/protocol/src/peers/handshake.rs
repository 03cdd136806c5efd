//! The handshake: both sides send `Hello` first, and disconnect at once if chain or version differ.

use cairn_core::hash::GenesisHash;

use crate::chain::tree::ChainTip;
use crate::event::DisconnectReason;
use crate::message::codec::CodecError;
use crate::message::{Goodbye, Hello, HelloStart, PROTOCOL_VERSION};
use crate::peer::PeerAddress;
use crate::peers::connection::Phase;
use crate::peers::purpose::{Purpose, SERVICE_BLOCKS_ONLY};

/// Service bit of a node that stores whole blocks and sends them on request.
pub const SERVICE_FULL_BLOCKS: u64 = 1;

/// The part of a node's `Hello` that stays the same.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain it is on.
    pub genesis: GenesisHash,
    pub nonce: u64,
    /// The program and its version.
    pub user_agent: String,
    pub listen: Vec<PeerAddress>,
}

/// Why two nodes cannot be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("the peer speaks protocol version {theirs}, this node {ours}")]
    OtherVersion { theirs: u32, ours: u32 },
    /// It is on another chain.
    #[error("the peer is on the chain with genesis {theirs}, this node on {ours}")]
    OtherChain { theirs: GenesisHash, ours: GenesisHash },
    /// It is this very node.
    #[error("the peer is this node itself")]
    Ourselves,
}

impl HandshakeError {
    /// The `Goodbye` to the peer.
    pub fn goodbye(&self) -> Goodbye {
        match *self {
            Self::OtherVersion { ours, .. } => Goodbye::OtherVersion { ours },
            Self::OtherChain { ours, .. } => Goodbye::OtherChain { ours },
            Self::Ourselves => Goodbye::Duplicate,
        }
    }
}

impl Identity {
    /// The first message on a connection.
    pub fn hello(&self, tip: ChainTip, purpose: Purpose) -> Hello {
        let blocks_only = if purpose == Purpose::Full { 0 } else { SERVICE_BLOCKS_ONLY };
        Hello {
            protocol_version: PROTOCOL_VERSION,
            genesis: self.genesis,
            services: SERVICE_FULL_BLOCKS | blocks_only,
            tip: tip.hash,
            height: tip.height,
            work: tip.work,
            user_agent: self.user_agent.clone(),
            listen: self.listen.clone(),
            nonce: self.nonce,
        }
    }

    /// Checks that this node and the sender of a `Hello` can be connected.
    ///
    /// # Errors
    /// Every variant of [`HandshakeError`].
    pub fn check(&self, hello: &Hello) -> Result<(), HandshakeError> {
        self.check_start(&hello.start())?;
        if hello.nonce == self.nonce {
            return Err(HandshakeError::Ourselves);
        }
        Ok(())
    }

    /// Checks that chain and version are ours. The chain comes first: it tells an operator most.
    fn check_start(&self, start: &HelloStart) -> Result<(), HandshakeError> {
        if start.genesis != self.genesis {
            return Err(HandshakeError::OtherChain { theirs: start.genesis, ours: self.genesis });
        }
        if start.protocol_version != PROTOCOL_VERSION {
            return Err(HandshakeError::OtherVersion {
                theirs: start.protocol_version,
                ours: PROTOCOL_VERSION,
            });
        }
        Ok(())
    }

    /// Why a connection ends over bytes that do not decode but may be valid in another version; none
    /// if they are misbehavior.
    pub fn reason_to_disconnect(&self, phase: &Phase, error: &CodecError) -> Option<DisconnectReason> {
        match (phase, error) {
            (_, CodecError::Goodbye) => Some(DisconnectReason::TheyLeft),
            (Phase::AwaitingHello, CodecError::Hello { start, .. }) => {
                self.check_start(start).err().map(|error| DisconnectReason::WeSaid(error.goodbye()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::hash::BlockHash;
    use cairn_core::height::Height;
    use cairn_core::work::Work;

    use super::*;

    fn identity(genesis: u8, nonce: u64) -> Identity {
        let genesis = GenesisHash::from_bytes([genesis; 32]);
        Identity { genesis, nonce, user_agent: "test".into(), listen: Vec::new() }
    }

    fn hello(genesis: u8, nonce: u64) -> Hello {
        let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
        identity(genesis, nonce).hello(tip, Purpose::Full)
    }

    #[test]
    fn a_node_of_the_same_chain_is_accepted() {
        assert_eq!(identity(1, 1).check(&hello(1, 2)), Ok(()));
    }

    /// ATTACKS 37: two devnets on one network never merge.
    #[test]
    fn a_node_of_another_chain_is_told_which_chain_this_is() {
        let refusal = identity(1, 1).check(&hello(2, 2)).expect_err("another chain");
        assert_eq!(refusal.goodbye(), Goodbye::OtherChain { ours: GenesisHash::from_bytes([1; 32]) });
    }

    #[test]
    fn a_node_that_speaks_another_version_is_told_ours() {
        let theirs = Hello { protocol_version: 99, ..hello(1, 2) };
        let refusal = identity(1, 1).check(&theirs).expect_err("another version");
        assert_eq!(refusal.goodbye(), Goodbye::OtherVersion { ours: PROTOCOL_VERSION });
    }

    #[test]
    fn a_node_that_receives_its_own_nonce_has_dialed_itself() {
        assert_eq!(identity(1, 1).check(&hello(1, 1)), Err(HandshakeError::Ourselves));
    }
}
