//! The handshake: both sides say `Hello` first, and part at once if they cannot go on together.

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::height::Height;
use cairn_core::work::Work;

use crate::chain::tree::Entry;
use crate::event::DisconnectReason;
use crate::message::codec::CodecError;
use crate::message::{Goodbye, Hello, HelloStart, PROTOCOL_VERSION};
use crate::peer::PeerAddress;
use crate::peers::connection::Phase;

/// The node keeps whole blocks and gives them to who asks.
pub const SERVICE_FULL_BLOCKS: u64 = 1;

/// What a node says of itself to everyone.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain it is on.
    pub genesis: GenesisHash,
    pub nonce: u64,
    /// The program and its version.
    pub user_agent: String,
    pub listen: Vec<PeerAddress>,
}

/// What is known of the best chain when a `Hello` is written.
#[derive(Clone, Copy, Debug)]
pub struct Tip {
    pub hash: BlockHash,
    pub height: Height,
    pub work: Work,
}

impl From<&Entry> for Tip {
    fn from(tip: &Entry) -> Self {
        Self { hash: tip.hash, height: tip.height, work: tip.work }
    }
}

/// Why two nodes cannot go on together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the peer speaks protocol version {theirs}, this node {ours}")]
    OtherVersion { theirs: u32, ours: u32 },
    /// It is on another chain.
    #[error("the peer is on the chain with genesis {theirs}, this node on {ours}")]
    OtherChain { theirs: GenesisHash, ours: GenesisHash },
    /// It is this very node.
    #[error("the peer is this node itself")]
    Ourselves,
}

impl Refusal {
    /// What the other side is told.
    pub fn goodbye(&self) -> Goodbye {
        match *self {
            Self::OtherVersion { ours, .. } => Goodbye::OtherVersion { ours },
            Self::OtherChain { ours, .. } => Goodbye::OtherChain { ours },
            Self::Ourselves => Goodbye::Duplicate,
        }
    }
}

impl Identity {
    /// What to say first.
    pub fn hello(&self, tip: Tip) -> Hello {
        Hello {
            protocol_version: PROTOCOL_VERSION,
            genesis: self.genesis,
            services: SERVICE_FULL_BLOCKS,
            tip: tip.hash,
            height: tip.height,
            work: tip.work,
            user_agent: self.user_agent.clone(),
            listen: self.listen.clone(),
            nonce: self.nonce,
        }
    }

    /// Whether this node and the sender can go on together.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, hello: &Hello) -> Result<(), Refusal> {
        self.judge_start(&hello.start())?;
        if hello.nonce == self.nonce {
            return Err(Refusal::Ourselves);
        }
        Ok(())
    }

    /// Whether chain and version are ours. The chain is judged before the version: it is the answer
    /// that helps an operator most.
    ///
    /// # Errors
    /// `OtherChain`, `OtherVersion`.
    fn judge_start(&self, start: &HelloStart) -> Result<(), Refusal> {
        if start.genesis != self.genesis {
            return Err(Refusal::OtherChain { theirs: start.genesis, ours: self.genesis });
        }
        if start.protocol_version != PROTOCOL_VERSION {
            return Err(Refusal::OtherVersion { theirs: start.protocol_version, ours: PROTOCOL_VERSION });
        }
        Ok(())
    }

    /// Why a connection ends over bytes that do not decode but may be proper in another version; none
    /// if they are misbehavior.
    pub fn parting(&self, phase: &Phase, fault: &CodecError) -> Option<DisconnectReason> {
        match (phase, fault) {
            (_, CodecError::Goodbye) => Some(DisconnectReason::TheyLeft),
            (Phase::AwaitingHello, CodecError::Hello { start, .. }) => {
                self.judge_start(start).err().map(|refusal| DisconnectReason::WeSaid(refusal.goodbye()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(genesis: u8, nonce: u64) -> Identity {
        let genesis = GenesisHash::from_bytes([genesis; 32]);
        Identity { genesis, nonce, user_agent: "test".into(), listen: Vec::new() }
    }

    fn hello(genesis: u8, nonce: u64) -> Hello {
        let tip = Tip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
        identity(genesis, nonce).hello(tip)
    }

    #[test]
    fn a_node_of_the_same_chain_is_welcome() {
        assert_eq!(identity(1, 1).judge(&hello(1, 2)), Ok(()));
    }

    /// ATTACKS 37: two devnets on one network never merge.
    #[test]
    fn a_node_of_another_chain_is_told_which_chain_this_is() {
        let refusal = identity(1, 1).judge(&hello(2, 2)).expect_err("another chain");
        assert_eq!(refusal.goodbye(), Goodbye::OtherChain { ours: GenesisHash::from_bytes([1; 32]) });
    }

    #[test]
    fn a_node_that_speaks_another_version_is_told_ours() {
        let theirs = Hello { protocol_version: 99, ..hello(1, 2) };
        let refusal = identity(1, 1).judge(&theirs).expect_err("another version");
        assert_eq!(refusal.goodbye(), Goodbye::OtherVersion { ours: PROTOCOL_VERSION });
    }

    #[test]
    fn a_node_that_reads_its_own_nonce_has_dialled_itself() {
        assert_eq!(identity(1, 1).judge(&hello(1, 1)), Err(Refusal::Ourselves));
    }
}
