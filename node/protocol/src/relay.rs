//! Relay: what to tell whom.

pub mod blocks;
pub mod known;
pub mod orphans;
pub mod own;
pub mod transactions;
