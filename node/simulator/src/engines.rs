//! Engines: what a plan can be played on, and why not on real processes.

use core::time::Duration;
use std::collections::BTreeMap;

use cairn_protocol::limits::PING_INTERVAL;

use crate::plan::{Engine, Plan, Step};

/// Processes that one machine is asked for.
const MOST_PROCESSES: u16 = 50;
/// Real miners share a few cores: with blocks further apart than this a run takes too long.
const SLOWEST_BLOCKS: Duration = Duration::from_secs(10);
/// The same, for the whole.
const LONGEST_RUN: Duration = Duration::from_secs(600);
/// The longest delay of a real node's messages: requests time out after ten seconds, which
/// is there and back.
const LATEST_LINK: Duration = Duration::from_secs(4);
/// What the disks of a world take unless its plan says otherwise; real ones take what they take.
const USUAL_DISK: Duration = Duration::from_millis(3);

impl Plan {
    /// Everything that can play it.
    pub fn engines(&self) -> Vec<Engine> {
        let devnet = self.refusal_of_devnet().is_none().then_some(Engine::Devnet);
        [Some(Engine::Simulator), devnet].into_iter().flatten().collect()
    }

    /// Whether real processes must hold back what they say: the plan says how late links are, or makes some
    /// slower. Else they are as near to each other as processes of one machine are.
    pub fn has_late_links(&self) -> bool {
        self.links_said.latency || self.steps.iter().any(|(_, step)| matches!(step, Step::Slow { .. }))
    }

    /// Why real processes cannot play it, in a sentence; nothing when they can.
    pub fn refusal_of_devnet(&self) -> Option<String> {
        let nodes = self.nodes();
        if nodes > MOST_PROCESSES {
            return Some(format!("it has {nodes} nodes, and real processes are at most {MOST_PROCESSES}"));
        }
        self.refusal_of_time()
            .or_else(|| self.refusal_of_behaviour())
            .or_else(|| self.refusal_of_network())
            .or_else(|| self.steps.iter().find_map(|(_, step)| self.refusal_of_step(step)))
    }

    fn refusal_of_time(&self) -> Option<String> {
        let spacing = Duration::from_millis(self.chain.spacing_ms.get());
        if spacing > SLOWEST_BLOCKS {
            let (found, most) = (humantime::format_duration(spacing), SLOWEST_BLOCKS.as_secs());
            return Some(format!("its blocks are {found} apart, and real time allows {most} s"));
        }
        if self.stop.after > LONGEST_RUN {
            let found = humantime::format_duration(self.stop.after);
            return Some(format!("it takes {found}, and real time allows {} s", LONGEST_RUN.as_secs()));
        }
        self.stop
            .attempts
            .map(|_| "it stops after attempts at a double spend, which only the simulator counts".into())
    }

    fn refusal_of_behaviour(&self) -> Option<String> {
        let group = self.groups.iter().find(|group| !group.behaviour.is_mannerly())?;
        Some(format!(
            "the group \"{}\" is {}, and real processes are honest or intermittent",
            group.name,
            group.behaviour.word()
        ))
    }

    fn refusal_of_network(&self) -> Option<String> {
        if self.links_said.trouble {
            return Some("its links jitter, lose messages or are narrow, and real ones are only late".into());
        }
        let longest = self.longest_latency();
        if longest > LATEST_LINK {
            let (found, most) = (humantime::format_duration(longest), LATEST_LINK.as_secs());
            return Some(format!("a link takes {found} at some time, and real ones take {most} s at most"));
        }
        if self.ping_every != Some(PING_INTERVAL) {
            return Some(
                "it says how often peers are pinged, and real processes have an interval of their own".into(),
            );
        }
        if self.disk != USUAL_DISK {
            return Some("it says how long disks take, and real ones take what they take".into());
        }
        let (confined, to) = self.topology.confined.first()?;
        let name = |group: usize| self.groups.get(group).map_or("?", |group| group.name.as_str());
        let (confined, to) = (name(*confined), name(*to));
        Some(format!(
            "the group \"{confined}\" knows only \"{to}\", and real processes exchange addresses of peers"
        ))
    }

    /// The longest way of any two nodes at any time.
    fn longest_latency(&self) -> Duration {
        let mut slowest = BTreeMap::new();
        for (_, step) in &self.steps {
            let Step::Slow { nodes, percent } = step else { continue };
            for node in nodes {
                let most = slowest.entry(*node).or_insert(100);
                *most = (*percent).max(*most);
            }
        }
        let mut network = self.network(self.seed);
        slowest.into_iter().for_each(|(node, percent)| network.slow(node, percent));
        let pairs = self.indices().flat_map(|one| self.indices().map(move |other| (one, other)));
        pairs
            .filter(|(one, other)| one < other)
            .map(|(one, other)| network.latency(one, other))
            .max()
            .unwrap_or_default()
    }

    fn refusal_of_step(&self, step: &Step) -> Option<String> {
        match step {
            Step::Behave { .. } => {
                Some("a step changes what a group does, and real processes stay what they are".into())
            }
            Step::Refuse(sides) if sides.iter().flatten().count() < usize::from(self.nodes()) => {
                Some("a step leaves nodes on no side of a refusal, and each real process is on one".into())
            }
            _ => None,
        }
    }
}
