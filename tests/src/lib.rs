//! What must be true of the whole: real processes, hostile peers, scenarios.

#![forbid(unsafe_code)]

pub mod blocks;
pub mod browser;
pub mod devnet;
pub mod fuzzing;
pub mod hostile;
pub mod papers;
pub mod patience;
pub mod ports;
pub mod process;
pub mod pty;
pub mod rpc;
pub mod sweeps;
pub mod terminal;
