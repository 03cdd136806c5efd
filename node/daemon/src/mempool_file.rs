//! The mempool's file: unconfirmed transactions, kept over a restart in the data directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cairn_core::hash::GenesisHash;
use cairn_core::transaction::Transaction;

use crate::handle::{NodeHandle, SubmitError};
use crate::saved_file::SavedFile;

/// The file; no mempool is as large as its limit.
pub const FILE: SavedFile = SavedFile {
    name: "mempool",
    mark: *b"cairnmp1",
    longest: 1 << 30,
    loss: "unconfirmed transactions of the last run are lost, unless a peer or their owner sends them again",
};

/// Replaces the file, as a whole or not at all; returns the number of transactions.
pub fn save<'a>(
    directory: &Path,
    genesis: GenesisHash,
    unconfirmed: impl Iterator<Item = &'a Arc<Transaction>>,
) -> io::Result<usize> {
    let transactions: Vec<Transaction> =
        unconfirmed.map(|transaction| transaction.as_ref().clone()).collect();
    FILE.save(directory, genesis, &transactions)?;
    Ok(transactions.len())
}

/// Reads the file. Lost transactions arrive again from peers or their owners.
pub fn load(directory: &Path, genesis: GenesisHash) -> Vec<Transaction> {
    FILE.load(directory, genesis).unwrap_or_default()
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
        fs::write(FILE.path(directory.path()), b"scribble").expect("written");
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
