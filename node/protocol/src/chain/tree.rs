//! The header tree: parent, height, chainwork and status of each block, and the branches that may become
//! the best chain.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cairn_core::check::header::ParentContext;
use cairn_core::difficulty::Anchor;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::time::{Timestamp, median_time_past};
use cairn_core::work::Work;

use crate::chain::store::{BlockStatus, HeaderRecord, StoreError};

/// An accepted header and the state of its block (Bitcoin Core's `CBlockIndex`).
#[derive(Clone, Debug)]
pub struct BlockIndexEntry {
    pub header: Header,
    pub height: Height,
    /// Chainwork up to and with this block.
    pub work: Work,
    pub status: BlockStatus,
    /// The difficulty anchor of its children.
    pub anchor: Option<Anchor>,
    /// Whether its body and those of all its ancestors are stored: only then can it be connected.
    pub is_whole: bool,
    /// Whether the store has its record as it is now.
    is_recorded: bool,
    /// Index of the parent; genesis is its own.
    parent: usize,
    /// Index of an ancestor far below, so that any other is found in few steps.
    skip: usize,
    children: Vec<usize>,
    /// Order of arrival, which decides between equal work.
    sequence: u64,
}

impl BlockIndexEntry {
    /// The hash of the block.
    pub const fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    fn record(&self) -> HeaderRecord {
        HeaderRecord { header: self.header, height: self.height, status: self.status }
    }

    /// Whether the block, or an ancestor, breaks a rule.
    pub fn is_invalid(&self) -> bool {
        is_invalid(self.status)
    }

    /// Whether the body is stored.
    pub fn has_body(&self) -> bool {
        matches!(self.status, BlockStatus::BodyStored | BlockStatus::Validated)
    }

    fn rank(&self) -> Rank {
        Rank { work: self.work, sequence: Reverse(self.sequence), hash: self.hash() }
    }
}

const fn is_invalid(status: BlockStatus) -> bool {
    matches!(status, BlockStatus::Invalid | BlockStatus::DescendsFromInvalid)
}

/// The end of a branch.
#[derive(Clone, Copy, Debug)]
pub struct ChainTip {
    pub hash: BlockHash,
    pub height: Height,
    /// Chainwork up to and with this block.
    pub work: Work,
}

impl From<&BlockIndexEntry> for ChainTip {
    fn from(entry: &BlockIndexEntry) -> Self {
        Self { hash: entry.hash(), height: entry.height, work: entry.work }
    }
}

/// The order of candidates: most work last; of equal work, the first seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    work: Work,
    sequence: Reverse<u64>,
    hash: BlockHash,
}

/// Every accepted header, of all branches.
#[derive(Clone, Debug)]
pub struct HeaderTree {
    /// In the order of arrival, so that a parent comes before its children.
    entries: Vec<BlockIndexEntry>,
    indexes: BTreeMap<BlockHash, usize>,
    /// Whole blocks with at least the work of the best chain.
    candidates: BTreeSet<Rank>,
    best_header: usize,
    next_sequence: u64,
}

impl HeaderTree {
    /// A tree of genesis alone.
    pub fn new(genesis: Header) -> Self {
        let root = BlockIndexEntry {
            header: genesis,
            height: Height::GENESIS,
            work: Work::ZERO,
            status: BlockStatus::Validated,
            anchor: None,
            is_whole: true,
            is_recorded: false,
            parent: 0,
            skip: 0,
            children: Vec::new(),
            sequence: 0,
        };
        Self {
            indexes: BTreeMap::from([(root.hash(), 0)]),
            entries: vec![root],
            candidates: BTreeSet::new(),
            best_header: 0,
            next_sequence: 1,
        }
    }

    /// The entry of a header.
    pub fn get(&self, hash: &BlockHash) -> Option<&BlockIndexEntry> {
        // Every peer sends the newest block.
        if let Some(newest) = self.entries.last().filter(|newest| newest.hash() == *hash) {
            return Some(newest);
        }
        self.indexes.get(hash).and_then(|index| self.entries.get(*index))
    }

    /// The index of the last of a chain's blocks, which does not change.
    ///
    /// # Panics
    /// When the chain is not in the tree.
    pub fn index_of_last(&self, chain: &[BlockHash]) -> usize {
        let index = chain.last().and_then(|last| self.indexes.get(last));
        *index.expect("the best chain is in the tree")
    }

    /// The entry at an index.
    pub fn at(&self, index: usize) -> Option<&BlockIndexEntry> {
        self.entries.get(index)
    }

    fn get_mut(&mut self, hash: &BlockHash) -> Option<&mut BlockIndexEntry> {
        self.indexes.get(hash).and_then(|index| self.entries.get_mut(*index))
    }

