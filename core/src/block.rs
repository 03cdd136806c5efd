//! Blocks as decoded: the bytes are a block, and no rule has been checked yet.

use std::sync::Arc;

use crate::encoding::{
    Decode, DecodeFault, Decoder, Encode, EncodeFault, Encoder, encoded_size, impl_borrow_decode,
};
use crate::hash::{BlockHash, LeafHash, MerkleRoot, Txid};
use crate::header::{Header, HeaderFields};
use crate::merkle::merkle_root;
use crate::transaction::{Coinbase, Transaction};

/// A header and the transactions that it commits to. The size is computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    coinbase: Coinbase,
    transactions: Vec<Arc<Transaction>>,
    size: usize,
}

impl Block {
    /// A block of these parts. Whether they belong together is for [`crate::check::block`] to say.
    pub fn new(header: Header, coinbase: Coinbase, transactions: Vec<Arc<Transaction>>) -> Self {
        let bodies = transactions.iter().map(|transaction| transaction.size());
        let size = bodies.fold(Header::SIZE, usize::saturating_add);
        let size = size.saturating_add(encoded_size(&coinbase)).saturating_add(size_of::<u64>());
        Self { size, header, coinbase, transactions }
    }

    /// The block of these transactions, with their Merkle root in the header in place of that of `fields`.
    pub fn with_root(fields: HeaderFields, coinbase: Coinbase, transactions: Vec<Arc<Transaction>>) -> Self {
        let block = Self::new(fields.into(), coinbase, transactions);
        let merkle_root = block.merkle_root();
        Self { header: HeaderFields { merkle_root, ..fields }.into(), ..block }
    }

    /// The header, which commits to all of the block.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The hash of the header: the block's id.
    pub const fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// The first transaction, which pays the miner.
    pub const fn coinbase(&self) -> &Coinbase {
        &self.coinbase
    }

    /// All but the coinbase, in order.
    pub fn transactions(&self) -> &[Arc<Transaction>] {
        &self.transactions
    }

    /// Length of the encoding in bytes.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The ids of all transactions, coinbase first.
    pub fn txids(&self) -> Vec<Txid> {
        let others = self.transactions.iter().map(|transaction| transaction.txid());
        core::iter::once(self.coinbase.txid()).chain(others).collect()
    }

    /// The leaves of the Merkle tree, coinbase first.
    pub fn leaves(&self) -> Vec<LeafHash> {
        let others = self.transactions.iter().map(|transaction| transaction.leaf_hash());
        core::iter::once(self.coinbase.leaf_hash()).chain(others).collect()
    }

    /// The Merkle root of the transactions, which the header must name.
    pub fn merkle_root(&self) -> MerkleRoot {
        merkle_root(&self.leaves())
    }

    /// The same block with another nonce.
    pub fn with_nonce(self, nonce: u64) -> Self {
        Self { header: self.header.with_nonce(nonce), ..self }
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
