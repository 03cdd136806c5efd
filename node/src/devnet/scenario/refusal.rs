//! What a devnet cannot play: said before anything starts.

use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::network::Links;
use cairn_simulator::plan::{Plan, Step};

/// Processes that one machine bears.
const MOST_NODES: u16 = 50;

/// Why a plan is not played on real nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many processes.
    #[error("it has {0} nodes, a devnet has at most {MOST_NODES}")]
    Nodes(u16),
    /// The links of real processes are what they are.
    #[error("it says how slow or lossy links are, and real processes have the machine's own")]
    Links,
    /// Messages between real processes cannot be held back.
    #[error("it slows nodes down, and messages between real processes cannot be held back")]
    Slow,
    /// Real nodes are honest.
    #[error("group {group:?} is {behaviour}, and real nodes only know honest and intermittent")]
    Behaviour {
        /// The group.
        group: String,
        /// What it would do.
        behaviour: &'static str,
    },
    /// So they stay what they are.
    #[error("it changes a group's behaviour on the way, and real nodes keep theirs")]
    Change,
    /// Confined groups are part of an attack.
    #[error("it confines a group to another, and real nodes are not confined")]
    Confined,
    /// Without attackers nobody attempts anything.
    #[error("it ends after so many attempts at a double spend, and real nodes attempt none")]
    Attempts,
}

/// Why this plan cannot be played on real nodes, if so.
pub fn refusal_of(plan: &Plan) -> Option<Refusal> {
    if plan.nodes() > MOST_NODES {
        return Some(Refusal::Nodes(plan.nodes()));
    }
    if plan.links != Links::default() {
        return Some(Refusal::Links);
    }
    let is_played =
        |behaviour: &Behaviour| matches!(behaviour, Behaviour::Honest | Behaviour::Intermittent { .. });
    if let Some(group) = plan.groups.iter().find(|group| !is_played(&group.behaviour)) {
        let (group, behaviour) = (group.name.clone(), group.behaviour.word());
        return Some(Refusal::Behaviour { group, behaviour });
    }
    if !plan.topology.confined.is_empty() {
        return Some(Refusal::Confined);
    }
    if plan.stop.attempts.is_some() {
        return Some(Refusal::Attempts);
    }
    plan.steps.iter().find_map(|(_, step)| match step {
        Step::Slow { .. } => Some(Refusal::Slow),
        Step::Behave { .. } => Some(Refusal::Change),
        Step::Partition(_)
        | Step::Refuse(_)
        | Step::Heal
        | Step::Kill(_)
        | Step::Restart(_)
        | Step::Mine { .. }
        | Step::Pay { .. }
        | Step::SetHashrate { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cairn_simulator::place::Place;

    use super::*;

    #[test]
    fn plans_of_honest_nodes_are_played() {
        assert_eq!(refusal_of(&Plan::partition_and_heal(5, Duration::from_secs(5))), None);
    }

    #[test]
    fn what_real_processes_cannot_do_is_named() {
        assert_eq!(refusal_of(&Plan::quiet(51)), Some(Refusal::Nodes(51)));
        let mut lossless = Plan::quiet(3);
        lossless.links.usual.lost = 0;
        assert_eq!(refusal_of(&lossless), Some(Refusal::Links));
        let mut slow = Plan::quiet(3);
        slow.steps = vec![(Duration::ZERO, Step::Slow { places: vec![Place::new(1)], percent: 300 })];
        assert_eq!(refusal_of(&slow), Some(Refusal::Slow));
        let mut selfish = Plan::quiet(3);
        selfish.groups[0].behaviour = Behaviour::Selfish;
        let said = refusal_of(&selfish).expect("refused").to_string();
        assert_eq!(said, "group \"all\" is selfish, and real nodes only know honest and intermittent");
    }
}
