//! Steps, blocks and reorganizations in words, and figures as people read them.

use std::collections::BTreeSet;

pub use cairn_genesis::format::{count, duration, grouped, percent};

use crate::behaviour::Behaviour;
use crate::node_index::NodeIndex;
use crate::plan::{Plan, Step};
use crate::plan_state::StepEffect;
use crate::report::Branching;

impl Plan {
    /// A step in words.
    pub fn in_words(&self, step: &Step) -> String {
        match step {
            Step::Heal => "healed: all nodes may reach each other again".into(),
            step if step.joins_all(usize::from(self.nodes())) => self.in_words(&Step::Heal),
            Step::Partition(groups) => {
                let by_itself = match self.outside(groups).as_slice() {
                    [] => None,
                    [one] => Some(self.who(&[*one])),
                    _ => Some("every other node by itself".into()),
                };
                self.cut_in_words(groups, by_itself)
            }
            Step::Refuse(groups) => {
                let cut = self.cut_in_words(groups, None);
                match self.outside(groups).as_slice() {
                    [] => cut,
                    bridges => format!("{cut}, but for {}, who may reach all", self.nodes_in_words(bridges)),
                }
            }
            Step::Kill(nodes) => format!("power lost: {}", self.who(nodes)),
            Step::Restart(nodes) => format!("started again: {}", self.who(nodes)),
            Step::Slow { nodes, percent: 100 } => format!("as fast as before: {}", self.who(nodes)),
            Step::Slow { nodes, percent } => {
                let times = f64::from(*percent) / 100.0;
                format!("slow: messages to and from {} take {times} times as long", self.who(nodes))
            }
            Step::Clock { nodes, offset_ms: 0 } => format!("clock set right: {}", self.who(nodes)),
            Step::Clock { nodes, offset_ms } => {
                let way = if *offset_ms > 0 { "ahead" } else { "behind" };
                format!("clock set {} {way}: {}", duration(offset_ms.unsigned_abs()), self.who(nodes))
            }
            Step::Mine { node, blocks: 1 } => format!("{node} mines a block at once"),
            Step::Mine { node, blocks } => format!("{node} mines {blocks} blocks at once"),
            Step::Pay { node, payments, twice_at } => {
                let handed_in = match payments {
                    1 => format!("a payment is handed in at {node}"),
                    many => format!("{many} payments are handed in at {node}"),
                };
                match (twice_at, payments) {
                    (None, _) => handed_in,
                    (Some(other), 1) => format!("{handed_in}, and another of its coin at {other}"),
                    (Some(other), _) => format!("{handed_in}, and others of their coins at {other}"),
                }
            }
            Step::SetHashrate { nodes, percent } => {
                format!("hash rate: {} at {percent} % of the first", self.who(nodes))
            }
            Step::Behave { group, behaviour } => {
                format!("{} from now on: {}", self.group_name(*group), behaviour.word())
            }
        }
    }

    /// What a step does to the nodes as they are, in words; of a step that pays, with the number of payments that it
    /// handed in and the reason why not all were.
    pub fn effect_in_words(&self, effect: &StepEffect, handed_in: Option<&(u32, String)>) -> String {
        let StepEffect { step, unchanged, is_idle, .. } = effect;
        let does = self.in_words(step);
        let already = |does: &str| match unchanged.as_slice() {
            [_] => format!("{} {does}", self.nodes_in_words(unchanged)),
            _ => format!("{} {}", self.nodes_in_words(unchanged), does.replacen("is ", "are ", 1)),
        };
        match (step, unchanged.as_slice()) {
            (step, _) if *is_idle && step.joins_all(usize::from(self.nodes())) => {
                "nothing to heal: no partition is in force".into()
            }
            (Step::Kill(_), [_, ..]) if *is_idle => {
                format!("no power is lost: {}", already("is already down"))
            }
            (Step::Kill(_), [_, ..]) => format!("{does}; {}", already("is already down")),
            (Step::Restart(_), [_, ..]) if *is_idle => {
                format!("no node is started: {}", already("is already up"))
            }
            (Step::Restart(_), [_, ..]) => format!("{does}; {}", already("is already up")),
            (Step::Mine { .. }, [node]) => format!("{node} is down: nothing is mined"),
            (Step::Pay { .. }, [node]) if *is_idle => format!("{node} is down: nothing is handed in"),
            (Step::Behave { group, behaviour }, _) if *is_idle => {
                format!("{} is already {}", self.group_name(*group), behaviour.word())
            }
            (Step::Pay { node, payments, twice_at }, _) => {
                let not_twice =
                    unchanged.first().map(|other| format!("; {other} is down: nothing is paid twice"));
                let does = does + &not_twice.unwrap_or_default();
                match handed_in {
                    Some((0, why)) => format!("nothing is handed in at {node}: {why}"),
                    Some((paid, why)) if paid < payments => {
                        let handed_in = Step::Pay { node: *node, payments: *paid, twice_at: *twice_at };
                        format!("{}; {} more are not: {why}", self.in_words(&handed_in), payments - paid)
                    }
                    _ => does,
                }
            }
            _ => does,
        }
    }

