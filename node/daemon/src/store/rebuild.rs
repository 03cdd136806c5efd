//! Opening: going on from the last checkpoint with the journal, or building anew from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_genesis::programs::files;
use cairn_protocol::chain::store::{BlockStatus, HeaderRecord, StoreError};

use crate::store::directory::{Directory, OpenError};
use crate::store::journal::{Entry, Found, Journal, Place, io_error};
use crate::store::schema::{Checkpoint, Headers, Part};
use crate::store::state::State;

/// Up to this size the whole journal is read when opening, to find damage before it is used.
const READ_ALL_BELOW: u64 = 64 * 1024 * 1024;

/// What a directory holds.
pub struct Contents {
    /// The open journal.
    pub journal: Journal,
    /// The open database.
    pub state: State,
    /// Every known header.
    pub headers: Headers,
    /// Those that are not in the database as they are here.
    pub dirty_headers: BTreeSet<BlockHash>,
    /// Parts of blocks whose header's record has not come yet.
    early: BTreeMap<BlockHash, Vec<(Part, Place)>>,
    /// Records of transactions in the database.
    pub transactions: u64,
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// The last tip that the journal names beyond the checkpoint.
    pub tip_to_reach: Option<BlockHash>,
}

/// Goes on: the database as of its last checkpoint, and what the journal says beyond it.
///
/// # Errors
/// When either is damaged. An unfinished entry at the journal's end is none: nobody was told of it.
pub fn resume(directory: &Directory) -> Result<Contents, OpenError> {
    let mut journal = Journal::open(&directory.journal())?;
    let state = State::open(&directory.state())?;
    let Some(checkpoint) = state.checkpoint()? else {
        return Ok(begin(journal, state)?);
    };
    if journal.size() < checkpoint.journal_end {
        let found = format!("{} bytes are left of {}", journal.size(), checkpoint.journal_end);
        return Err(journal.damaged(found).into());
    }
    let headers = state.load(&checkpoint)?;
    let transactions = checkpoint.records.saturating_sub(headers.len() as u64);
    let mut contents = Contents { headers, transactions, checkpoint, ..Contents::empty(journal, state) };
    if checkpoint.journal_end < READ_ALL_BELOW {
        contents.check_until(checkpoint.journal_end)?;
    }
    let end = contents.read_on(checkpoint.journal_end)?;
    journal = contents.journal;
    if end < journal.size() {
        if journal.intact_entries(end + 1).next().transpose()?.is_some() {
            return Err(journal.damaged(format!("the entry at byte {end} is not as it was written")).into());
        }
        tracing::info!(bytes = journal.size() - end, "an unfinished entry at the journal's end is cut off");
        journal.truncate(end)?;
    }
    Ok(Contents { journal, ..contents })
}

/// A directory without a checkpoint is new, or its first start did not get far enough to tell
/// anybody anything. A journal that speaks of checkpoints has lost its database.
fn begin(mut journal: Journal, state: State) -> Result<Contents, StoreError> {
    let mut offset = 0;
    while let Found::Entry(entry, _, end) = journal.look(offset)? {
        if let Entry::Checkpoint(_) = *entry {
            return Err(state.damaged("it is empty, and the journal beside it is not"));
        }
        offset = end;
    }
    if journal.size() > 0 {
        journal.truncate(0)?;
    }
    Ok(Contents::empty(journal, state))
}

impl Contents {
    fn empty(journal: Journal, state: State) -> Self {
        let (headers, dirty_headers, early) = (Headers::new(), BTreeSet::new(), BTreeMap::new());
        let checkpoint = Checkpoint::default();
        let tip_to_reach = None;
        Self { journal, state, headers, dirty_headers, early, transactions: 0, checkpoint, tip_to_reach }
    }

    fn check_until(&self, end: u64) -> Result<(), StoreError> {
        let mut offset = 0;
        while offset < end {
            match self.journal.look(offset)? {
                Found::Entry(_, _, next) => offset = next,
                Found::End | Found::Damaged => {
                    let what = format!("the entry at byte {offset} is not as it was written");
                    return Err(self.journal.damaged(what));
                }
            }
        }
        Ok(())
    }

    /// Takes in the journal from an offset on; returns where intact entries end.
    fn read_on(&mut self, mut offset: u64) -> Result<u64, StoreError> {
        while let Found::Entry(entry, place, end) = self.journal.look(offset)? {
            if let Entry::Checkpoint(sequence) = *entry
                && sequence > self.checkpoint.sequence
            {
                let found = self.checkpoint.sequence;
                return Err(self
                    .state
                    .damaged(&format!("it is at checkpoint {found}, the journal at {sequence}")));
            }
            self.note(*entry, place);
            offset = end;
        }
        Ok(offset)
    }

