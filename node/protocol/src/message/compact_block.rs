//! Compact blocks after BIP 152: the transactions of a block by short ids, because the receiver has most of them.

use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::encoding::{Decode, Encode, encoded_size};
use cairn_core::hash::{Tag, tagged_hash};
use cairn_core::header::Header;
use cairn_core::transaction::{Coinbase, Transaction};
use siphasher::sip::SipHasher24;

use crate::limits::MAX_PREFILLED_BYTES;

/// The short id of a transaction: 48 bits of the SipHash of its leaf hash, which covers the signatures as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ShortId([u8; 6]);

/// The key of the short ids of one compact block. The salt makes two transactions that have one short id in this block
/// have two in every other.
#[derive(Clone, Copy, Debug)]
pub struct ShortIdKey(SipHasher24);

/// A block without the transactions that the receiver is expected to have.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CompactBlock {
    pub header: Header,
    /// Random number of the sender.
    pub salt: u64,
    pub coinbase: Coinbase,
    /// The transactions that are not prefilled, in the order of the block.
    pub short_ids: Vec<ShortId>,
    /// Transactions in full, in the order of the block.
    pub prefilled: Vec<PrefilledTransaction>,
}

/// A transaction in full, and its index in the block. The coinbase has no index.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PrefilledTransaction {
    pub index: u32,
    pub transaction: Arc<Transaction>,
}

impl ShortId {
    /// Length of its encoding in bytes.
    pub const SIZE: usize = 6;
}

impl ShortIdKey {
    /// The key for a header and a salt.
    pub fn new(header: &Header, salt: u64) -> Self {
        let digest = tagged_hash(Tag::ShortIds, &[&header.to_bytes(), &salt.to_le_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(SipHasher24::new_with_key(&key))
    }

    /// The short id of a transaction.
    pub fn id(&self, transaction: &Transaction) -> ShortId {
        let [a, b, c, d, e, f, ..] = self.0.hash(transaction.leaf_hash().as_bytes()).to_le_bytes();
        ShortId([a, b, c, d, e, f])
    }
}

impl CompactBlock {
    /// The compact form of a block. The transactions that `is_lacking` selects are prefilled, up to a limit of bytes.
    pub fn new(block: &Block, salt: u64, is_lacking: impl Fn(&Transaction) -> bool) -> Self {
        let key = ShortIdKey::new(block.header(), salt);
        let (mut short_ids, mut prefilled, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (index, transaction) in (0..).zip(block.transactions()) {
            if bytes + transaction.size() <= MAX_PREFILLED_BYTES && is_lacking(transaction) {
                bytes += transaction.size();
                prefilled.push(PrefilledTransaction { index, transaction: transaction.clone() });
            } else {
                short_ids.push(key.id(transaction));
            }
        }
        Self { header: *block.header(), salt, coinbase: block.coinbase().clone(), short_ids, prefilled }
    }

    /// The number of its transactions, without the coinbase.
    pub fn count(&self) -> usize {
        self.short_ids.len().saturating_add(self.prefilled.len())
    }

    /// Length of the encoding in bytes.
    pub fn size(&self) -> usize {
        let prefilled = self.prefilled.iter().map(|one| size_of::<u32>() + one.transaction.size());
        let lists = 2 * size_of::<u64>() + self.short_ids.len() * ShortId::SIZE + prefilled.sum::<usize>();
        Header::SIZE + size_of::<u64>() + encoded_size(&self.coinbase) + lists
    }
}
