//! Definitions: the file that says what a chain is, and its way to the numbers that the rules use.

use core::fmt;
use core::time::Duration;

use cairn_core::address::{Address, AddressError, AddressPrefix, PrefixError};
use cairn_core::amount::Amount;
use cairn_core::hash::GenesisHash;
use cairn_core::height::Height;
use cairn_core::params::ChainParams;
use cairn_core::subsidy::supply;
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;
use serde::Deserialize;

use crate::bounded::{Bits, Bounded, Message, Name};
use crate::toml_file::{Document, FileError, TomlFault};

/// Bytes of the largest block of any definition: what peers take in one message.
pub const LARGEST_BLOCK: u64 = 4 * 1024 * 1024;
/// Payments in a genesis block.
pub const MAX_PREMINE: usize = 1_000;
/// All coins of a chain in units: half of what 64 bits hold, so that adding two sums never wraps.
pub const LARGEST_SUPPLY: u64 = u64::MAX / 2;

/// The longest gap is at least so many spacings: one block in 22,000 comes later by chance.
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
    /// Block 1 would be refused by the limit.
    #[error("genesis_bits {found} is an easier target than pow_limit {limit}: it must be at most the limit")]
    GenesisBitsAboveLimit {
        /// The target of block 1.
        found: CompactTarget,
        /// The limit.
        limit: CompactTarget,
    },
    /// Without a half-life every block has the limit as its target, so block 1 has it too.
    #[error("genesis_bits {found} differs from pow_limit {limit}: without half_life_ms they must be equal")]
    GenesisBitsUnused {
        /// The target of block 1.
        found: CompactTarget,
        /// The limit.
        limit: CompactTarget,
    },
    /// One block dated ahead could drop the target to the limit and set the anchor there: the chain
    /// would have to wait, at a target many times too hard, until that date has come.
    #[error(
        "max_future_drift_ms {found} exceeds half_life_ms {allowed}: one block dated ahead could stall the chain"
    )]
    DriftExceedsHalfLife {
        /// How far ahead a block may be dated.
        found: u64,
        /// The half-life.
        allowed: u64,
    },
    /// Without a half-life no lateness counts, so none can be forgotten.
    #[error("longest_gap_ms {found} has no effect without half_life_ms: leave it out")]
    LongestGapUnused {
        /// The longest gap.
        found: u64,
    },
    /// Blocks that are found in good time, or dated ahead, would count as a pause, and each of them
    /// would make mining harder for good.
    #[error(
        "longest_gap_ms {found} is too short: at least {least} is expected, which is max_future_drift_ms and \
         {GAP_SPACINGS} times spacing_ms"
    )]
    LongestGapTooShort {
        /// The longest gap.
        found: u64,
        /// The shortest allowed.
        least: u64,
    },
    /// An address of the premine is none of this chain.
    #[error("premine, entry {entry}: {error}")]
    PremineAddress {
        /// Counted from 1.
        entry: usize,
        /// What is wrong with it.
        error: AddressError,
    },
    /// A payment of nothing.
    #[error("premine, entry {entry}: amount is 0, more is expected")]
    PremineOfNothing {
        /// Counted from 1.
        entry: usize,
    },
    /// Too many payments.
    #[error("premine has {found} entries, at most {MAX_PREMINE} are allowed")]
    PremineTooLong {
        /// How many.
        found: usize,
    },
    /// Premine and subsidies together are more than amounts can hold safely.
    #[error(
        "premine and subsidies come to more than {} coins: lower subsidy, halving_interval or premine",
        Amount::from_units(LARGEST_SUPPLY)
    )]
    SupplyTooLarge,
    /// The genesis block breaks the chain's own bound.
    #[error("max_block_bytes is {allowed}, but the genesis block has {found} bytes with this premine")]
    GenesisTooLarge {
        /// Its bytes.
        found: usize,
        /// The bound.
        allowed: usize,
    },
}

