//! Reasons: every broken rule has one of its own, and none shows how Rust prints a value.

use core::time::Duration;
use std::collections::BTreeSet;

use cairn_core::amount::Amount;
use cairn_core::check::block::BlockError;
use cairn_core::check::connect::ConnectError;
use cairn_core::check::header::{AheadOfClock, HeaderError};
use cairn_core::encoding::DecodeError;
use cairn_core::hash::{BlockHash, GenesisHash, MerkleRoot, Txid};
use cairn_core::height::Height;
use cairn_core::target::{CompactTarget, TargetError};
use cairn_core::time::Timestamp;
use cairn_core::transaction::{LockTime, OutPoint};
use cairn_protocol::chain::BlockRejection;
use cairn_protocol::event::DisconnectReason;
use cairn_protocol::mempool::fee_rate::FeeRate;
use cairn_protocol::message::codec::CodecError;
use cairn_protocol::message::{Goodbye, HelloStart};
use cairn_protocol::misbehavior::Misbehavior;

use super::*;
use crate::log::in_words;
use crate::rpc::proposal;

const HASH: BlockHash = BlockHash::ZERO;
const TXID: Txid = Txid::ZERO;
const OUTPOINT: OutPoint = OutPoint { txid: TXID, index: 7 };
const BITS: CompactTarget = CompactTarget::from_bits(0x207f_ffff);
const HEIGHT: Height = Height::from_u32(75);
const TIME: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const AMOUNT: Amount = Amount::COIN;

/// One of each variant: the first, and after each the next. A variant that is added has to be named.
fn all<T: Clone>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    std::iter::successors(Some(first), |last| next(last)).collect()
}

fn transaction_errors() -> Vec<TransactionError> {
    use TransactionError as Error;
    all(Error::NoInputs, |error| {
        Some(match error {
            Error::NoInputs => Error::NoOutputs,
            Error::NoOutputs => Error::TooLarge { found: 2, allowed: 1 },
            Error::TooLarge { .. } => Error::DuplicateInput { outpoint: OUTPOINT },
            Error::DuplicateInput { .. } => Error::ZeroOutput { index: 1 },
            Error::ZeroOutput { .. } => Error::OutputsExceedSupply { maximum: AMOUNT },
            Error::OutputsExceedSupply { .. } => Error::MissingCoin { outpoint: OUTPOINT },
            Error::MissingCoin { .. } => Error::ImmatureCoinbase {
                outpoint: OUTPOINT,
                made_at: HEIGHT,
                spendable_at: 85,
                height: HEIGHT.next(),
            },
            Error::ImmatureCoinbase { .. } => {
                Error::Locked { lock_time: LockTime::Height(HEIGHT), height: HEIGHT, median_time_past: TIME }
            }
            Error::Locked { .. } => Error::OutputsExceedInputs { inputs: AMOUNT, outputs: AMOUNT },
            Error::OutputsExceedInputs { .. } => Error::SignatureCount { found: 2, expected: 1 },
            Error::SignatureCount { .. } => Error::BadSignature { index: 0 },
            Error::BadSignature { .. } => return None,
        })
    })
}

fn header_errors() -> Vec<HeaderError> {
    use HeaderError as Error;
    all(Error::Version { found: 2, expected: 1 }, |error| {
        Some(match error {
            Error::Version { .. } => Error::Target(TargetError::Negative(BITS.bits())),
            Error::Target(TargetError::Negative(_)) => Error::Target(TargetError::Zero(0)),
            Error::Target(TargetError::Zero(_)) => Error::Target(TargetError::Overflow(0xff12_3456)),
            Error::Target(TargetError::Overflow(_)) => Error::TargetAboveLimit { found: BITS, limit: BITS },
            Error::TargetAboveLimit { .. } => Error::WorkMissing { hash: HASH, target: BITS },
            Error::WorkMissing { .. } => Error::Parent { found: HASH, expected: HASH },
            Error::Parent { .. } => Error::WrongTarget { found: BITS, expected: BITS },
            Error::WrongTarget { .. } => Error::TimeTooOld { found: TIME, median: TIME, span: 11 },
            Error::TimeTooOld { .. } => {
                Error::from(AheadOfClock { time: TIME, now: TIME, allowed: Duration::from_secs(60) })
            }
            Error::TimeTooNew(_) => return None,
        })
    })
}

