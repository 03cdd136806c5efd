//! What holds of every parser, whatever the bytes: one function each, for a fuzzer to call.
//!
//! A function panics when its claim does not hold. `tests/tests/fuzzing.rs` calls each with real
//! values and thousands of mutations of them; `tests/fuzz` hands the same functions to cargo-fuzz.

pub mod definition;
pub mod disk;
pub mod machine;
pub mod messages;
pub mod requests;
pub mod rules;
pub mod seeds;
pub mod steps;
pub mod text;
pub mod wallet;

/// A claim about bytes.
pub type Claim = fn(&[u8]);

/// Every claim, by the name of its fuzz target.
pub const CLAIMS: [(&str, Claim); 20] = [
    ("address", text::address),
    ("anchor", rules::anchor),
    ("block", rules::block),
    ("compact_target", rules::compact_target),
    ("definition", definition::definition),
    ("frames", messages::frames),
    ("header", rules::header),
    ("inclusion_proof", rules::inclusion_proof),
    ("journal", disk::journal),
    ("machine", machine::machine),
    ("mempool_file", disk::mempool_file),
    ("message", messages::message),
    ("records", disk::records),
    ("request", requests::request),
    ("transaction", rules::transaction),
    ("values", text::values),
    ("wallet_book", wallet::wallet_book),
    ("wallet_keys", wallet::wallet_keys),
    ("wallet_scan", wallet::wallet_scan),
    ("words", wallet::words),
];
