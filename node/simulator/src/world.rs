//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! `state` has the loop; the others are what it does to links, steps, payments, blocks and attacks.

mod attacks;
mod engine;
pub mod event_tap;
mod links;
mod mining;
pub mod node_step;
mod parallel_window;
mod state;
mod workers;

pub use state::World;
