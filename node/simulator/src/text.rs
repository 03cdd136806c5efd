//! The formatter: steps, moments, verdicts and states in words, and figures as people read them.

pub use cairn_genesis::format::{count, duration, grouped, percent};

use crate::behaviour::Behaviour;
use crate::expectation::{Bounds, Expectation, Outcome, Verdict};
use crate::node_index::{NodeIndex, rest, with_rest};
use crate::partition_state::PartitionState;
use crate::plan::{Plan, Step};
use crate::plan_state::StepEffect;
use crate::report::{Branching, MomentKind};
use crate::settlement::Settlement;

/// The most wrong clocks that a verdict lists.
const MAX_CLOCKS: usize = 5;
/// The moment at which a run is interrupted.
pub const INTERRUPTED: &str = "the run was stopped before its end";

impl Plan {
    /// A step in words.
    pub fn in_words(&self, step: &Step) -> String {
        match step {
            Step::Heal => "healed: all nodes may reach each other again".into(),
            step if step.joins_all(self.nodes()) => self.in_words(&Step::Heal),
            Step::Partition(groups) => self.cut_in_words(&with_rest(groups.clone(), self.nodes())),
            Step::Refuse(groups) => match (self.cut_in_words(groups), rest(groups, self.nodes())) {
                (cut, bridges) if bridges.is_empty() => cut,
                (cut, bridges) => format!("{cut}; {} may reach all", self.nodes_in_words(&bridges)),
            },
            Step::Kill(nodes) => format!("power lost: {}", self.who(nodes)),
            Step::Restart(nodes) => format!("started again: {}", self.who(nodes)),
            Step::Slow { nodes, percent: 100 } => format!("as fast as before: {}", self.who(nodes)),
            Step::Slow { nodes, percent } => {
                let times = f64::from(*percent) / 100.0;
                format!("slow: messages to and from {} take {times} times as long", self.who(nodes))
            }
            Step::Clock { nodes, offset_ms: 0 } => format!("clock set right: {}", self.who(nodes)),
            Step::Clock { nodes, offset_ms } => {
                format!("clock set {}: {}", offset(*offset_ms), self.who(nodes))
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
            (step, _) if *is_idle && step.joins_all(self.nodes()) => {
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

    fn cut_in_words(&self, groups: &[Vec<NodeIndex>]) -> String {
        let sides: Vec<String> = groups.iter().map(|group| self.who(group)).collect();
        format!("cut: {} no longer reach each other", sides.join(" / "))
    }

    /// The end of mining, and what follows it.
    pub fn end_of_mining(&self, settlement: &Settlement, is_agreed: bool) -> String {
        let Settlement { sides, miners, left_out, .. } = settlement;
        let then = match (miners.as_slice(), sides.len() > 1) {
            ([], _) => "no node runs".into(),
            (_, true) if is_agreed => "each side agrees".into(),
            (_, false) if is_agreed => "all nodes agree".into(),
            (miners, true) => {
                let mine = if miners.len() == 1 { "mines" } else { "mine" };
                format!("{} {mine} on until each side agrees", self.nodes_in_words(miners))
            }
            (miners, false) => format!("{} mines on until all agree", self.nodes_in_words(miners)),
        };
        format!("mining ends{}; {then}", before_its_plan(*left_out))
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

/// A node rejects a payment that a step handed in.
pub fn payment_rejected(at: NodeIndex, why: &str) -> String {
    format!("{at} rejects a payment: {why}")
}

/// A node rejects the second payment of a coin.
pub fn conflict_rejected(at: NodeIndex, why: &str) -> String {
    format!("{at} rejects the second payment of a coin: {why}")
}

/// Mining ends, and the run with it, without time for agreement.
pub fn ends_as_it_stands(left_out: usize, state: &PartitionState) -> String {
    format!("mining ends{}, and the run with it: {}", before_its_plan(left_out), state.in_words())
}

/// The run is over; with branches of equal work, if `is_even`.
pub fn is_over(state: &PartitionState, is_even: bool) -> String {
    format!("the run is over: {}{}", state.in_words(), if is_even { " of equal work" } else { "" })
}

/// All nodes have one tip again, this long after the last step that heals.
pub fn agree_again(are_all_up: bool, took_ms: u64) -> String {
    let that_run = if are_all_up { "" } else { " that run" };
    format!("all nodes{that_run} agree again, {} after the last step that heals", duration(took_ms))
}

/// A timeline is too long for all moments.
pub fn from_here_on_only_steps(shown: usize) -> String {
    format!("{shown} moments are shown: from here on only steps and agreement")
}

/// Moments of a timeline that are left out.
pub fn not_shown(moments: u64) -> String {
    format!("{} are not shown", count(moments, "more moment"))
}

/// A double-spender shows its secret chain. `confirmations` has the payment, unless others have as much work.
pub fn secret_chain_shown(by: NodeIndex, confirmations: Option<u32>) -> String {
    let against = match confirmations {
        Some(number) => format!("against a payment with {}", count(number.into(), "confirmation")),
        None => "and others have one with as much work".into(),
    };
    format!("double spend: {by} shows its secret chain, {against}")
}

/// A double-spender gives up.
pub fn double_spend_given_up(by: NodeIndex) -> String {
    format!("double spend: {by} gives up, the payment stays")
}

/// A double-spender's payment can no longer be confirmed.
pub fn double_spend_begun_anew(by: NodeIndex) -> String {
    format!("double spend: {by} begins anew, its payment is gone")
}

fn before_its_plan(steps_left_out: usize) -> String {
    match steps_left_out {
        0 => String::new(),
        1 => " before its plan does, so that a step is left out".into(),
        many => format!(" before its plan does, so that {many} steps are left out"),
    }
}

/// The offset of a clock: `3 s ahead`.
fn offset(ms: i64) -> String {
    format!("{} {}", duration(ms.unsigned_abs()), if ms > 0 { "ahead" } else { "behind" })
}

impl MomentKind {
    /// In a word or two, as pictures annotate steps.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Partition => "cut",
            Self::Heal => "healed",
            Self::Kill => "power lost",
            Self::Restart => "started again",
            Self::Slow => "latency",
            Self::Clock => "clock",
            Self::Mine => "blocks mined",
            Self::Pay => "payments",
            Self::Hashrate => "hash rate",
            Self::Behave => "behaviour",
            Self::NoEffect => "no effect",
            Self::Block => "block",
            Self::Reorganization => "reorganization",
            Self::Agreement => "agreement",
            Self::Attack => "attack",
            Self::Phase => "run",
        }
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

impl Bounds {
    /// The bounds in words, each figure as `show` writes it.
    pub fn in_words(&self, show: fn(u64) -> String) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => format!("exactly {}", show(least)),
            (Some(least), Some(most)) => format!("{} to {}", show(least), show(most)),
            (Some(least), None) => format!("at least {}", show(least)),
            (None, Some(most)) => format!("at most {}", show(most)),
            (None, None) => "anything".into(),
        }
    }
}

impl Verdict {
    /// What was expected and what was found, in words.
    pub fn in_words(&self) -> (String, String) {
        let show: fn(u64) -> String = match &self.expectation {
            Expectation::ConvergedWithinMs(_) => |ms| format!("{} at most", duration(ms)),
            Expectation::StaleRate(_) | Expectation::Agreement(_) | Expectation::Revenue { .. } => percent,
            _ => grouped,
        };
        let what = match &self.expectation {
            Expectation::ConvergedWithinMs(ms) => format!("all agree again within {}", duration(*ms)),
            Expectation::AgreedWithinMs(ms) => format!("all agree {} after mining ends", duration(*ms)),
            Expectation::DeepestReorganization(_) => "deepest reorganization, in blocks".into(),
            Expectation::StaleRate(_) => "stale rate".into(),
            Expectation::NoDoubleSpendDeeperThan(most) => {
                let most = count(u64::from(*most), "confirmation");
                format!("no payment with more than {most} is taken back")
            }
            Expectation::DoubleSpends(_) => "payments taken back".into(),
            Expectation::Winner(group) => format!("the branch of {group} wins"),
            Expectation::Revenue { group, .. } => format!("share of the blocks that {group} gets"),
            Expectation::Tips(_) => "most tips at one time".into(),
            Expectation::Height(_) => "final height".into(),
            Expectation::Agreement(_) => "share of the nodes on one tip at the end".into(),
        };
        let expected = match self.expectation.bounds() {
            Some(bounds) => format!("{what}: {}", bounds.in_words(show)),
            None => what,
        };
        let found = match &self.outcome {
            Outcome::Figure(figure) => show(*figure),
            Outcome::DoubleSpends { payments: 0, .. } => "none".into(),
            Outcome::DoubleSpends { payments, deepest } => {
                let deepest = count(u64::from(*deepest), "confirmation");
                format!("{}, with up to {deepest}", grouped(*payments))
            }
            Outcome::Winner(group) => format!("that of {group}"),
            Outcome::Network(state) => state.in_words(),
            Outcome::WrongClocks { tips, ahead_ms, drift_ms } => {
                let clock = |(node, ahead_ms): &(u16, i64)| format!("node {node} {}", offset(*ahead_ms));
                let clocks: Vec<String> = ahead_ms.iter().take(MAX_CLOCKS).map(clock).collect();
                let more = match ahead_ms.len().saturating_sub(MAX_CLOCKS) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let (tips, drift) = (count(*tips as u64, "tip"), duration(*drift_ms));
                let clocks = clocks.join(", ");
                format!("{tips}, as clocks are wrong: {clocks}{more}; a block may be {drift} ahead")
            }
            Outcome::NoAgreement => "no agreement after some step".into(),
            Outcome::NothingHealed => "that nothing was healed".into(),
            Outcome::NoBlock => "that no block was found".into(),
            Outcome::NoDoubleSpendTried => "that no coin was paid twice".into(),
            Outcome::NoWinner => "no partition, no block during it, or two groups with as many".into(),
        };
        (expected, found)
    }
}

impl PartitionState {
    /// The state as a sentence shows it.
    pub fn in_words(&self) -> String {
        match self.tips {
            _ if self.running == 0 => "no node runs".into(),
            0 | 1 => "all nodes that run agree".into(),
            tips if self.is_cut => {
                format!("ended divided: {tips} tips, as not all nodes get or accept each other's blocks")
            }
            tips => format!("{tips} tips"),
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
    fn a_cut_names_all_sides_and_bridges_and_one_side_of_all_is_none() {
        let (plan, nodes) = (Plan::quiet(4), |numbers: &[u16]| {
            numbers.iter().copied().map(NodeIndex::new).collect::<Vec<NodeIndex>>()
        });
        let words = [
            (Step::Partition(vec![nodes(&[0])]), "cut: 0 / 1-3 no longer reach each other"),
            (
                Step::Partition(vec![nodes(&[0, 1]), nodes(&[3])]),
                "cut: 0,1 / 3 / 2 no longer reach each other",
            ),
            (
                Step::Refuse(vec![nodes(&[0, 1]), nodes(&[3])]),
                "cut: 0,1 / 3 no longer reach each other; node 2 may reach all",
            ),
            (Step::Partition(vec![nodes(&[0, 1, 2, 3])]), "healed: all nodes may reach each other again"),
            (Step::Refuse(vec![nodes(&[0, 1])]), "healed: all nodes may reach each other again"),
        ];
        for (step, text) in words {
            assert_eq!(plan.in_words(&step), text);
        }
    }
}
