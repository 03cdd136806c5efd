//! A block of a thousand payments, each by a key of its own, and the coins that they spend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::address::AddressPrefix;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::{Coin, Origin};
use cairn_core::hash::{BlockHash, GenesisHash, MerkleRoot, Txid};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::params::ChainParams;
use cairn_core::signature::SignatureClaim;
use cairn_core::signing::{sign, signature_digest};
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_core::work::Work;
use ed25519_dalek::SigningKey;

/// How many payments there are.
pub const COUNT: u32 = 1_000;
/// What each of them leaves to the miner, in units.
const FEE: u64 = 1_000;

/// A block with what connecting it needs.
pub struct Payments {
    /// One input and two outputs each, as most payments have.
    pub block: Arc<Block>,
    /// What they spend.
    pub coins: BTreeMap<OutPoint, Coin>,
    /// The chain's numbers.
    pub params: ChainParams,
}

impl Payments {
    /// The same each time.
    pub fn new() -> Self {
        let params = params();
        let coins: BTreeMap<OutPoint, Coin> = (0..COUNT).map(coin).collect();
        let payments = (0..COUNT).map(|number| payment(number, &params)).collect();
        let outputs = vec![Output { amount: params.subsidy, lock: lock(COUNT) }];
        let coinbase = Coinbase { height: Height::from_u32(100), outputs, tag: Vec::new() };
        let fields = HeaderFields {
            version: Header::VERSION,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time: params.genesis_time,
            bits: params.pow_limit,
            nonce: 0,
        };
        let block = Block::with_root(fields, coinbase, payments);
        Self { block: Arc::new(block), coins, params }
    }

    /// Every signature in the block.
    pub fn signatures(&self) -> Vec<SignatureClaim> {
        let claim = |(number, payment): (u32, &Arc<Transaction>)| {
            let (_, coin) = coin(number);
            let digest = signature_digest(&self.params.genesis_hash, payment.body(), &[coin.output]);
            let Lock::PublicKey(key) = lock(number);
            let signature = *payment.signatures().first().expect("one key, one signature");
            SignatureClaim { key, digest, signature }
        };
        (0..).zip(self.block.transactions()).map(claim).collect()
    }
}

fn params() -> ChainParams {
    let limit = CompactTarget::from_bits(0x207f_ffff);
    ChainParams {
        name: "bench".into(),
        address_prefix: AddressPrefix::new("bench").expect("lower-case letters"),
        genesis_hash: GenesisHash::ZERO,
        genesis_time: Timestamp::from_millis(1_700_000_000_000),
        pow_limit: limit,
        genesis_bits: limit,
        spacing: Duration::from_secs(2),
        half_life: None,
        longest_gap: None,
        subsidy: coins(50),
        halving_interval: 1_000,
        coinbase_maturity: 10,
        max_block_bytes: 1_000_000,
        median_time_span: 11,
        max_future_drift: Duration::from_secs(7_200),
        max_supply: coins(200_000),
        premine: coins(10_000),
        minimum_work: Work::ZERO,
    }
}

fn coins(count: u64) -> Amount {
    Amount::from_units(count * Amount::COIN.units())
}

fn key(number: u32) -> SigningKey {
    let mut secret = [1; 32];
    secret[..4].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

fn lock(number: u32) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

/// A coin of the key of this number.
fn coin(number: u32) -> (OutPoint, Coin) {
    let mut txid = [2; 32];
    txid[..4].copy_from_slice(&number.to_le_bytes());
    let output = Output { amount: coins(10), lock: lock(number) };
    let coin = Coin { output, height: Height::from_u32(1), origin: Origin::Transaction };
    (OutPoint { txid: Txid::from_bytes(txid), index: 0 }, coin)
}

/// Spends that coin: one to somebody else, the rest back.
fn payment(number: u32, params: &ChainParams) -> Arc<Transaction> {
    let (outpoint, coin) = coin(number);
    let rest = Amount::from_units(coins(9).units() - FEE);
    let outputs = vec![
        Output { amount: coins(1), lock: lock((number + 1) % COUNT) },
        Output { amount: rest, lock: coin.output.lock },
    ];
    let body = TransactionBody { inputs: vec![outpoint], outputs, lock_time: LockTime::Immediate };
    let digest = signature_digest(&params.genesis_hash, &body, &[coin.output]);
    Arc::new(Transaction::new(body, vec![sign(&key(number), &digest)]))
}
