//! The world: takes what comes next, lets one node do its step, carries out what it asks for.
//!
//! A node's actions wait until its disk has taken what they follow from, as the real driver does;
//! a loss of power in between loses both.
//!
//! `state` has the loop; the others are what it does to links, steps, payments, blocks and attacks.

pub mod alone;
mod attacks;
mod finding;
mod links;
pub mod overheard;
mod payers;
mod paying;
mod state;
mod steps;
mod window;
mod workers;

pub use state::World;
