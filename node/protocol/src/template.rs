//! Block templates: a block to be mined, with the transactions of highest fee rate, ancestors counted in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::header::AheadOfClock;
use cairn_core::difficulty::next_bits;
use cairn_core::encoding::encoded_size;
use cairn_core::hash::{BlockHash, MerkleRoot, Txid};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::height::Height;
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::params::ChainParams;
use cairn_core::subsidy::subsidy;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, Output, Transaction};

use crate::chain::Chain;
use crate::chain::store::ChainStore;
use crate::mempool::Mempool;
use crate::mempool::entries::MempoolEntries;
use crate::mempool::entry::{MempoolEntry, Package};
use crate::mempool::fee_rate::Score;

/// Packages in a row that do not fit, before the search for smaller ones ends, as in Bitcoin Core.
const MAX_MISSES: usize = 1_000;

/// All of a block but the lock of its reward and the nonce.
#[derive(Clone, Debug)]
pub struct Template {
    pub height: Height,
    pub previous: BlockHash,
    pub bits: CompactTarget,
    /// Now, or the first time that the rules allow.
    pub time: Timestamp,
    /// The first time that the rules allow.
    pub min_time: Timestamp,
    /// All but the coinbase, parents before children.
    pub transactions: Vec<Arc<Transaction>>,
    /// The fee of each transaction.
    pub fees: Vec<Amount>,
    /// The limit for the coinbase: subsidy and fees.
    pub reward: Amount,
}

impl Template {
    /// The best block that can be mined on the tip now.
    pub fn new<S: ChainStore>(now: Timestamp, chain: &Chain<S>, mempool: &Mempool) -> Self {
        let (params, parent) = (chain.params(), chain.next_context());
        let height = parent.height.next();
        let min_time = Self::min_time(chain);
        let max_bytes = params.max_block_bytes.saturating_sub(bytes_beside_transactions());
        let chosen = choose(mempool.entries(), max_bytes);
        let fees: Vec<Amount> = chosen.iter().map(|entry| entry.fee).collect();
        let earned = fees.iter().copied().fold(subsidy(params, height), |sum, fee| {
            sum.checked_add(fee).expect("fees are coins that exist, and all coins fit")
        });
        Self {
            height,
            previous: parent.hash,
            bits: next_bits(params, parent.anchor.as_ref(), parent.height, parent.time),
            time: now.max(min_time),
            min_time,
            transactions: chosen.into_iter().map(|entry| entry.transaction.clone()).collect(),
            fees,
            reward: earned,
        }
    }

    /// The first time that the rules allow for a block on the tip (BIP 113's clock).
    pub fn min_time<S: ChainStore>(chain: &Chain<S>) -> Timestamp {
        Timestamp::from_millis(chain.median_time_past(chain.tip()).millis().saturating_add(1))
    }

    /// Checks that a node whose clock shows `now` would accept the block.
    pub fn check_clock(&self, now: Timestamp, params: &ChainParams) -> Result<(), AheadOfClock> {
        AheadOfClock::check(self.time, now, params.max_future_drift)
    }

    /// The block that pays its reward to `lock`, with nonce zero. The tag is cut to the length that
    /// a coinbase may have.
    pub fn to_block(&self, lock: Lock, mut tag: Vec<u8>) -> Block {
        tag.truncate(Coinbase::MAX_TAG);
        let outputs = vec![Output { amount: self.reward, lock }];
        let coinbase = Coinbase { height: self.height, outputs, tag };
        let fields = HeaderFields {
            version: Header::VERSION,
            previous_block_hash: self.previous,
            merkle_root: MerkleRoot::ZERO,
            time: self.time,
            bits: self.bits,
            nonce: 0,
        };
        Block::with_root(fields, coinbase, self.transactions.clone())
    }
}

/// Length in bytes of the header, the largest coinbase of a template and the count of transactions.
fn bytes_beside_transactions() -> usize {
    let lock = Lock::PublicKey(PublicKey::from_bytes([0; 32]));
    let coinbase = Coinbase {
        height: Height::GENESIS,
        outputs: vec![Output { amount: Amount::ZERO, lock }],
        tag: vec![0; Coinbase::MAX_TAG],
    };
    Header::SIZE + encoded_size(&coinbase) + size_of::<u64>()
}

/// Transactions by the fee rate of each with its ancestors that are not chosen yet, up to a number of bytes;
/// parents before children. After Bitcoin Core's `addPackageTxs`.
fn choose(entries: &MempoolEntries, mut bytes_left: usize) -> Vec<&MempoolEntry> {
    let (mut chosen, mut is_chosen) = (Vec::new(), BTreeSet::new());
    let mut candidates = entries.best_first().peekable();
    let mut lightened = Lightened::default();
    let mut passed_over = BTreeSet::new();
    let mut misses = 0;
    while misses < MAX_MISSES {
        // An entry with a chosen ancestor is in `lightened` with a better score than here.
        let is_past = |txid: &Txid| {
            is_chosen.contains(txid) || lightened.packages.contains_key(txid) || passed_over.contains(txid)
        };
        while candidates.next_if(|entry| is_past(&entry.transaction.txid())).is_some() {}
        let plain = candidates.peek().map(|entry| (entry.ancestors.score(), entry.transaction.txid()));
        let Some((_, txid)) = plain.max(lightened.best()) else { break };
        let size = lightened.packages.get(&txid).map_or_else(
            || entries.get(&txid).map_or(0, |entry| entry.ancestors.size),
            |package| package.size,
        );
        if size > bytes_left {
            lightened.forget(&txid);
            passed_over.insert(txid);
            misses += 1;
            continue;
        }
        misses = 0;
        bytes_left -= size;
        let package = entries.with_ancestors([txid]);
        let mut package: Vec<&MempoolEntry> = package
            .iter()
            .filter(|txid| !is_chosen.contains(*txid))
            .filter_map(|txid| entries.get(txid))
            .collect();
        package.sort_unstable_by_key(|entry| entry.sequence);
        for entry in &package {
            let txid = entry.transaction.txid();
            lightened.forget(&txid);
            is_chosen.insert(txid);
        }
        for entry in package {
            for below in entries.with_descendants([entry.transaction.txid()]) {
                if !is_chosen.contains(&below)
                    && let Some(descendant) = entries.get(&below)
                {
                    lightened.lighten(descendant, entry, !passed_over.contains(&below));
                }
            }
            chosen.push(entry);
        }
    }
    chosen
}

/// Packages of entries without those of their ancestors that are chosen.
#[derive(Default)]
struct Lightened {
    packages: BTreeMap<Txid, Package>,
    by_score: BTreeSet<(Score, Txid)>,
}

impl Lightened {
    fn best(&self) -> Option<(Score, Txid)> {
        self.by_score.last().copied()
    }

    fn forget(&mut self, txid: &Txid) {
        if let Some(package) = self.packages.remove(txid) {
            self.by_score.remove(&(package.score(), *txid));
        }
    }

    /// Removes a chosen ancestor from a package.
    fn lighten(&mut self, entry: &MempoolEntry, chosen: &MempoolEntry, is_candidate: bool) {
        let txid = entry.transaction.txid();
        let before = self.packages.get(&txid).copied().unwrap_or(entry.ancestors);
        self.forget(&txid);
        let after = before.without(chosen);
        self.packages.insert(txid, after);
        if is_candidate {
            self.by_score.insert((after.score(), txid));
        }
    }
}

#[cfg(test)]
mod tests;
