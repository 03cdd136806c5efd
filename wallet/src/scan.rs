//! The scan: our coins and their history, read from the blocks of the chain. A reorganization takes it back
//! to the fork point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::check::block::{BlockError, check_block};
use cairn_core::coin::Origin;
use cairn_core::encoding::{self, Decode, Encode};
use cairn_core::hash::{BlockHash, Txid, sha256d};
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::params::ChainParams;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{OutPoint, Output};

use serde::Serialize;

use crate::headers::{ChainError, HeaderChain};

/// A kept scan larger than this was not written here.
const MAX_BYTES: usize = 1 << 30;

/// Everything the wallet knows from the chain. A cache: reading the chain again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Scan {
    /// How many locks of each branch were looked for; when more are derived, the scan starts anew.
    watched: Watched,
    headers: HeaderChain,
    coins: BTreeMap<OutPoint, OwnedCoin>,
}

/// How many locks, counted from the first, are looked for on each branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Watched {
    pub receiving: u32,
    pub change: u32,
}

/// An output of ours on the best chain, spent or not.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OwnedCoin {
    pub output: Output,
    pub height: Height,
    pub origin: Origin,
    /// The transaction that spent it, and the height of its block.
    pub spent: Option<(Txid, Height)>,
}

/// A block is not valid on top of those that were read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Its header does not fit.
    #[error(transparent)]
    Header(#[from] ChainError),
    /// Its body is not what its header commits to, or breaks another rule.
    #[error("the node showed a block that breaks a rule of the chain: {0}")]
    Body(#[from] BlockError),
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub txid: Txid,
    pub height: Height,
    /// The time of its block.
    pub time: Timestamp,
    /// What came in to our locks.
    pub received: Amount,
    /// What left from our locks.
    pub spent: Amount,
    /// Whether it was mined to us.
    pub mined: bool,
}

impl Scan {
    /// A scan that has seen the genesis block.
    pub fn new(genesis: &Block, locks: &BTreeSet<Lock>, watched: Watched) -> Self {
        let headers = HeaderChain::new(genesis.header());
        let mut scan = Self { watched, headers, coins: BTreeMap::new() };
        scan.take_in(genesis, Height::GENESIS, locks);
        scan
    }

    /// The scan that [`Self::write`] gave these bytes for, if it is of this chain. A byte that changed since
    /// would be a wrong balance; so there is none then.
    pub fn read(bytes: &[u8], genesis: &Block) -> Option<Self> {
        let (checksum, bytes) = bytes.split_first_chunk::<32>()?;
        if *checksum != sha256d(bytes) {
            return None;
        }
        let scan = encoding::decode::<Self>(bytes, MAX_BYTES).ok()?;
        (scan.hash_at(Height::GENESIS) == Some(genesis.hash())).then_some(scan)
    }

    /// The scan as bytes, to be kept: a checksum first.
    pub fn write(&self) -> Vec<u8> {
        let bytes = encoding::encode(self);
        [&sha256d(&bytes)[..], &bytes].concat()
    }

    /// Height of the last block that was read.
    pub fn height(&self) -> Height {
        self.headers.height()
    }

    /// Median time past of the last block that was read.
    pub fn median_time_past(&self, params: &ChainParams) -> Timestamp {
        self.headers.median_time_past(params)
    }

    /// Time of the last block that was read.
    pub fn tip_time(&self) -> Timestamp {
        self.headers.time_at(self.height()).expect("genesis is never removed")
    }

    /// Hash of the block that was read at a height.
    pub fn hash_at(&self, height: Height) -> Option<BlockHash> {
        self.headers.hash_at(height)
    }

    /// Reads the next block.
    ///
    /// # Errors
    /// Every variant of [`ScanError`]; the scan is unchanged then.
    pub fn connect(
        &mut self,
        block: Arc<Block>,
        locks: &BTreeSet<Lock>,
        params: &ChainParams,
        now: Timestamp,
    ) -> Result<(), ScanError> {
        // The Merkle root ties every transaction to the header, whose work is checked next.
        let checked = check_block(block, params)?;
        self.headers.push(checked.block().header(), params, now)?;
        self.take_in(checked.block(), self.headers.height(), locks);
        Ok(())
    }

    /// Goes back: forgets what blocks above `height` said.
    pub fn rewind(&mut self, height: Height) {
        self.headers.truncate(height);
        self.coins.retain(|_, coin| coin.height <= height);
        for coin in self.coins.values_mut() {
            if coin.spent.is_some_and(|(_, spent_at)| spent_at > height) {
                coin.spent = None;
            }
        }
    }

    /// Coins of ours that no block has spent.
    pub fn unspent(&self) -> impl Iterator<Item = (&OutPoint, &OwnedCoin)> {
        self.coins.iter().filter(|(_, coin)| coin.spent.is_none())
    }

    /// A coin of ours, spent or not.
    pub fn coin(&self, outpoint: &OutPoint) -> Option<&OwnedCoin> {
        self.coins.get(outpoint)
    }

    /// How many locks of each branch were looked for.
    pub fn watched(&self) -> Watched {
        self.watched
    }

    /// Looks for fewer locks from now on. Nothing that was read is lost if none of the others was ever paid.
    pub fn watch_fewer(&mut self, watched: Watched) {
        self.watched = watched;
    }

    /// Locks that were ever paid.
    pub fn paid_locks(&self) -> BTreeSet<Lock> {
        self.coins.values().map(|coin| coin.output.lock).collect()
    }

    /// Every transaction that paid or spent our coins, with the height of its block.
    pub fn confirmed(&self) -> BTreeMap<Txid, Height> {
        let made = self.coins.iter().map(|(outpoint, coin)| (outpoint.txid, coin.height));
        made.chain(self.coins.values().filter_map(|coin| coin.spent)).collect()
    }

    /// Every transaction that moved our coins, oldest first.
    pub fn history(&self) -> Vec<Entry> {
        let mut entries: BTreeMap<(Height, Txid), Entry> = BTreeMap::new();
        let blank = |txid, height| Entry {
            txid,
            height,
            time: self.headers.time_at(height).unwrap_or(Timestamp::from_millis(0)),
            received: Amount::ZERO,
            spent: Amount::ZERO,
            mined: false,
        };
        let add = |sum: &mut Amount, amount| *sum = sum.checked_add(amount).expect("below the supply");
        for (outpoint, coin) in &self.coins {
            let key = (coin.height, outpoint.txid);
            let entry = entries.entry(key).or_insert_with(|| blank(outpoint.txid, coin.height));
            add(&mut entry.received, coin.output.amount);
            entry.mined |= coin.origin == Origin::Coinbase;
            if let Some((txid, height)) = coin.spent {
                let entry = entries.entry((height, txid)).or_insert_with(|| blank(txid, height));
                add(&mut entry.spent, coin.output.amount);
            }
        }
        entries.into_values().collect()
    }

    fn take_in(&mut self, block: &Block, height: Height, locks: &BTreeSet<Lock>) {
        let origin = if height == Height::GENESIS { Origin::Premine } else { Origin::Coinbase };
        self.receive(block.coinbase().txid(), &block.coinbase().outputs, height, origin, locks);
        for transaction in block.transactions() {
            for input in transaction.inputs() {
                if let Some(coin) = self.coins.get_mut(input) {
                    coin.spent = Some((transaction.txid(), height));
                }
            }
            self.receive(transaction.txid(), transaction.outputs(), height, Origin::Transaction, locks);
        }
    }

    fn receive(
        &mut self,
        txid: Txid,
        outputs: &[Output],
        height: Height,
        origin: Origin,
        locks: &BTreeSet<Lock>,
    ) {
        for (index, output) in outputs.iter().enumerate().filter(|(_, output)| locks.contains(&output.lock)) {
            let outpoint = OutPoint { txid, index: index as u32 };
            let coin = OwnedCoin { output: output.clone(), height, origin, spent: None };
            self.coins.insert(outpoint, coin);
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_core::testing::TestChain;

    use super::*;

    const WATCHED: Watched = Watched { receiving: 10, change: 2 };

    #[test]
    fn a_kept_scan_comes_back_for_its_own_chain_alone() {
        let (test, other) = (TestChain::new(), TestChain::named("other"));
        let locks = test.genesis.coinbase().outputs.iter().map(|output| output.lock).collect();
        let scan = Scan::new(&test.genesis, &locks, WATCHED);
        let kept = scan.write();
        assert_eq!(Scan::read(&kept, &test.genesis), Some(scan));
        assert_eq!(Scan::read(&kept, &other.genesis), None);
    }

    /// A changed amount was a wrong balance, and two of them could end the program.
    #[test]
    fn a_kept_scan_in_which_a_bit_changed_is_not_taken() {
        let test = TestChain::new();
        let locks = test.genesis.coinbase().outputs.iter().map(|output| output.lock).collect();
        let kept = Scan::new(&test.genesis, &locks, WATCHED).write();
        for place in 0..kept.len() {
            let mut damaged = kept.clone();
            damaged[place] ^= 0x80;
            assert_eq!(Scan::read(&damaged, &test.genesis), None, "byte {place}");
        }
    }
}
