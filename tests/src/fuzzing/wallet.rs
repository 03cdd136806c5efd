//! What a wallet reads from its own files, and from the person who types its words.

use std::collections::BTreeSet;
use std::path::Path;

use cairn_core::height::Height;
use cairn_core::transaction::OutPoint;
use cairn_wallet::book::Book;
use cairn_wallet::keystore;
use cairn_wallet::mnemonic::Words;
use cairn_wallet::payment::judge;
use cairn_wallet::scan::{Scan, Watched};

use crate::fuzzing::rules::regtest;

/// The passphrase of the key files here.
pub const PASSPHRASE: &str = "passphrase";
/// How many locks the scans here looked for.
pub const WATCHED: Watched = Watched { receiving: 2, change: 0 };
/// A key file that asks for more work than 2^8 is not opened here: it would test patience alone.
const MOST_WORK: u32 = 8;

/// A book is refused, or everything that is asked of it has an answer.
///
/// # Panics
/// When it does not hold.
pub fn wallet_book(bytes: &[u8]) {
    let Ok(mut book) = Book::parse(Path::new("book.json"), bytes) else { return };
    let current = book.current();
    let locks = book.locks();
    assert!(locks.contains_key(&current));
    assert!(book.receiving().all(|lock| locks.contains_key(&lock)));
    let scan = Scan::new(&regtest().genesis, &locks.keys().copied().collect(), book.watched());
    let judged = judge(&book.payments, &scan, None);
    assert!(judged.len() <= book.payments.len());
    let reserving = judged.iter().filter(|payment| payment.state.reserves_coins());
    let inputs: Vec<OutPoint> = reserving.flat_map(|payment| payment.transaction.inputs().to_vec()).collect();
    assert_eq!(inputs.iter().collect::<BTreeSet<_>>().len(), inputs.len(), "no coin is spent twice");
    book.settle(&scan, &BTreeSet::new());
    book.begin_anew();
    book.mark_paid(&locks.into_keys().collect());
    let _ = (book.receive.take(), book.change.next(), book.current(), book.may_miss_addresses());
    book.trim();
    assert!(book.locks().contains_key(&book.current()));
}

/// A key file opens to words, or is refused.
///
/// # Panics
/// When it does not hold.
pub fn wallet_keys(bytes: &[u8]) {
    if work(bytes).is_some_and(|work| work > MOST_WORK) {
        return;
    }
    if let Ok(opened) = keystore::open(bytes, PASSPHRASE) {
        assert!(Words::parse(opened.as_str()).is_ok());
    }
}

/// What the key file's head says of its work, in powers of two.
fn work(bytes: &[u8]) -> Option<u32> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let stanza = head.lines().find(|line| line.starts_with("-> scrypt "))?;
    stanza.split(' ').nth(3)?.parse().ok()
}

/// A scan that was kept is taken as it was written, or not at all.
///
/// # Panics
/// When it does not hold.
pub fn wallet_scan(bytes: &[u8]) {
    let chain = regtest();
    let Some(mut scan) = Scan::read(bytes, &chain.genesis) else { return };
    assert_eq!(scan.write(), bytes);
    assert!(
        scan.hash_at(scan.height()).is_some()
            && scan.history().len() >= usize::from(scan.unspent().next().is_some())
    );
    scan.rewind(Height::GENESIS);
    assert_eq!(scan.hash_at(scan.height()), Some(chain.genesis.hash()));
}

/// Words are refused, or are those of a wallet, however they were spaced.
///
/// # Panics
/// When it does not hold.
pub fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Words::parse(text) {
        Ok(words) => {
            let again = Words::parse(words.as_str()).expect("words stay words");
            assert_eq!(again.seed(), words.seed());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
