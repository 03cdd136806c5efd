//! Setup of a scenario: its chain, as hard as real miners need it and with coins for every payer; and the
//! nodes that each node dials.

use std::collections::BTreeSet;

use cairn_core::address::{Address, AddressPrefix};
use cairn_core::amount::Amount;
use cairn_genesis::bounded::Bits;
use cairn_genesis::definition::{DefinitionError, Payment};
use cairn_genesis::hashrate::hashes_of;
use cairn_genesis::{Chain, accounts};
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::plan::Plan;

use crate::devnet::scenario::rates::{Rates, target_for};

/// Coins of each wallet in genesis: as many as devnet's accounts have.
const PREMINE: Amount = Amount::from_units(10_000 * Amount::COIN.units());

/// The plan's chain for these miners: block 1 takes the hashes that all make in a spacing, the
/// easiest block as many times fewer as in the plan.
///
/// # Errors
/// When genesis does not take as many coins as there are wallets.
pub fn chain(plan: &Plan, rates: &Rates) -> Result<Chain, DefinitionError> {
    let mut definition = plan.chain.clone();
    let (first, easiest) = (hashes(definition.genesis_bits), hashes(definition.pow_limit));
    let wanted = rates.hashes_for(definition.spacing_ms.get());
    let least = u64::try_from(u128::from(wanted) * u128::from(easiest) / u128::from(first.max(1)));
    let bits = |hashes| Bits::new(target_for(hashes)).expect("it is made in the usual form");
    definition.genesis_bits = bits(wanted);
    definition.pow_limit = bits(least.unwrap_or(wanted));
    let prefix = AddressPrefix::new(&definition.address_prefix)?;
    let purse = |wallet| Payment {
        address: Address::new(&prefix, accounts::lock(account_of(wallet))).to_string(),
        amount: PREMINE,
    };
    definition.premine = (0..plan.workload.wallets).map(purse).collect();
    Chain::from_definition(definition)
}

/// The published account whose words open a wallet of the scenario.
pub fn account_of(wallet: u16) -> u8 {
    (wallet % u16::from(accounts::COUNT)) as u8
}

/// The nodes that each node dials: the same that a world of the simulator draws from the plan's seed.
pub fn dials(plan: &Plan) -> Vec<BTreeSet<u16>> {
    let dials = plan.dials(plan.seed, &BTreeSet::new());
    dials.into_iter().map(|dialled| dialled.into_iter().map(NodeIndex::number).collect()).collect()
}

fn hashes(bits: Bits) -> u64 {
    hashes_of(bits.compact()).expect("a definition's bits are a target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_the_plans_but_for_what_real_hashing_needs() {
        let plan = Plan::quiet(5);
        let rates = Rates::of(&plan).expect("large parts");
        let chain = chain(&plan, &rates).expect("ten wallets fit");
        assert_eq!(hashes(chain.definition.genesis_bits), 4_095);
        assert_eq!(hashes(chain.definition.pow_limit), 255);
        assert_eq!(chain.params.spacing.as_millis(), 2_000);
        assert_eq!(chain.genesis.coinbase().outputs.len(), 10);
        let read = Chain::from_toml(&chain.definition.to_string()).expect("what is written is read");
        assert_eq!(read.params.genesis_hash, chain.params.genesis_hash);
    }

    #[test]
    fn a_chain_of_fixed_difficulty_stays_one() {
        let mut plan = Plan::quiet(5);
        plan.chain.half_life_ms = None;
        plan.chain.genesis_bits = plan.chain.pow_limit;
        let chain = chain(&plan, &Rates::of(&plan).expect("large parts")).expect("the two are equal");
        assert_eq!(chain.params.genesis_bits, chain.params.pow_limit);
    }

    #[test]
    fn no_node_dials_itself() {
        let dials = dials(&Plan::quiet(5));
        assert_eq!(dials.len(), 5);
        assert!((0..).zip(&dials).all(|(node, dialled)| !dialled.is_empty() && !dialled.contains(&node)));
    }
}
