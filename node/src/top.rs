//! `cairn top`: a devnet in a terminal. Looked at several times a second, steered by single keys.
//!
//! Reading order: [`scene`] (what is seen, out of the devnet's view), [`tree`] (its latest blocks by
//! branch), [`keys`] (what a key means), [`draw`] (all of
//! it on a screen).

pub mod draw;
pub mod keys;
pub mod scene;
pub mod screen;
#[cfg(test)]
pub mod tests;
pub mod tree;
