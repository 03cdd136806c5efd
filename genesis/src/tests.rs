//! What a definition must be, and what follows from it.

use cairn_core::amount::Amount;
use cairn_core::height::Height;
use cairn_core::subsidy::supply;

use super::*;
use crate::bounded::{Bits, Bounded, ValueError};

mod pauses;

fn devnet() -> &'static str {
    BUILTIN[0].1
}

/// The error of the devnet's definition with one piece of text replaced.
fn broken(from: &str, to: &str) -> String {
    assert!(devnet().contains(from), "{from:?} is not in the definition");
    Chain::from_toml(&devnet().replacen(from, to, 1)).expect_err("it should be rejected").to_string()
}

#[test]
fn every_builtin_chain_is_whole_and_has_an_identity_of_its_own() {
    let chains: Vec<Chain> =
        BUILTIN.iter().map(|(name, _)| Chain::builtin(name).expect("built in")).collect();
    for (chain, (name, _)) in chains.iter().zip(BUILTIN) {
        assert_eq!(chain.params.name, name);
        assert_eq!(GenesisHash::from(chain.genesis.header().hash()), chain.params.genesis_hash);
        assert_eq!(chain.genesis.merkle_root(), chain.genesis.header().merkle_root);
    }
    let mut identities: Vec<_> = chains.iter().map(|chain| chain.params.genesis_hash).collect();
    identities.sort_unstable();
    identities.dedup();
    assert_eq!(identities.len(), BUILTIN.len());
    assert!(Chain::builtin("mainnet").is_none());
}

#[test]
fn the_identities_of_the_builtin_chains_stay_what_they_are() {
    let identities: Vec<String> = BUILTIN
        .iter()
        .map(|(name, _)| Chain::builtin(name).expect("built in").params.genesis_hash.to_string())
        .collect();
    assert_eq!(
        identities,
        [
            "bd96ae9e58287cbc956ab48d1d3d04755d37f71f4b26f017bf1ac21059a3f39e",
            "a7e7880c04e065dde4d20b88f54f5d1f591e2e19c8fd3f75c151b478182aae17",
            "fd156595df44566a490db3d0461d2e60df5f24e52c590593be2fd7df9974029e",
        ]
    );
}

#[test]
fn any_other_number_makes_another_chain() {
    let identity = |text: &str| Chain::from_toml(text).expect("valid").params.genesis_hash;
    let original = identity(devnet());
    for (from, to) in [
        ("name = \"devnet\"", "name = \"devnet-2\""),
        ("upon another", "upon the other"),
        ("1_767_225_600_000", "1_767_225_600_001"),
        ("pow_limit = \"2000ffff\"", "pow_limit = \"2000fffe\""),
        ("genesis_bits = \"1f0fffff\"", "genesis_bits = \"1f0ffffe\""),
        ("spacing_ms = 2_000", "spacing_ms = 2_001"),
        ("half_life_ms = 300_000", "half_life_ms = 300_001"),
        ("longest_gap_ms = 60_000", "longest_gap_ms = 60_001"),
        ("longest_gap_ms = 60_000", ""),
        ("subsidy = \"50\"", "subsidy = \"50.00000001\""),
        ("halving_interval = 1_050_000", "halving_interval = 1_050_001"),
        ("coinbase_maturity = 10", "coinbase_maturity = 11"),
        ("max_block_bytes = 1_000_000", "max_block_bytes = 1_000_001"),
        ("median_time_span = 11", "median_time_span = 12"),
        ("max_future_drift_ms = 60_000", "max_future_drift_ms = 59_999"),
        ("amount = \"10000\"", "amount = \"10000.00000001\""),
    ] {
        assert!(devnet().contains(from), "{from}");
        assert_ne!(identity(&devnet().replacen(from, to, 1)), original, "{to}");
    }
}

#[test]
fn what_genesis_makes_is_the_premine_and_no_more() {
    let chain = Chain::builtin("devnet").expect("built in");
    let paid = Amount::checked_sum(chain.genesis.coinbase().outputs.iter().map(|output| output.amount));
    assert_eq!(paid, Some(chain.params.premine));
    assert_eq!(supply(&chain.params, Height::GENESIS), chain.params.premine);
    assert_eq!(supply(&chain.params, Height::from_u32(u32::MAX)), chain.params.max_supply);
    assert!(chain.genesis.transactions().is_empty());
}

#[test]
fn a_definition_that_was_written_reads_as_it_was() {
    for (name, _) in BUILTIN {
        let chain = Chain::builtin(name).expect("built in");
        let again = Chain::from_toml(&chain.definition.to_string()).expect("what was written is valid");
        assert_eq!(again.definition, chain.definition);
        assert_eq!(again.params, chain.params);
    }
}

#[test]
fn a_value_out_of_bounds_is_shown_with_line_key_and_bounds() {
    let error = broken("spacing_ms = 2_000", "spacing_ms = 5");
    assert_eq!(error, "line 22, `spacing_ms`: found 5, expected a whole number from 10 to 3600000");
    let error = broken("spacing_ms = 2_000", "spacing_ms = -5");
    assert_eq!(error, "line 22, `spacing_ms`: found -5, expected a whole number from 10 to 3600000");
}

#[test]
fn a_value_of_another_type_is_shown_with_its_line() {
    let error = broken("median_time_span = 11", "median_time_span = \"eleven\"");
    assert_eq!(error, "line 37, `median_time_span`: found \"eleven\", expected a whole number from 1 to 101");
}

