//! Locks: the condition under which an output may be spent.

use core::fmt;

use crate::encoding::{Decode, Encode};

/// An ed25519 public key as 32 bytes (RFC 8032). Whether they are a point of the curve is checked when
/// a signature is verified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key that has these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The condition for spending an output. Further kinds become further variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Lock {
    /// A signature of this key over the spending transaction.
    PublicKey(PublicKey),
}
