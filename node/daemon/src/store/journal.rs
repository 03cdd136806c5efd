//! The journal: headers, blocks and undo data in one file that only grows; every record has a checksum.
//!
//! A record is a mark of four bytes, its kind in one byte, its length in four, a checksum in eight, and its
//! value.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use cairn_core::block::Block;
use cairn_core::coin::Undo;
use cairn_core::encoding::{Decode, Encode, decode, encode};
use cairn_core::hash::BlockHash;
use cairn_protocol::chain::store::{HeaderRecord, StoreError};
use sha2::{Digest, Sha256};

const MARK: [u8; 4] = *b"CRN1";
/// The length of a record before its value, in bytes.
pub const HEAD: usize = 17;
/// The longest value, in bytes: a block of 4 MiB and its undo data are far shorter.
const MAX_VALUE: usize = 256 * 1024 * 1024;

/// A record of the journal.
#[derive(Clone, Debug)]
pub enum JournalRecord {
    /// What the chain knows of a header; a later record of the same hash replaces it.
    Header(BlockHash, HeaderRecord),
    Body(Arc<Block>),
    Undo(BlockHash, Arc<Undo>),
    /// All records before this one are in the checkpoint of this number.
    Checkpoint(u64),
    /// The tip of the best chain from here on.
    Tip(BlockHash),
}

/// The location of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Location {
    /// Offset of the record in the file, in bytes.
    pub offset: u64,
    /// Length of its value, in bytes.
    pub length: u32,
}

impl Location {
    /// The offset of the next record.
    pub const fn end(self) -> u64 {
        self.offset + HEAD as u64 + self.length as u64
    }
}

/// An open journal. A clone reads what was written before it was made, which never changes.
#[derive(Clone)]
pub struct Journal {
    path: Arc<Path>,
    file: Arc<File>,
    length: u64,
    is_dirty: bool,
}

/// What is found at an offset.
pub enum Found {
    Record(Box<JournalRecord>, Location),
    End,
    /// Bytes that are not a record, or a record that was changed.
    Damaged,
}

