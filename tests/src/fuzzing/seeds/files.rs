//! Files of a node and of a wallet, written as those write them.

use std::fs;
use std::sync::Arc;

use age::scrypt::Recipient;
use age::secrecy::SecretString;
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::{Coin, Origin, Undo};
use cairn_core::encoding::encode;
use cairn_core::height::Height;
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_daemon::mempool_file;
use cairn_daemon::store::address_schema::{
    HistoryEntry, INDEX_CHECKPOINT_KEY, IndexCheckpoint, LockSummary, coin_key, history_key, summary_key,
};
use cairn_daemon::store::journal::{HEAD, Journal, JournalRecord, Location};
use cairn_daemon::store::schema::{
    CHECKPOINT_KEY, Checkpoint, OutputState, StoredHeader, StoredTransaction, header_key, transaction_key,
};
use cairn_genesis::accounts;
use cairn_protocol::chain::store::{BlockStatus, HeaderRecord};
use cairn_wallet::book::{Book, KeySource, Search};
use cairn_wallet::files::WalletFiles;
use cairn_wallet::keys::Keys;
use cairn_wallet::mnemonic::Words;
use cairn_wallet::payment::Release;
use cairn_wallet::scan::Scan;
use serde_json::Value;

use crate::fuzzing::rules::regtest;
use crate::fuzzing::seeds::world::World;
use crate::fuzzing::wallet::{PASSPHRASE, WATCHED};

/// A journal of three blocks, and what a record of each kind holds: the kind, then the value.
pub fn journals(world: &World) -> Vec<Vec<u8>> {
    let mut locations = Vec::new();
    let whole = in_directory(|directory| {
        let path = directory.join("journal");
        let mut journal = Journal::open(&path).expect("a file can be made");
        for block in &world.best {
            let undo = Arc::new(undo(block));
            for record in [
                JournalRecord::Body(block.clone()),
                JournalRecord::Undo(block.hash(), undo),
                JournalRecord::Header(block.hash(), record(block)),
                JournalRecord::Tip(block.hash()),
                JournalRecord::Checkpoint(3),
            ] {
                locations.push(journal.append(&record).expect("written"));
            }
        }
        fs::read(&path).expect("readable")
    });
    let value = |location: &Location| {
        let head = usize::try_from(location.offset).expect("short");
        let value = head + HEAD;
        [&whole[head + 4..=head + 4], &whole[value..value + location.length as usize]].concat()
    };
    let mut seeds: Vec<Vec<u8>> = locations.iter().take(5).map(value).collect();
    seeds.push(whole);
    seeds
}

/// A record and a key of each kind.
pub fn records(world: &World) -> Vec<Vec<u8>> {
    let block = &world.best[0];
    let location = Some(Location { offset: 17, length: 400 });
    let (by, height) = (world.child.txid(), Height::from_u32(2));
    let output = world.payment.outputs()[0].clone();
    let outputs = vec![OutputState::Unspent(output.clone()), OutputState::Spent { by, height }];
    let transaction = StoredTransaction { block: block.hash(), height, position: 1, outputs };
    let checkpoint = Checkpoint { sequence: 2, journal_end: 999, tip: Some(block.hash()), records: 7 };
    vec![
        encode(&StoredHeader { record: record(block), body: location, undo: None }),
        encode(&transaction),
        encode(&checkpoint),
        header_key(&block.hash()).to_vec(),
        transaction_key(&by).to_vec(),
        CHECKPOINT_KEY.to_vec(),
        encode(&IndexCheckpoint { sequence: 2, records: 7, next: Some(height) }),
        encode(&LockSummary { transactions: 3, coins: 1, received: 900, spent: 400 }),
        encode(&HistoryEntry { txid: by, height, position: 1, received: output.amount, spent: Amount::ZERO }),
        summary_key(&output.lock),
        history_key(&output.lock, 2),
        coin_key(&output.lock, &OutPoint { txid: by, index: 1 }),
        INDEX_CHECKPOINT_KEY.to_vec(),
    ]
}

/// The file of the transactions that wait.
pub fn mempool_file(world: &World) -> Vec<u8> {
    in_directory(|directory| {
        let unconfirmed = [&world.payment, &world.child].into_iter();
        mempool_file::save(directory, regtest().params.genesis_hash, unconfirmed).expect("written");
        fs::read(mempool_file::FILE.path(directory)).expect("readable")
    })
}

/// A wallet's book with a payment on its way; with two addresses on each branch, and with none.
pub fn books(world: &World) -> Vec<Vec<u8>> {
    let keys = Keys::new(&Words::from_entropy(&accounts::entropy(0)));
    let mut book =
        Book::new("regtest", regtest().params.genesis_hash, KeySource::Published(0), &keys, Search::Due);
    let made = Timestamp::from_millis(1_767_225_600_000);
    book.add(&world.payment, made, Release::Released);
    book.add(&world.child, made, Release::Unreleased);
    let written = in_directory(|directory| {
        let files = WalletFiles::new(directory, "w".parse().expect("a name"));
        book.save(&files).expect("written");
        fs::read(files.public()).expect("readable")
    });
    let mut book: Value = serde_json::from_slice(&written).expect("JSON");
    let mut shortened = |count: u32| {
        for branch in ["receive", "change"] {
            book[branch]["keys"].as_array_mut().expect("a list").truncate(count as usize);
            book[branch]["used"] = count.min(1).into();
        }
        serde_json::to_vec(&book).expect("JSON")
    };
    vec![shortened(2), shortened(0)]
}

/// A wallet's key file, with so little work that thousands can be opened.
pub fn key_file() -> Vec<u8> {
    let mut recipient = Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    recipient.set_work_factor(1);
    age::encrypt(&recipient, accounts::words(0).as_bytes()).expect("memory does not fail")
}

/// What a wallet keeps of three blocks.
pub fn scan(world: &World) -> Vec<u8> {
    let chain = regtest();
    let locks = [accounts::lock(2), accounts::lock(9)].into();
    let mut scan = Scan::new(&chain.genesis, &locks, WATCHED);
    for block in &world.best {
        let now = block.header().time;
        scan.connect(block.clone(), &locks, &chain.params, now).expect("the block is valid");
    }
    scan.write()
}

fn record(block: &Block) -> HeaderRecord {
    HeaderRecord { header: *block.header(), height: block.coinbase().height, status: BlockStatus::Validated }
}

/// What takes a block back that spends of genesis.
fn undo(block: &Block) -> Undo {
    let coinbase = regtest().genesis.coinbase();
    let coin = |input: &OutPoint| {
        let output = coinbase.outputs.get(input.index as usize).filter(|_| input.txid == coinbase.txid())?;
        Some((*input, Coin { output: output.clone(), height: Height::GENESIS, origin: Origin::Premine }))
    };
    let inputs = block.transactions().iter().flat_map(|transaction| transaction.inputs());
    Undo { spent: inputs.filter_map(coin).collect() }
}

fn in_directory<T>(make: impl FnOnce(&std::path::Path) -> T) -> T {
    make(tempfile::tempdir().expect("a directory").path())
}
