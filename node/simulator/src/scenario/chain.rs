//! `[chain]`: numbers of the chain in which a scenario differs from the usual simulated one.

use core::time::Duration;

use cairn_core::target::CompactTarget;
use cairn_genesis::bounded::{Bits, Bounded};
use cairn_genesis::definition::{Definition, DefinitionError};

use crate::payments::{chain_with_purses, usual_chain};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::section::{Entry, Section, shown};

/// Keys of `[chain]`.
pub const KEYS: &[&str] = &[
    "spacing",
    "half_life",
    "longest_gap",
    "subsidy",
    "halving_interval",
    "coinbase_maturity",
    "max_block_bytes",
    "median_time_span",
    "max_future_drift",
];
/// The target of all blocks when difficulty is fixed: 32 hashes a block.
const FIXED_TARGET: CompactTarget = CompactTarget::from_bits(0x2007_ffff);

/// A number of definitions as the file gives it.
fn number<const MIN: u64, const MAX: u64>(
    chain: &Section,
    key: &str,
    usual: Bounded<MIN, MAX>,
) -> Result<Bounded<MIN, MAX>, ScenarioError> {
    let Some(entry) = chain.get(key) else { return Ok(usual) };
    Ok(Bounded::new(entry.whole(MIN, MAX)?).expect("a number within the bounds is one"))
}

/// The same for a time.
fn time<const MIN: u64, const MAX: u64>(entry: &Entry) -> Result<Bounded<MIN, MAX>, ScenarioError> {
    let found = entry.time(Duration::from_millis(MIN), Duration::from_millis(MAX))?;
    Ok(Bounded::new(found.as_millis() as u64).expect("a time within the bounds is one"))
}

/// The chain of a scenario. Whether its numbers fit together is for [`check`] to say.
///
/// # Errors
/// Every fault of single values.
pub fn read(chain: Option<&Section>) -> Result<Definition, ScenarioError> {
    let mut definition = usual_chain();
    let Some(chain) = chain else { return Ok(definition) };
    if let Some(entry) = chain.get("spacing") {
        definition.spacing_ms = time(&entry)?;
    }
    if let Some(entry) = chain.get("half_life") {
        definition.half_life_ms = if entry.is_word("none") { None } else { Some(time(&entry)?) };
    }
    if definition.half_life_ms.is_none() {
        let fixed = Bits::new(FIXED_TARGET).expect("a test makes it");
        (definition.pow_limit, definition.genesis_bits) = (fixed, fixed);
    }
    if let Some(entry) = chain.get("longest_gap") {
        definition.longest_gap_ms = if entry.is_word("none") { None } else { Some(time(&entry)?) };
    }
    if let Some(entry) = chain.get("subsidy") {
        let text = entry.text("an amount of coins in quotes, such as \"50\"")?;
        // Of a text that is longer than any amount, its beginning is enough to say so.
        let text = if text.len() > shown(text).len() { &format!("{}..", shown(text)) } else { text };
        definition.subsidy = text.parse().map_err(|error| entry.fault(Fault::Amount(error)))?;
    }
    definition.halving_interval = number(chain, "halving_interval", definition.halving_interval)?;
    definition.coinbase_maturity = number(chain, "coinbase_maturity", definition.coinbase_maturity)?;
    definition.max_block_bytes = number(chain, "max_block_bytes", definition.max_block_bytes)?;
    definition.median_time_span = number(chain, "median_time_span", definition.median_time_span)?;
    if let Some(entry) = chain.get("max_future_drift") {
        definition.max_future_drift_ms = time(&entry)?;
    }
    Ok(definition)
}

/// Makes the chain once, with its purses, so that nobody meets its faults later.
///
/// # Errors
/// [`Fault::Chain`], on the line of the key that genesis names, or of the other one if that is not
/// in the file.
pub fn check(
    definition: &Definition,
    purses: u16,
    chain: Option<&Section>,
    whole: &Section,
) -> Result<(), ScenarioError> {
    let Err(error) = chain_with_purses(definition, purses) else { return Ok(()) };
    let keys: &[&str] = match &error {
        DefinitionError::DriftExceedsHalfLife { .. } => &["max_future_drift", "half_life"],
        DefinitionError::LongestGapUnused { .. } => &["longest_gap"],
        DefinitionError::LongestGapTooShort { .. } => &["longest_gap", "max_future_drift", "spacing"],
        DefinitionError::SupplyTooLarge => &["subsidy", "halving_interval"],
        DefinitionError::GenesisTooLarge { .. } => &["max_block_bytes"],
        _ => &[],
    };
    let entry = chain.and_then(|chain| keys.iter().find_map(|key| chain.get(key)));
    let fault = Fault::Chain(error);
    Err(match (entry, chain) {
        (Some(entry), _) => entry.fault(fault),
        (None, Some(chain)) => chain.fault(fault),
        (None, None) => whole.fault(fault),
    })
}
