//! How headers, blocks, transactions and coins look in JSON: Bitcoin Core's fields and order.

use std::collections::BTreeMap;

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::{Coin, Origin, Undo};
use cairn_core::encoding::encode;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction};
use cairn_core::work::Work;

use crate::rpc::json::{Coins, Json, Object, Text, json, object};

/// Weight of a byte. There is no witness discount here; clients that think in weight see what
/// Bitcoin Core shows for blocks without witnesses.
const WEIGHT_PER_BYTE: usize = 4;

/// A block's header with what the chain knows of it.
#[derive(Clone, Debug)]
pub struct PlacedHeader {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: BlockHash,
    /// Distance from genesis.
    pub height: Height,
    /// Median time past up to and with it.
    pub median_time: Timestamp,
    /// Chainwork up to and with it.
    pub work: Work,
    /// Blocks on top of it plus one; -1 off the best chain.
    pub confirmations: i64,
    /// The next block of the best chain, if it is on that.
    pub next: Option<BlockHash>,
    /// Transactions in its block with the coinbase; 0 while only the header is here.
    pub transactions: usize,
}

impl PlacedHeader {
    /// As `getblockheader` shows it.
    pub fn object(&self, params: &ChainParams) -> Object {
        let header = &self.header;
        let mut object = object! {
            "hash": Text(self.hash),
            "confirmations": self.confirmations,
            "height": self.height.get(),
            "version": header.version,
            "versionHex": format!("{:08x}", header.version),
            "merkleroot": Text(header.merkle_root),
            "time": seconds(header.time),
            "mediantime": seconds(self.median_time),
            "nonce": header.nonce,
            "bits": bits(header.bits),
            "target": target(header.bits),
            "difficulty": difficulty(header.bits, params),
            "chainwork": Text(self.work),
            "nTx": self.transactions,
            "time_ms": header.time.millis(),
        };
        if self.height != Height::GENESIS {
            object.put("previousblockhash", &Text(header.previous_block_hash));
        }
        if let Some(next) = self.next {
            object.put("nextblockhash", &Text(next));
        }
        object
    }
}

/// Adds a block's sizes, as `getblock` shows them.
pub fn put_sizes(object: &mut Object, block: &Block) {
    object.put("strippedsize", &block.size());
    object.put("size", &block.size());
    object.put("weight", &(block.size() * WEIGHT_PER_BYTE));
}

/// A transaction as `decoderawtransaction` shows it. With the coins it spends, in the order of its
/// inputs, also the fee; `prevout` adds those coins to the inputs.
pub fn transaction(transaction: &Transaction, spent: Spent<'_>, prefix: &AddressPrefix) -> Object {
    let inputs = transaction.inputs().iter().enumerate();
    let inputs: Vec<Object> =
        inputs.map(|(index, input)| self::input(input, spent.shown(index), prefix)).collect();
    let signatures: Vec<String> = transaction.signatures().iter().map(|s| hex::encode(encode(s))).collect();
    let mut object = object! {
        "txid": Text(transaction.txid()),
        "hash": Text(transaction.leaf_hash()),
        "size": transaction.size(),
        "vsize": transaction.size(),
        "weight": transaction.size() * WEIGHT_PER_BYTE,
        "locktime": lock_time(transaction.lock_time()),
        "vin": inputs,
        "vout": outputs(transaction.outputs(), prefix),
        "signatures": signatures,
    };
    if let Some(fee) = fee(transaction, spent) {
        object.put("fee", &Coins(fee));
    }
    object
}

/// What is known of the coins that a transaction spends.
#[derive(Clone, Copy, Debug)]
pub enum Spent<'a> {
    /// Nothing.
    Unknown,
    /// They are known: the fee is shown.
    Known(&'a [Coin]),
    /// They are known and shown one by one.
    Shown(&'a [Coin]),
}

impl<'a> Spent<'a> {
    fn shown(self, index: usize) -> Option<&'a Coin> {
        match self {
            Self::Shown(coins) => coins.get(index),
            Self::Known(_) | Self::Unknown => None,
        }
    }
}

/// Every coin that a block's transactions spend: those it found, which its undo data holds, and
/// those it made itself.
pub fn coins_spent(block: &Block, height: Height, undo: &Undo) -> BTreeMap<OutPoint, Coin> {
    let mut coins: BTreeMap<OutPoint, Coin> = undo.spent.iter().cloned().collect();
    for transaction in block.transactions() {
        for (index, output) in (0..).zip(transaction.outputs()) {
            let coin = Coin { output: output.clone(), height, origin: Origin::Transaction };
            coins.insert(OutPoint { txid: transaction.txid(), index }, coin);
        }
    }
    coins
}

