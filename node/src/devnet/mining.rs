//! Blocks on demand on a devnet's nodes: what they do to the difficulty, said before, and what came of it.

use std::time::{Duration, Instant};

use cairn_core::hash::BlockHash;
use cairn_core::text::grouped;
use cairn_daemon::api::client::{CallError, SET};
use cairn_daemon::api::replies::{MiningEstimate, NotGenerated};
use cairn_daemon::api::status::NodeStatus;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::text::{count, duration};
use serde::Deserialize;

use crate::devnet::command::Estimate;
use crate::devnet::error::DevnetError;
use crate::devnet::network::Network;

/// Limits of one call: blocks, and nonces to try, which take a core less than a second. Between calls mining can end.
const AT_ONCE: (u32, u64) = (20, 1 << 21);
/// Time limit of one call, on a busy machine.
const CALL: Duration = Duration::from_secs(20);
/// Time limit of blocks that are part of another step.
const LIMIT: Duration = Duration::from_secs(60);
/// A block after a burst that takes this much longer than usual, in per cent, is worth a sentence.
const WORTH_TELLING: u64 = 125;

/// What mining blocks on a node at once would do; none on a chain whose difficulty is fixed.
///
/// # Errors
/// When the node is down or does not reply.
pub fn estimate(network: &Network, node: u16, blocks: u32) -> Result<Option<Estimate>, DevnetError> {
    if network.chain.params.half_life.is_none() {
        network.client(node)?;
        return Ok(None);
    }
    let rate = |status: &NodeStatus| match status.mining.as_ref()?.hashrate {
        Some(limit) => Some(limit.0 as f64 / Hashrate::per_second(1).0 as f64),
        None => status.hashrate,
    };
    // Of the state: a node that sleeps must not delay blocks of another.
    let hashrate: f64 = network.state.read(|state| {
        let group = state.groups().of(node);
        let together = state.running().filter(|other| state.groups().of(other.id) == group);
        together.filter_map(|other| rate(other.status.as_ref()?)).sum()
    });
    // A tenth of a hash is all that an estimate needs; no rate is said as 0.
    let hashrate = (hashrate * 10.0).round() / 10.0;
    let mining: Option<MiningEstimate> = network.call(SET, node, "estimatemining", (blocks, hashrate))?;
    Ok(mining.map(|mining| Estimate { mining, hashrate }))
}

/// Rejects blocks that would take more than a minute.
pub fn check(Estimate { mining, .. }: &Estimate) -> Result<(), DevnetError> {
    if mining.possible >= mining.blocks {
        return Ok(());
    }
    Err(DevnetError::TooManyAtOnce {
        blocks: mining.blocks.into(),
        hashes: mining.hashes,
        possible: mining.possible.into(),
        usual_hashes: mining.usual_hashes,
    })
}

/// The sentence for people before blocks are mined; none when the difficulty hardly changes.
pub fn in_words(Estimate { mining, hashrate }: &Estimate) -> Option<String> {
    if mining.next_hashes.saturating_mul(100) <= mining.usual_hashes.saturating_mul(WORTH_TELLING) {
        return None;
    }
    let next = match mining.next_ms {
        Some(ms) => format!("takes about {} at {} hashes/s", duration(ms), grouped(hashrate.round() as u64)),
        None => format!("takes {} hashes, and no node here mines", grouped(mining.next_hashes)),
    };
    let usual = match (mining.next_ms, mining.usual_after_ms) {
        (None, _) => String::new(),
        (_, Some(ms)) => format!(", and blocks come as usual again after about {}", duration(ms)),
        (_, None) => ", and blocks do not come as usual again".to_owned(),
    };
    Some(format!(
        "{} mined at once are {} ahead of the schedule of one in {}: the next one {next}{usual}. \
         For many blocks there is `cairn devnet --chain regtest`, where the difficulty is fixed.",
        count(mining.blocks.into(), "block"),
        duration(mining.ahead_ms),
        duration(mining.spacing_ms),
    ))
}

/// Mines blocks on a node, paid to this address; returns their hashes.
///
/// # Errors
/// When they would take too long, the node is down, or fewer became part of its best chain.
pub fn mine(network: &Network, node: u16, blocks: u32, to: &str) -> Result<Vec<BlockHash>, DevnetError> {
    match mine_within(network, node, blocks, to, LIMIT, &|| false)? {
        (hashes, None) => Ok(hashes),
        (hashes, Some(why)) => Err(fewer(node, hashes, blocks, why)),
    }
}

