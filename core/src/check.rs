//! The checks, cheapest first: a header alone, on its parent; a body alone; a block on its coins.

pub mod block;
pub mod connect;
pub mod header;
pub mod transaction;

#[cfg(test)]
mod attacks;
