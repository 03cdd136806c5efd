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
use crate::web::log::EventLog;

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
}

impl View {
    /// A picture of so many nodes of which nothing is known yet.
    pub fn new(chain: &Chain, nodes: u16) -> Self {
        Self::of(&chain.params.genesis_hash.to_string(), nodes)
    }

    /// A picture of a scenario's world, in the world's own time.
    pub fn of_scenario(plan: &Plan) -> Self {
        let chain = plan.simulated_chain();
        let view = Self::of(&chain.params.genesis_hash.to_string(), plan.nodes());
        let mut scene = view.kept();
        scene.now = Some(0);
        scene.peers = plan.places().map(|place| (place.peer_id().to_string(), place.number())).collect();
        scene.world.describe(&chain);
        drop(scene);
        view
    }

    fn of(genesis: &str, nodes: u16) -> Self {
        let (world, narrator) = (World::new(nodes, genesis), Narrator::new(nodes));
        let scene = Scene { world, narrator, now: None, peers: BTreeMap::new() };
        Self { log: EventLog::begin(), begun: Instant::now(), kept: Arc::new(Mutex::new(scene)) }
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

    /// Something happened.
    pub fn hear(&self, happening: &Happening) {
        let at = self.ms(happening.at);
        let mut kept = self.kept();
        let kept = &mut *kept;
        match &happening.what {
            What::Told { node, kind, data } => kept.told(*node, kind, data, at),
            What::Cut(groups) => kept.world.cut(sides(groups), at),
            What::Died { node, how } => kept.world.down(*node, how, at),
            What::Killed(node) => kept.world.down(*node, "killed", at),
            What::Restarted(node) => kept.world.up(*node, at),
            What::Hashrate { node, percent } => kept.world.mines_at(*node, *percent),
            What::Slowed { node, delay_ms } => kept.world.slowed(*node, *delay_ms),
            What::StepBegun(_)
            | What::StepDone(_)
            | What::StepFailed { .. }
            | What::Accepted(_)
            | What::PaidTwice { .. }
            | What::Settling { .. }
            | What::Stop => {}
        }
        let mut lines = kept.narrator.hear(happening);
        lines.extend(kept.narrator.tick(happening.at));
        lines.iter().filter_map(|line| mark(line, at)).for_each(|mark| kept.world.mark(mark));
        self.publish(&mut kept.world);
    }

    /// What the nodes say of themselves when they are asked, in the order of nodes; nothing from
    /// one that does not answer.
    pub fn asked(&self, answers: &[Option<Value>]) {
        let at = self.ms(Instant::now());
        let mut kept = self.kept();
        let kept = &mut *kept;
        for (node, answer) in (0..).zip(answers) {
            if let Some(peer) = answer.as_ref().and_then(|answer| answer["peer_id"].as_str()) {
                kept.peers.insert(peer.to_owned(), node);
            }
        }
        let seen = answers.iter().map(|answer| Node::seen(answer.as_ref(), &kept.peers)).collect();
        kept.world.asked(seen, at);
        self.publish(&mut kept.world);
    }

    /// Something changed in a world that has its own time, which is this now.
    pub fn change(&self, now: u64, change: impl FnOnce(&mut Scene)) {
        let mut scene = self.kept();
        scene.now = Some(now);
        change(&mut scene);
        self.publish(&mut scene.world);
    }

    /// Something changed while no time passed.
    pub fn change_now(&self, change: impl FnOnce(&mut Scene)) {
        let mut scene = self.kept();
        change(&mut scene);
        self.publish(&mut scene.world);
    }

    /// Blocks that were there before the picture was begun, parents first.
    pub fn remember(&self, blocks: &[Value]) {
        let mut kept = self.kept();
        blocks.iter().for_each(|block| kept.world.remember(block));
    }

    fn publish(&self, world: &mut World) {
        for (kind, data) in world.take_news() {
            self.log.push(kind, |_| data.to_string());
        }
    }
}

impl Scene {
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
                self.world.moves(node, hash("hash"), height, at);
            }
            "block_on_side_branch" => self.world.got(node, hash("hash"), from, at),
            "block_disconnected" => {
                self.world.moves(node, hash("previousblockhash"), height.saturating_sub(1), at);
            }
            "reorganised" => self.world.reorganised(node, data, at),
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
