//! Opening: continuing from the last checkpoint with the journal, or rebuilding everything from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::hash::BlockHash;
use cairn_core::header::Header;
use cairn_core::height::Height;
use cairn_genesis::programs::files;
use cairn_protocol::chain::store::{BlockStatus, HeaderRecord, StoreError};

use crate::store::address_schema::{
    AddressKey, HistoryEntry, INDEX_CHECKPOINT_KEY, IndexCheckpoint, LockSummary,
};
use crate::store::database::Database;
use crate::store::directory::{Directory, OpenError};
use crate::store::journal::{Journal, JournalRecord, Location, io_error};
use crate::store::schema::{
    CHECKPOINT_KEY, Checkpoint, HEADER_PREFIX, Headers, Key, Part, PartLocation, StoredHeader,
    StoredTransaction, read_key,
};

/// A journal up to this size is read as a whole when opening, to find damage before it is used, in bytes.
const MAX_JOURNAL_CHECK: u64 = 64 * 1024 * 1024;
/// A database up to this size is read as a whole when opening, in bytes.
const MAX_DATABASE_CHECK: u64 = 128 * 1024 * 1024;

/// What a directory holds.
pub struct Contents {
    pub journal: Journal,
    pub database: Arc<Database>,
    pub headers: Headers,
    /// Headers that are not in the database as they are here.
    pub dirty_headers: BTreeSet<BlockHash>,
    /// Parts of blocks whose header's record has not come yet.
    early: BTreeMap<BlockHash, Vec<PartLocation>>,
    /// Number of records of transactions in the database.
    pub transactions: u64,
    /// The last checkpoint of the database.
    pub checkpoint: Checkpoint,
    /// The last tip that the journal names beyond the checkpoint.
    pub tip_to_reach: Option<BlockHash>,
}

/// Continues: the database as of its last checkpoint, and what the journal has beyond it.
///
/// # Errors
/// When either is damaged. An unfinished record at the journal's end is not damage: no peer and no program
/// was notified of it.
pub fn resume(directory: &Directory) -> Result<Contents, OpenError> {
    let mut contents = Contents::open(&directory.journal(), directory)?;
    let Some(checkpoint) = contents.database.get::<Checkpoint>(CHECKPOINT_KEY)? else {
        contents.begin()?;
        return Ok(contents);
    };
    let end = checkpoint.journal_end;
    if contents.journal.size() < end {
        let found = format!("{} bytes are left of {end}", contents.journal.size());
        return Err(contents.journal.damaged(found).into());
    }
    contents.headers = load_headers(&contents.database, &checkpoint)?;
    contents.transactions = checkpoint.records.saturating_sub(contents.headers.len() as u64);
    contents.checkpoint = checkpoint;
    if end < MAX_JOURNAL_CHECK {
        contents.check_journal(end)?;
    }
    let end = contents.read_journal(end)?;
    let journal = &mut contents.journal;
    if end < journal.size() {
        if journal.intact_records(end + 1).next().transpose()?.is_some() {
            return Err(journal.damaged_at(end).into());
        }
        tracing::info!(bytes = journal.size() - end, "an unfinished record at the journal's end is cut off");
        journal.truncate(end)?;
    }
    Ok(contents)
}

/// Every header; and, if the database is small, a check of every other record.
fn load_headers(database: &Database, checkpoint: &Checkpoint) -> Result<Headers, StoreError> {
    let checks_all = database.size_on_disk() < MAX_DATABASE_CHECK;
    let prefix: &[u8] = if checks_all { &[] } else { &HEADER_PREFIX };
    let (mut headers, mut transactions, mut of_addresses) = (Headers::new(), 0, 0);
    for record in database.scan(prefix, |key, value| read_record(database, key, value)) {
        match record? {
            Record::Header(hash, header) => {
                if checks_all && header.record.header.hash() != hash {
                    return Err(database.damaged(&format!("the record of block {hash} is another's")));
                }
                headers.insert(hash, *header);
            }
            Record::Transaction => transactions += 1,
            Record::Address => of_addresses += 1,
            Record::Checkpoint => {}
        }
    }
    if !checks_all {
        return Ok(headers);
    }
    let index: Option<IndexCheckpoint> = database.get(INDEX_CHECKPOINT_KEY)?;
    let index = index.filter(|index| index.sequence == checkpoint.sequence);
    if let Some(IndexCheckpoint { records, .. }) = index.filter(|index| index.records != of_addresses) {
        let what = format!("{of_addresses} records of addresses where {records} were written");
        return Err(database.damaged(&what));
    }
    let (found, expected) = (headers.len() as u64 + transactions, checkpoint.records);
    if found != expected {
        return Err(database.damaged(&format!("{found} records where {expected} were written")));
    }
    Ok(headers)
}

