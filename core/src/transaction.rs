//! Transactions, which move coins, and coinbases, which make them.

use core::fmt;
use core::str::FromStr;

use crate::amount::Amount;
use crate::encoding::{
    Decode, DecodeFault, Decoder, Encode, EncodeFault, Encoder, encode, impl_borrow_decode,
};
use crate::hash::{LeafHash, Tag, Txid, tagged_hash};
use crate::height::Height;
use crate::lock::Lock;
use crate::time::Timestamp;

/// The name of an output: its transaction's id and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct OutPoint {
    pub txid: Txid,
    /// The place among its outputs.
    pub index: u32,
}

/// A text that is not an outpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an outpoint: expected TXID:INDEX")]
pub struct ParseOutPointError(String);

/// An amount and the lock that its spender must open.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Output {
    pub amount: Amount,
    pub lock: Lock,
}

/// The condition under which a transaction may enter a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum LockTime {
    Immediate,
    /// In blocks above this height.
    Height(Height),
    /// In blocks whose parent's median time past is later (BIP 113).
    Time(Timestamp),
}

/// An ed25519 signature as 64 bytes (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature([u8; 64]);

/// All of a transaction but its signatures: the part that its id covers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TransactionBody {
    pub inputs: Vec<OutPoint>,
    pub outputs: Vec<Output>,
    /// When it may enter a block.
    pub lock_time: LockTime,
}

/// A body with its signatures. Ids and size are computed once, when the transaction is made or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    body: TransactionBody,
    signatures: Vec<Signature>,
    txid: Txid,
    leaf: LeafHash,
    size: usize,
}

/// The first transaction of a block, which makes the miner's coins. It names its height, so that no two of
/// a chain have one id (BIP 34), and has no inputs, so that no other transaction can be taken for one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Coinbase {
    /// The height of its block.
    pub height: Height,
    pub outputs: Vec<Output>,
    /// Free text of the miner, at most [`Coinbase::MAX_TAG`] bytes.
    pub tag: Vec<u8>,
}

impl fmt::Display for LockTime {
    /// The last height or time at which the transaction may not enter a block.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immediate => f.write_str("none"),
            Self::Height(height) => write!(f, "height {height}"),
            Self::Time(time) => time.fmt(f),
        }
    }
}

impl fmt::Display for OutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.index)
    }
}

impl FromStr for OutPoint {
    type Err = ParseOutPointError;

    fn from_str(text: &str) -> Result<Self, ParseOutPointError> {
        let parsed = text
            .split_once(':')
            .and_then(|(txid, index)| Some(Self { txid: txid.parse().ok()?, index: index.parse().ok()? }));
        parsed.ok_or_else(|| ParseOutPointError(text.chars().take(80).collect()))
    }
}

impl Signature {
    /// The signature that has these bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TransactionBody {
    /// The id of every transaction with this body.
    pub fn txid(&self) -> Txid {
        Txid::from_bytes(tagged_hash(Tag::Transaction, &[&encode(self)]))
    }
}

impl Transaction {
    /// A body with its signatures: one for each distinct key among the coins it spends.
    pub fn new(body: TransactionBody, signatures: Vec<Signature>) -> Self {
        let body_bytes = encode(&body);
        let signature_bytes = encode(&signatures);
        let txid = Txid::from_bytes(tagged_hash(Tag::Transaction, &[&body_bytes]));
        let leaf = tagged_hash(Tag::Leaf, &[txid.as_bytes(), &body_bytes, &signature_bytes]);
        let size = body_bytes.len().saturating_add(signature_bytes.len());
        Self { body, signatures, txid, leaf: LeafHash::from_bytes(leaf), size }
    }

    /// The id, which covers all but the signatures.
    pub const fn txid(&self) -> Txid {
        self.txid
    }

    /// The hash that a Merkle leaf holds: it commits to the id and to all bytes.
    pub const fn leaf_hash(&self) -> LeafHash {
        self.leaf
    }

    /// Length of the encoding in bytes.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// All of it but the signatures.
    pub const fn body(&self) -> &TransactionBody {
        &self.body
    }

    /// The outputs that it spends.
    pub fn inputs(&self) -> &[OutPoint] {
        &self.body.inputs
    }

    /// The outputs that it makes.
    pub fn outputs(&self) -> &[Output] {
        &self.body.outputs
    }

    /// The condition under which it may enter a block.
    pub const fn lock_time(&self) -> LockTime {
        self.body.lock_time
    }

    /// One signature for each distinct key, in order of first appearance among the coins spent.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

impl Encode for Transaction {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeFault> {
        self.body.encode(encoder)?;
        self.signatures.encode(encoder)
    }
}

impl<C> Decode<C> for Transaction {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeFault> {
        Ok(Self::new(Decode::decode(decoder)?, Decode::decode(decoder)?))
    }
}

impl_borrow_decode!(Transaction);

impl Coinbase {
    /// Length in bytes that a tag may have.
    pub const MAX_TAG: usize = 64;

    /// The id, which covers all of the coinbase.
    pub fn txid(&self) -> Txid {
        Txid::from_bytes(tagged_hash(Tag::Coinbase, &[&encode(self)]))
    }

    /// The hash that a Merkle leaf holds: it commits to the id and to all bytes.
    pub fn leaf_hash(&self) -> LeafHash {
        let bytes = encode(self);
        let txid = tagged_hash(Tag::Coinbase, &[&bytes]);
        LeafHash::from_bytes(tagged_hash(Tag::Leaf, &[&txid, &bytes]))
    }
}
