//! What a node reads from its own disk: damage is found, and never ends the program.

use std::fs;

use cairn_core::encoding::encode;
use cairn_daemon::mempool_file;
use cairn_daemon::store::address_schema::{
    AddressKey, HistoryEntry, INDEX_CHECKPOINT_KEY, IndexCheckpoint, LockSummary, coin_key, history_key,
    read_coin_key, read_lock, summary_key,
};
use cairn_daemon::store::journal::{Found, Journal, JournalRecord};
use cairn_daemon::store::schema::{
    Checkpoint, Key, StoredHeader, StoredTransaction, header_key, read_key, transaction_key,
};
use cairn_protocol::chain::store::StoreError;
use sha2::{Digest, Sha256};

use crate::fuzzing::rules::{read, regtest};

/// Whatever a journal holds, its records are found in bounded time, and an intact one is written the
/// same again. The bytes are taken as a journal, and as the one record of one: its kind and its value,
/// under a checksum that is right.
///
/// # Panics
/// When it does not hold.
pub fn journal(bytes: &[u8]) {
    read_journal(bytes);
    if let Some((kind, value)) = bytes.split_first() {
        read_journal(&sealed(*kind, value));
    }
}

fn read_journal(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    fs::write(&path, bytes).expect("written");
    let journal = Journal::open(&path).expect("a file that is there opens");
    let mut copy = Journal::open(&directory.path().join("copy")).expect("a file can be made");
    let (mut offset, mut in_order) = (0, 0);
    while let Found::Record(record, location) = journal.look(offset).expect("readable") {
        let end = location.end();
        assert!(location.offset == offset && end > offset && end <= bytes.len() as u64);
        assert_eq!(copy.append(&record).expect("written"), location, "{record:?}");
        (offset, in_order) = (end, in_order + 1);
    }
    let written = fs::read(directory.path().join("copy")).expect("readable");
    assert!(bytes.starts_with(&written) && written.len() as u64 == offset);
    let intact: Result<Vec<JournalRecord>, StoreError> = journal.intact_records(0).collect();
    assert!(intact.expect("readable").len() >= in_order, "what is in order is intact");
}

/// A record as the journal writes it.
fn sealed(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("inputs are short");
    let checksum = Sha256::new_with_prefix([kind]).chain_update(value).finalize();
    [b"CRN1", &[kind][..], &length.to_le_bytes(), &checksum[..8], value].concat()
}

/// Records and keys of the database have one form each.
///
/// # Panics
/// When it does not hold.
pub fn records(bytes: &[u8]) {
    match read_key(bytes) {
        Some(Key::Header(hash)) => assert_eq!(header_key(&hash), bytes),
        Some(Key::Transaction(txid)) => assert_eq!(transaction_key(&txid), bytes),
        Some(Key::Address(kind)) => assert_eq!(address_key(kind, bytes), bytes),
        Some(Key::Checkpoint) | None => {}
    }
    read::<Checkpoint>(bytes);
    read::<StoredHeader>(bytes);
    read::<StoredTransaction>(bytes);
    read::<IndexCheckpoint>(bytes);
    read::<LockSummary>(bytes);
    read::<HistoryEntry>(bytes);
}

/// A key of the address index, from what it says.
fn address_key(kind: AddressKey, bytes: &[u8]) -> Vec<u8> {
    let lock = || read_lock(bytes).expect("every key but the index checkpoint's has a lock");
    let number = || bytes.last_chunk().map(|number| u64::from_be_bytes(*number)).expect("a number");
    match kind {
        AddressKey::IndexCheckpoint => INDEX_CHECKPOINT_KEY.to_vec(),
        AddressKey::Summary => summary_key(&lock()),
        AddressKey::HistoryEntry => history_key(&lock(), number()),
        AddressKey::Coin => coin_key(&lock(), &read_coin_key(bytes).expect("an output")),
    }
}

/// The file of transactions that wait is taken as it was written, or not at all.
///
/// # Panics
/// When it does not hold.
pub fn mempool_file(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(mempool_file::FILE.path(directory.path()), bytes).expect("written");
    let transactions = mempool_file::load(directory.path(), regtest().params.genesis_hash);
    assert!(transactions.is_empty() || bytes.ends_with(&encode(&transactions)));
}
