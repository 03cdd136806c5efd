//! Heights: the distance of a block from genesis.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::{Decode, Encode};

/// Number of a block's ancestors: 0 for genesis.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Height(u32);

impl Height {
    /// The height of genesis.
    pub const GENESIS: Self = Self(0);

    /// The height that is this number.
    pub const fn from_u32(height: u32) -> Self {
        Self(height)
    }

    /// The height as a number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The height of a child of this block.
    ///
    /// # Panics
    /// After 2^32 blocks: at one block a second, in 136 years.
    pub const fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("no chain has 2^32 blocks"))
    }

    /// The height a number of blocks below, unless that is below genesis.
    pub fn checked_sub(self, blocks: u32) -> Option<Self> {
        self.0.checked_sub(blocks).map(Self)
    }

    /// Blocks from `earlier` to this one, unless `earlier` is above.
    pub const fn since(self, earlier: Self) -> Option<u32> {
        self.0.checked_sub(earlier.0)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
