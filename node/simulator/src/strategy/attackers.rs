//! Who attacks in a plan.

use std::collections::BTreeMap;

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::plan::Plan;
use crate::strategy::double_spend::DoubleSpender;
use crate::strategy::selfish::Selfish;
use crate::wallets::SimWallet;

/// Every pool that mines selfishly.
pub fn selfish(plan: &Plan) -> BTreeMap<NodeIndex, Selfish> {
    let pools = plan.groups.iter().filter(|group| matches!(group.behaviour, Behaviour::Selfish { .. }));
    pools.flat_map(|group| group.members()).map(|node| (node, Selfish::default())).collect()
}

/// Every double-spender, each with one of the wallets.
pub fn double_spenders(plan: &Plan, wallets: &mut Vec<SimWallet>) -> Vec<DoubleSpender> {
    let attackers = plan.groups.iter().filter_map(|group| match &group.behaviour {
        Behaviour::DoubleSpend(how) => {
            let (face, secret) = (NodeIndex::new(group.first), NodeIndex::new(group.first + 1));
            let wallet = wallets.pop()?;
            Some(DoubleSpender { plan: *how, face, secret, wallet, percent: 100, attempt: None })
        }
        _ => None,
    });
    attackers.collect()
}
