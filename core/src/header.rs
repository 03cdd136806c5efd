//! Headers: 88 bytes that commit to a whole block and to the chain below it.

use core::ops::Deref;

use crate::encoding::{Decode, DecodeFault, Decoder, Encode, EncodeFault, Encoder, impl_borrow_decode};
use crate::hash::{BlockHash, MerkleRoot, sha256d};
use crate::target::CompactTarget;
use crate::time::Timestamp;

/// The fields of a header, in the order of their bytes. The first 64 bytes stay the same while a miner
/// searches for a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeaderFields {
    /// The rules that the block follows: [`Header::VERSION`].
    pub version: u32,
    pub previous_block_hash: BlockHash,
    /// Root over the block's transactions, coinbase first.
    pub merkle_root: MerkleRoot,
    /// When the miner says that it made the block.
    pub time: Timestamp,
    /// The target that the hash must meet.
    pub bits: CompactTarget,
    pub nonce: u64,
}

/// A header with its hash, which is computed once, when the header is made or decoded. Its fields can be
/// read and not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    fields: HeaderFields,
    hash: BlockHash,
}

impl HeaderFields {
    /// The bytes that are hashed.
    pub fn to_bytes(&self) -> [u8; Header::SIZE] {
        let mut bytes = [0; Header::SIZE];
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
}

impl Header {
    /// Length of a header in bytes.
    pub const SIZE: usize = 88;
    /// Index of the nonce's first byte.
    pub const NONCE_OFFSET: usize = 80;
    /// The only version that has rules.
    pub const VERSION: u32 = 1;

    /// SHA-256d of the bytes.
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The same header with another nonce.
    pub fn with_nonce(&self, nonce: u64) -> Self {
        HeaderFields { nonce, ..self.fields }.into()
    }
}

impl From<HeaderFields> for Header {
    fn from(fields: HeaderFields) -> Self {
        Self { fields, hash: BlockHash::from_bytes(sha256d(&fields.to_bytes())) }
    }
}

impl Deref for Header {
    type Target = HeaderFields;

    fn deref(&self) -> &HeaderFields {
        &self.fields
    }
}

impl Encode for Header {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeFault> {
        self.fields.encode(encoder)
    }
}

impl<C> Decode<C> for Header {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeFault> {
        HeaderFields::decode(decoder).map(Self::from)
    }
}

impl_borrow_decode!(Header);
