//! A node's decisions: chain, mempool, relay, sync, peers, block template. Sans-IO: an input goes in, actions
//! come out, and time and randomness are arguments.
//!
//! Begin with `node`, the switchboard; `input`, `action` and `event` are its whole interface.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

pub mod action;
pub mod chain;
pub mod deadlines;
pub mod event;
pub mod input;
pub mod limits;
pub mod mempool;
pub mod message;
pub mod misbehavior;
pub mod node;
pub mod peer;
pub mod peers;
pub mod prefix_map;
pub mod random;
pub mod relay;
pub mod sync;
pub mod template;
