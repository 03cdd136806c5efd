//! `[chain]`: numbers of the chain in which a scenario differs from the usual simulated one.

use cairn_core::target::CompactTarget;
use cairn_genesis::bounded::{Bits, Bounded};
use cairn_genesis::definition::{Definition, DefinitionError};
use cairn_genesis::toml_file::{Document, Spanned, Unread};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::values::Time;
use crate::wallets::{chain_with_wallets, usual_chain};

/// The target of all blocks when difficulty is fixed: 32 hashes a block.
const FIXED_TARGET: CompactTarget = CompactTarget::from_bits(0x2007_ffff);

/// The table. The bounds of its values are those of [`Definition`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainTable {
    spacing: Option<Unread>,
    half_life: Option<Unread>,
    longest_gap: Option<Unread>,
    subsidy: Option<Unread>,
    halving_interval: Option<Unread>,
    coinbase_maturity: Option<Unread>,
    max_block_bytes: Option<Unread>,
    median_time_span: Option<Unread>,
    max_future_drift: Option<Unread>,
}

impl ChainTable {
    /// The chain of a scenario. [`Self::check`] says whether its numbers fit together.
    pub fn definition(&self, document: &Document) -> Result<Definition, ScenarioError> {
        let mut chain = usual_chain();
        set(document, &self.spacing, &mut chain.spacing_ms, Time::ms)?;
        optional_time(document, &self.half_life, &mut chain.half_life_ms)?;
        if chain.half_life_ms.is_none() {
            let fixed = Bits::new(FIXED_TARGET).expect("a test makes it");
            (chain.pow_limit, chain.genesis_bits) = (fixed, fixed);
        }
        optional_time(document, &self.longest_gap, &mut chain.longest_gap_ms)?;
        set(document, &self.subsidy, &mut chain.subsidy, |value| value)?;
        set(document, &self.halving_interval, &mut chain.halving_interval, |value| value)?;
        set(document, &self.coinbase_maturity, &mut chain.coinbase_maturity, |value| value)?;
        set(document, &self.max_block_bytes, &mut chain.max_block_bytes, |value| value)?;
        set(document, &self.median_time_span, &mut chain.median_time_span, |value| value)?;
        set(document, &self.max_future_drift, &mut chain.max_future_drift_ms, Time::ms)?;
        Ok(chain)
    }

    /// Makes the chain once, with a coin for each wallet, so that its faults show before a run begins.
    ///
    /// # Errors
    /// [`Fault::Chain`], on the line of the key that genesis names, or of the other one if that is not in the file.
    pub fn check(
        table: Option<&Spanned<Self>>,
        definition: &Definition,
        wallets: u16,
        document: &Document,
    ) -> Result<(), ScenarioError> {
        let Err(error) = chain_with_wallets(definition, wallets) else { return Ok(()) };
        let values = table.map(Spanned::get_ref).map_or([&None, &None, &None], |chain| match &error {
            DefinitionError::DriftExceedsHalfLife { .. } => {
                [&chain.max_future_drift, &chain.half_life, &None]
            }
            DefinitionError::LongestGapUnused { .. } => [&chain.longest_gap, &None, &None],
            DefinitionError::LongestGapTooShort { .. } => {
                [&chain.longest_gap, &chain.max_future_drift, &chain.spacing]
            }
            DefinitionError::SupplyTooLarge => [&chain.subsidy, &chain.halving_interval, &None],
            DefinitionError::GenesisTooLarge { .. } => [&chain.max_block_bytes, &None, &None],
            _ => [&None, &None, &None],
        });
        let value = values.into_iter().flatten().next().map(Spanned::span);
        let at = value.or(table.map(Spanned::span)).unwrap_or_default();
        Err(document.error(at, Fault::Chain(error)))
    }
}

fn set<T: DeserializeOwned, U>(
    document: &Document,
    value: &Option<Unread>,
    to: &mut U,
    convert: fn(T) -> U,
) -> Result<(), ScenarioError> {
    if let Some(value) = value {
        *to = convert(document.read_at(value)?);
    }
    Ok(())
}

fn optional_time<const MIN: u64, const MAX: u64>(
    document: &Document,
    value: &Option<Unread>,
    to: &mut Option<Bounded<MIN, MAX>>,
) -> Result<(), ScenarioError> {
    if let Some(value) = value {
        *to = unless(document, value, "none")?.map(Time::<MIN, MAX>::ms);
    }
    Ok(())
}

/// A value, or none where the word for it stands.
pub fn unless<T: DeserializeOwned>(
    document: &Document,
    value: &Unread,
    word: &str,
) -> Result<Option<T>, ScenarioError> {
    if document.text_at(value) == Some(word) { Ok(None) } else { document.read_at(value).map(Some) }
}
