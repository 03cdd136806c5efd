//! Definitions: the file that says what a chain is, and its way to the numbers that the rules use.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use cairn_core::address::{Address, AddressError, AddressPrefix, PrefixError};
use cairn_core::amount::Amount;
use cairn_core::hash::GenesisHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::subsidy::supply;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use cairn_core::work::Work;
use serde::{Deserialize, Serialize};

use crate::bounded::{Bits, Bounded, Message, Name};
use crate::toml_file::{Document, FileError, TomlFault};

/// Limit of `max_block_bytes` in any definition: peers accept no longer message.
pub const LARGEST_BLOCK: u64 = 4 * 1024 * 1024;
/// Limit of the outputs that a genesis block pays.
pub const MAX_PREMINE: usize = 1_000;
/// All coins of a chain in units: half of what 64 bits hold, so that adding two sums never wraps.
pub const LARGEST_SUPPLY: u64 = u64::MAX / 2;

/// The longest gap is at least this many spacings: one block in 22,000 comes later by chance.
pub const GAP_SPACINGS: u64 = 10;

/// A rule between the values of a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// The file is not TOML, or has an unknown key, lacks one, or has a value out of its bounds.
    #[error(transparent)]
    File(#[from] FileError<TomlFault>),
    /// The prefix is none.
    #[error("address_prefix: {0}")]
    Prefix(#[from] PrefixError),
    /// Block 1 would be rejected: its target is above the limit.
    #[error("genesis_bits {found} is an easier target than pow_limit {limit}: it must be at most the limit")]
    GenesisBitsAboveLimit { found: CompactTarget, limit: CompactTarget },
    /// Without a half-life every block has the limit as its target, so block 1 has it too.
    #[error("genesis_bits {found} differs from pow_limit {limit}: without half_life_ms they must be equal")]
    GenesisBitsUnused { found: CompactTarget, limit: CompactTarget },
    /// One block dated ahead could set the anchor there: until that date has come the chain would stand
    /// still, at a target many times too hard.
    #[error(
        "max_future_drift_ms {found} exceeds half_life_ms {allowed}: one block dated ahead could stall the chain"
    )]
    DriftExceedsHalfLife { found: u64, allowed: u64 },
    /// Without a half-life the difficulty is fixed, so lateness has no effect.
    #[error("longest_gap_ms {found} has no effect without half_life_ms: leave it out")]
    LongestGapUnused { found: u64 },
    /// Blocks that are found in good time, or dated ahead, would count as a pause, and each of them
    /// would make mining harder for good.
    #[error(
        "longest_gap_ms {found} is too short: at least {least} is expected, which is max_future_drift_ms and \
         {GAP_SPACINGS} times spacing_ms"
    )]
    LongestGapTooShort { found: u64, least: u64 },
    /// An address of the premine is malformed or of another chain; entries count from 1.
    #[error("premine, entry {entry}: {error}")]
    PremineAddress { entry: usize, error: AddressError },
    /// A premine entry has the amount zero; entries count from 1.
    #[error("premine, entry {entry}: amount is 0, more is expected")]
    PremineOfNothing { entry: usize },
    /// The premine has more than [`MAX_PREMINE`] entries.
    #[error("premine has {found} entries, at most {MAX_PREMINE} are allowed")]
    PremineTooLong { found: usize },
    /// Premine and subsidies together are more than amounts can hold safely.
    #[error(
        "premine and subsidies come to more than {} coins: lower subsidy, halving_interval or premine",
        Amount::from_units(LARGEST_SUPPLY)
    )]
    SupplyTooLarge,
    /// The genesis block is larger than the chain's own limit, in bytes.
    #[error("max_block_bytes is {allowed}, but the genesis block has {found} bytes with this premine")]
    GenesisTooLarge { found: usize, allowed: usize },
}

