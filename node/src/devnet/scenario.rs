//! Scenarios on real nodes: a simulator's plan, played by processes in real time.
//!
//! Reading order: [`rates`] and
//! [`ground`] (the chain that they play it on), [`agenda`] (what is due when), [`hands`] and
//! [`payer`] (doing it), [`chronicle`] (what came of it), [`play`] (from beginning to end).

pub mod agenda;
pub mod chronicle;
pub mod fault;
pub mod ground;
pub mod hands;
pub mod payer;
pub mod play;
pub mod rates;