#[test]
fn an_unknown_key_is_rejected_and_named() {
    let error = broken("spacing_ms", "spacing_mss");
    assert!(
        error.starts_with("line 22, `spacing_mss`: found an unknown key, expected one of `name`"),
        "{error}"
    );
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(
        broken("spacing_ms = 2_000", ""),
        "line 1, `spacing_ms`: found nothing, expected a value: this key is required"
    );
}

#[test]
fn a_target_in_an_unusual_form_is_rejected() {
    let error = broken("\"2000ffff\"", "\"210000ff\"");
    assert!(error.contains("found \"210000ff\", expected a normalised number above zero"), "{error}");
    let error = broken("\"2000ffff\"", "\"easy\"");
    assert!(error.contains("found \"easy\", expected eight hex digits"), "{error}");
}

#[test]
fn a_target_is_eight_hex_digits_of_either_case_and_nothing_else() {
    let upper = devnet().replacen("\"2000ffff\"", "\"2000FFFF\"", 1);
    let identity = Chain::from_toml(&upper).expect("upper case is allowed").params.genesis_hash;
    assert_eq!(identity, Chain::builtin("devnet").expect("built in").params.genesis_hash);
    for spelling in ["0x2000ffff", "+2000fff", "2000fff", " 2000ffff", "02000ffff"] {
        let error = broken("\"2000ffff\"", &format!("\"{spelling}\""));
        assert!(error.contains("expected eight hex digits"), "{spelling}: {error}");
    }
}

#[test]
fn block_1_may_not_be_easier_than_the_limit() {
    let error = broken("genesis_bits = \"1f0fffff\"", "genesis_bits = \"207fffff\"");
    let expected = "line 20: genesis_bits 207fffff is an easier target than pow_limit 2000ffff: it must be at most the limit";
    assert_eq!(error, expected);
}

#[test]
fn fixed_difficulty_leaves_block_1_no_target_of_its_own() {
    let error = broken("half_life_ms = 300_000", "");
    assert!(error.starts_with("line 20: genesis_bits 1f0fffff differs from pow_limit 2000ffff"), "{error}");
}

#[test]
fn a_block_may_not_be_dated_further_ahead_than_a_half_life() {
    let error = broken("max_future_drift_ms = 60_000", "max_future_drift_ms = 300_001");
    assert_eq!(
        error,
        "line 39: max_future_drift_ms 300001 exceeds half_life_ms 300000: one block dated ahead could stall the chain"
    );
}

#[test]
fn a_longest_gap_that_blocks_in_good_time_would_exceed_is_rejected() {
    let error = broken("longest_gap_ms = 60_000", "longest_gap_ms = 59_999");
    let least = "at least 60000 is expected, which is max_future_drift_ms and 10 times spacing_ms";
    assert_eq!(error, format!("line 27: longest_gap_ms 59999 is too short: {least}"));
    let error = broken("spacing_ms = 2_000", "spacing_ms = 6_001");
    assert!(error.contains("longest_gap_ms 60000 is too short: at least 60010 is expected"), "{error}");
}

#[test]
fn a_longest_gap_without_half_life_is_rejected() {
    let text = devnet().replacen("half_life_ms = 300_000", "", 1).replace("1f0fffff", "2000ffff");
    let error = Chain::from_toml(&text).expect_err("it has no effect").to_string();
    assert_eq!(error, "line 27: longest_gap_ms 60000 has no effect without half_life_ms: leave it out");
}

#[test]
fn coins_beyond_the_largest_supply_are_refused() {
    let error = broken("subsidy = \"50\"", "subsidy = \"50000\"");
    assert!(error.contains("premine and subsidies come to more than 92233720368.54775807 coins"), "{error}");
}

#[test]
fn an_address_of_another_chain_in_the_premine_is_shown_by_entry_and_line() {
    let error = broken("address_prefix = \"cairndev\"", "address_prefix = \"other\"");
    let expected = "premine, entry 1: the address is of another chain: it begins with cairndev1, not other1";
    assert!(error.starts_with("line ") && error.ends_with(expected), "{error}");
}

#[test]
fn a_premine_payment_of_nothing_is_rejected() {
    assert!(
        broken("amount = \"10000\"", "amount = \"0\"")
            .ends_with("premine, entry 1: amount is 0, more is expected")
    );
}

#[test]
fn a_premine_beyond_its_bound_is_rejected() {
    let mut definition = Chain::builtin("devnet").expect("built in").definition;
    definition.premine = vec![definition.premine[0].clone(); definition::MAX_PREMINE + 1];
    let found = definition::MAX_PREMINE + 1;
    assert_eq!(Chain::from_definition(definition).err(), Some(DefinitionError::PremineTooLong { found }));
}

#[test]
fn a_genesis_block_above_the_chains_own_bound_is_rejected() {
    let mut definition = Chain::builtin("devnet").expect("built in").definition;
    definition.premine = vec![definition.premine[0].clone(); 50];
    definition.max_block_bytes = Bounded::new(1_000).expect("allowed");
    let error = Chain::from_definition(definition).err();
    assert!(matches!(error, Some(DefinitionError::GenesisTooLarge { allowed: 1_000, .. })), "{error:?}");
}

#[test]
fn bounds_hold_wherever_a_value_comes_from() {
    assert_eq!(
        Bounded::<10, 20>::new(21),
        Err(ValueError::OutOfBounds { found: 21, minimum: 10, maximum: 20 })
    );
    assert!(Bounded::<10, 20>::new(20).is_ok());
    let negative = cairn_core::target::CompactTarget::from_bits(0x0180_0001);
    assert_eq!(Bits::new(negative), Err(ValueError::UnusualTarget { found: negative }));
}
