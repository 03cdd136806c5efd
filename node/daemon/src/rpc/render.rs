//! JSON of headers, blocks, transactions and coins: Bitcoin Core's fields and order.

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

use crate::rpc::json::{Coins, Object, Text, object};

/// Weight of a byte. There is no witness discount here; clients that think in weight see what
/// Bitcoin Core shows for blocks without witnesses.
const WEIGHT_PER_BYTE: usize = 4;

/// A block's header, and its place in the chain.
#[derive(Clone, Debug)]
pub struct PlacedHeader {
    pub header: Header,
    pub hash: BlockHash,
    pub height: Height,
    /// Median time past of it and the blocks below.
    pub median_time: Timestamp,
    /// Chainwork, its own work included.
    pub work: Work,
    /// Blocks on top of it plus one; -1 off the best chain.
    pub confirmations: i64,
    /// The next block of the best chain, if it is on that.
    pub next: Option<BlockHash>,
    /// Transactions in its block with the coinbase; 0 while only the header is here.
    pub transactions: usize,
}

impl PlacedHeader {
    /// The object that `getblockheader` shows.
    pub fn object(&self, params: &ChainParams) -> Object {
        let header = &self.header;
        let mut object = object! {
            "hash": self.hash,
            "confirmations": self.confirmations,
            "height": self.height,
            "version": header.version,
            "versionHex": format!("{:08x}", header.version),
            "merkleroot": header.merkle_root,
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
            object.put("previousblockhash", &header.previous_block_hash);
        }
        if let Some(next) = self.next {
            object.put("nextblockhash", &next);
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

/// What is shown of the coins that a transaction spends, where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The fee, which is computed from them.
    Fee,
    /// The fee, and each coin with its input (`prevout`).
    Coins,
}

/// A transaction as `decoderawtransaction` shows it; `spent` has the coins that it spends, in the
/// order of its inputs.
pub fn transaction(
    transaction: &Transaction,
    spent: Option<&[Coin]>,
    detail: Detail,
    prefix: &AddressPrefix,
) -> Object {
    let shown = spent.filter(|_| detail == Detail::Coins);
    let inputs = transaction.inputs().iter().enumerate();
    let inputs =
        inputs.map(|(index, input)| self::input(input, shown.and_then(|coins| coins.get(index)), prefix));
    let mut object = object! {
        "txid": transaction.txid(),
        "hash": transaction.leaf_hash(),
        "size": transaction.size(),
        "vsize": transaction.size(),
        "weight": transaction.size() * WEIGHT_PER_BYTE,
        "locktime": lock_time(transaction.lock_time()),
        "vin": inputs.collect::<Vec<_>>(),
        "vout": outputs(transaction.outputs(), prefix),
        "signatures": transaction.signatures().iter().map(|s| hex::encode(encode(s))).collect::<Vec<_>>(),
    };
    if let Some(fee) = spent.and_then(|coins| fee_of(transaction, coins)) {
        object.put("fee", &Coins(fee));
    }
    object
}

/// [`transaction`] and all its bytes in hex, as `getblock` and `getrawtransaction` show it.
pub fn whole_transaction(
    transaction: &Transaction,
    spent: Option<&[Coin]>,
    detail: Detail,
    prefix: &AddressPrefix,
) -> Object {
    let mut object = self::transaction(transaction, spent, detail, prefix);
    object.put("hex", &hex::encode(encode(transaction)));
    object
}

/// All transactions of a block; `coins` are those of [`coins_spent`].
pub fn transactions(
    block: &Block,
    coins: Option<&BTreeMap<OutPoint, Coin>>,
    detail: Detail,
    prefix: &AddressPrefix,
) -> Vec<Object> {
    let others = block.transactions().iter().map(|transaction| {
        let spent = coins.and_then(|coins| spent_by(transaction, coins));
        whole_transaction(transaction, spent.as_deref(), detail, prefix)
    });
    std::iter::once(coinbase(block.coinbase(), prefix)).chain(others).collect()
}

/// The coins that a transaction spends, in the order of its inputs, if all are known.
pub fn spent_by(transaction: &Transaction, coins: &BTreeMap<OutPoint, Coin>) -> Option<Vec<Coin>> {
    transaction.inputs().iter().map(|input| coins.get(input).cloned()).collect()
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
        "txid": coinbase.txid(),
        "hash": coinbase.leaf_hash(),
        "size": bytes.len(),
        "vsize": bytes.len(),
        "weight": bytes.len() * WEIGHT_PER_BYTE,
        "locktime": 0,
        "vin": [object! {
            "coinbase": hex::encode(&coinbase.tag),
            "tag": String::from_utf8_lossy(&coinbase.tag),
            "height": coinbase.height,
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

/// The compact form of a target in eight hex digits.
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
    let mut object = object! { "txid": outpoint.txid, "vout": outpoint.index };
    if let Some(coin) = coin {
        let prevout = object! {
            "generated": coin.origin != Origin::Transaction,
            "height": coin.height,
            "value": Coins(coin.output.amount),
            "scriptPubKey": lock(&coin.output.lock, prefix),
        };
        object.put("prevout", &prevout);
    }
    object
}

fn outputs(outputs: &[Output], prefix: &AddressPrefix) -> Vec<Object> {
    let outputs = outputs.iter().enumerate();
    let shown = outputs.map(|(index, output)| {
        object! { "value": Coins(output.amount), "n": index, "scriptPubKey": lock(&output.lock, prefix) }
    });
    shown.collect()
}

/// The fee of a transaction: the sum of the coins that it spends, less its outputs.
pub fn fee_of(transaction: &Transaction, coins: &[Coin]) -> Option<Amount> {
    let paid_in = Amount::checked_sum(coins.iter().map(|coin| coin.output.amount))?;
    let paid_out = Amount::checked_sum(transaction.outputs().iter().map(|output| output.amount))?;
    paid_in.checked_sub(paid_out)
}
