//! Hashes: SHA-256d for proof of work, tagged SHA-256 for everything else, a type for each meaning.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::encoding::{Decode, Encode};

/// What a tagged hash is for: no hash of one tag is ever valid under another (BIP 340).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Id of a transaction: all but its signatures.
    Transaction,
    Coinbase,
    /// What a Merkle leaf commits to: id and full bytes.
    Leaf,
    Signature,
    /// The numbers of a chain definition; genesis commits to them.
    Definition,
    /// The key of the short ids of a compact block.
    ShortIds,
}

impl Tag {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"cairn/transaction",
            Self::Coinbase => b"cairn/coinbase",
            Self::Leaf => b"cairn/leaf",
            Self::Signature => b"cairn/signature",
            Self::Definition => b"cairn/definition",
            Self::ShortIds => b"cairn/short-ids",
        }
    }
}

/// SHA-256 of the SHA-256 of some bytes: Bitcoin's hash for proof of work.
pub fn sha256d(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(bytes)).into()
}

/// `SHA-256(SHA-256(tag) || SHA-256(tag) || parts)` (BIP 340).
pub fn tagged_hash(tag: Tag, parts: &[&[u8]]) -> [u8; 32] {
    let prefix = Sha256::digest(tag.text());
    let mut hasher = Sha256::new_with_prefix(prefix);
    hasher.update(prefix);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A text that is not a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hex digits, this is {0:?}")]
pub struct ParseHashError(String);

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Written as hex from the last byte to the first, as Bitcoin writes hashes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
        pub struct $name([u8; 32]);

        impl Ord for $name {
            /// The order of the bytes. The first eight nearly always decide, and comparing them as
            /// a number needs no call: maps by hash are searched all the time.
            #[inline]
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.prefix().cmp(&other.prefix()).then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// 32 zero bytes: no hash that anyone has found.
            pub const ZERO: Self = Self([0; 32]);

            /// The hash of these bytes, in the order in which they were computed.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes in the order in which they were computed.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight bytes as a number in the same order. In a block hash, the zeros that the
            /// work asks for are at the other end.
            pub const fn prefix(&self) -> u64 {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                u64::from_be_bytes([a, b, c, d, e, f, g, h])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                let mut bytes = [0; 32];
                let fault = || ParseHashError(text.chars().take(80).collect());
                hex::decode_to_slice(text, &mut bytes).map_err(|_| fault())?;
                bytes.reverse();
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_type!(
    /// SHA-256d of a header; read as a little-endian number it must not exceed the target.
    BlockHash
);
hash_type!(
    /// Id of a transaction or coinbase; covers everything but the signatures.
    Txid
);
hash_type!(
    /// Root of a block's Merkle tree over the leaf hashes of its transactions.
    MerkleRoot
);
hash_type!(
    /// Hash of a chain's genesis block: the chain's identity.
    GenesisHash
);
hash_type!(
    /// What a Merkle leaf commits to: a transaction's id and all its bytes.
    LeafHash
);
hash_type!(
    /// What the keys of a transaction sign.
    SignatureDigest
);

impl From<BlockHash> for GenesisHash {
    fn from(hash: BlockHash) -> Self {
        Self(hash.0)
    }
}

impl From<GenesisHash> for BlockHash {
    fn from(hash: GenesisHash) -> Self {
        Self(hash.0)
    }
}
