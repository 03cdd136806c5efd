//! Builders for tests: keys from small numbers, a chain of trivial work, blocks that are valid.
//! A test breaks what it is about and leaves the rest as it is.

use core::time::Duration;
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use crate::address::AddressPrefix;
use crate::amount::Amount;
use crate::block::Block;
use crate::hash::{BlockHash, GenesisHash, MerkleRoot};
use crate::header::{Header, HeaderFields};
use crate::height::Height;
use crate::lock::{Lock, PublicKey};
use crate::params::ChainParams;
use crate::signing::sign_spend;
use crate::subsidy::subsidy;
use crate::target::CompactTarget;
use crate::time::Timestamp;
use crate::transaction::{Coinbase, OutPoint, Output, Transaction};
use crate::work::Work;

/// The signing key whose 32 secret bytes are all this number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// The lock that the key of this number opens.
pub fn lock(number: u8) -> Lock {
    Lock::PublicKey(PublicKey::from_bytes(key(number).verifying_key().to_bytes()))
}

/// An output that pays a number of whole coins to the key of this number.
pub fn pay(coins: u64, number: u8) -> Output {
    Output { amount: Amount::from_units(coins.saturating_mul(Amount::COIN.units())), lock: lock(number) }
}

/// A chain for tests: two hashes a block, fixed difficulty, maturity 10, and in genesis 1,000 coins
/// for each of the keys 0 to 9.
#[derive(Clone, Debug)]
pub struct TestChain {
    pub params: ChainParams,
    pub genesis: Arc<Block>,
}

impl Default for TestChain {
    fn default() -> Self {
        Self::new()
    }
}

impl TestChain {
    /// The chain for tests, named "test".
    pub fn new() -> Self {
        Self::named("test")
    }

    /// A chain with its own genesis for each name.
    pub fn named(name: &str) -> Self {
        let premine = Amount::from_units(Amount::COIN.units().saturating_mul(10_000));
        let genesis_time = Timestamp::from_millis(1_700_000_000_000);
        let bits = CompactTarget::from_bits(0x207f_ffff);
        let outputs = (0..10).map(|number| pay(1_000, number)).collect();
        let coinbase = Coinbase { height: Height::GENESIS, outputs, tag: name.as_bytes().to_vec() };
        let genesis = Arc::new(seal(BlockHash::ZERO, genesis_time, bits, coinbase, Vec::new()));
        let params = ChainParams {
            name: name.into(),
            address_prefix: AddressPrefix::new("tcrn").expect("lower-case letters"),
            genesis_hash: GenesisHash::from(genesis.hash()),
            genesis_time,
            pow_limit: bits,
            genesis_bits: bits,
            spacing: Duration::from_secs(2),
            half_life: None,
            longest_gap: None,
            subsidy: Amount::from_units(Amount::COIN.units().saturating_mul(50)),
            halving_interval: 1_000,
            coinbase_maturity: 10,
            max_block_bytes: 1_000_000,
            median_time_span: 11,
            max_future_drift: Duration::from_secs(7_200),
            max_supply: Amount::from_units(Amount::COIN.units().saturating_mul(200_000)),
            premine,
            minimum_work: Work::ZERO,
        };
        Self { params, genesis }
    }

    /// A valid block on `parent`, one spacing later, whose coinbase pays the subsidy and these fees
    /// to the key of this number. Another number, another block.
    pub fn block_on(
        &self,
        parent: &Block,
        payee: u8,
        fees: Amount,
        transactions: Vec<Arc<Transaction>>,
    ) -> Arc<Block> {
        let height = parent.coinbase().height.next();
        let reward = subsidy(&self.params, height).checked_add(fees).expect("rewards are small");
        let outputs = vec![Output { amount: reward, lock: lock(payee) }];
        let coinbase = Coinbase { height, outputs, tag: vec![payee] };
        let time = parent.header().time.saturating_add(self.params.spacing);
        Arc::new(seal(parent.hash(), time, self.params.pow_limit, coinbase, transactions))
    }

    /// A number of empty blocks on `parent`, each on the one before.
    pub fn blocks_on(&self, parent: &Block, payee: u8, count: usize) -> Vec<Arc<Block>> {
        let mut blocks: Vec<Arc<Block>> = Vec::with_capacity(count);
        for _ in 0..count {
            let block =
                self.block_on(blocks.last().map_or(parent, |last| last), payee, Amount::ZERO, Vec::new());
            blocks.push(block);
        }
        blocks
    }

    /// The outpoint and output of the premine of the key of this number.
    pub fn premine(&self, number: u8) -> (OutPoint, Output) {
        let outpoint = OutPoint { txid: self.genesis.coinbase().txid(), index: u32::from(number) };
        (outpoint, pay(1_000, number))
    }

    /// A transaction that spends outputs of one key, signed.
    pub fn spend(&self, owner: u8, spent: &[(OutPoint, Output)], outputs: Vec<Output>) -> Arc<Transaction> {
        Arc::new(sign_spend(&self.params.genesis_hash, &key(owner), spent, outputs))
    }
}

/// A block with its Merkle root and a nonce that meets the target.
pub fn seal(
    parent: BlockHash,
    time: Timestamp,
    bits: CompactTarget,
    coinbase: Coinbase,
    transactions: Vec<Arc<Transaction>>,
) -> Block {
    let (version, merkle_root) = (Header::VERSION, MerkleRoot::ZERO);
    let fields = HeaderFields { version, previous_block_hash: parent, merkle_root, time, bits, nonce: 0 };
    let block = Block::with_root(fields, coinbase, transactions);
    let nonce = mine(*block.header()).nonce;
    block.with_nonce(nonce)
}

/// The header with a nonce that meets its target, which must be a trivial one.
///
/// # Panics
/// When the bits are not a target.
pub fn mine(header: Header) -> Header {
    let target = header.bits.to_target().expect("a valid target");
    let mut headers = (0..).map(|nonce| header.with_nonce(nonce));
    headers.find(|header| target.is_met_by(header.hash())).expect("some nonce meets a trivial target")
}
