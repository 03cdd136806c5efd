//! What a page sees of the devnet: one picture of everything that happened, and what happens next.
//!
//! The picture is kept here once, however many pages look: each gets it as one answer and then
//! follows a log of events, in which it has a number and no queue.

pub mod agreement;
pub mod blocks;
pub mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cairn_genesis::Chain;
use cairn_simulator::plan::Plan;
use serde_json::{Value, json};

use crate::devnet::groups::Groups;
use crate::devnet::happening::{Happening, What};
use crate::devnet::narrate::Narrator;
use crate::devnet::narrate::line::Line;
use crate::devnet::view::world::{Mark, Node, World};
use cairn_daemon::event_log::EventLog;

/// The picture. Clones are the same picture.
#[derive(Clone, Debug)]
pub struct View {
    log: EventLog,
    begun: Instant,
    kept: Arc<Mutex<Scene>>,
}

/// What is in the picture.
#[derive(Debug)]
pub struct Scene {
    /// Nodes, links, blocks, marks.
    pub world: World,
    /// The time in a world that has its own, in milliseconds since its beginning.
    now: Option<u64>,
    narrator: Narrator,
    /// Which node has which peer identity.
    peers: BTreeMap<String, u16>,
    /// Blocks that are still to join a node's best chain in the change of branch it tells of: half of a
    /// branch is nobody's tip.
    to_join: BTreeMap<u16, u64>,
}

impl View {
    /// A picture of so many nodes of which nothing is known yet.
    pub fn new(chain: &Chain, nodes: u16) -> Self {
        let (world, narrator) = (World::new(nodes, chain), Narrator::new(nodes));
        let scene = Scene { world, narrator, now: None, peers: BTreeMap::new(), to_join: BTreeMap::new() };
        Self { log: EventLog::begin(), begun: Instant::now(), kept: Arc::new(Mutex::new(scene)) }
    }

    /// A picture of a scenario's world, in the world's own time.
    pub fn of_scenario(plan: &Plan) -> Self {
        let view = Self::new(&plan.simulated_chain(), plan.nodes());
        view.change(0, |scene| {
            scene.peers = plan.indices().map(|place| (place.peer_id().to_string(), place.number())).collect();
        });
        view
    }

    /// What happens from now on, for followers.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    fn ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.begun).as_millis() as u64
    }

    fn kept(&self) -> MutexGuard<'_, Scene> {
        // What is guarded is whole after every statement, so a panic elsewhere spoils nothing.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The picture with so many of the latest blocks, and the number of the first event that is not
    /// in it.
    pub fn snapshot(&self, blocks: usize) -> Value {
        let kept = self.kept();
        let mut picture = kept.world.picture(blocks);
        picture["run"] = json!(self.log.run());
        picture["now_ms"] = json!(kept.now.unwrap_or_else(|| self.ms(Instant::now())));
        picture["next"] = json!(self.log.next());
        picture
    }

    /// Whether a node answered lately, as far as it runs.
    pub fn answers(&self, node: u16) -> bool {
        self.kept().world.answers(node)
    }

    /// Something happened.
    pub fn hear(&self, happening: &Happening) {
        let at = self.ms(happening.at);
        self.change_now(|scene| scene.hear(happening, at));
    }

    /// What the nodes say of themselves when they are asked, in the order of nodes; nothing from
    /// one that does not answer.
    pub fn asked(&self, answers: &[Option<Value>]) {
        let at = self.ms(Instant::now());
        self.change_now(|scene| scene.asked(answers, at));
    }

    /// Something changed in a world that has its own time, which is this now.
    pub fn change(&self, now: u64, change: impl FnOnce(&mut Scene)) {
        self.change_now(|scene| {
            scene.now = Some(now);
            change(scene);
        });
    }

    /// Something changed; whoever follows is told.
    pub fn change_now(&self, change: impl FnOnce(&mut Scene)) {
        let mut scene = self.kept();
        change(&mut scene);
        for (kind, data) in scene.world.take_news() {
            self.log.push(&BTreeMap::from([(kind, data)]));
        }
    }

    /// Blocks that were there before the picture was begun, parents first.
    pub fn remember(&self, blocks: &[Value]) {
        let mut kept = self.kept();
        blocks.iter().for_each(|block| kept.world.remember(block));
    }
}

