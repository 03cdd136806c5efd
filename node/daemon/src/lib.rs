//! What one node does: all input and output around `cairn-protocol`, which decides.
//!
//! Reading order: `clock` and `config` (time and settings), `driver` (the thread that owns the machine), `handle`
//! (access to it for all others), `p2p` (bytes from and to peers), then `node_builder`, which starts a whole node.

pub mod api;
pub mod clock;
pub mod config;
pub mod driver;
pub mod event_log;
pub mod generate;
pub mod handle;
pub mod log;
pub mod mempool_file;
pub mod mined;
pub mod miner;
pub mod node_builder;
pub mod p2p;
pub mod page;
pub mod peers_file;
pub mod rpc;
pub mod saved_file;
pub mod search;
pub mod signals;
pub mod store;
pub mod web;

/// The machine that a node of this program is: the one place that chooses its store.
pub type Machine = cairn_protocol::node::Node<store::SledStore>;