    fn group_name(&self, group: usize) -> &str {
        self.groups.get(group).map_or("?", |group| group.name.as_str())
    }

    fn cut_in_words(&self, groups: &[Vec<NodeIndex>], by_itself: Option<String>) -> String {
        let sides: Vec<String> = groups.iter().map(|group| self.who(group)).chain(by_itself).collect();
        format!("cut: {} no longer reach each other", sides.join(" / "))
    }

    /// Nodes that are on no side.
    fn outside(&self, groups: &[Vec<NodeIndex>]) -> Vec<NodeIndex> {
        let named: BTreeSet<&NodeIndex> = groups.iter().flatten().collect();
        self.indices().filter(|node| !named.contains(node)).collect()
    }

    /// The same as the beginning of a sentence: `node 2`, `nodes 0-3`, or groups by their names.
    pub fn nodes_in_words(&self, nodes: &[NodeIndex]) -> String {
        let who = self.who(nodes);
        match nodes {
            [one] => one.to_string(),
            _ if who.starts_with(|first: char| first.is_ascii_digit()) => format!("nodes {who}"),
            _ => who,
        }
    }

    /// Nodes in words: groups by their names, others by their numbers.
    pub fn who(&self, nodes: &[NodeIndex]) -> String {
        let mut words = Vec::new();
        let mut left: Vec<NodeIndex> = nodes.to_vec();
        for group in &self.groups {
            let members: Vec<NodeIndex> = group.members().collect();
            if self.groups.len() > 1 && members.iter().all(|member| left.contains(member)) {
                words.push(group.name.clone());
                left.retain(|node| !members.contains(node));
            }
        }
        let left: Vec<u16> = left.iter().map(|node| node.number()).collect();
        if !left.is_empty() {
            words.push(numbers(&left));
        }
        words.join(",")
    }
}

/// A block that a node found.
pub fn block_found(height: u32, miner: NodeIndex, transactions: u32) -> String {
    match transactions {
        0 => format!("block {height} by {miner}"),
        1 => format!("block {height} by {miner}, 1 transaction"),
        many => format!("block {height} by {miner}, {many} transactions"),
    }
}

/// A change of branch on some nodes.
pub fn reorganization(nodes: &str, change: &Branching) -> String {
    let Branching { fork_height, disconnected, connected } = change;
    format!("reorganization on {nodes}: {disconnected} left, {connected} joined, fork point {fork_height}")
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
        let nodes: Vec<NodeIndex> = [0, 1, 2, 4, 5, 8].map(NodeIndex::new).to_vec();
        assert_eq!(plan.who(&nodes), "0-2,4,5,8");
    }

    #[test]
    fn a_cut_names_who_is_alone_who_bridges_it_and_that_one_side_of_all_is_none() {
        let (plan, nodes) = (Plan::quiet(4), |numbers: &[u16]| {
            numbers.iter().copied().map(NodeIndex::new).collect::<Vec<NodeIndex>>()
        });
        let words = [
            (
                Step::Partition(vec![nodes(&[0])]),
                "cut: 0 / every other node by itself no longer reach each other",
            ),
            (
                Step::Partition(vec![nodes(&[0, 1]), nodes(&[3])]),
                "cut: 0,1 / 3 / 2 no longer reach each other",
            ),
            (
                Step::Refuse(vec![nodes(&[0, 1]), nodes(&[3])]),
                "cut: 0,1 / 3 no longer reach each other, but for node 2, who may reach all",
            ),
            (Step::Partition(vec![nodes(&[0, 1, 2, 3])]), "healed: all nodes may reach each other again"),
            (Step::Refuse(vec![nodes(&[0, 1])]), "healed: all nodes may reach each other again"),
        ];
        for (step, text) in words {
            assert_eq!(plan.in_words(&step), text);
        }
    }
}