impl Scene {
    fn hear(&mut self, happening: &Happening, at: u64) {
        match &happening.what {
            What::Told { node, kind, data } => self.told(*node, kind, data, at),
            What::Cut(groups) => self.world.cut(sides(groups), at),
            What::Died { node, how } => self.world.down(*node, how, at),
            What::Killed(node) => self.world.down(*node, "killed", at),
            What::Restarted(node) => {
                self.to_join.remove(node);
                self.world.up(*node, at);
            }
            What::Hashrate { node, percent } => self.world.mines_at(*node, *percent),
            What::Slowed { node, delay_ms } => self.world.slowed(*node, *delay_ms),
            What::Conductor(_) | What::StepFailed { .. } | What::Stop => {}
        }
        let mut lines = self.narrator.hear(happening);
        lines.extend(self.narrator.tick(happening.at));
        lines.iter().filter_map(|line| mark(line, at)).for_each(|mark| self.world.mark(mark));
    }

    fn asked(&mut self, answers: &[Option<Value>], at: u64) {
        for (node, answer) in (0..).zip(answers) {
            if let Some(peer) = answer.as_ref().and_then(|answer| answer["peer_id"].as_str()) {
                self.peers.insert(peer.to_owned(), node);
            }
        }
        let seen = answers.iter().map(|answer| Node::seen(answer.as_ref(), &self.peers)).collect();
        self.world.asked(seen, at);
    }

    /// A node told an event.
    pub fn told(&mut self, node: u16, kind: &str, data: &Value, at: u64) {
        let hash = |name: &str| data[name].as_str().unwrap_or_default();
        let from = data["from"].as_str().and_then(|peer| self.peers.get(peer).copied());
        let other = data["peer"].as_str().and_then(|peer| self.peers.get(peer).copied());
        let height = data["height"].as_u64().unwrap_or_default();
        match kind {
            "block_connected" => {
                self.world.block(data, at);
                self.world.got(node, hash("hash"), from, at);
                let to_join = self.to_join.entry(node).or_default();
                *to_join = to_join.saturating_sub(1);
                if *to_join == 0 {
                    self.world.moves(node, hash("hash"), height, at);
                }
            }
            "block_on_side_branch" => {
                self.world.block(data, at);
                self.world.got(node, hash("hash"), from, at);
            }
            "block_disconnected" if self.to_join.get(&node).is_none_or(|to_join| *to_join == 0) => {
                self.world.moves(node, hash("previousblockhash"), height.saturating_sub(1), at);
            }
            "reorganised" => {
                self.to_join.insert(node, data["connected"].as_u64().unwrap_or_default());
                self.world.reorganised(node, data, at);
            }
            "gap" => {
                self.to_join.remove(&node);
            }
            "transaction_accepted" => self.world.transaction(node, data, from, at),
            "peer_connected" => self.world.link(node, other, true, at),
            "peer_disconnected" => self.world.link(node, other, false, at),
            _ => {}
        }
    }
}

fn sides(groups: &Groups) -> Vec<Vec<u16>> {
    groups.iter().map(|group| group.iter().copied().collect()).collect()
}

/// A line of the narrator's that is worth a mark on the axis of time.
fn mark(line: &Line, at: u64) -> Option<Mark> {
    let kind = match line.json["event"].as_str()? {
        "partitioned" => "partition",
        "healed" => "heal",
        "killed" => "kill",
        "died" => "died",
        "restarted" => "restart",
        "hashrate" => "hashrate",
        "slowed" => "slow",
        "reorganisation" => "reorganised",
        "agreement" => "agreed",
        _ => return None,
    };
    // A node that died says how in many lines; the first is enough here.
    let text = line.text.as_deref()?.lines().next()?.to_owned();
    Some(Mark { at, kind, text, took: line.json["ms"].as_u64() })
}

#[cfg(test)]
mod tests;
