//! What a node decides: chain, mempool, relay, sync, peers, template. Sans-IO: an input goes in,
//! actions come out, and time and luck are arguments.
//!
//! Begin with `node`, the switchboard; `input`, `action` and `event` are all of its surface.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

pub mod action;
pub mod chain;
pub mod conduct;
pub mod event;
pub mod input;
pub mod limits;
pub mod mempool;
pub mod message;
pub mod node;
pub mod peer;
pub mod peer_map;
pub mod peers;
pub mod random;
pub mod relay;
pub mod sync;
pub mod template;
