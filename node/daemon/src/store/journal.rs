//! The journal: headers, blocks and undo data in one file that only grows, every entry checked.
//!
//! An entry is four bytes of mark, one of kind, four of length, eight of checksum, then the value.

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
/// Bytes of an entry before its value.
pub const HEAD: usize = 17;
/// No value is longer: a block of 4 MiB and what it undoes are far below.
const MAX_VALUE: usize = 256 * 1024 * 1024;

/// One entry.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A header's record; a later one of the same hash replaces it.
    Header(BlockHash, HeaderRecord),
    /// A block.
    Body(Arc<Block>),
    /// What takes a block back.
    Undo(BlockHash, Arc<Undo>),
    /// Everything before this is in the checkpoint of this number.
    Checkpoint(u64),
    /// The tip of the best chain from here on.
    Tip(BlockHash),
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Bytes of its value.
    pub length: u32,
}

/// The open file. A clone reads what was written before it was made; what was written never changes.
#[derive(Clone)]
pub struct Journal {
    path: Arc<Path>,
    file: Arc<File>,
    length: u64,
    is_dirty: bool,
}

/// What a look at some offset finds.
pub enum Found {
    /// An entry, and where it ends.
    Entry(Box<Entry>, Place, u64),
    /// The end.
    End,
    /// Bytes that are no entry, or one that was changed since.
    Damaged,
}

impl Journal {
    /// Opens the file, or begins it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| io_error("open", path, source);
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self { path: path.into(), file: Arc::new(file), length, is_dirty: false })
    }

    /// Its size.
    pub const fn size(&self) -> u64 {
        self.length
    }

    /// Adds an entry at the end. A part of one that failed is cut off again.
    ///
    /// # Errors
    /// When the system refuses, as on a full disk.
    pub fn append(&mut self, entry: &Entry) -> Result<Place, StoreError> {
        let (kind, value) = match entry {
            Entry::Header(hash, record) => (0, encode(&(*hash, record.clone()))),
            Entry::Body(block) => (1, encode(&**block)),
            Entry::Undo(hash, undo) => (2, encode(&(*hash, Undo::clone(undo)))),
            Entry::Checkpoint(sequence) => (3, encode(sequence)),
            Entry::Tip(hash) => (4, encode(hash)),
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
        let place = Place { offset: self.length, length };
        self.length += bytes.len() as u64;
        self.is_dirty = true;
        Ok(place)
    }

    /// Returns when everything so far would survive a loss of power.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if self.is_dirty {
            self.file.sync_data().map_err(|source| io_error("flush", &self.path, source))?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// Reads an entry that was written before.
    ///
    /// # Errors
    /// When it is not as it was written, or the system refuses.
    pub fn read(&self, place: Place) -> Result<Entry, StoreError> {
        match self.look(place.offset)? {
            Found::Entry(entry, found, _) if found == place => Ok(*entry),
            _ => Err(self.damaged(format!("the entry at byte {} is not as it was written", place.offset))),
        }
    }

    /// Looks at what is at an offset.
    ///
    /// # Errors
    /// When the system refuses to read.
    pub fn look(&self, offset: u64) -> Result<Found, StoreError> {
        let left = self.length.saturating_sub(offset);
        if left == 0 {
            return Ok(Found::End);
        }
        let mut head = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(Found::Damaged);
        }
        self.read_at(&mut head, offset)?;
        let [mark @ .., kind, l0, l1, l2, l3, _, _, _, _, _, _, _, _] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let end = offset + HEAD as u64 + u64::from(length);
        if mark != MARK || length as usize > MAX_VALUE || end > self.length {
            return Ok(Found::Damaged);
        }
        let mut value = vec![0; length as usize];
        self.read_at(&mut value, offset + HEAD as u64)?;
        if head[9..] != checksum(kind, &value) {
            return Ok(Found::Damaged);
        }
        Ok(match read_value(kind, &value) {
            Some(entry) => Found::Entry(Box::new(entry), Place { offset, length }, end),
            None => Found::Damaged,
        })
    }

    /// Every intact entry from an offset on, whatever lies between them.
    pub fn intact_entries(&self, from: u64) -> impl Iterator<Item = Result<Entry, StoreError>> {
        let mut offset = from;
        std::iter::from_fn(move || {
            let found = self.next_intact(offset).transpose()?;
            offset = found.as_ref().map_or(u64::MAX, |(_, end)| *end);
            Some(found.map(|(entry, _)| entry))
        })
    }

    /// The next intact entry that begins at this offset or later, and where it ends.
    fn next_intact(&self, from: u64) -> Result<Option<(Entry, u64)>, StoreError> {
        const STEP: usize = 64 * 1024;
        let mut offset = from;
        let mut window = vec![0; STEP + MARK.len()];
        while offset < self.length {
            let size = window.len().min((self.length - offset) as usize);
            self.read_at(&mut window[..size], offset)?;
            for at in window[..size].windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK) {
                if let Found::Entry(entry, _, end) = self.look(offset + at.0 as u64)? {
                    return Ok(Some((*entry, end)));
                }
            }
            offset += STEP as u64;
        }
        Ok(None)
    }

    /// Cuts off what follows.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn truncate(&mut self, length: u64) -> Result<(), StoreError> {
        self.file.set_len(length).map_err(|source| io_error("shorten", &self.path, source))?;
        self.length = length;
        self.is_dirty = true;
        self.sync()
    }

    /// The error that this file is damaged.
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

/// The error that the system refused something.
pub fn io_error(attempt: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { attempt, place: path.display().to_string(), source }
}

fn read_value(kind: u8, value: &[u8]) -> Option<Entry> {
    Some(match kind {
        0 => {
            let (hash, record) = decode(value, MAX_VALUE).ok()?;
            Entry::Header(hash, record)
        }
        1 => Entry::Body(Arc::new(decode(value, MAX_VALUE).ok()?)),
        2 => {
            let (hash, undo): (BlockHash, Undo) = decode(value, MAX_VALUE).ok()?;
            Entry::Undo(hash, Arc::new(undo))
        }
        3 => Entry::Checkpoint(decode(value, MAX_VALUE).ok()?),
        4 => Entry::Tip(decode(value, MAX_VALUE).ok()?),
        _ => return None,
    })
}

fn checksum(kind: u8, value: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::new_with_prefix([kind]).chain_update(value).finalize().into();
    let [checksum @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = digest;
    checksum
}
