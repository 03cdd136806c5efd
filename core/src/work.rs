//! Work: the number of hashes that a block or a chain stands for.
//!
//! ```
//! use cairn_core::target::CompactTarget;
//! use cairn_core::work::Work;
//!
//! let easy = CompactTarget::from_bits(0x207f_ffff).to_target()?.work();
//! let hard = CompactTarget::from_bits(0x1f00_ffff).to_target()?.work();
//! assert_eq!((format!("{easy:?}"), format!("{hard:?}")), ("2 hashes".into(), "65537 hashes".into()));
//! let long_chain = (0..30_000).fold(Work::ZERO, |sum, _| sum.checked_add(easy).unwrap());
//! assert!(long_chain < hard);
//! # Ok::<(), cairn_core::target::TargetError>(())
//! ```

use core::cmp::Ordering;
use core::fmt;

use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::{Decode, Encode};

/// An expected number of hashes, as a 256-bit number. On the wire: 32 bytes, little-endian.
///
/// The chain with most work is the best one, not the longest:
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Work([u64; 4]);

impl Work {
    /// No work at all.
    pub const ZERO: Self = Self([0; 4]);

    /// The work of this number of hashes.
    pub const fn from_u256(hashes: U256) -> Self {
        Self(hashes.into_limbs())
    }

    /// The work of this number of hashes.
    pub fn from_hashes(hashes: u64) -> Self {
        Self::from_u256(U256::from(hashes))
    }

    /// The number of hashes.
    pub const fn to_u256(self) -> U256 {
        U256::from_limbs(self.0)
    }

    /// The sum, unless it exceeds 2^256.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.to_u256().checked_add(other.to_u256()).map(Self::from_u256)
    }

    /// The difference, unless it is below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.to_u256().checked_sub(other.to_u256()).map(Self::from_u256)
    }
}

impl PartialOrd for Work {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Work {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_u256().cmp(&other.to_u256())
    }
}

impl fmt::Display for Work {
    /// 64 hex digits, most significant first, as in Bitcoin Core's `chainwork`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.to_u256())
    }
}

impl Serialize for Work {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Work {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        U256::from_str_radix(&digits, 16).map(Self::from_u256).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hashes", self.to_u256())
    }
}
