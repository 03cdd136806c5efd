//! Where a run's luck comes from: a stream of its own for each thing that is drawn, all from the seed.

use cairn_protocol::random::Random;

/// Who dials whom.
pub fn topology(seed: u64) -> Random {
    stream(seed, 0)
}

/// Which miner finds a block, and when.
pub fn mining(seed: u64) -> Random {
    stream(seed, 2)
}

/// Who comes and goes when.
pub fn churn(seed: u64) -> Random {
    stream(seed, 3)
}

/// Nodes count their streams from zero, the world counts its own from the other end.
fn stream(seed: u64, index: u64) -> Random {
    Random::derive(seed, u64::MAX - index)
}
