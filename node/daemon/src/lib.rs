//! What one node does: everything that touches the world around `cairn-protocol`, which decides.
//!
//! Reading order: `clock` and `config` (time and settings come in here), `driver` (the thread that
//! owns the machine), `handle` (how all others reach it), `p2p` (bytes from and to peers), then
//! `assembly`, where a whole node is put together.

pub mod api;
pub mod assembly;
pub mod clock;
pub mod config;
pub mod driver;
pub mod event_log;
pub mod generate;
pub mod handle;
pub mod log;
pub mod machine;
pub mod mined;
pub mod miner;
pub mod mining_order;
pub mod p2p;
pub mod page;
pub mod rpc;
pub mod search;
pub mod signals;
pub mod store;
pub mod waiting;
pub mod web;
