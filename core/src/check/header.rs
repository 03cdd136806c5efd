//! Rules for headers: first those that need the header alone, then those that need its parent.

use core::fmt;
use core::time::Duration;

use crate::difficulty::{Anchor, next_bits};
use crate::hash::BlockHash;
use crate::header::Header;
use crate::height::Height;
use crate::params::ChainParams;
use crate::target::{CompactTarget, TargetError};
use crate::text::grouped;
use crate::time::Timestamp;

/// A rule that a header breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("header version {found}, {expected} is expected")]
    Version { found: u32, expected: u32 },
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The target is easier than the chain allows.
    #[error("target {found} is above the limit {limit}")]
    TargetAboveLimit { found: CompactTarget, limit: CompactTarget },
    /// The hash does not meet the target: there is no proof of work (Bitcoin Core's `CheckProofOfWork`).
    #[error("block hash {hash} does not meet its target {target}")]
    WorkMissing { hash: BlockHash, target: CompactTarget },
    #[error("the header stands on {found}, not on {expected}")]
    Parent { found: BlockHash, expected: BlockHash },
    /// The target is not the one that the difficulty rule gives (aserti3-2d, see [`crate::difficulty`]).
    #[error("target {found} where {expected} is due")]
    WrongTarget { found: CompactTarget, expected: CompactTarget },
    /// The time is not later than the median of the ancestors' times (BIP 113's clock).
    #[error("block time {found} is not after the median of the last {span}, {median}")]
    TimeTooOld { found: Timestamp, median: Timestamp, span: usize },
    /// The time is too far ahead of this node's clock: the header may be valid
    /// later (Bitcoin Core's `MAX_FUTURE_BLOCK_TIME`).
    #[error(transparent)]
    TimeTooNew(#[from] AheadOfClock),
}

impl HeaderError {
    /// Whether the header may become valid as time passes.
    pub const fn is_too_new(&self) -> bool {
        matches!(self, Self::TimeTooNew(_))
    }
}

/// A block time that a clock does not allow yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AheadOfClock {
    pub time: Timestamp,
    pub now: Timestamp,
    /// How far ahead a block may be.
    pub allowed: Duration,
}

impl AheadOfClock {
    /// Whether a clock that shows `now` allows a block time.
    pub fn check(time: Timestamp, now: Timestamp, allowed: Duration) -> Result<(), Self> {
        if time > now.saturating_add(allowed) { Err(Self { time, now, allowed }) } else { Ok(()) }
    }

    /// How far the block is ahead.
    pub const fn by(&self) -> Duration {
        self.time.since(self.now)
    }
}

impl core::error::Error for AheadOfClock {}

impl fmt::Display for AheadOfClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, allowed) = (self.by().as_millis().div_ceil(1_000), self.allowed.as_secs());
        let by = grouped(u64::try_from(by).unwrap_or(u64::MAX));
        write!(
            f,
            "block time is {by} s ahead of this node's clock, at most {} s are accepted: set the clock, or wait",
            grouped(allowed)
        )
    }
}

/// What a header's rules need to know of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentContext {
    pub hash: BlockHash,
    pub height: Height,
    pub time: Timestamp,
    /// The median time of it and its ancestors.
    pub median_time_past: Timestamp,
    /// Where the difficulty of its children is anchored.
    pub anchor: Option<Anchor>,
}

/// Rules that need nothing but the header. They ask for the work first, because it is the cheapest proof
/// that the sender is honest.
///
/// # Errors
/// `Version`, `Target`, `TargetAboveLimit`, `WorkMissing`.
pub fn check_header_alone(header: &Header, params: &ChainParams) -> Result<(), HeaderError> {
    if header.version != Header::VERSION {
        return Err(HeaderError::Version { found: header.version, expected: Header::VERSION });
    }
    let target = header.bits.to_target()?;
    if target > params.pow_limit.to_target()? {
        return Err(HeaderError::TargetAboveLimit { found: header.bits, limit: params.pow_limit });
    }
    let hash = header.hash();
    if !target.is_met_by(hash) {
        return Err(HeaderError::WorkMissing { hash, target: header.bits });
    }
    Ok(())
}

/// Rules that need the parent and our clock.
///
/// # Errors
/// `Parent`, `WrongTarget`, `TimeTooOld`, `TimeTooNew`, in this order.
pub fn check_header_on_parent(
    header: &Header,
    parent: &ParentContext,
    params: &ChainParams,
    now: Timestamp,
) -> Result<(), HeaderError> {
    if header.previous_block_hash != parent.hash {
        return Err(HeaderError::Parent { found: header.previous_block_hash, expected: parent.hash });
    }
    let expected = next_bits(params, parent.anchor.as_ref(), parent.height, parent.time);
    if header.bits != expected {
        return Err(HeaderError::WrongTarget { found: header.bits, expected });
    }
    if header.time <= parent.median_time_past {
        let (median, span) = (parent.median_time_past, params.median_time_span);
        return Err(HeaderError::TimeTooOld { found: header.time, median, span });
    }
    Ok(AheadOfClock::check(header.time, now, params.max_future_drift)?)
}

#[cfg(test)]
mod tests;