    /// The entry of the parent; genesis has none.
    pub fn parent(&self, entry: &BlockIndexEntry) -> Option<&BlockIndexEntry> {
        self.entries.get(entry.parent).filter(|_| entry.height > Height::GENESIS)
    }

    /// The ancestor at a height, or the entry itself; none above it.
    pub fn ancestor<'t>(
        &'t self,
        mut entry: &'t BlockIndexEntry,
        height: Height,
    ) -> Option<&'t BlockIndexEntry> {
        if height > entry.height {
            return None;
        }
        while entry.height > height {
            let skip = self.entries.get(entry.skip);
            let skip = skip.filter(|skip| skip.height >= height && skip.height < entry.height);
            entry = skip.or_else(|| self.parent(entry))?;
        }
        Some(entry)
    }

    /// The hashes of a block's children.
    pub fn children(&self, hash: &BlockHash) -> impl Iterator<Item = BlockHash> {
        let children = self.get(hash).map(|entry| entry.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|index| self.entries.get(*index)).map(BlockIndexEntry::hash)
    }

    /// Every entry, in the order of hashes.
    pub fn iter(&self) -> impl Iterator<Item = &BlockIndexEntry> {
        self.indexes.values().filter_map(|index| self.entries.get(*index))
    }

    /// The valid header with most work.
    pub fn best_header(&self) -> &BlockIndexEntry {
        self.entries.get(self.best_header).expect("the best header is one of the entries")
    }

    /// The facts about a parent that its child's header is checked against.
    pub fn context(&self, parent: &BlockIndexEntry, params: &ChainParams) -> ParentContext {
        ParentContext {
            hash: parent.hash(),
            height: parent.height,
            time: parent.header.time,
            median_time_past: self.median_time_past(parent, params),
            anchor: parent.anchor,
        }
    }

    /// The median time of an entry and its ancestors, over the chain's span (BIP 113).
    pub fn median_time_past(&self, entry: &BlockIndexEntry, params: &ChainParams) -> Timestamp {
        let lineage = core::iter::successors(Some(entry), |entry| self.parent(entry));
        let times: Vec<Timestamp> =
            lineage.take(params.median_time_span).map(|entry| entry.header.time).collect();
        median_time_past(&times)
    }

    /// Adds a header that passed every rule, on a parent in the tree.
    pub fn insert(&mut self, header: Header, params: &ChainParams) {
        self.add(header, BlockStatus::HeaderOnly, params);
    }

    fn add(&mut self, header: Header, status: BlockStatus, params: &ChainParams) {
        let index = self.entries.len();
        let parent_index =
            *self.indexes.get(&header.previous_block_hash).expect("the parent was looked up before");
        let parent = &self.entries[parent_index];
        let own_work =
            header.bits.to_target().map(|target| target.work()).expect("the header was checked alone");
        let height = parent.height.next();
        let skip = self.ancestor(parent, skip_height(height)).expect("the skip is below").hash();
        let entry = BlockIndexEntry {
            header,
            height,
            work: parent.work.checked_add(own_work).expect("2^256 hashes are out of reach"),
            status: if parent.is_invalid() { BlockStatus::DescendsFromInvalid } else { status },
            anchor: Anchor::after(parent.anchor.as_ref(), params, &header, height, parent.header.time),
            is_whole: false,
            is_recorded: false,
            parent: parent_index,
            skip: *self.indexes.get(&skip).expect("it was found in the tree"),
            children: Vec::new(),
            sequence: self.next_sequence,
        };
        self.next_sequence += 1;
        if !entry.is_invalid() && entry.work > self.best_header().work {
            self.best_header = index;
        }
        self.entries[parent_index].children.push(index);
        self.indexes.insert(entry.hash(), index);
        self.entries.push(entry);
    }

    /// Adds a header as it was stored; parents come before children.
    pub fn restore(&mut self, record: &HeaderRecord, params: &ChainParams) -> Result<(), StoreError> {
        let hash = record.header.hash();
        if record.height > Height::GENESIS {
            let parent = self.get(&record.header.previous_block_hash);
            let parent = parent.ok_or(StoreError::Missing { kind: "parent", hash })?;
            // A crash may have come between the records of an invalid block and of its descendants.
            let descends = parent.is_invalid() && !is_invalid(record.status);
            let status = if descends { BlockStatus::DescendsFromInvalid } else { record.status };
            let has_body = matches!(record.status, BlockStatus::BodyStored | BlockStatus::Validated);
            self.add(record.header, if has_body { BlockStatus::HeaderOnly } else { status }, params);
            if has_body {
                self.body_arrived(&hash);
            }
            self.set_status(&hash, status);
        }
        if let Some(entry) = self.get_mut(&hash) {
            entry.is_recorded = true;
        }
        Ok(())
    }

    /// Notes that a block's body is stored. The block, and descendants that wait for it, become candidates.
    pub fn body_arrived(&mut self, hash: &BlockHash) {
        self.set_status(hash, BlockStatus::BodyStored);
        let mut open = vec![*hash];
        while let Some(hash) = open.pop() {
            let Some(entry) = self.get(&hash) else { continue };
            let parent_is_whole = self.parent(entry).is_some_and(|parent| parent.is_whole);
            if entry.is_whole || !entry.has_body() || !parent_is_whole {
                continue;
            }
            open.extend(self.children(&hash));
            let sequence = self.next_sequence;
            self.next_sequence += 1;
            if let Some(entry) = self.get_mut(&hash) {
                (entry.is_whole, entry.sequence) = (true, sequence);
                let rank = entry.rank();
                self.candidates.insert(rank);
            }
        }
    }

    /// Sets the status of a block.
    pub fn set_status(&mut self, hash: &BlockHash, status: BlockStatus) {
        if let Some(entry) = self.get_mut(hash)
            && entry.status != status
        {
            entry.status = status;
            entry.is_recorded = false;
        }
    }

    /// Makes a block and its descendants invalid; returns their hashes, ancestors first.
    pub fn invalidate(&mut self, hash: &BlockHash) -> Vec<BlockHash> {
        let mut invalid = vec![*hash];
        let mut next = 0;
        while let Some(hash) = invalid.get(next).copied() {
            invalid.extend(self.children(&hash));
            next += 1;
        }
        for invalid in &invalid {
            let Some(entry) = self.get_mut(invalid) else { continue };
            entry.is_whole = false;
            let rank = entry.rank();
            // A block that is invalid by itself stays so when its ancestors are reconsidered.
            let is_source = invalid == hash || entry.status == BlockStatus::Invalid;
            self.candidates.remove(&rank);
            let status = if is_source { BlockStatus::Invalid } else { BlockStatus::DescendsFromInvalid };
            self.set_status(invalid, status);
        }
        self.find_best_header();
        invalid
    }

    /// Gives an invalid block a valid status; its ancestors come before it.
    pub fn reconsider(&mut self, hash: &BlockHash, status: BlockStatus) {
        self.set_status(hash, status);
        if status == BlockStatus::BodyStored {
            self.body_arrived(hash);
        }
    }

    /// Finds the best header again, and makes every whole block a candidate: after an invalidation, the next
    /// best chain may be a branch that was long behind.
    pub fn find_candidates(&mut self) {
        self.find_best_header();
        let whole = self.entries.iter().filter(|entry| entry.is_whole && !entry.is_invalid());
        self.candidates = whole.map(BlockIndexEntry::rank).collect();
    }

    fn find_best_header(&mut self) {
        let valid = self.entries.iter().enumerate().filter(|(_, entry)| !entry.is_invalid());
        let best = valid.max_by_key(|(_, entry)| (entry.work, Reverse(entry.sequence)));
        self.best_header = best.map(|(index, _)| index).expect("genesis is valid");
    }

    /// The whole block with most work, if that is more than the tip's, or if the tip is no longer valid.
    pub fn best_candidate(&self, tip: &BlockIndexEntry) -> Option<BlockHash> {
        let best = self.candidates.last();
        best.filter(|best| best.work > tip.work || tip.is_invalid()).map(|best| best.hash)
    }

    /// Forgets candidates with no more work than this, the best chain's.
    pub fn forget_candidates_up_to(&mut self, work: Work) {
        while self.candidates.first().is_some_and(|candidate| candidate.work <= work) {
            self.candidates.pop_first();
        }
    }

    /// The records of this entry and its ancestors that the store does not have yet, oldest first. They
    /// count as stored from here on.
    pub fn take_unrecorded(&mut self, hash: &BlockHash) -> Vec<HeaderRecord> {
        let mut records = Vec::new();
        let mut next = *hash;
        while let Some(entry) = self.get_mut(&next).filter(|entry| !entry.is_recorded) {
            entry.is_recorded = true;
            records.push(entry.record());
            next = entry.header.previous_block_hash;
        }
        records.reverse();
        records
    }

    /// Headers without a child: the end of each branch.
    pub fn leaves(&self) -> impl Iterator<Item = &BlockIndexEntry> {
        self.iter().filter(|entry| entry.children.is_empty())
    }
}

/// The height of the ancestor that `skip` points to. Clearing the lowest bits of the height makes any
/// ancestor reachable in about the logarithm of the distance (Bitcoin Core's `GetSkipHeight`).
fn skip_height(height: Height) -> Height {
    let height = height.get();
    let without_lowest_bit = |number: u32| number & number.wrapping_sub(1);
    let skip = if height < 2 {
        0
    } else if height % 2 == 1 {
        without_lowest_bit(without_lowest_bit(height - 1)) + 1
    } else {
        without_lowest_bit(height)
    };
    Height::from_u32(skip)
}