    /// Takes in one entry. A block comes before its header's record; one whose record a crash kept
    /// from being written is as if it had never come.
    fn note(&mut self, entry: Entry, place: Place) {
        match entry {
            Entry::Header(hash, record) => {
                let stored = self.headers.entry(hash).or_insert_with(|| record.clone().into());
                stored.record = record;
                for (part, place) in self.early.remove(&hash).into_iter().flatten() {
                    stored.set(part, place);
                }
                self.dirty_headers.insert(hash);
            }
            Entry::Body(block) => self.note_part(block.hash(), Part::Body, place),
            Entry::Undo(hash, _) => self.note_part(hash, Part::Undo, place),
            Entry::Tip(hash) => self.tip_to_reach = Some(hash),
            Entry::Checkpoint(_) => {}
        }
    }

    fn note_part(&mut self, hash: BlockHash, part: Part, place: Place) {
        match self.headers.get_mut(&hash) {
            Some(stored) => {
                stored.set(part, place);
                self.dirty_headers.insert(hash);
            }
            None => self.early.entry(hash).or_default().push((part, place)),
        }
    }
}

/// Builds anew from every intact block of the journal: the database is thrown away, every block has
/// to be connected again, and what lay between intact entries is fetched from peers.
///
/// # Errors
/// When the system refuses.
pub fn salvage(directory: &Directory, genesis: BlockHash) -> Result<Contents, OpenError> {
    let state_path = directory.state();
    match fs::remove_dir_all(&state_path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error("remove", &state_path, error).into());
        }
        _ => {}
    }
    let path = directory.journal();
    let new_path = path.with_extension("new");
    let old = Journal::open(&path)?;
    let _ = fs::remove_file(&new_path);
    let new = Journal::open(&new_path)?;
    let state = State::open(&state_path)?;
    let mut contents = Contents::empty(new, state);
    // A journal without a checkpoint is one that nobody was told of, and may be begun anew; this one
    // has all there is to save, before the database beside it has its first.
    contents.journal.append(&Entry::Checkpoint(0))?;
    // Whether a block is valid is found out again.
    let headers = intact_headers(&old, genesis)?;
    for (hash, (height, header)) in &headers {
        let record = HeaderRecord { header: *header, height: *height, status: BlockStatus::HeaderOnly };
        contents.keep(Entry::Header(*hash, record))?;
    }
    for entry in old.intact_entries(0) {
        if let Entry::Body(block) = entry?
            && let Some((height, header)) = headers.get(&block.hash())
            && contents.headers.get(&block.hash()).is_some_and(|known| known.body.is_none())
        {
            let record = HeaderRecord { header: *header, height: *height, status: BlockStatus::BodyStored };
            contents.keep(Entry::Header(block.hash(), record))?;
            contents.keep(Entry::Body(block))?;
        }
    }
    contents.journal.sync()?;
    // In one step: after a crash either the old one or the new one is there to be salvaged again.
    files::rename_durably(&new_path, &path).map_err(|source| io_error("rename", &path, source))?;
    contents.journal = Journal::open(&path)?;
    Ok(contents)
}

/// Every header that descends from genesis without a gap, with its height. A block has its header
/// with it, so one entry of the two is enough.
fn intact_headers(
    journal: &Journal,
    genesis: BlockHash,
) -> Result<BTreeMap<BlockHash, (Height, Header)>, StoreError> {
    let mut children: BTreeMap<BlockHash, BTreeMap<BlockHash, Header>> = BTreeMap::new();
    for entry in journal.intact_entries(0) {
        let header = match entry? {
            Entry::Header(_, record) => record.header,
            Entry::Body(block) => *block.header(),
            Entry::Undo(..) | Entry::Checkpoint(_) | Entry::Tip(_) => continue,
        };
        children.entry(header.previous_block_hash).or_default().insert(header.hash(), header);
    }
    let mut linked = BTreeMap::new();
    let mut parents = vec![(genesis, Height::GENESIS)];
    while let Some((parent, height)) = parents.pop() {
        for (hash, header) in children.remove(&parent).into_iter().flatten() {
            linked.insert(hash, (height.next(), header));
            parents.push((hash, height.next()));
        }
    }
    Ok(linked)
}

impl Contents {
    fn keep(&mut self, entry: Entry) -> Result<(), StoreError> {
        let place = self.journal.append(&entry)?;
        self.note(entry, place);
        Ok(())
    }
}
