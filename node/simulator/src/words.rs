//! Steps of a plan in plain words, as timelines tell them.

use crate::behaviour::Behaviour;
use crate::place::Place;
use crate::plan::{Plan, Step};

impl Plan {
    /// A step in words.
    pub fn in_words(&self, step: &Step) -> String {
        match step {
            Step::Partition(groups) | Step::Refuse(groups) => {
                let sides: Vec<String> = groups.iter().map(|group| self.who(group)).collect();
                format!("cut: {} no longer reach each other", sides.join(" / "))
            }
            Step::Heal => "healed: all nodes may reach each other again".into(),
            Step::Kill(places) => format!("power lost: {}", self.who(places)),
            Step::Restart(places) => format!("started again: {}", self.who(places)),
            Step::Slow { places, percent: 100 } => format!("as fast as before: {}", self.who(places)),
            Step::Slow { places, percent } => {
                let times = f64::from(*percent) / 100.0;
                format!("slow: messages to and from {} take {times} times as long", self.who(places))
            }
            Step::Mine { place, blocks: 1 } => format!("{place} mines a block at once"),
            Step::Mine { place, blocks } => format!("{place} mines {blocks} blocks at once"),
            Step::Pay { place, payments: 1 } => format!("a payment is handed in at {place}"),
            Step::Pay { place, payments } => format!("{payments} payments are handed in at {place}"),
            Step::SetHashrate { places, percent } => {
                format!("hash rate: {} at {percent} % of the first", self.who(places))
            }
            Step::Behave { group, behaviour } => {
                let name = self.groups.get(*group).map_or("?", |group| group.name.as_str());
                format!("{name} from now on: {}", behaviour.word())
            }
        }
    }

    /// Nodes in words: groups by their names, others by their numbers.
    pub fn who(&self, places: &[Place]) -> String {
        let mut words = Vec::new();
        let mut left: Vec<Place> = places.to_vec();
        for group in &self.groups {
            let members: Vec<Place> = group.places().collect();
            if self.groups.len() > 1 && members.iter().all(|member| left.contains(member)) {
                words.push(group.name.clone());
                left.retain(|place| !members.contains(place));
            }
        }
        let left: Vec<u16> = left.iter().map(|place| place.number()).collect();
        if !left.is_empty() {
            words.push(numbers(&left));
        }
        words.join(",")
    }
}

/// Numbers of nodes, neighbours joined: `0-2,5`.
pub fn numbers(sorted: &[u16]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut left = sorted.iter().copied().peekable();
    while let Some(first) = left.next() {
        let mut last = first;
        while let Some(next) = left.next_if(|next| last.checked_add(1) == Some(*next)) {
            last = next;
        }
        words.push(match last - first {
            0 => first.to_string(),
            1 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        });
    }
    words.join(",")
}

/// Millionths as per cent.
pub fn percent(millionths: u64) -> String {
    format!("{}.{:02} %", millionths / 10_000, millionths % 10_000 / 100)
}

impl Behaviour {
    /// In a word, as scenario files write it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Selfish { .. } => "selfish",
            Self::DoubleSpend(_) => "double-spend",
            Self::Eclipse { .. } => "eclipse",
            Self::Withhold => "withhold",
            Self::Intermittent { .. } => "intermittent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_one_group_are_told_by_their_numbers() {
        let plan = Plan::quiet(9);
        let places: Vec<Place> = [0, 1, 2, 4, 5, 8].map(Place::new).to_vec();
        assert_eq!(plan.who(&places), "0-2,4,5,8");
    }
}