/// An intact record of the database.
enum Record {
    Header(BlockHash, Box<StoredHeader>),
    Transaction,
    Address,
    Checkpoint,
}

fn read_record(database: &Database, key: &[u8], value: &[u8]) -> Result<Record, StoreError> {
    let of_address = match read_key(key).ok_or_else(|| database.damaged("a key is malformed"))? {
        Key::Header(hash) => return Ok(Record::Header(hash, Box::new(database.decode(value)?))),
        Key::Transaction(_) => {
            return database.decode::<StoredTransaction>(value).map(|_| Record::Transaction);
        }
        Key::Checkpoint | Key::Address(AddressKey::IndexCheckpoint) => return Ok(Record::Checkpoint),
        Key::Address(AddressKey::Summary) => database.decode::<LockSummary>(value).map(drop),
        Key::Address(AddressKey::HistoryEntry) => database.decode::<HistoryEntry>(value).map(drop),
        Key::Address(AddressKey::Coin) => database.decode::<Amount>(value).map(drop),
    };
    of_address.map(|()| Record::Address)
}

impl Contents {
    fn open(journal: &Path, directory: &Directory) -> Result<Self, StoreError> {
        Ok(Self {
            journal: Journal::open(journal)?,
            database: Arc::new(Database::open(&directory.database())?),
            headers: Headers::new(),
            dirty_headers: BTreeSet::new(),
            early: BTreeMap::new(),
            transactions: 0,
            checkpoint: Checkpoint::default(),
            tip_to_reach: None,
        })
    }

    /// A directory without a checkpoint is new, or its first start was interrupted before anything was known
    /// of it. A journal that names checkpoints has lost its database.
    fn begin(&mut self) -> Result<(), StoreError> {
        for record in self.journal.records(0) {
            if let (JournalRecord::Checkpoint(_), _) = record? {
                return Err(self.database.damaged("it is empty, and the journal beside it is not"));
            }
        }
        if self.journal.size() > 0 {
            self.journal.truncate(0)?;
        }
        Ok(())
    }

    /// Checks every record of the journal up to this offset.
    fn check_journal(&self, end: u64) -> Result<(), StoreError> {
        let mut offset = 0;
        let mut records = self.journal.records(0);
        while offset < end {
            let (_, location) = records.next().transpose()?.ok_or_else(|| self.journal.damaged_at(offset))?;
            offset = location.end();
        }
        Ok(())
    }

    /// Adds the records of the journal from an offset on; returns the end of intact records.
    fn read_journal(&mut self, mut offset: u64) -> Result<u64, StoreError> {
        for record in self.journal.records(offset) {
            let (record, location) = record?;
            let found = self.checkpoint.sequence;
            if let JournalRecord::Checkpoint(sequence) = record
                && sequence > found
            {
                let what = format!("it is at checkpoint {found}, the journal at {sequence}");
                return Err(self.database.damaged(&what));
            }
            self.add(record, location);
            offset = location.end();
        }
        Ok(offset)
    }