fn block_errors() -> Vec<BlockError> {
    use BlockError as Error;
    let root = MerkleRoot::ZERO;
    let alone = all(Error::MerkleRoot { found: root, expected: root }, |error| {
        Some(match error {
            Error::MerkleRoot { .. } => Error::TooLarge { found: 2, allowed: 1 },
            Error::TooLarge { .. } => Error::CoinbaseWithoutOutputs,
            Error::CoinbaseWithoutOutputs => Error::CoinbaseTag { found: 65, allowed: 64 },
            Error::CoinbaseTag { .. } => Error::DuplicateTransaction { txid: TXID },
            Error::DuplicateTransaction { .. } => Error::DoubleSpend { outpoint: OUTPOINT },
            Error::DoubleSpend { .. } | Error::Transaction { .. } => return None,
        })
    });
    let within = transaction_errors().into_iter().map(|error| Error::Transaction { txid: TXID, error });
    alone.into_iter().chain(within).collect()
}

fn connect_errors() -> Vec<ConnectError> {
    use ConnectError as Error;
    let alone = all(Error::CoinbaseHeight { found: HEIGHT, expected: HEIGHT }, |error| {
        Some(match error {
            Error::CoinbaseHeight { .. } => Error::FeesExceedSupply { maximum: AMOUNT },
            Error::FeesExceedSupply { .. } => {
                Error::CoinbaseClaimsTooMuch { claimed: AMOUNT, allowed: AMOUNT }
            }
            Error::CoinbaseClaimsTooMuch { .. } | Error::Transaction { .. } => return None,
        })
    });
    let within = transaction_errors().into_iter().map(|error| Error::Transaction { txid: TXID, error });
    alone.into_iter().chain(within).collect()
}

/// Every way in which a block is rejected.
fn rejections() -> Vec<BlockRejection> {
    use BlockRejection as Error;
    let of_chain = all(Error::UnknownParent { parent: HASH }, |error| {
        Some(match error {
            Error::UnknownParent { .. } => Error::KnownInvalid { hash: HASH },
            Error::KnownInvalid { .. } => Error::DescendsFromInvalid { hash: HASH },
            Error::DescendsFromInvalid { .. } | Error::Header(_) | Error::Body(_) | Error::Connect { .. } => {
                return None;
            }
        })
    });
    let headers = header_errors().into_iter().map(Error::Header);
    let bodies = block_errors().into_iter().map(Error::Body);
    let connects = connect_errors().into_iter().map(|error| Error::Connect { hash: HASH, error });
    of_chain.into_iter().chain(headers).chain(bodies).chain(connects).collect()
}

