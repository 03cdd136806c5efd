//! The conductor: plays a plan on any engine. Both the simulated world and the devnet implement [`steps::Network`],
//! [`payments::Payments`] and [`phases::Observed`]; what is due when, which phase follows which, who settles and which
//! wallet pays is decided here for both.

pub mod payments;
pub mod phases;
pub mod schedule;
pub mod steps;
