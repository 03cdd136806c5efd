//! Books with damage, and payments that are given up.

use cairn_core::amount::Amount;
use cairn_core::encoding::encode;
use cairn_core::transaction::{LockTime, Output, TransactionBody};
use cairn_genesis::accounts;

use super::*;
use crate::words::Words;

fn damage(change: impl FnOnce(&mut Book)) -> Option<String> {
    let keys = Keys::new(&Words::from_entropy(&accounts::entropy(0)));
    let mut book = Book::new("regtest", GenesisHash::ZERO, KeySource::Encrypted, &keys);
    change(&mut book);
    let bytes = serde_json::to_vec(&book).expect("a book");
    match Book::parse(Path::new("w.json"), &bytes) {
        Ok(read) => {
            assert_eq!(read.current(), book.current());
            None
        }
        Err(BookError::Damaged { what, .. }) => Some(what),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_book_that_counts_more_addresses_than_it_lists_is_damaged() {
    assert_eq!(damage(|_| {}), None);
    let counts = Some("it counts more addresses than it lists".to_owned());
    assert_eq!(damage(|book| book.receive_used = book.receive.len() as u32 + 1), counts);
    assert_eq!(damage(|book| book.change_used = book.change.len() as u32 + 1), counts);
}

/// Found by the fuzz target `wallet_book`: the newest address was looked for in an empty list.
#[test]
fn a_book_without_addresses_is_damaged() {
    let emptied = |book: &mut Book| {
        book.receive.clear();
        book.receive_used = 0;
    };
    assert_eq!(damage(emptied), Some("it lists no address".to_owned()));
}

/// A payment of 1 coin that spends the first output of the one with this id.
fn payment(book: &Book, spends: Txid) -> Pending {
    let body = TransactionBody {
        inputs: vec![OutPoint { txid: spends, index: 0 }],
        outputs: vec![Output { amount: Amount::COIN, lock: book.current() }],
        lock_time: LockTime::Immediate,
    };
    let transaction = Transaction::new(body, Vec::new());
    Pending { txid: transaction.txid(), bytes: encode(&transaction), sent_ms: 0 }
}

#[test]
fn a_payment_that_is_given_up_frees_its_coins_and_takes_along_what_spends_its_change() {
    let keys = Keys::new(&Words::from_entropy(&accounts::entropy(0)));
    let mut book = Book::new("regtest", GenesisHash::ZERO, KeySource::Encrypted, &keys);
    let first = payment(&book, Txid::from_bytes([1; 32]));
    let second = payment(&book, first.txid);
    let third = payment(&book, second.txid);
    let other = payment(&book, Txid::from_bytes([2; 32]));
    book.pending = vec![first.clone(), other.clone(), second.clone(), third.clone()];
    assert_eq!(book.abandon(&Txid::from_bytes([3; 32])), [], "none of ours");
    assert_eq!(book.abandon(&second.txid), [second.txid, third.txid]);
    assert_eq!(book.pending, [first, other]);
    assert_eq!(book.reserved().len(), 2);
}