impl Journal {
    /// Opens the file, or makes an empty one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| io_error("open", path, source);
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self { path: path.into(), file: Arc::new(file), length, is_dirty: false })
    }

    /// The size of the file, in bytes.
    pub const fn size(&self) -> u64 {
        self.length
    }

    /// Adds a record at the end. If that fails, a part that was written is cut off again.
    ///
    /// # Errors
    /// When the system fails, as on a full disk.
    pub fn append(&mut self, record: &JournalRecord) -> Result<Location, StoreError> {
        let (kind, value) = match record {
            JournalRecord::Header(hash, record) => (0, encode(&(*hash, record.clone()))),
            JournalRecord::Body(block) => (1, encode(&**block)),
            JournalRecord::Undo(hash, undo) => (2, encode(&(*hash, Undo::clone(undo)))),
            JournalRecord::Checkpoint(sequence) => (3, encode(sequence)),
            JournalRecord::Tip(hash) => (4, encode(hash)),
        };
        let length = u32::try_from(value.len()).expect("values are below MAX_VALUE");
        let mut bytes = Vec::with_capacity(HEAD + value.len());
        bytes.extend_from_slice(&MARK);
        bytes.push(kind);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(kind, &value));
        bytes.extend_from_slice(&value);
        if let Err(source) = (&*self.file).write_all(&bytes) {
            let _ = self.file.set_len(self.length);
            return Err(io_error("write", &self.path, source));
        }
        let location = Location { offset: self.length, length };
        self.length = location.end();
        self.is_dirty = true;
        Ok(location)
    }

    /// Flushes to the disk: everything so far would survive a loss of power.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if self.is_dirty {
            self.file.sync_data().map_err(|source| io_error("flush", &self.path, source))?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// Reads a record that was written before.
    ///
    /// # Errors
    /// When it is not as it was written, or the system fails.
    pub fn read(&self, location: Location) -> Result<JournalRecord, StoreError> {
        match self.look(location.offset)? {
            Found::Record(record, found) if found == location => Ok(*record),
            _ => Err(self.damaged_at(location.offset)),
        }
    }

    /// Looks for a record at an offset.
    pub fn look(&self, offset: u64) -> Result<Found, StoreError> {
        let left = self.length.saturating_sub(offset);
        if left == 0 {
            return Ok(Found::End);
        }
        if left < HEAD as u64 {
            return Ok(Found::Damaged);
        }
        let mut head = [0; HEAD];
        self.read_at(&mut head, offset)?;
        let [mark @ .., kind, l0, l1, l2, l3, _, _, _, _, _, _, _, _] = head;
        let location = Location { offset, length: u32::from_le_bytes([l0, l1, l2, l3]) };
        let length = location.length as usize;
        if mark != MARK || length > MAX_VALUE || location.end() > self.length {
            return Ok(Found::Damaged);
        }
        let mut value = vec![0; length];
        self.read_at(&mut value, offset + HEAD as u64)?;
        if head[9..] != checksum(kind, &value) {
            return Ok(Found::Damaged);
        }
        let record = read_value(kind, &value);
        Ok(record.map_or(Found::Damaged, |record| Found::Record(Box::new(record), location)))
    }

    /// The records from an offset on, one after the other, up to the first that is damaged.
    pub fn records(
        &self,
        from: u64,
    ) -> impl Iterator<Item = Result<(JournalRecord, Location), StoreError>> + use<> {
        let (journal, mut offset) = (self.clone(), from);
        std::iter::from_fn(move || match journal.look(offset) {
            Ok(Found::Record(record, location)) => {
                offset = location.end();
                Some(Ok((*record, location)))
            }
            Ok(Found::End | Found::Damaged) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// Every intact record from an offset on, whatever is between them.
    pub fn intact_records(&self, from: u64) -> impl Iterator<Item = Result<JournalRecord, StoreError>> {
        let mut offset = from;
        std::iter::from_fn(move || {
            let found = self.next_intact(offset).transpose()?;
            offset = found.as_ref().map_or(u64::MAX, |(_, location)| location.end());
            Some(found.map(|(record, _)| record))
        })
    }

    /// The next intact record that begins at this offset or later.
    fn next_intact(&self, from: u64) -> Result<Option<(JournalRecord, Location)>, StoreError> {
        const STEP: usize = 64 * 1024;
        let mut offset = from;
        let mut window = vec![0; STEP + MARK.len()];
        while offset < self.length {
            let size = window.len().min((self.length - offset) as usize);
            self.read_at(&mut window[..size], offset)?;
            let marks =
                (offset..).zip(window[..size].windows(MARK.len())).filter(|(_, bytes)| *bytes == MARK);
            for (at, _) in marks {
                if let Found::Record(record, location) = self.look(at)? {
                    return Ok(Some((*record, location)));
                }
            }
            offset += STEP as u64;
        }
        Ok(None)
    }

    /// Cuts the file off after this many bytes.
    pub fn truncate(&mut self, length: u64) -> Result<(), StoreError> {
        self.file.set_len(length).map_err(|source| io_error("shorten", &self.path, source))?;
        self.length = length;
        self.is_dirty = true;
        self.sync()
    }

    /// The error that the record at an offset is damaged.
    pub fn damaged_at(&self, offset: u64) -> StoreError {
        self.damaged(format!("the record at byte {offset} is not as it was written"))
    }

    /// The error that the file is damaged, with what was found.
    pub fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { place: self.path.display().to_string(), what }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), StoreError> {
        match self.file.read_exact_at(bytes, offset) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.damaged(format!("it ends before byte {}", offset + bytes.len() as u64)))
            }
            Err(source) => Err(io_error("read", &self.path, source)),
        }
    }
}

/// The error of an operation on a file that failed.
pub fn io_error(attempt: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { attempt, place: path.display().to_string(), source }
}

fn read_value(kind: u8, value: &[u8]) -> Option<JournalRecord> {
    Some(match kind {
        0 => {
            let (hash, record) = decode(value, MAX_VALUE).ok()?;
            JournalRecord::Header(hash, record)
        }
        1 => JournalRecord::Body(Arc::new(decode(value, MAX_VALUE).ok()?)),
        2 => {
            let (hash, undo): (BlockHash, Undo) = decode(value, MAX_VALUE).ok()?;
            JournalRecord::Undo(hash, Arc::new(undo))
        }
        3 => JournalRecord::Checkpoint(decode(value, MAX_VALUE).ok()?),
        4 => JournalRecord::Tip(decode(value, MAX_VALUE).ok()?),
        _ => return None,
    })
}

fn checksum(kind: u8, value: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::new_with_prefix([kind]).chain_update(value).finalize().into();
    let [checksum @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
    checksum
}
