//! Blocks as decoded: nothing is checked yet but that the bytes are a block.

use std::sync::Arc;

use crate::encoding::{
    Decode, DecodeFault, Decoder, Encode, EncodeFault, Encoder, encoded_size, impl_borrow_decode,
};
use crate::hash::{BlockHash, LeafHash, MerkleRoot, Txid};
use crate::header::Header;
use crate::merkle::merkle_root;
use crate::transaction::{Coinbase, Transaction};

/// A header and the transactions it commits to. Hash and size are computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    coinbase: Coinbase,
    transactions: Vec<Arc<Transaction>>,
    hash: BlockHash,
    size: usize,
}

impl Block {
    /// Puts a block together.
    pub fn new(header: Header, coinbase: Coinbase, transactions: Vec<Arc<Transaction>>) -> Self {
        let bodies = transactions.iter().map(|transaction| transaction.size());
        let size = bodies.fold(Header::SIZE, usize::saturating_add);
        let size = size.saturating_add(encoded_size(&coinbase)).saturating_add(size_of::<u64>());
        Self { hash: header.hash(), size, header, coinbase, transactions }
    }

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header's hash.
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// What pays the miner.
    pub const fn coinbase(&self) -> &Coinbase {
        &self.coinbase
    }

    /// All but the coinbase, in order.
    pub fn transactions(&self) -> &[Arc<Transaction>] {
        &self.transactions
    }

    /// Bytes on the wire.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Ids, coinbase first.
    pub fn txids(&self) -> Vec<Txid> {
        let others = self.transactions.iter().map(|transaction| transaction.txid());
        core::iter::once(self.coinbase.txid()).chain(others).collect()
    }

    /// Merkle leaves, coinbase first.
    pub fn leaves(&self) -> Vec<LeafHash> {
        let others = self.transactions.iter().map(|transaction| transaction.leaf_hash());
        core::iter::once(self.coinbase.leaf_hash()).chain(others).collect()
    }

    /// The root that the header should hold.
    pub fn merkle_root(&self) -> MerkleRoot {
        merkle_root(&self.leaves())
    }

    /// The same block with another nonce.
    pub fn with_nonce(self, nonce: u64) -> Self {
        let header = Header { nonce, ..self.header };
        Self { hash: header.hash(), header, ..self }
    }
}

impl Encode for Block {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeFault> {
        self.header.encode(encoder)?;
        self.coinbase.encode(encoder)?;
        self.transactions.encode(encoder)
    }
}

impl<C> Decode<C> for Block {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeFault> {
        Ok(Self::new(Decode::decode(decoder)?, Decode::decode(decoder)?, Decode::decode(decoder)?))
    }
}

impl_borrow_decode!(Block);