/// Mines blocks until there are as many as wanted, the time limit is over, or they are not wanted any more. Returns
/// them, and the reason why they are fewer.
///
/// # Errors
/// The same as for [`mine`].
pub fn mine_within(
    network: &Network,
    node: u16,
    blocks: u32,
    to: &str,
    limit: Duration,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(Vec<BlockHash>, Option<String>), DevnetError> {
    let until = Instant::now() + limit;
    if let Some(estimate) = estimate(network, node, blocks)? {
        check(&estimate)?;
    }
    let mut hashes: Vec<BlockHash> = Vec::new();
    while hashes.len() < blocks as usize {
        if is_cancelled() {
            return Ok((hashes, Some("the request was cancelled".to_owned())));
        }
        if Instant::now() >= until {
            return Ok((
                hashes,
                Some(format!("the time limit of {} is over", duration(limit.as_millis() as u64))),
            ));
        }
        let wanted = (blocks - hashes.len() as u32).min(AT_ONCE.0);
        let call = network.call::<Vec<BlockHash>>(CALL, node, "generatetoaddress", (wanted, to, AT_ONCE.1));
        let why = match call {
            Ok(mined) => {
                hashes.extend(mined);
                continue;
            }
            Err(DevnetError::Node { error: CallError::Rejected { data, message, .. }, .. }) => {
                let before = NotGenerated::deserialize(data).unwrap_or_default();
                hashes.extend(before.hashes);
                before.why.unwrap_or(message)
            }
            Err(error) if hashes.is_empty() => return Err(error),
            Err(error) => error.to_string(),
        };
        return Err(fewer(node, hashes, blocks, why));
    }
    Ok((hashes, None))
}

fn fewer(node: u16, hashes: Vec<BlockHash>, blocks: u32, why: String) -> DevnetError {
    match hashes.is_empty() {
        true => DevnetError::NotMined { node, why },
        false => DevnetError::MinedFewer { node, hashes, blocks, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mining() -> MiningEstimate {
        MiningEstimate {
            blocks: 1_000,
            hashes: 89_000_000,
            possible: 1_000,
            ahead_ms: 2_000_000,
            spacing_ms: 2_000,
            usual_hashes: 4_096,
            next_hashes: 416_000,
            next_ms: Some(203_000),
            usual_after_ms: Some(3_590_000),
        }
    }

    fn words(mining: MiningEstimate) -> Option<String> {
        in_words(&Estimate { mining, hashrate: 2_048.0 })
    }

    #[test]
    fn what_many_blocks_do_to_the_next_ones_is_reported_and_the_chain_for_them_named() {
        assert_eq!(
            words(mining()).expect("it matters"),
            "1,000 blocks mined at once are 33 min 20 s ahead of the schedule of one in 2 s: the next one takes about \
             203 s at 2,048 hashes/s, and blocks come as usual again after about 59 min 50 s. For many blocks there is \
             `cairn devnet --chain regtest`, where the difficulty is fixed."
        );
        let no_miner = MiningEstimate { next_ms: None, usual_after_ms: None, ..mining() };
        let said = words(no_miner).expect("it matters");
        assert!(said.contains("the next one takes 416,000 hashes, and no node here mines. For"), "{said}");
        assert_eq!(words(MiningEstimate { blocks: 5, next_hashes: 4_190, ..mining() }), None);
    }

    #[test]
    fn more_blocks_than_end_in_a_minute_are_rejected_with_what_they_would_take() {
        let estimate = |mining| Estimate { mining, hashrate: 2_048.0 };
        let many = MiningEstimate { blocks: 3_000, hashes: 930_000_000_000, possible: 1_536, ..mining() };
        let rejected = check(&estimate(many)).expect_err("too many").to_string();
        assert_eq!(
            rejected,
            "3,000 blocks at once would take 930,000,000,000 hashes, as many as 227,050,781 blocks take now: at most \
             1,536 are possible now; for many blocks there is `cairn devnet --chain regtest`, where the difficulty is \
             fixed"
        );
        check(&estimate(mining())).expect("possible");
    }
}
