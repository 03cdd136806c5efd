//! Blocks on demand on a devnet's nodes: what they do to the difficulty, said before, and what came of it.

use cairn_core::text::grouped;
use cairn_simulator::text::{count, duration};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::devnet::error::DevnetError;
use crate::devnet::network::Network;
use crate::devnet::node_rpc::RpcFailure;

/// Blocks that a node is asked for at once: it answers in time, also where they have become hard.
const CHUNK: u32 = 20;
/// A block after a burst that takes this much longer than usual, in per cent, is worth a sentence.
const WORTH_TELLING: u64 = 125;

/// What mining blocks at once does to the blocks after them, as a node estimates it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Estimate {
    /// Blocks that are to be mined.
    pub blocks: u32,
    /// Hashes that all of them take together.
    pub hashes: u64,
    /// So many of them are mined at the most.
    pub possible: u32,
    /// How far they are ahead of the chain's schedule.
    pub ahead_ms: u64,
    /// The time that the chain wants between blocks.
    pub spacing_ms: u64,
    /// Hashes that a block takes now.
    pub usual_hashes: u64,
    /// Hashes that the block after them takes.
    pub next_hashes: u64,
    /// How long that is at the miners' hash rate; none when no node mines.
    pub next_ms: Option<u64>,
    /// How long it is until blocks come as usual again; none when they never do.
    pub usual_after_ms: Option<u64>,
    /// Hashes per second of the miners that work on this node's chain.
    #[serde(default)]
    pub hashrate: f64,
}

/// What a node says of its mining.
#[derive(Deserialize)]
struct NodeStatus {
    mining: Option<Order>,
    hashrate: Option<f64>,
}

#[derive(Deserialize)]
struct Order {
    hashrate: Option<f64>,
}

/// What a node says of blocks that it did not mine.
#[derive(Default, Deserialize)]
struct Unmined {
    #[serde(default)]
    hashes: Vec<String>,
    why: Option<String>,
}

/// What mining blocks on a node at once would do; none on a chain whose difficulty is fixed.
///
/// # Errors
/// When the node is down or does not answer.
pub fn estimate(network: &Network, node: u16, blocks: u32) -> Result<Option<Estimate>, DevnetError> {
    if network.chain.params.half_life.is_none() {
        network.rpc(node)?;
        return Ok(None);
    }
    let groups = network.groups();
    let together = network.running().into_iter().filter(|other| groups.of(*other) == groups.of(node));
    let hashrate = together.filter_map(|other| hashrate(network, other)).fold(0.0, |sum, one| sum + one);
    // A tenth of a hash is all that an estimate needs; no rate is said as 0.
    let rounded = (hashrate * 10.0).round() / 10.0;
    let answer = network.call(node, "estimatemining", json!([blocks, rounded]))?;
    let misread = |error: serde_json::Error| DevnetError::Node {
        node,
        failure: RpcFailure::Silent(format!("its estimate is not understood: {error}")),
    };
    let estimate: Estimate = serde_json::from_value(answer).map_err(misread)?;
    Ok(Some(Estimate { hashrate: rounded, ..estimate }))
}

/// How fast a node mines: what it was told, or what it does.
fn hashrate(network: &Network, node: u16) -> Option<f64> {
    let status: NodeStatus =
        serde_json::from_value(network.call(node, "getnodestatus", json!([])).ok()?).ok()?;
    status.mining?.hashrate.or(status.hashrate)
}

impl Estimate {
    /// Refuses what would not end in a time that a person waits.
    ///
    /// # Errors
    /// [`DevnetError::TooManyAtOnce`].
    pub fn check(&self) -> Result<(), DevnetError> {
        if self.possible >= self.blocks {
            return Ok(());
        }
        Err(DevnetError::TooManyAtOnce {
            blocks: self.blocks.into(),
            hashes: self.hashes,
            possible: self.possible.into(),
            usual_hashes: self.usual_hashes,
        })
    }

