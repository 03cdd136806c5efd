//! Snapshots: the mempool as bytes, so that it survives a restart. The edge keeps the file.

use std::sync::Arc;

use cairn_core::encoding::{Decode, DecodeError, Encode, decode, encode};
use cairn_core::time::Timestamp;
use cairn_core::transaction::Transaction;

use crate::limits::MAX_SNAPSHOT;
use crate::mempool::package::Entries;

/// The format; another is not read.
const FORMAT: u32 = 1;

/// Why saved bytes are not taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Cut off, scribbled over, or no snapshot.
    #[error("the saved mempool is damaged ({0}); delete it to start with an empty one")]
    Damaged(#[from] DecodeError),
    /// Written by another version.
    #[error(
        "the saved mempool has format {found}, this program reads {expected}; delete it to start with an empty one"
    )]
    Format {
        /// Its format.
        found: u32,
        /// The known one.
        expected: u32,
    },
}

/// A transaction and when it came.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Saved {
    /// When it came.
    pub arrived: Timestamp,
    /// The transaction.
    pub transaction: Arc<Transaction>,
}

#[derive(Encode, Decode)]
struct Snapshot {
    format: u32,
    waiting: Vec<Saved>,
}

/// All that wait, parents before children. What does not fit into the bound is left out, with all
/// that came after it.
pub fn to_bytes(entries: &Entries) -> Vec<u8> {
    let mut room = MAX_SNAPSHOT - 64;
    let waiting = entries.iter().map_while(|entry| {
        room = room.checked_sub(entry.size() + size_of::<u64>())?;
        Some(Saved { arrived: entry.arrived(), transaction: entry.transaction().clone() })
    });
    encode(&Snapshot { format: FORMAT, waiting: waiting.collect() })
}

/// What was saved.
///
/// # Errors
/// Every variant of [`SnapshotError`].
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Saved>, SnapshotError> {
    let found = bytes.first_chunk().map(|format| u32::from_le_bytes(*format));
    if let Some(found) = found
        && found != FORMAT
    {
        return Err(SnapshotError::Format { found, expected: FORMAT });
    }
    Ok(decode::<Snapshot>(bytes, MAX_SNAPSHOT)?.waiting)
}
