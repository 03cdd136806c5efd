//! The tree of headers: parent, height, chainwork, how far each block has come, and which branch
//! deserves to be the best.

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

/// A header and what is known of its block.
#[derive(Clone, Debug)]
pub struct Entry {
    pub hash: BlockHash,
    pub header: Header,
    pub height: Height,
    /// Chainwork up to and with it.
    pub work: Work,
    /// How far its block has come.
    pub status: BlockStatus,
    /// Where the difficulty of its children is anchored.
    pub anchor: Option<Anchor>,
    /// Whether its body and those of all its ancestors are here: only then can it be connected.
    pub is_whole: bool,
    /// Whether the store has its record as it is now.
    is_recorded: bool,
    /// Its parent's place among the entries; genesis is its own.
    parent: usize,
    /// An ancestor far below, so that any other is found in few steps.
    skip: usize,
    children: Vec<usize>,
    /// Which came first, of two with equal work.
    turn: u64,
}

impl Entry {
    /// What is stored of it.
    pub fn record(&self) -> HeaderRecord {
        HeaderRecord { header: self.header, height: self.height, status: self.status }
    }

    /// Whether it, or an ancestor, breaks a rule.
    pub fn is_invalid(&self) -> bool {
        matches!(self.status, BlockStatus::Invalid | BlockStatus::DescendsFromInvalid)
    }

    /// Whether its body is stored.
    pub fn has_body(&self) -> bool {
        matches!(self.status, BlockStatus::BodyStored | BlockStatus::Validated)
    }
}

/// Every header that was accepted.
#[derive(Clone, Debug)]
pub struct HeaderTree {
    /// In the order of arrival: a parent comes before its children, and a step to it is one look.
    entries: Vec<Entry>,
    numbers: BTreeMap<BlockHash, usize>,
    /// Whole blocks with at least the best chain's work, best last; of equals the first seen is better.
    candidates: BTreeSet<(Work, Reverse<u64>, BlockHash)>,
    best_header: usize,
    next_turn: u64,
}

impl HeaderTree {
    /// A tree of genesis alone.
    pub fn new(genesis: Header) -> Self {
        let hash = genesis.hash();
        let root = Entry {
            hash,
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
            turn: 0,
        };
        Self {
            entries: vec![root],
            numbers: BTreeMap::from([(hash, 0)]),
            candidates: BTreeSet::new(),
            best_header: 0,
            next_turn: 1,
        }
    }

    /// The entry of a header.
    pub fn get(&self, hash: &BlockHash) -> Option<&Entry> {
        // A block comes from every peer while it is the newest.
        if let Some(newest) = self.entries.last().filter(|newest| newest.hash == *hash) {
            return Some(newest);
        }
        self.numbers.get(hash).and_then(|number| self.entries.get(*number))
    }

    /// The place in the order of arrival of the last of a chain's blocks.
    ///
    /// # Panics
    /// When the chain is not in the tree.
    pub fn number_of_last(&self, chain: &[BlockHash]) -> usize {
        let number = chain.last().and_then(|last| self.numbers.get(last));
        *number.expect("the best chain is in the tree")
    }