fn mempool_errors() -> Vec<MempoolError> {
    use MempoolError as Error;
    let rate = FeeRate::from_per_kilobyte(AMOUNT);
    let policy = all(Error::Known { txid: TXID }, |error| {
        Some(match error {
            Error::Known { .. } => Error::Confirmed { txid: TXID, height: HEIGHT },
            Error::Confirmed { .. } => Error::UnknownOutput { outpoint: OUTPOINT },
            Error::UnknownOutput { .. } => Error::NoSuchOutput { outpoint: OUTPOINT, outputs: 1 },
            Error::NoSuchOutput { .. } => {
                Error::SpentInChain { outpoint: OUTPOINT, by: TXID, height: HEIGHT }
            }
            Error::SpentInChain { .. } => {
                Error::Immature { outpoint: OUTPOINT, made_at: HEIGHT, spendable_at: 85, missing: 9 }
            }
            Error::Immature { .. } => {
                Error::NotFinal { lock_time: LockTime::Time(TIME), height: HEIGHT, median_time_past: TIME }
            }
            Error::NotFinal { .. } => {
                Error::Conflict { outpoint: OUTPOINT, by: TXID, fee: AMOUNT, needed: AMOUNT }
            }
            Error::Conflict { .. } => Error::SpendsWhatItReplaces { txid: TXID },
            Error::SpendsWhatItReplaces { .. } => Error::NewUnconfirmedInput { outpoint: OUTPOINT },
            Error::NewUnconfirmedInput { .. } => Error::ReplacesTooMany { found: 2, allowed: 1 },
            Error::ReplacesTooMany { .. } => Error::FeeTooLow { fee: AMOUNT, needed: AMOUNT, size: 9, rate },
            Error::FeeTooLow { .. } => Error::FeeTooHigh { fee: AMOUNT, rate, limit: rate },
            Error::FeeTooHigh { .. } => Error::TooBig { found: 2, allowed: 1 },
            Error::TooBig { .. } => Error::Dust { index: 0, amount: AMOUNT, minimum: AMOUNT },
            Error::Dust { .. } => Error::TooManyAncestors { count: 26, size: 9 },
            Error::TooManyAncestors { .. } => Error::TooManyDescendants { on: TXID, count: 26, size: 9 },
            Error::TooManyDescendants { .. } => Error::Full { rate },
            Error::Full { .. } | Error::Rule(_) => return None,
        })
    });
    policy.into_iter().chain(transaction_errors().into_iter().map(Error::Rule)).collect()
}

fn decode_errors() -> Vec<DecodeError> {
    use DecodeError as Error;
    all(Error::TooLong { found: 2, allowed: 1 }, |error| {
        Some(match error {
            Error::TooLong { .. } => Error::TrailingBytes { left: 1 },
            Error::TrailingBytes { .. } => Error::TooShort,
            Error::TooShort => Error::CountTooLarge,
            Error::CountTooLarge => Error::UnknownChoice { found: 7 },
            Error::UnknownChoice { .. } => Error::NotUtf8,
            Error::NotUtf8 | Error::Other(_) => return None,
        })
    })
}

fn codec_errors() -> Vec<CodecError> {
    use CodecError as Error;
    let kind = "Peers";
    let start = HelloStart { protocol_version: 2, genesis: GenesisHash::ZERO };
    let address = "127.0.0.1:1".parse().expect("an address");
    let malformed = decode_errors().into_iter().map(|source| Error::Malformed { kind, source });
    let others = all(Error::Empty, |error| {
        Some(match error {
            Error::Empty => Error::FrameTooLong { found: 2, allowed: 1 },
            Error::FrameTooLong { .. } => Error::UnknownKind { found: 99 },
            Error::UnknownKind { .. } => Error::TooLong { kind, found: 2, allowed: 1 },
            Error::TooLong { .. } => {
                Error::Hello { start, fault: Box::new(Error::UserAgent { allowed: 64 }) }
            }
            Error::Hello { .. } => Error::Goodbye,
            Error::Goodbye => Error::TooMany { kind, found: 2, allowed: 1 },
            Error::TooMany { .. } => Error::Indexes { kind },
            Error::Indexes { .. } => Error::UserAgent { allowed: 64 },
            Error::UserAgent { .. } => {
                Error::Address { found: cairn_protocol::peer::PeerAddress::new(address) }
            }
            Error::Address { .. } | Error::Malformed { .. } => return None,
        })
    });
    malformed.chain(others).collect()
}

fn goodbyes() -> Vec<Goodbye> {
    all(Goodbye::OtherChain { ours: GenesisHash::ZERO }, |goodbye| {
        Some(match goodbye {
            Goodbye::OtherChain { .. } => Goodbye::OtherVersion { ours: 1 },
            Goodbye::OtherVersion { .. } => Goodbye::Full,
            Goodbye::Full => Goodbye::Duplicate,
            Goodbye::Duplicate => Goodbye::Misbehavior,
            Goodbye::Misbehavior => Goodbye::Leaving,
            Goodbye::Leaving => return None,
        })
    })
}

