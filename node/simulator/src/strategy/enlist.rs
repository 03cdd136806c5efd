//! Who attacks in a plan.

use std::collections::BTreeMap;

use crate::behaviour::Behaviour;
use crate::payments::Purse;
use crate::place::Place;
use crate::plan::Plan;
use crate::strategy::double_spend::DoubleSpender;
use crate::strategy::selfish::Selfish;

/// Every pool that mines selfishly.
pub fn selfish(plan: &Plan) -> BTreeMap<Place, Selfish> {
    let pools = plan.groups.iter().filter(|group| matches!(group.behaviour, Behaviour::Selfish { .. }));
    pools.flat_map(|group| group.places()).map(|place| (place, Selfish::default())).collect()
}

/// Every double-spender, each with one of the purses.
pub fn double_spenders(plan: &Plan, purses: &mut Vec<Purse>) -> Vec<DoubleSpender> {
    let attackers = plan.groups.iter().filter_map(|group| match &group.behaviour {
        Behaviour::DoubleSpend(how) => {
            let (face, secret) = (Place::new(group.first), Place::new(group.first + 1));
            let purse = purses.pop()?;
            Some(DoubleSpender { plan: *how, face, secret, purse, percent: 100, attempt: None })
        }
        _ => None,
    });
    attackers.collect()
}