/// A coinbase, in the fields of a transaction.
pub fn coinbase(coinbase: &Coinbase, prefix: &AddressPrefix) -> Object {
    let bytes = encode(coinbase);
    object! {
        "txid": Text(coinbase.txid()),
        "hash": Text(coinbase.leaf_hash()),
        "size": bytes.len(),
        "vsize": bytes.len(),
        "weight": bytes.len() * WEIGHT_PER_BYTE,
        "locktime": 0,
        "vin": [object! {
            "coinbase": hex::encode(&coinbase.tag),
            "tag": String::from_utf8_lossy(&coinbase.tag),
            "height": coinbase.height.get(),
        }],
        "vout": outputs(&coinbase.outputs, prefix),
        "hex": hex::encode(bytes),
    }
}

/// The lock of an output, under the name that Bitcoin Core gives its script.
pub fn lock(lock: &Lock, prefix: &AddressPrefix) -> Object {
    let address = Address::new(prefix, *lock).to_string();
    object! {
        "desc": format!("addr({address})"),
        "hex": hex::encode(encode(lock)),
        "address": address,
        "type": match lock { Lock::PublicKey(_) => "publickey" },
    }
}

/// A time in whole seconds, as Bitcoin Core shows times.
pub const fn seconds(time: Timestamp) -> u64 {
    time.millis() / 1000
}

/// Target bits in eight hex digits.
pub fn bits(bits: CompactTarget) -> String {
    format!("{:08x}", bits.bits())
}

/// A target in 64 hex digits; of an accepted header it always exists.
pub fn target(bits: CompactTarget) -> String {
    bits.to_target().map(|target| hex::encode(target.to_be_bytes())).unwrap_or_default()
}

/// How much harder than the chain's easiest target. A float: it is shown and never used.
pub fn difficulty(bits: CompactTarget, params: &ChainParams) -> f64 {
    match (params.pow_limit.to_target(), bits.to_target()) {
        (Ok(limit), Ok(target)) => as_float(&limit.to_be_bytes()) / as_float(&target.to_be_bytes()),
        _ => 0.0,
    }
}

/// A 256-bit number as a float, for showing.
pub fn as_float(big_endian: &[u8; 32]) -> f64 {
    big_endian.iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte))
}

/// Lock time as one number, as in Bitcoin: a height below 500 million, else seconds since 1970.
fn lock_time(lock_time: LockTime) -> u64 {
    match lock_time {
        LockTime::Immediate => 0,
        LockTime::Height(height) => u64::from(height.get()),
        LockTime::Time(time) => seconds(time),
    }
}

fn input(outpoint: &OutPoint, coin: Option<&Coin>, prefix: &AddressPrefix) -> Object {
    let mut object = object! { "txid": Text(outpoint.txid), "vout": outpoint.index };
    if let Some(coin) = coin {
        let prevout = object! {
            "generated": coin.origin != Origin::Transaction,
            "height": coin.height.get(),
            "value": Coins(coin.output.amount),
            "scriptPubKey": lock(&coin.output.lock, prefix),
        };
        object.put("prevout", &prevout);
    }
    object
}

fn outputs(outputs: &[Output], prefix: &AddressPrefix) -> Vec<Json> {
    let outputs = outputs.iter().enumerate();
    outputs
        .map(|(index, output)| {
            json(&object! {
                "value": Coins(output.amount),
                "n": index,
                "scriptPubKey": lock(&output.lock, prefix),
            })
        })
        .collect()
}

fn fee(transaction: &Transaction, spent: Spent<'_>) -> Option<Amount> {
    match spent {
        Spent::Known(coins) | Spent::Shown(coins) => fee_of(transaction, coins),
        Spent::Unknown => None,
    }
}

/// What a transaction leaves to the miner of the coins that it spends.
pub fn fee_of(transaction: &Transaction, coins: &[Coin]) -> Option<Amount> {
    let paid_in = Amount::checked_sum(coins.iter().map(|coin| coin.output.amount))?;
    let paid_out = Amount::checked_sum(transaction.outputs().iter().map(|output| output.amount))?;
    paid_in.checked_sub(paid_out)
}