    /// Adds a record of the journal. A block comes before its header's record; one whose header's record a
    /// crash kept from being written is left out.
    fn add(&mut self, record: JournalRecord, location: Location) {
        match record {
            JournalRecord::Header(hash, record) => {
                let stored = self.headers.entry(hash).or_insert_with(|| record.clone().into());
                stored.record = record;
                self.early.remove(&hash).into_iter().flatten().for_each(|part| stored.set(part));
                self.dirty_headers.insert(hash);
            }
            JournalRecord::Body(block) => {
                self.add_part(block.hash(), PartLocation { part: Part::Body, location });
            }
            JournalRecord::Undo(hash, _) => self.add_part(hash, PartLocation { part: Part::Undo, location }),
            JournalRecord::Tip(hash) => self.tip_to_reach = Some(hash),
            JournalRecord::Checkpoint(_) => {}
        }
    }

    fn add_part(&mut self, hash: BlockHash, part: PartLocation) {
        match self.headers.get_mut(&hash) {
            Some(stored) => {
                stored.set(part);
                self.dirty_headers.insert(hash);
            }
            None => self.early.entry(hash).or_default().push(part),
        }
    }

    fn append(&mut self, record: JournalRecord) -> Result<(), StoreError> {
        let location = self.journal.append(&record)?;
        self.add(record, location);
        Ok(())
    }
}

/// Rebuilds from every intact block of the journal: the database is removed, every block has to be connected
/// again, and blocks whose records are damaged are downloaded from peers.
pub fn salvage(directory: &Directory, genesis: BlockHash) -> Result<Contents, OpenError> {
    let database_path = directory.database();
    match fs::remove_dir_all(&database_path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error("remove", &database_path, error).into());
        }
        _ => {}
    }
    let path = directory.journal();
    let new_path = path.with_extension("new");
    let old = Journal::open(&path)?;
    let _ = fs::remove_file(&new_path);
    let mut contents = Contents::open(&new_path, directory)?;
    // A journal without a checkpoint may be emptied at the next start; this one has all there is to save,
    // before the database beside it has its first checkpoint.
    contents.append(JournalRecord::Checkpoint(0))?;
    // Every block is validated again.
    let headers = intact_headers(&old, genesis)?;
    for (hash, record) in &headers {
        contents.append(JournalRecord::Header(*hash, record.clone()))?;
    }
    for found in old.intact_records(0) {
        if let JournalRecord::Body(block) = found?
            && let Some(record) = headers.get(&block.hash())
            && contents.headers.get(&block.hash()).is_some_and(|known| known.body.is_none())
        {
            let record = HeaderRecord { status: BlockStatus::BodyStored, ..record.clone() };
            contents.append(JournalRecord::Header(block.hash(), record))?;
            contents.append(JournalRecord::Body(block))?;
        }
    }
    contents.journal.sync()?;
    // In one step: after a crash either the old or the new journal is there to be salvaged again.
    files::rename_durably(&new_path, &path).map_err(|source| io_error("rename", &path, source))?;
    contents.journal = Journal::open(&path)?;
    Ok(contents)
}

/// The record of every header that descends from genesis without a gap. A block contains its header, so one
/// record of the two is enough.
fn intact_headers(
    journal: &Journal,
    genesis: BlockHash,
) -> Result<BTreeMap<BlockHash, HeaderRecord>, StoreError> {
    let mut children: BTreeMap<BlockHash, BTreeMap<BlockHash, Header>> = BTreeMap::new();
    for record in journal.intact_records(0) {
        let header = match record? {
            JournalRecord::Header(_, record) => record.header,
            JournalRecord::Body(block) => *block.header(),
            JournalRecord::Undo(..) | JournalRecord::Checkpoint(_) | JournalRecord::Tip(_) => continue,
        };
        children.entry(header.previous_block_hash).or_default().insert(header.hash(), header);
    }
    let mut linked = BTreeMap::new();
    let mut parents = vec![(genesis, Height::GENESIS)];
    while let Some((parent, height)) = parents.pop() {
        let height = height.next();
        for (hash, header) in children.remove(&parent).into_iter().flatten() {
            linked.insert(hash, HeaderRecord { header, height, status: BlockStatus::HeaderOnly });
            parents.push((hash, height));
        }
    }
    Ok(linked)
}
