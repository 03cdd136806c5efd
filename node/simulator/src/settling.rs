//! Settling: what both engines do when mining ends, so that all who reach each other can agree.

use crate::behaviour::Behaviour;
use crate::place::Place;
use crate::plan::{Plan, Step};

/// Steps that are still carried out when a run stops before the rest of its plan, of which so many steps
/// are behind it: what would have been mended is mended now, and what would have been broken stays whole.
pub fn steps_left(plan: &Plan, taken: usize) -> Vec<usize> {
    let is_mending = |step: &Step| match step {
        Step::Heal | Step::Restart(_) => true,
        Step::Behave { behaviour, .. } => *behaviour == Behaviour::Honest,
        step => step.joins_all(usize::from(plan.nodes())),
    };
    let steps = plan.steps.iter().enumerate().skip(taken);
    steps.filter(|(_, (_, step))| is_mending(step)).map(|(number, _)| number).collect()
}

/// Who mines on, alone on its side, so that there is one best chain to agree on: a living node whose
/// blocks all others get, if there is one. That is the first that is honest, stays, and is nobody's
/// victim; otherwise the first that lives. `behaviours` has that of each group now.
pub fn miners(
    plan: &Plan,
    behaviours: &[Behaviour],
    sides: &[Vec<Place>],
    lives: impl Fn(Place) -> bool,
) -> Vec<Place> {
    let is_victim = |place: &Place| {
        behaviours
            .iter()
            .any(|behaviour| matches!(behaviour, Behaviour::Eclipse { victims } if victims.contains(place)))
    };
    let is_steady = |place: &Place| {
        behaviours.get(plan.group_of(*place)) == Some(&Behaviour::Honest) && !is_victim(place)
    };
    let steadiest = |side: &Vec<Place>| {
        let living = || side.iter().copied().filter(|place| lives(*place));
        living().find(is_steady).or_else(|| living().next())
    };
    sides.iter().filter_map(steadiest).collect()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn plan() -> Plan {
        let group = |name: &str, first, nodes| crate::plan::Group {
            name: name.into(),
            first,
            ..Plan::quiet(nodes).groups.remove(0)
        };
        Plan { groups: vec![group("one", 0, 2), group("other", 2, 3)], ..Plan::quiet(1) }
    }

    #[test]
    fn a_run_that_stops_early_is_mended_and_not_broken() {
        let mut plan = plan();
        let all: Vec<Place> = plan.places().collect();
        let steps = [
            Step::Partition(vec![vec![all[0]], vec![all[1]]]),
            Step::Heal,
            Step::Kill(vec![all[0]]),
            Step::Restart(vec![all[0]]),
            Step::Behave { group: 0, behaviour: Behaviour::Withhold },
            Step::Behave { group: 0, behaviour: Behaviour::Honest },
            Step::Mine { place: all[0], blocks: 1 },
            Step::Partition(vec![all]),
        ];
        plan.steps = (1..).map(Duration::from_secs).zip(steps).collect();
        assert_eq!(steps_left(&plan, 0), [1, 3, 5, 7]);
        assert_eq!(steps_left(&plan, 4), [5, 7]);
    }

    #[test]
    fn on_each_side_the_first_that_is_honest_stays_and_is_no_victim_mines_on() {
        let (plan, place) = (plan(), Place::new);
        let sides = [vec![place(0), place(2), place(3)], vec![place(1), place(4)]];
        let miners = |behaviours: [Behaviour; 2], dead: u16| {
            miners(&plan, &behaviours, &sides, |at| at != place(dead))
        };
        assert_eq!(miners([Behaviour::Honest, Behaviour::Honest], 9), [place(0), place(1)]);
        assert_eq!(miners([Behaviour::Withhold, Behaviour::Honest], 9), [place(2), place(4)]);
        assert_eq!(miners([Behaviour::Withhold, Behaviour::Honest], 4), [place(2), place(1)]);
        let eclipse = Behaviour::Eclipse { victims: vec![place(2)] };
        assert_eq!(miners([eclipse, Behaviour::Honest], 9), [place(3), place(4)]);
    }
}
