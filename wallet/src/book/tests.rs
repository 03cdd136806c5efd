//! Books with damage, and payments that are given up.

use cairn_core::amount::Amount;
use cairn_core::transaction::{LockTime, OutPoint, Output, TransactionBody};
use cairn_genesis::accounts;
use serde_json::{Value, json};

use super::*;
use crate::mnemonic::Words;

fn book() -> Book {
    let keys = Keys::new(&Words::from_entropy(&accounts::entropy(0)));
    Book::new("regtest", GenesisHash::ZERO, KeySource::Encrypted, &keys, Search::Done)
}

fn damage_text(change: impl FnOnce(&mut Value)) -> Option<String> {
    let mut written = serde_json::to_value(book()).expect("a book");
    change(&mut written);
    match Book::parse(Path::new("w.json"), written.to_string().as_bytes()) {
        Ok(read) => {
            assert_eq!(read.current(), book().current());
            None
        }
        Err(BookError::Damaged { reason, .. }) => Some(reason),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_book_that_counts_more_addresses_than_it_lists_is_damaged() {
    assert_eq!(damage_text(|_| {}), None);
    let counts = Some("it counts more addresses than it lists".to_owned());
    let counting_more = |field: &'static str| {
        damage_text(move |book| {
            let listed = book[field]["keys"].as_array().map_or(0, Vec::len);
            book[field]["used"] = (listed + 1).into();
        })
    };
    assert_eq!(counting_more("receive"), counts);
    assert_eq!(counting_more("change"), counts);
}

/// Found by the fuzz target `wallet_book`: the newest address was looked for in an empty list.
#[test]
fn a_book_without_addresses_is_damaged() {
    let emptied = |book: &mut Value| {
        book["receive"]["keys"] = Value::Array(Vec::new());
        book["receive"]["used"] = 0.into();
    };
    assert_eq!(damage_text(emptied), Some("it lists no address".to_owned()));
}

/// A payment of 1 coin that spends the first output of the one with this id.
fn payment(book: &Book, spends: Txid) -> Transaction {
    let body = TransactionBody {
        inputs: vec![OutPoint { txid: spends, index: 0 }],
        outputs: vec![Output { amount: Amount::COIN, lock: book.current() }],
        lock_time: LockTime::Immediate,
    };
    Transaction::new(body, Vec::new())
}

#[test]
fn a_payment_that_is_given_up_takes_along_what_spends_its_change() {
    let mut book = book();
    let first = payment(&book, Txid::from_bytes([1; 32]));
    let second = payment(&book, first.txid());
    let third = payment(&book, second.txid());
    let other = payment(&book, Txid::from_bytes([2; 32]));
    for one in [&first, &other, &second, &third] {
        book.add(one, Timestamp::from_millis(1), Release::Released);
    }
    assert_eq!(book.with_descendants(&Txid::from_bytes([3; 32])), [], "none of ours");
    let given_up = book.with_descendants(&second.txid());
    assert_eq!(given_up, [second.txid(), third.txid()]);
    book.forget(&given_up);
    let left: Vec<Txid> = book.payments.iter().map(|payment| payment.txid).collect();
    assert_eq!(left, [first.txid(), other.txid()]);
}

/// The child came from the mempool when a block held its parent; then the block was undone.
#[test]
fn a_payment_that_comes_after_those_that_spend_its_change_stands_before_them() {
    let mut book = book();
    let first = payment(&book, Txid::from_bytes([1; 32]));
    let second = payment(&book, first.txid());
    let third = payment(&book, second.txid());
    let other = payment(&book, Txid::from_bytes([2; 32]));
    for one in [&third, &other, &first, &second] {
        book.add(one, Timestamp::from_millis(1), Release::Released);
    }
    let order: Vec<Txid> = book.payments.iter().map(|payment| payment.txid).collect();
    assert_eq!(order, [other.txid(), first.txid(), second.txid(), third.txid()]);
    assert_eq!(book.with_descendants(&first.txid()), order[1..]);
}

/// A book as the program before format 2 wrote it.
#[test]
fn a_book_of_format_1_comes_along_with_its_payments_and_is_searched_anew() {
    let mut book = book();
    let (confirmed, pending) =
        (payment(&book, Txid::from_bytes([1; 32])), payment(&book, Txid::from_bytes([2; 32])));
    let keys: Vec<String> = book
        .receive
        .locks()
        .take(200)
        .map(|lock| {
            let Lock::PublicKey(key) = lock;
            hex::encode(key.as_bytes())
        })
        .collect();
    let entry =
        |one: &Transaction| json!({ "txid": one.txid(), "bytes": hex::encode(encode(one)), "sent_ms": 7 });
    let old = json!({
        "format": 1, "chain": "regtest", "genesis": GenesisHash::ZERO, "keys": "encrypted",
        "receive": keys, "change": keys, "receive_used": 3, "change_used": 2,
        "pending": [entry(&pending)], "confirmed": [entry(&confirmed)],
    });
    let read = Book::parse(Path::new("w.json"), old.to_string().as_bytes()).expect("readable");
    assert_eq!((read.receive.used(), read.change.used(), read.receive.derived()), (3, 2, 200));
    assert_eq!(read.search, Search::Due, "what lies beyond was never looked for");
    book.add(&confirmed, Timestamp::from_millis(7), Release::Released);
    book.add(&pending, Timestamp::from_millis(7), Release::Unreleased);
    assert_eq!(
        read.payments, book.payments,
        "parents before children; what was pending may be signed offline"
    );
}

#[test]
fn a_book_of_a_newer_format_is_rejected_as_such_whatever_it_holds() {
    let text = json!({ "format": 3, "news": [1, 2] }).to_string();
    let rejected = Book::parse(Path::new("w.json"), text.as_bytes());
    assert!(matches!(rejected, Err(BookError::Format { found: 3, .. })), "{rejected:?}");
}
