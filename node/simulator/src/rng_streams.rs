//! Random streams of a run, all from its seed: one for each purpose.

use cairn_protocol::random::Random;

/// The stream of the topology: which node dials which.
pub fn topology(seed: u64) -> Random {
    stream(seed, 0)
}

/// The stream of mining: which node finds a block, and when.
pub fn mining(seed: u64) -> Random {
    stream(seed, 2)
}

/// The stream of churn: when intermittent nodes go and come.
pub fn churn(seed: u64) -> Random {
    stream(seed, 3)
}

/// Nodes count their streams from zero, the world counts its own from the other end.
fn stream(seed: u64, index: u64) -> Random {
    Random::derive(seed, u64::MAX - index)
}
