//! The rules of the chain: types, hashing, proof of work, validation. No I/O, no clock, no float.
//!
//! Reading order: `header`, `transaction`, `block`, then the ladder of checks, bytes -> `Block` ->
//! `CheckedBlock` -> `ConnectedBlock`, in `check`, whose error enums together are the rule book.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::indexing_slicing)]
#![cfg_attr(
    not(test),
    deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used))]

pub mod address;
pub mod amount;
pub mod block;
pub mod check;
pub mod coin;
pub mod difficulty;
pub mod encoding;
pub mod generations;
pub mod hash;
pub mod header;
pub mod height;
pub mod lock;
pub mod merkle;
pub mod outlook;
pub mod params;
pub mod signature;
pub mod signing;
pub mod subsidy;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod transaction;
pub mod work;
