//! Hash rates: how fast each real miner is throttled, so that shares hold and blocks come in time.

use cairn_core::target::CompactTarget;
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::{Group, MILLION, Plan};

/// Hashes per second of all together, unless the part of one node would be too coarse: the rate
/// of any devnet (docs/decisions/0002).
const USUAL: u64 = 2_048;
/// All together never hash faster: hundreds of throttled workers must not fight for two cores.
const MOST: u64 = 200_000;
/// A rate is a whole number; rounding one of this size errs by half a per cent at most.
const GOOD_RATE: u64 = 100;
/// Below this shares would no longer hold.
const LEAST_RATE: u64 = 20;
/// A block takes so many hashes or more: with fewer, luck comes in the steps of the throttle.
const LEAST_HASHES: u64 = 256;

/// How fast real miners are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    total: u64,
    first: Vec<u64>,
}

/// Some node's part of the hash rate is too small to be throttled to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "each of the {nodes} nodes of group {group:?} would make {found} hashes/s of {MOST}, \
     at least {LEAST_RATE} are needed for its share to hold: give the group a larger share, or fewer nodes"
)]
pub struct TooSmallPart {
    pub group: String,
    pub nodes: u16,
    /// What each would get.
    pub found: u64,
}

impl Rates {
    /// The rates that a plan's shares come to.
    pub fn of(plan: &Plan) -> Result<Self, TooSmallPart> {
        let miners = || plan.groups.iter().filter(|group| group.share > 0 && group.nodes > 0);
        let for_good_rates = miners().map(|group| (GOOD_RATE * whole(group)).div_ceil(group.share));
        let for_hashes = (LEAST_HASHES * 1_000).div_ceil(plan.chain.spacing_ms.get());
        let total = for_good_rates.chain([USUAL, for_hashes]).max().unwrap_or(USUAL).min(MOST);
        if let Some(group) = miners().find(|group| part(group, total) < LEAST_RATE) {
            let (name, nodes) = (group.name.clone(), group.nodes);
            return Err(TooSmallPart { group: name, nodes, found: part(group, total) });
        }
        let of_node =
            |node: NodeIndex| plan.groups.get(plan.group_of(node)).map_or(0, |one| part(one, total));
        Ok(Self { total, first: plan.indices().map(of_node).collect() })
    }

    /// Hashes per second of all together.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How fast each node mines at first, in hashes per second.
    pub fn first(&self) -> &[u64] {
        &self.first
    }

    /// So many per cent of a node's first rate; no rate but none is below a hash a second.
    pub fn percent(&self, node: NodeIndex, percent: u32) -> u64 {
        let first = self.first.get(node.index()).copied().unwrap_or(0);
        (first * u64::from(percent)).div_ceil(100)
    }

    /// How many hashes a block takes so that all together find one this often.
    pub const fn hashes_for(&self, spacing_ms: u64) -> u64 {
        (self.total * spacing_ms).div_ceil(1_000)
    }
}

/// What a node of a group hashes when all do so much: its equal part, rounded.
fn part(group: &Group, total: u64) -> u64 {
    (total * group.share + whole(group) / 2) / whole(group)
}

fn whole(group: &Group) -> u64 {
    MILLION * u64::from(group.nodes.max(1))
}

/// The target that takes so many hashes on average, at least two: 2^256 / hashes, in compact form.
pub fn target_for(hashes: u64) -> CompactTarget {
    const LARGEST_MANTISSA: u128 = 0x007f_ffff;
    const SMALLEST_USUAL: u128 = 0x8000;
    let hashes = u128::from(hashes.max(2));
    // Mantissa times 256^(exponent - 3) is 2^256 / hashes.
    let mantissa = |exponent: u32| (1_u128 << (280 - 8 * exponent)) / hashes;
    let exponent = (24..=32).rev().find(|exponent| mantissa(*exponent) >= SMALLEST_USUAL).unwrap_or(24);
    let mantissa = mantissa(exponent).min(LARGEST_MANTISSA);
    CompactTarget::from_bits((exponent << 24) | u32::try_from(mantissa).expect("it is below 2^23"))
}

#[cfg(test)]
mod tests {
    use cairn_genesis::bounded::Bits;

    use super::*;

    fn plan(shares: &[(u16, u64)]) -> Plan {
        let mut first = 0;
        let groups = shares.iter().map(|(nodes, share)| {
            first += nodes;
            let group = Plan::quiet(1).groups.remove(0);
            Group { name: format!("g{first}"), first: first - nodes, nodes: *nodes, share: *share, ..group }
        });
        Plan { groups: groups.collect(), ..Plan::quiet(1) }
    }

    #[test]
    fn equal_miners_share_what_any_devnet_has() {
        let rates = Rates::of(&Plan::quiet(5)).expect("large parts");
        assert_eq!((rates.total(), rates.first()), (2_048, [410; 5].as_slice()));
        assert_eq!(rates.hashes_for(2_000), 4_096);
    }

    #[test]
    fn small_parts_raise_the_whole_so_that_rounding_does_not_show() {
        let rates = Rates::of(&plan(&[(1, 900_000), (4, 100_000), (2, 0)])).expect("parts above the least");
        assert_eq!((rates.total(), rates.first()), (4_000, [3_600, 100, 100, 100, 100, 0, 0].as_slice()));
        assert_eq!([0, 1, 50].map(|percent| rates.percent(NodeIndex::new(1), percent)), [0, 1, 50]);
    }

    #[test]
    fn parts_that_no_throttle_can_keep_are_refused_by_name() {
        let found = Rates::of(&plan(&[(1, 999_950), (1, 50)]));
        assert_eq!(found, Err(TooSmallPart { group: "g2".into(), nodes: 1, found: 10 }));
    }

    #[test]
    fn a_target_takes_as_many_hashes_as_asked() {
        for hashes in [2, 3, 32, 255, 256, 4_096, 4_097, 1_000_003, 720_000_000, 1 << 40] {
            let bits = Bits::new(target_for(hashes)).expect("the usual form");
            let work = bits.target().work().to_u256().saturating_to::<u64>();
            assert!(work.abs_diff(hashes) <= 1 + hashes / 30_000, "{hashes}: {work}");
        }
        assert_eq!(target_for(4_096).bits(), 0x1f10_0000);
    }
}
