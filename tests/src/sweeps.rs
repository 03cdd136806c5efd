//! Sweeps: the runs of the simulator that are held against published results. Each is worlds of real
//! nodes; what it counts is counted by the recorder that every scenario uses.

pub mod difficulty;
pub mod double_spend;
pub mod eclipse;
pub mod finding;
pub mod forks;
pub mod partition;
pub mod selfish;
pub mod worlds;