fn offences() -> Vec<Misbehavior> {
    let alone = [
        Misbehavior::HelloMissing,
        Misbehavior::SecondHello,
        Misbehavior::BrokenHeaders,
        Misbehavior::BlockIndexes,
        Misbehavior::BlockTransactions,
    ];
    let codec = codec_errors().into_iter().map(Misbehavior::Malformed);
    let blocks = rejections().into_iter().map(Misbehavior::Block);
    let transactions = transaction_errors().into_iter().map(Misbehavior::Transaction);
    alone.into_iter().chain(codec).chain(blocks).chain(transactions).collect()
}

/// A name as Rust's Debug form prints it before its values: `Height(75)`, `OtherVersion { ours: 1 }`.
fn debug_form(text: &str) -> Option<&str> {
    text.match_indices(['(', '{']).find_map(|(at, opening)| {
        let before = if opening == "{" { text[..at].trim_end() } else { &text[..at] };
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let is_name = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.contains(char::is_lowercase);
        is_name.then_some(name)
    })
}

/// What a block's rule and a transaction's rule have in common has one reason.
fn rule_of(rejection: &BlockRejection) -> String {
    match rejection {
        BlockRejection::Body(BlockError::Transaction { error, .. })
        | BlockRejection::Connect { error: ConnectError::Transaction { error, .. }, .. } => error.to_string(),
        BlockRejection::Header(HeaderError::Target(_)) => "the bits are no target".into(),
        other => other.to_string(),
    }
}

#[test]
fn each_rule_that_a_block_breaks_has_a_reason_of_its_own() {
    let rules: BTreeSet<(&str, String)> =
        rejections().iter().map(|rejection| (proposal::token(rejection), rule_of(rejection))).collect();
    let reasons: BTreeSet<&str> = rules.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons.len(), rules.len(), "two rules have one reason: {rules:?}");
    assert!(!reasons.contains("bad-txns"));
}

#[test]
fn each_reason_against_a_transaction_is_its_own_or_told_apart_by_the_values_beside_it() {
    let mut seen = BTreeSet::new();
    for error in mempool_errors() {
        let values = match &error {
            MempoolError::UnknownOutput { .. }
            | MempoolError::NoSuchOutput { .. }
            | MempoolError::SpentInChain { .. }
            | MempoolError::Rule(TransactionError::MissingCoin { .. }) => values(&error),
            // The same rule, by the mempool, with the number of missing blocks.
            MempoolError::Rule(TransactionError::ImmatureCoinbase { .. }) => continue,
            _ => Object::new(),
        };
        let values = serde_json::to_string(&values).expect("JSON");
        assert!(seen.insert((Rejection::of(&error).token, values)), "{error} has the reason of another");
    }
}

#[test]
fn what_a_caller_reads_of_a_refusal_is_in_words() {
    let rejected = rejections().into_iter().map(|one| format!("{}, {one}", proposal::token(&one)));
    let submitted = mempool_errors().into_iter().map(|one| Rejection::of(&one).into_error().message);
    let malformed = codec_errors().into_iter().map(|one| one.to_string());
    let said = goodbyes().into_iter().flat_map(|goodbye| {
        [DisconnectReason::TheySaid(goodbye.clone()), DisconnectReason::WeSaid(goodbye)]
            .map(|one| in_words(&one))
    });
    let offended =
        offences().into_iter().map(|one| in_words(&DisconnectReason::Misbehavior(one.to_string())));
    for text in rejected.chain(submitted).chain(malformed).chain(said).chain(offended) {
        assert_eq!(debug_form(&text), None, "{text}");
    }
}

#[test]
fn the_search_for_debug_forms_finds_them() {
    for form in
        ["locked up to Height(Height(75))", "we said: OtherVersion { ours: 1 }", "UnexpectedEnd{ a: 1 }"]
    {
        assert!(debug_form(form).is_some(), "{form}");
    }
    assert_eq!(debug_form("bad-diffbits (no target), the block (at 7) has {x}"), None);
}
