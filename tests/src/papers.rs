//! What published mathematics says a run should show: formulas, intervals and the tables to print both in.
//!
//! Nothing here runs a node or a network. A run counts, [`interval`] says how sure its count is, and one
//! of the other files says what the count should be.

pub mod difficulty;
pub mod double_spend;
pub mod forks;
pub mod interval;
pub mod partition;
pub mod selfish;
pub mod table;