impl DefinitionError {
    /// The key that the error is about, if it stands in the file at a place of its own.
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

/// A chain as its file says it. Every value is within its own bounds; whether they fit together is
/// checked when a `Chain` is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// For people, directories and logs.
    pub name: Name,
    /// What addresses begin with.
    pub address_prefix: String,
    /// Stands in the genesis block.
    pub message: Message,
    /// When the chain begins, in milliseconds since 1970; up to the year 2242.
    pub genesis_time_ms: Bounded<0, 8_589_934_592_000>,
    /// No target is above.
    pub pow_limit: Bits,
    /// The target of block 1.
    pub genesis_bits: Bits,
    /// Wanted time between blocks: 10 ms to an hour.
    pub spacing_ms: Bounded<10, 3_600_000>,
    /// Behind schedule by so much, the target doubles: a second to 30 days. None: it stays the limit.
    pub half_life_ms: Option<Bounded<1_000, 2_592_000_000>>,
    /// The most that one block may be late towards the difficulty. None: however late it is.
    pub longest_gap_ms: Option<Bounded<1_000, 2_592_000_000>>,
    /// What a block makes at first.
    pub subsidy: Amount,
    /// Blocks until the subsidy halves.
    pub halving_interval: Bounded<1, 4_294_967_295>,
    /// Blocks until a coinbase may be spent.
    pub coinbase_maturity: Bounded<0, 100_000>,
    /// Bytes of a block: enough for a coinbase and a payment, at most what peers take.
    pub max_block_bytes: Bounded<1_000, LARGEST_BLOCK>,
    /// Blocks that the median time past looks at.
    pub median_time_span: Bounded<1, 101>,
    /// How far ahead of a node's clock a block may be: a second to a day.
    pub max_future_drift_ms: Bounded<1_000, 86_400_000>,
    /// Coins that genesis makes.
    #[serde(default)]
    pub premine: Vec<Payment>,
}

/// Coins that genesis pays, spendable at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// To whom.
    pub address: String,
    /// How much.
    pub amount: Amount,
}

impl Definition {
    /// Reads a definition's text.
    ///
    /// # Errors
    /// [`DefinitionError::File`].
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

impl fmt::Display for Definition {
    /// The file: every key with a comment, so that `cairn genesis new` writes what people can edit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# A chain definition. Every number below is part of the chain's identity: whoever runs other"
        )?;
        writeln!(f, "# numbers has another genesis hash and is on another chain.\n")?;
        writeln!(f, "name = {:?}", self.name.as_str())?;
        writeln!(f, "# Addresses begin with it: 1 to 20 lower-case letters and digits.")?;
        writeln!(f, "address_prefix = {:?}", self.address_prefix)?;
        writeln!(f, "# Stands in the genesis block.\nmessage = {:?}", self.message.as_str())?;
        writeln!(f, "# Milliseconds since 1970.\ngenesis_time_ms = {}\n", self.genesis_time_ms)?;
        writeln!(f, "# The easiest target, and that of block 1, as headers write them (Bitcoin's nBits).")?;
        writeln!(
            f,
            "pow_limit = \"{}\"\ngenesis_bits = \"{}\"",
            self.pow_limit.compact(),
            self.genesis_bits.compact()
        )?;
        writeln!(f, "# Wanted time between blocks.\nspacing_ms = {}", self.spacing_ms)?;
        match self.half_life_ms {
            Some(half_life) => {
                writeln!(
                    f,
                    "# Behind schedule by so much, mining becomes twice as easy (ASERT).\nhalf_life_ms = {half_life}"
                )?;
                match self.longest_gap_ms {
                    Some(gap) => writeln!(
                        f,
                        "# One block may be late by so much; what it is later than that counts as a pause.\n\
                         longest_gap_ms = {gap}\n"
                    )?,
                    None => writeln!(f, "# No longest_gap_ms: a pause counts as lateness.\n")?,
                }
            }
            None => writeln!(f, "# No half_life_ms: the difficulty is fixed at the limit.\n")?,
        }
        writeln!(f, "# What a block makes at first, in coins, and after how many blocks that halves.")?;
        writeln!(f, "subsidy = \"{}\"\nhalving_interval = {}", self.subsidy, self.halving_interval)?;
        writeln!(
            f,
            "# Blocks until a miner may spend what a block paid.\ncoinbase_maturity = {}\n",
            self.coinbase_maturity
        )?;
        writeln!(f, "max_block_bytes = {}", self.max_block_bytes)?;
        writeln!(
            f,
            "# A block's time is after the median of so many before it,\nmedian_time_span = {}",
            self.median_time_span
        )?;
        writeln!(
            f,
            "# and at most so far ahead of the clock.\nmax_future_drift_ms = {}",
            self.max_future_drift_ms
        )?;
        if !self.premine.is_empty() {
            writeln!(f, "\n# Coins that genesis makes, spendable at once.")?;
        }
        for payment in &self.premine {
            writeln!(f, "[[premine]]\naddress = {:?}\namount = \"{}\"", payment.address, payment.amount)?;
        }
        Ok(())
    }
}
