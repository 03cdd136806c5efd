//! What a node decides: chain, mempool, relay, sync, peers, template. Sans-IO.
pub mod action;
pub mod chain;
pub mod event;
pub mod input;
pub mod limits;
pub mod mempool;
pub mod message;
pub mod peer;
pub mod peers;
pub mod random;
pub mod relay;
pub mod sync;