    /// The entry at a place in the order of arrival.
    pub fn at(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number)
    }

    fn get_mut(&mut self, hash: &BlockHash) -> Option<&mut Entry> {
        self.numbers.get(hash).and_then(|number| self.entries.get_mut(*number))
    }

    /// The entry of the parent; genesis has none.
    pub fn parent(&self, entry: &Entry) -> Option<&Entry> {
        self.entries.get(entry.parent).filter(|_| entry.height > Height::GENESIS)
    }

    /// The ancestor at a height, or the entry itself; none above it.
    pub fn ancestor<'t>(&'t self, mut entry: &'t Entry, height: Height) -> Option<&'t Entry> {
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

    /// Headers that stand on this one.
    pub fn children(&self, hash: &BlockHash) -> impl Iterator<Item = BlockHash> {
        let children = self.get(hash).map(|entry| entry.children.as_slice()).unwrap_or_default();
        children.iter().filter_map(|number| self.entries.get(*number)).map(|child| child.hash)
    }

    /// Every entry, in the order of hashes.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.numbers.values().filter_map(|number| self.entries.get(*number))
    }

    /// The valid header with most work.
    pub fn best_header(&self) -> &Entry {
        self.entries.get(self.best_header).expect("the best header is one of the entries")
    }

    /// What a header's rules need to know of its parent.
    pub fn context(&self, parent: &Entry, params: &ChainParams) -> ParentContext {
        ParentContext {
            hash: parent.hash,
            height: parent.height,
            time: parent.header.time,
            median_time_past: self.median_time_past(parent, params),
            anchor: parent.anchor,
        }
    }

    /// The median time of an entry and its ancestors, over the chain's span.
    pub fn median_time_past(&self, entry: &Entry, params: &ChainParams) -> Timestamp {
        let lineage = core::iter::successors(Some(entry), |entry| self.parent(entry));
        let times: Vec<Timestamp> =
            lineage.take(params.median_time_span).map(|entry| entry.header.time).collect();
        median_time_past(&times)
    }

    /// Adds a header that passed every rule on a parent that is here.
    pub fn insert(&mut self, header: Header, params: &ChainParams) -> BlockHash {
        self.add(header, BlockStatus::HeaderOnly, params)
    }

    fn add(&mut self, header: Header, status: BlockStatus, params: &ChainParams) -> BlockHash {
        let hash = header.hash();
        let parent = *self.numbers.get(&header.previous_block_hash).expect("the parent was looked up before");
        let number = self.entries.len();
        let parent_number = parent;
        let parent = &self.entries[parent];
        let own_work =
            header.bits.to_target().map(|target| target.work()).expect("the header was checked alone");
        let height = parent.height.next();
        let skip = self.ancestor(parent, skip_height(height)).expect("the skip is below").hash;
        let skip = *self.numbers.get(&skip).expect("it was found in the tree");
        let entry = Entry {
            hash,
            header,
            height,
            work: parent.work.checked_add(own_work).expect("2^256 hashes are out of reach"),
            status: if parent.is_invalid() { BlockStatus::DescendsFromInvalid } else { status },
            anchor: Anchor::after(parent.anchor.as_ref(), params, &header, height, parent.header.time),
            is_whole: false,
            is_recorded: false,
            parent: parent_number,
            skip,
            children: Vec::new(),
            turn: self.next_turn,
        };
        self.next_turn += 1;
        if !entry.is_invalid() && entry.work > self.best_header().work {
            self.best_header = number;
        }
        self.entries[parent_number].children.push(number);
        self.entries.push(entry);
        self.numbers.insert(hash, number);
        hash
    }

    /// Puts a header back as it was stored; parents come before children.
    ///
    /// # Errors
    /// When the parent is missing.
    pub fn restore(
        &mut self,
        hash: BlockHash,
        record: HeaderRecord,
        params: &ChainParams,
    ) -> Result<(), StoreError> {
        if record.height > Height::GENESIS {
            if !self.numbers.contains_key(&record.header.previous_block_hash) {
                return Err(StoreError::Missing { kind: "parent", hash });
            }
            let is_refused = matches!(record.status, BlockStatus::Invalid | BlockStatus::DescendsFromInvalid);
            self.add(record.header, if is_refused { record.status } else { BlockStatus::HeaderOnly }, params);
            if matches!(record.status, BlockStatus::BodyStored | BlockStatus::Validated) {
                self.body_arrived(&hash);
            }
            // A crash may have come between a mark on an ancestor and those on what stands on it.
            let stands_on_invalid =
                self.get(&hash).and_then(|entry| self.parent(entry)).is_some_and(Entry::is_invalid);
            let status = if stands_on_invalid && !is_refused {
                BlockStatus::DescendsFromInvalid
            } else {
                record.status
            };
            self.set_status(&hash, status);
        }
        if let Some(entry) = self.get_mut(&hash) {
            entry.is_recorded = true;
        }
        Ok(())
    }

    /// Notes that a block's body is here; whatever becomes whole by this becomes a candidate.
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
            let turn = self.next_turn;
            self.next_turn += 1;
            if let Some(entry) = self.get_mut(&hash) {
                (entry.is_whole, entry.turn) = (true, turn);
                let work = entry.work;
                self.candidates.insert((work, Reverse(turn), hash));
            }
        }
    }

    /// Notes how far a block has come.
    pub fn set_status(&mut self, hash: &BlockHash, status: BlockStatus) {
        if let Some(entry) = self.get_mut(hash)
            && entry.status != status
        {
            entry.status = status;
            entry.is_recorded = false;
        }
    }

    /// Notes that a block breaks a rule: it and all that stands on it are out of the running.
    /// Returns those whose record changed.
    pub fn refuse(&mut self, hash: &BlockHash) -> Vec<BlockHash> {
        let mut refused = vec![*hash];
        let mut next = 0;
        while let Some(hash) = refused.get(next).copied() {
            refused.extend(self.children(&hash));
            next += 1;
        }
        for refused in &refused {
            let Some(entry) = self.get_mut(refused) else { continue };
            entry.is_whole = false;
            let place = (entry.work, Reverse(entry.turn), *refused);
            // One that was invalid by itself stays so, whatever becomes of its ancestors.
            let is_source = refused == hash || entry.status == BlockStatus::Invalid;
            self.candidates.remove(&place);
            let status = if is_source { BlockStatus::Invalid } else { BlockStatus::DescendsFromInvalid };
            self.set_status(refused, status);
        }
        self.find_best_header();
        refused
    }

    /// Notes that a block is no longer held to be invalid; its ancestors come before it.
    pub fn pardon(&mut self, hash: &BlockHash, status: BlockStatus) {
        self.set_status(hash, status);
        if status == BlockStatus::BodyStored {
            self.body_arrived(hash);
        }
    }

    /// Finds the best header again, and makes every whole block a candidate: what the best chain
    /// fell back to may be a branch that was long behind.
    pub fn reassess(&mut self) {
        self.find_best_header();
        let whole = self.entries.iter().filter(|entry| entry.is_whole && !entry.is_invalid());
        self.candidates = whole.map(|entry| (entry.work, Reverse(entry.turn), entry.hash)).collect();
    }

    fn find_best_header(&mut self) {
        let valid = self.entries.iter().enumerate().filter(|(_, entry)| !entry.is_invalid());
        let best = valid.max_by_key(|(_, entry)| (entry.work, Reverse(entry.turn)));
        self.best_header = best.map(|(number, _)| number).expect("genesis is valid");
    }

    /// The whole block with most work, if it has more than this tip, or that is no longer valid.
    pub fn best_candidate(&self, tip: &Entry) -> Option<BlockHash> {
        let is_better = |work: Work| work > tip.work || tip.is_invalid();
        self.candidates.last().filter(|(work, _, _)| is_better(*work)).map(|(_, _, hash)| *hash)
    }

    /// Forgets candidates with no more work than the best chain has now.
    pub fn forget_candidates_up_to(&mut self, work: Work) {
        while self.candidates.first().is_some_and(|(candidate, _, _)| *candidate <= work) {
            self.candidates.pop_first();
        }
    }

    /// The records of this entry and its ancestors that the store does not have yet, oldest first;
    /// they count as recorded from here on.
    pub fn take_unrecorded(&mut self, hash: &BlockHash) -> Vec<(BlockHash, HeaderRecord)> {
        let mut records = Vec::new();
        let mut next = *hash;
        while let Some(entry) = self.get_mut(&next).filter(|entry| !entry.is_recorded) {
            entry.is_recorded = true;
            records.push((next, entry.record()));
            next = entry.header.previous_block_hash;
        }
        records.reverse();
        records
    }

    /// Headers without a child: where each branch ends.
    pub fn leaves(&self) -> impl Iterator<Item = &Entry> {
        self.iter().filter(|entry| entry.children.is_empty())
    }
}

/// Which ancestor an entry points to: clearing the lowest bits of the height makes any ancestor
/// reachable in about the logarithm of the distance (the idea is Bitcoin Core's).
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
