//! Headers: 88 bytes that commit to everything.

use crate::encoding::{Decode, Encode};
use crate::hash::{BlockHash, MerkleRoot, sha256d};
use crate::target::CompactTarget;
use crate::time::Timestamp;

/// A block's header. The first 64 bytes stay the same while a miner searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// Which rules the block follows; 1.
    pub version: u32,
    pub previous_block_hash: BlockHash,
    /// Root over the block's transactions, coinbase first.
    pub merkle_root: MerkleRoot,
    /// When the miner says it was made.
    pub time: Timestamp,
    /// The target that the hash meets.
    pub bits: CompactTarget,
    /// What the miner searched for.
    pub nonce: u64,
}

impl Header {
    /// Bytes of a header.
    pub const SIZE: usize = 88;
    /// Where the nonce stands.
    pub const NONCE_OFFSET: usize = 80;
    /// The version that the rules of today ask for.
    pub const VERSION: u32 = 1;

    /// The bytes that are hashed.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let fields: [&[u8]; 6] = [
            &self.version.to_le_bytes(),
            self.previous_block_hash.as_bytes(),
            self.merkle_root.as_bytes(),
            &self.time.millis().to_le_bytes(),
            &self.bits.bits().to_le_bytes(),
            &self.nonce.to_le_bytes(),
        ];
        let source = fields.into_iter().flatten();
        bytes.iter_mut().zip(source).for_each(|(byte, from)| *byte = *from);
        bytes
    }

    /// SHA-256d of the bytes.
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_bytes(sha256d(&self.to_bytes()))
    }
}