impl DefinitionError {
    /// The key that the error is about, if there is one.
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::File(_) => None,
            Self::Prefix(_) => Some("address_prefix"),
            Self::GenesisBitsAboveLimit { .. } | Self::GenesisBitsUnused { .. } => Some("genesis_bits"),
            Self::PremineAddress { .. } | Self::PremineOfNothing { .. } | Self::PremineTooLong { .. } => {
                Some("premine")
            }
            Self::DriftExceedsHalfLife { .. } => Some("max_future_drift_ms"),
            Self::LongestGapUnused { .. } | Self::LongestGapTooShort { .. } => Some("longest_gap_ms"),
            Self::SupplyTooLarge => Some("subsidy"),
            Self::GenesisTooLarge { .. } => Some("max_block_bytes"),
        }
    }
}

/// A chain as its file says it. Every value is within its own bounds; that they fit together is checked
/// when a `Chain` is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The chain's name, for people, directories and logs.
    pub name: Name,
    /// The text that addresses of the chain begin with.
    pub address_prefix: String,
    /// A text that stands in the genesis block.
    pub message: Message,
    /// The time of the genesis block, in milliseconds since 1970; up to the year 2242.
    pub genesis_time_ms: Bounded<0, 8_589_934_592_000>,
    /// The easiest target that any block may have.
    pub pow_limit: Bits,
    /// The target of the first block after genesis.
    pub genesis_bits: Bits,
    /// Wanted time between blocks: 10 ms to an hour.
    pub spacing_ms: Bounded<10, 3_600_000>,
    /// Lateness that doubles the target, 1 s to 30 days. None: the target stays the limit.
    pub half_life_ms: Option<Bounded<1_000, 2_592_000_000>>,
    /// The most lateness of one block that counts for the difficulty. None: all of it counts.
    pub longest_gap_ms: Option<Bounded<1_000, 2_592_000_000>>,
    /// Coins that each block makes before the first halving.
    pub subsidy: Amount,
    /// Number of blocks after which the subsidy halves.
    pub halving_interval: Bounded<1, 4_294_967_295>,
    /// Confirmations that a coinbase needs before it may be spent.
    pub coinbase_maturity: Bounded<0, 100_000>,
    /// Limit of a block's bytes: room for a coinbase and one transaction at least.
    pub max_block_bytes: Bounded<1_000, LARGEST_BLOCK>,
    /// Number of blocks that the median time past is taken over.
    pub median_time_span: Bounded<1, 101>,
    /// Time that a block may be ahead of a node's clock, 1 s to a day.
    pub max_future_drift_ms: Bounded<1_000, 86_400_000>,
    /// Hashes that a branch of headers must stand for before a node keeps them; it is no rule, and can be raised as
    /// the chain grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_work: Option<Bounded<0, { u64::MAX }>>,
    /// Coins that the genesis block makes.
    #[serde(default)]
    pub premine: Vec<Payment>,
}

/// Coins that genesis pays, spendable at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    pub address: String,
    pub amount: Amount,
}

