//! Scenarios on real nodes: a simulator's plan, played by processes in real time.
//!
//! Reading order: [`rates`] and [`chain_setup`] (the chain that they play it on),
//! [`executor`] and [`payments`] (carrying it out), [`event_adapter`] (what the recorder sees), [`play`] (from
//! beginning to end).

pub mod chain_setup;
pub mod error;
pub mod event_adapter;
pub mod executor;
pub mod payments;
pub mod play;
pub mod rates;
