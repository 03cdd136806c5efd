//! Difficulty: ASERT (aserti3-2d) on every block, in milliseconds.
//!
//! Source: the Bitcoin Cash specification of 2020-11-15, whose vectors are in the tests. The idea
//! is Mark Lundeberg's: absolutely scheduled exponentially rising targets (DA-ASERT, 2020).

use core::time::Duration;

use ruint::aliases::U512;

use crate::encoding::{Decode, Encode};
use crate::header::HeaderFields;
use crate::height::Height;
use crate::params::ChainParams;
use crate::target::{CompactTarget, Target};
use crate::time::Timestamp;

/// The block from which the targets of later ones are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Anchor {
    pub height: Height,
    /// When it was due: the schedule of the blocks after it begins there. Later by all that was
    /// forgotten of long gaps since.
    pub due: Timestamp,
    pub bits: CompactTarget,
    /// The latest time of any block so far: gaps are measured from here, so that a block dated early
    /// makes no gap of the next one.
    pub latest_time: Timestamp,
}

impl Anchor {
    /// The anchor for the children of a block: block 1, or the latest block at the limit.
    ///
    /// A fixed genesis time in the past would let every fresh chain fall to the limit and every
    /// paused one burst; block 1 is therefore taken to have come when it was due, and a chain at the
    /// limit begins anew. Where the chain has a longest gap, the due time moves forward by what a
    /// block is later than that: a pause makes mining no easier.
    pub fn after(
        previous: Option<&Self>,
        params: &ChainParams,
        header: &HeaderFields,
        height: Height,
        parent_time: Timestamp,
    ) -> Option<Self> {
        let latest_time = previous.map_or(header.time, |previous| previous.latest_time.max(header.time));
        let forgotten = |since: Timestamp| {
            params.longest_gap.map_or(Duration::ZERO, |most| header.time.since(since).saturating_sub(most))
        };
        let at = |due| Some(Self { height, due, bits: header.bits, latest_time });
        match (height.get(), previous) {
            (0, _) => None,
            (1, _) => at(header.time),
            (_, previous) if header.bits == params.pow_limit => {
                let since = previous.map_or(parent_time, |previous| previous.latest_time);
                at(parent_time.saturating_add(params.spacing).saturating_add(forgotten(since)))
            }
            (_, None) => None,
            (_, Some(previous)) => {
                let due = previous.due.saturating_add(forgotten(previous.latest_time));
                Some(Self { due, latest_time, ..*previous })
            }
        }
    }
}

/// The target that a block on this parent must have.
pub fn next_bits(
    params: &ChainParams,
    anchor: Option<&Anchor>,
    parent_height: Height,
    parent_time: Timestamp,
) -> CompactTarget {
    let Some(half_life) = params.half_life else { return params.pow_limit };
    let Some(anchor) = anchor else { return params.genesis_bits };
    let (Ok(reference), Ok(limit)) = (anchor.bits.to_target(), params.pow_limit.to_target()) else {
        return params.pow_limit;
    };
    // The anchor's own block is part of the schedule that asert reckons with.
    let passed = i128::from(parent_time.millis())
        .saturating_sub(i128::from(anchor.due.millis()))
        .saturating_add(millis(params.spacing));
    let blocks = parent_height.since(anchor.height).unwrap_or(0);
    asert(reference, passed, blocks, params.spacing, half_life, limit).to_compact()
}

/// aserti3-2d: the reference target times 2^((time passed - time due) / half-life), in fixed point,
/// never above the limit and never zero.
pub fn asert(
    reference: Target,
    passed_ms: i128,
    blocks: u32,
    spacing: Duration,
    half_life: Duration,
    limit: Target,
) -> Target {
    let due = millis(spacing).saturating_mul(i128::from(blocks).saturating_add(1));
    let late = passed_ms.saturating_sub(due).saturating_mul(65_536);
    let exponent = late.checked_div(millis(half_life)).unwrap_or(0);
    // An arithmetic shift rounds towards minus infinity, so the fraction is never negative.
    let shifts = exponent >> 16;
    let fraction = (exponent & 0xffff).unsigned_abs();
    let factor = cubic(fraction);
    let product = U512::from(reference.to_u256()).wrapping_mul(U512::from(factor));
    let shifts = shifts.saturating_sub(16);
    let next = if shifts <= 0 {
        let right = usize::try_from(shifts.saturating_neg()).unwrap_or(usize::MAX);
        if right < 512 { product.wrapping_shr(right) } else { U512::ZERO }
    } else {
        let left = usize::try_from(shifts).unwrap_or(usize::MAX);
        if left.saturating_add(product.bit_len()) >= 512 { U512::MAX } else { product.wrapping_shl(left) }
    };
    let bounded = next.clamp(U512::from(1u8), U512::from(limit.to_u256()));
    Target::from_u256(bounded.wrapping_to())
}

fn millis(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

/// 65,536 times 2^(fraction / 65,536), by a cubic that is off by less than 0.013 %.
fn cubic(fraction: u128) -> u128 {
    let square = fraction.wrapping_mul(fraction);
    let cube = square.wrapping_mul(fraction);
    let sum = fraction
        .wrapping_mul(195_766_423_245_049)
        .wrapping_add(square.wrapping_mul(971_821_376))
        .wrapping_add(cube.wrapping_mul(5_127))
        .wrapping_add(1 << 47);
    (sum >> 48).wrapping_add(65_536)
}

#[cfg(test)]
mod tests;
