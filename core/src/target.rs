//! Targets: the number that a block hash must not exceed, and its compact form of four bytes in headers.
//!
//! ```
//! use cairn_core::target::CompactTarget;
//!
//! // Bitcoin's first target: 0x00ffff times 256 to the power of 0x1d - 3.
//! let target = CompactTarget::from_bits(0x1d00_ffff).to_target()?;
//! assert_eq!(target.to_string(), "00000000ffff0000000000000000000000000000000000000000000000000000");
//! assert_eq!(target.to_compact().bits(), 0x1d00_ffff);
//! assert_eq!(target.work().to_u256().to_string(), "4295032833");
//! // The sign bit is set: the number is negative, and no target.
//! assert!(CompactTarget::from_bits(0x1d80_ffff).to_target().is_err());
//! # Ok::<(), cairn_core::target::TargetError>(())
//! ```

use core::fmt;

use ruint::aliases::U256;

use crate::encoding::{Decode, Encode};
use crate::hash::BlockHash;
use crate::work::Work;

/// A target as headers write it: one byte of exponent, a sign bit, 23 bits of mantissa (Bitcoin's
/// `nBits`). Not every value is a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct CompactTarget(u32);

/// The largest block hash that proves the work, as a 256-bit number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(U256);

/// Four bytes that are not a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The sign bit is set.
    #[error("target {0:08x} is negative")]
    Negative(u32),
    /// No hash is that small.
    #[error("target {0:08x} is zero")]
    Zero(u32),
    #[error("target {0:08x} exceeds 256 bits")]
    Overflow(u32),
}

const SIGN: u32 = 0x0080_0000;
const MANTISSA: u32 = 0x007f_ffff;

impl CompactTarget {
    /// The compact target of these four bytes.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The four bytes as a number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The number that the compact form stands for: mantissa times 256^(exponent - 3).
    ///
    /// # Errors
    /// [`TargetError`], for the same forms that Bitcoin Core's `arith_uint256::SetCompact` flags.
    pub fn to_target(self) -> Result<Target, TargetError> {
        let exponent = self.0 >> 24;
        let mantissa = self.0 & MANTISSA;
        let small = match exponent {
            0 => mantissa >> 24,
            1 => mantissa >> 16,
            2 => mantissa >> 8,
            _ => mantissa,
        };
        if small == 0 {
            return Err(TargetError::Zero(self.0));
        }
        if self.0 & SIGN != 0 {
            return Err(TargetError::Negative(self.0));
        }
        let overflows =
            exponent > 34 || (mantissa > 0xff && exponent > 33) || (mantissa > 0xffff && exponent > 32);
        if overflows {
            return Err(TargetError::Overflow(self.0));
        }
        let shift = exponent.saturating_sub(3).saturating_mul(8) as usize;
        Ok(Target(U256::from(small).wrapping_shl(shift)))
    }
}

impl fmt::Debug for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Display for CompactTarget {
    /// Eight hex digits, as Bitcoin Core prints `bits`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl Target {
    /// The target that is this number.
    pub const fn from_u256(number: U256) -> Self {
        Self(number)
    }

    /// The target as a number.
    pub const fn to_u256(self) -> U256 {
        self.0
    }

    /// The number's 32 bytes, most significant first.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The compact form; bits below its 23 are cut off (`arith_uint256::GetCompact`).
    pub fn to_compact(self) -> CompactTarget {
        let bytes = self.0.bit_len().div_ceil(8);
        let mantissa = if bytes <= 3 {
            self.0.wrapping_shl(8usize.saturating_mul(3usize.saturating_sub(bytes)))
        } else {
            self.0.wrapping_shr(8usize.saturating_mul(bytes.saturating_sub(3)))
        };
        let mut size = u32::try_from(bytes).expect("256 bits are 32 bytes");
        let lowest = mantissa.as_limbs().first().copied().unwrap_or(0);
        let mut mantissa = u32::try_from(lowest).expect("the shift left three bytes");
        // The highest bit is the sign: a mantissa that has it moves down a byte.
        if mantissa & SIGN != 0 {
            mantissa >>= 8;
            size = size.saturating_add(1);
        }
        CompactTarget((size << 24) | mantissa)
    }

    /// Whether a block of this hash has done the work.
    pub fn is_met_by(self, hash: BlockHash) -> bool {
        U256::from_le_bytes(*hash.as_bytes()) <= self.0
    }

    /// Expected hashes until one meets the target: 2^256 / (target + 1), rounded down.
    /// Never zero. Source: Bitcoin Core, `GetBlockProof`.
    pub fn work(self) -> Work {
        // 2^256 does not fit: (2^256 - (target + 1)) / (target + 1) + 1 is the same number.
        let Some(divisor) = self.0.checked_add(U256::from(1)) else { return Work::from_u256(U256::from(1)) };
        let quotient = (!self.0).wrapping_div(divisor);
        Work::from_u256(quotient.wrapping_add(U256::from(1)))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.0)
    }
}

impl fmt::Display for Target {
    /// 64 hex digits, most significant first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.0)
    }
}

#[cfg(test)]
mod tests;
