//! What a node does: everything that touches the world around `cairn-protocol`, which decides.
//!
//! Reading order: `clock` and `config` (time and settings come in here), `driver` (the thread that
//! owns the machine), `handle` (how all others reach it), `p2p` (bytes from and to peers), then
//! `commands`, where a whole node is put together.

pub mod assembly;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod devnet;
pub mod driver;
pub mod files;
pub mod generate;
pub mod handle;
pub mod log;
pub mod machine;
pub mod mined;
pub mod miner;
pub mod mining_order;
pub mod p2p;
pub mod page;
pub mod plan_file;
pub mod report;
pub mod rpc;
pub mod signals;
pub mod store;
pub mod top;
pub mod waiting;
pub mod web;

/// Of the program, and of the one that tests run. A simulated world is millions of small things that come and
/// go: with the system's allocator it takes half as long again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
