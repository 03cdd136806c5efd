//! The mempool's file: unconfirmed transactions, kept over a restart in the data directory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use cairn_core::encoding;
use cairn_core::hash::GenesisHash;
use cairn_core::transaction::Transaction;
use cairn_genesis::programs::files;

use crate::handle::{NodeHandle, SubmitError};

/// The file's name in the data directory.
pub const FILE: &str = "mempool";
/// The first bytes of the file: its kind and version.
const MARK: u64 = u64::from_le_bytes(*b"cairnmp1");
/// Limit of the file's size in bytes: no mempool is as large.
const LONGEST: u64 = 1 << 30;

/// The mark, the chain, the transactions.
type Stored = (u64, GenesisHash, Vec<Transaction>);

/// Replaces the file, as a whole or not at all; returns the number of transactions.
pub fn save<'a>(
    directory: &Path,
    genesis: GenesisHash,
    unconfirmed: impl Iterator<Item = &'a Arc<Transaction>>,
) -> io::Result<usize> {
    let transactions: Vec<Transaction> =
        unconfirmed.map(|transaction| transaction.as_ref().clone()).collect();
    let count = transactions.len();
    let bytes = encoding::encode::<Stored>(&(MARK, genesis, transactions));
    files::replace_durably(&directory.join(FILE), &bytes)?;
    Ok(count)
}

/// Reads the file. Without a file the mempool is empty; a damaged one does not keep the node from starting, because its
/// transactions arrive again from peers or their owners.
pub fn load(directory: &Path, genesis: GenesisHash) -> Vec<Transaction> {
    match read(directory, genesis) {
        Ok(transactions) => transactions,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            tracing::warn!(file = %directory.join(FILE).display(), %error, "cannot read the mempool's file: starting without");
            Vec::new()
        }
    }
}

fn read(directory: &Path, genesis: GenesisHash) -> io::Result<Vec<Transaction>> {
    let file = File::open(directory.join(FILE))?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let (mark, chain, transactions): Stored =
        encoding::decode(&bytes, bytes.len()).map_err(io::Error::other)?;
    if mark != MARK || chain != genesis {
        return Err(io::Error::other("it is of another version or chain"));
    }
    Ok(transactions)
}

/// Submits saved transactions again, parents before children; those that became invalid are dropped. Returns
/// those for which there was no time before the node stopped.
pub async fn submit(handle: NodeHandle, transactions: Vec<Transaction>) -> Vec<Arc<Transaction>> {
    let (count, mut accepted) = (transactions.len(), 0);
    let mut left = transactions.into_iter().map(Arc::new);
    while let Some(transaction) = left.next() {
        match handle.submit_transaction(transaction.clone(), None).await {
            Ok(_) => accepted += 1,
            Err(SubmitError::Rejected(_)) => {}
            Err(SubmitError::Stopped(_)) => return std::iter::once(transaction).chain(left).collect(),
        }
    }
    if count > 0 {
        tracing::info!(count, accepted, "transactions of the last run");
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio_util::sync::CancellationToken;

    use super::*;

    const GENESIS: GenesisHash = GenesisHash::from_bytes([1; 32]);

    fn transaction(number: u8) -> Arc<Transaction> {
        use cairn_core::hash::Txid;
        use cairn_core::transaction::{LockTime, OutPoint, TransactionBody};
        let inputs = vec![OutPoint { txid: Txid::from_bytes([number; 32]), index: 0 }];
        let body = TransactionBody { inputs, outputs: Vec::new(), lock_time: LockTime::Immediate };
        Arc::new(Transaction::new(body, Vec::new()))
    }

    #[test]
    fn what_was_saved_is_read_again_in_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let unconfirmed = [transaction(2), transaction(1)];
        assert_eq!(save(directory.path(), GENESIS, unconfirmed.iter()).expect("saved"), 2);
        let read: Vec<_> = load(directory.path(), GENESIS).into_iter().map(Arc::new).collect();
        assert_eq!(read, unconfirmed);
    }

    #[test]
    fn a_missing_damaged_or_foreign_file_is_an_empty_mempool() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(load(directory.path(), GENESIS).is_empty());
        save(directory.path(), GENESIS, [transaction(1)].iter()).expect("saved");
        assert!(load(directory.path(), GenesisHash::from_bytes([2; 32])).is_empty());
        fs::write(directory.path().join(FILE), b"scribble").expect("written");
        assert!(load(directory.path(), GENESIS).is_empty());
    }

    #[tokio::test]
    async fn what_was_not_submitted_before_the_node_stopped_is_returned() {
        let own = cairn_protocol::peer::PeerId::from_bytes([1; 32]);
        let (handle, driver) = NodeHandle::new(own, Arc::default(), Arc::default(), CancellationToken::new());
        drop(driver);
        let unconfirmed = [transaction(2), transaction(1)];
        let left = submit(handle, unconfirmed.iter().map(|one| one.as_ref().clone()).collect()).await;
        assert_eq!(left, unconfirmed);
    }
}
