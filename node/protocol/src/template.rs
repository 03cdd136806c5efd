//! Block templates: what a miner works on, chosen by what each package of transactions pays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::header::AheadOfClock;
use cairn_core::difficulty::next_bits;
use cairn_core::encoding::encoded_size;
use cairn_core::hash::{BlockHash, MerkleRoot, Txid};
use cairn_core::header::Header;
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

/// Packages that do not fit any more before the search for small ones ends, as in Bitcoin Core.
const MAX_MISSES: usize = 1_000;

/// All of a block but who is paid for it and the nonce.
#[derive(Clone, Debug)]
pub struct Template {
    /// Where the block will be.
    pub height: Height,
    pub previous: BlockHash,
    pub bits: CompactTarget,
    /// Its time: now, or the first moment that the rules allow.
    pub time: Timestamp,
    /// The first moment that the rules allow.
    pub min_time: Timestamp,
    /// All but the coinbase, parents before children.
    pub transactions: Vec<Arc<Transaction>>,
    /// What each of them pays.
    pub fees: Vec<Amount>,
    /// What the coinbase may claim: subsidy and fees.
    pub reward: Amount,
}

impl Template {
    /// The best block that can be mined on the tip now.
    pub fn new<S: ChainStore>(now: Timestamp, chain: &Chain<S>, mempool: &Mempool) -> Self {
        let (params, parent) = (chain.params(), chain.next_context());
        let height = parent.height.next();
        let min_time = Self::min_time(chain);
        let room = params.max_block_bytes.saturating_sub(bytes_beside_transactions());
        let chosen = choose(mempool.entries(), room);
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

    /// The first moment that the rules allow a block on the tip.
    pub fn min_time<S: ChainStore>(chain: &Chain<S>) -> Timestamp {
        Timestamp::from_millis(chain.median_time_past(chain.tip()).millis().saturating_add(1))
    }

    /// Whether a node whose clock shows `now` would accept the block yet.
    ///
    /// # Errors
    /// How far the block is ahead.
    pub fn check_clock(&self, now: Timestamp, params: &ChainParams) -> Result<(), AheadOfClock> {
        AheadOfClock::check(self.time, now, params.max_future_drift)
    }

    /// The block that pays its reward to `lock`, with nonce zero. Of the tag as much is used as a
    /// coinbase may hold.
    pub fn to_block(&self, lock: Lock, mut tag: Vec<u8>) -> Block {
        tag.truncate(Coinbase::MAX_TAG);
        let outputs = vec![Output { amount: self.reward, lock }];
        let coinbase = Coinbase { height: self.height, outputs, tag };
        let header = Header {
            version: Header::VERSION,
            previous_block_hash: self.previous,
            merkle_root: MerkleRoot::ZERO,
            time: self.time,
            bits: self.bits,
            nonce: 0,
        };
        let draft = Block::new(header, coinbase, self.transactions.clone());
        let header = Header { merkle_root: draft.merkle_root(), ..header };
        Block::new(header, draft.coinbase().clone(), self.transactions.clone())
    }
}

/// Header, the largest coinbase that a template makes, and the count of transactions.
fn bytes_beside_transactions() -> usize {
    let lock = Lock::PublicKey(PublicKey::from_bytes([0; 32]));
    let coinbase = Coinbase {
        height: Height::GENESIS,
        outputs: vec![Output { amount: Amount::ZERO, lock }],
        tag: vec![0; Coinbase::MAX_TAG],
    };
    Header::SIZE + encoded_size(&coinbase) + size_of::<u64>()
}

/// Transactions by what each pays together with those it depends on that are not chosen yet, as long
/// as there is room; parents before children. After Bitcoin Core's `addPackageTxs`.
fn choose(entries: &MempoolEntries, mut room: usize) -> Vec<&MempoolEntry> {
    let (mut chosen, mut is_chosen) = (Vec::new(), BTreeSet::new());
    let mut waiting = entries.best_first().peekable();
    let mut lightened = Lightened::default();
    let mut passed_over = BTreeSet::new();
    let mut misses = 0;
    while misses < MAX_MISSES {
        // Those with a chosen ancestor stand in `lightened` with a better score than here.
        let is_past = |txid: &Txid| {
            is_chosen.contains(txid) || lightened.packages.contains_key(txid) || passed_over.contains(txid)
        };
        while waiting.next_if(|entry| is_past(&entry.transaction.txid())).is_some() {}
        let plain = waiting.peek().map(|entry| (entry.ancestors.score(), entry.transaction.txid()));
        let Some((_, txid)) = plain.max(lightened.best()) else { break };
        let size = lightened.packages.get(&txid).map_or_else(
            || entries.get(&txid).map_or(0, |entry| entry.ancestors.size),
            |package| package.size,
        );
        if size > room {
            lightened.forget(&txid);
            passed_over.insert(txid);
            misses += 1;
            continue;
        }
        misses = 0;
        room -= size;
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

/// MempoolEntries some of whose ancestors are chosen: what is left of their packages.
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

    /// Takes a chosen ancestor out of a package.
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