    /// What people are told before it is done; none when it does not matter.
    pub fn in_words(&self) -> Option<String> {
        if self.next_hashes.saturating_mul(100) <= self.usual_hashes.saturating_mul(WORTH_TELLING) {
            return None;
        }
        let next = match self.next_ms {
            Some(ms) => {
                format!("takes about {} at {} hashes/s", duration(ms), grouped(self.hashrate.round() as u64))
            }
            None => format!("takes {} hashes, and no node here mines", grouped(self.next_hashes)),
        };
        let usual = match (self.next_ms, self.usual_after_ms) {
            (None, _) => String::new(),
            (_, Some(ms)) => format!(", and blocks come as usual again after about {}", duration(ms)),
            (_, None) => ", and blocks do not come as usual again".to_owned(),
        };
        Some(format!(
            "{} mined at once are {} ahead of the schedule of one in {}: the next one {next}{usual}. \
             For many blocks there is `cairn devnet --chain regtest`, where the difficulty is fixed.",
            count(self.blocks.into(), "block"),
            duration(self.ahead_ms),
            duration(self.spacing_ms),
        ))
    }
}

/// Mines blocks on a node, paid to this address; returns their hashes.
///
/// # Errors
/// When they would take too long, the node is down, or fewer became part of its best chain.
pub fn mine(network: &Network, node: u16, blocks: u32, to: &str) -> Result<Vec<String>, DevnetError> {
    if let Some(estimate) = estimate(network, node, blocks)? {
        estimate.check()?;
    }
    let mut hashes: Vec<String> = Vec::new();
    let mut left = blocks;
    while left > 0 {
        let chunk = left.min(CHUNK);
        let fewer = |hashes: Vec<String>, why: String| match hashes.is_empty() {
            true => DevnetError::NotMined { node, why },
            false => DevnetError::MinedFewer { node, hashes, blocks, why },
        };
        match network.rpc(node).map(|rpc| rpc.call("generatetoaddress", json!([chunk, to]))) {
            Ok(Ok(mined)) => {
                let mined: Vec<String> = serde_json::from_value(mined).unwrap_or_default();
                let is_short = mined.len() < chunk as usize;
                hashes.extend(mined);
                if is_short {
                    return Err(fewer(hashes, "the tries of one request are used up".into()));
                }
            }
            Ok(Err(failure)) => {
                let told =
                    failure.data().and_then(|data| Unmined::deserialize(data).ok()).unwrap_or_default();
                hashes.extend(told.hashes);
                return Err(fewer(hashes, told.why.unwrap_or_else(|| failure.to_string())));
            }
            Err(error) if hashes.is_empty() => return Err(error),
            Err(error) => return Err(fewer(hashes, error.to_string())),
        }
        left -= chunk;
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate() -> Estimate {
        Estimate {
            blocks: 1_000,
            hashes: 89_000_000,
            possible: 1_000,
            ahead_ms: 2_000_000,
            spacing_ms: 2_000,
            usual_hashes: 4_096,
            next_hashes: 416_000,
            next_ms: Some(203_000),
            usual_after_ms: Some(3_590_000),
            hashrate: 2_048.0,
        }
    }

    #[test]
    fn what_many_blocks_do_to_the_next_ones_is_told_and_the_chain_for_them_named() {
        let told = estimate().in_words().expect("it matters");
        assert_eq!(
            told,
            "1,000 blocks mined at once are 33 min 20 s ahead of the schedule of one in 2 s: the next one takes about \
             203 s at 2,048 hashes/s, and blocks come as usual again after about 59 min 50 s. For many blocks there is \
             `cairn devnet --chain regtest`, where the difficulty is fixed."
        );
        let nobody = Estimate { next_ms: None, usual_after_ms: None, hashrate: 0.0, ..estimate() };
        let told = nobody.in_words().expect("it matters");
        assert!(told.contains("the next one takes 416,000 hashes, and no node here mines. For"), "{told}");
        let few = Estimate { blocks: 5, next_hashes: 4_190, ..estimate() };
        assert_eq!(few.in_words(), None);
    }

    #[test]
    fn more_blocks_than_end_in_a_minute_are_refused_with_what_they_would_take() {
        let many = Estimate { blocks: 3_000, hashes: 930_000_000_000, possible: 1_536, ..estimate() };
        let refused = many.check().expect_err("too many").to_string();
        assert_eq!(
            refused,
            "3,000 blocks at once would take 930,000,000,000 hashes, as many as 227,050,781 blocks take now: at most \
             1,536 are possible now; for many blocks there is `cairn devnet --chain regtest`, where the difficulty is \
             fixed"
        );
        estimate().check().expect("possible");
    }
}