impl Definition {
    /// Reads a definition's text.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        Ok(Document::parse::<TomlFault>(text)?.read::<Self, TomlFault>()?)
    }

    /// The numbers that the rules use, and what genesis pays. The genesis hash is still to be
    /// computed, for it covers them.
    ///
    /// # Errors
    /// Every variant of [`DefinitionError`] but `File` and `GenesisTooLarge`.
    pub fn to_params(&self) -> Result<(ChainParams, Vec<(Address, Amount)>), DefinitionError> {
        let address_prefix = AddressPrefix::new(&self.address_prefix)?;
        let (found, limit) = (self.genesis_bits.compact(), self.pow_limit.compact());
        if self.genesis_bits.target() > self.pow_limit.target() {
            return Err(DefinitionError::GenesisBitsAboveLimit { found, limit });
        }
        if self.half_life_ms.is_none() && found != limit {
            return Err(DefinitionError::GenesisBitsUnused { found, limit });
        }
        let drift = self.max_future_drift_ms.get();
        if let Some(allowed) = self.half_life_ms.map(|half_life| half_life.get()).filter(|most| drift > *most)
        {
            return Err(DefinitionError::DriftExceedsHalfLife { found: drift, allowed });
        }
        if let Some(found) = self.longest_gap_ms.map(Bounded::get) {
            if self.half_life_ms.is_none() {
                return Err(DefinitionError::LongestGapUnused { found });
            }
            let least = self.spacing_ms.get().saturating_mul(GAP_SPACINGS).max(drift);
            if found < least {
                return Err(DefinitionError::LongestGapTooShort { found, least });
            }
        }
        let payments = self.payments(&address_prefix)?;
        let premine = Amount::checked_sum(payments.iter().map(|(_, amount)| *amount));
        let mut params = ChainParams {
            name: self.name.as_str().to_owned(),
            address_prefix,
            genesis_hash: GenesisHash::ZERO,
            genesis_time: Timestamp::from_millis(self.genesis_time_ms.get()),
            pow_limit: limit,
            genesis_bits: found,
            spacing: Duration::from_millis(self.spacing_ms.get()),
            half_life: self.half_life_ms.map(|half_life| Duration::from_millis(half_life.get())),
            longest_gap: self.longest_gap_ms.map(|gap| Duration::from_millis(gap.get())),
            subsidy: self.subsidy,
            halving_interval: number(self.halving_interval),
            coinbase_maturity: number(self.coinbase_maturity),
            max_block_bytes: number(self.max_block_bytes),
            median_time_span: number(self.median_time_span),
            max_future_drift: Duration::from_millis(self.max_future_drift_ms.get()),
            max_supply: Amount::ZERO,
            premine: premine.ok_or(DefinitionError::SupplyTooLarge)?,
            minimum_work: self.minimum_work.map_or(Work::ZERO, |hashes| Work::from_hashes(hashes.get())),
        };
        // Saturating, so what exceeds 64 bits exceeds the bound too.
        params.max_supply = supply(&params, Height::from_u32(u32::MAX));
        if params.max_supply.units() > LARGEST_SUPPLY {
            return Err(DefinitionError::SupplyTooLarge);
        }
        Ok((params, payments))
    }

    fn payments(&self, prefix: &AddressPrefix) -> Result<Vec<(Address, Amount)>, DefinitionError> {
        if self.premine.len() > MAX_PREMINE {
            return Err(DefinitionError::PremineTooLong { found: self.premine.len() });
        }
        let payments = self.premine.iter().enumerate().map(|(index, payment)| {
            let entry = index.saturating_add(1);
            if payment.amount == Amount::ZERO {
                return Err(DefinitionError::PremineOfNothing { entry });
            }
            let address = Address::parse(&payment.address, prefix);
            let address = address.map_err(|error| DefinitionError::PremineAddress { entry, error })?;
            Ok((address, payment.amount))
        });
        payments.collect()
    }
}

/// The number in the type that the rules use.
fn number<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(bounded: Bounded<MIN, MAX>) -> T {
    T::try_from(bounded.get()).ok().expect("every bound used with it fits into 32 bits")
}

/// Comments of a written definition, each above the line that begins with its key.
const COMMENTS: [(&str, &str); 12] = [
    (
        "name",
        "A chain definition. Every number below is part of the chain's identity: with others it is another chain.",
    ),
    ("address_prefix", "Addresses begin with it: 1 to 20 lower-case letters and digits."),
    ("message", "Stands in the genesis block."),
    ("genesis_time_ms", "Milliseconds since 1970."),
    ("pow_limit", "The easiest target, and that of block 1, as headers write them (Bitcoin's nBits)."),
    ("spacing_ms", "Wanted time between blocks. Without half_life_ms below, the difficulty is fixed."),
    ("half_life_ms", "This far behind schedule, mining is twice as easy (ASERT)."),
    ("longest_gap_ms", "A block counts as at most this late; without this key, all its lateness counts."),
    ("subsidy", "Coins that a block makes at first, and the number of blocks after which that halves."),
    ("coinbase_maturity", "Blocks until a miner may spend the coins of a block."),
    (
        "median_time_span",
        "A block's time is after the median of this many before it, and not too far ahead of the clock.",
    ),
    ("[[premine]]", "Coins that genesis makes, spendable at once."),
];

impl fmt::Display for Definition {
    /// The file: keys with comments, so that `cairn genesis new` writes what people can edit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(self).map_err(|_| fmt::Error)?;
        let mut comments = BTreeMap::from(COMMENTS);
        for line in text.lines() {
            if let Some(comment) = comments.remove(line.split(' ').next().unwrap_or_default()) {
                writeln!(f, "# {comment}")?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
