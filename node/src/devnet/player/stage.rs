//! From a simulated world to the picture: what its nodes tell, how it is cut, what was expected.

use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::expectation::Verdict;
use cairn_simulator::plan::Plan;
use cairn_simulator::play::{Failure, Run};
use cairn_simulator::report::{Moment, MomentKind};
use serde_json::{Value, json};

use crate::devnet::view::View;
use crate::devnet::view::world::Mark;
use cairn_daemon::api::event::NodeEvent;
use cairn_daemon::api::tagged::split;

/// The picture, and what of the world is in it already.
#[derive(Debug)]
pub struct Stage {
    view: View,
    nodes: u16,
    living: Vec<bool>,
    sides: Vec<Vec<u16>>,
    moments: usize,
}

impl Stage {
    /// An empty stage for a plan.
    pub fn new(view: View, plan: &Plan) -> Self {
        let nodes = plan.nodes();
        let (living, sides) = (vec![true; usize::from(nodes)], vec![(0..nodes).collect()]);
        Self { view, nodes, living, sides, moments: 0 }
    }

    /// Brings the picture up to the world's time.
    pub fn show(&mut self, run: &mut Run) {
        let told = run.world_mut().take_told();
        let world = run.world();
        let at = world.elapsed().as_millis() as u64;
        let sides = world.recorder.sides();
        let sides: Vec<Vec<u16>> =
            sides.iter().map(|side| side.iter().map(|place| place.number()).collect()).collect();
        let mut living = vec![false; usize::from(self.nodes)];
        world.living().for_each(|host| living[host.index().index()] = true);
        let moments = run.timeline().get(self.moments..).unwrap_or_default();
        self.view.change(at, |scene| {
            for told in &told {
                let (kind, data) = split(&NodeEvent::from(&told.event));
                if let Ok(data) = serde_json::from_str(&data) {
                    scene.told(told.node.number(), &kind, &data, told.at_ms);
                }
            }
            for (node, (is_up, was_up)) in (0..).zip(living.iter().zip(&self.living)) {
                match (*is_up, *was_up) {
                    (true, false) => scene.world.up(node, at),
                    (false, true) => scene.world.down(node, "as the scenario has it", at),
                    _ => {}
                }
            }
            for host in world.living() {
                scene.world.mining(host.index().number(), host.hashrate > Hashrate::NONE, at);
            }
            let is_cut = (sides != self.sides).then_some(sides.len() > 1);
            if is_cut.is_some() {
                scene.world.cut(sides.clone(), at);
            }
            moments
                .iter()
                .filter_map(|moment| mark(run, moment, is_cut))
                .for_each(|mark| scene.world.mark(mark));
        });
        self.moments = run.timeline().len();
        (self.living, self.sides) = (living, sides);
    }

    /// What has become of the expectations; with `is_over`, for good.
    pub fn judge(&self, verdicts: Vec<Verdict>, is_over: bool) {
        let told = |verdict: Verdict| {
            let Verdict { expected, found, is_met } = verdict;
            json!({ "expected": expected, "found": found, "is_met": is_met })
        };
        let told: Vec<Value> = verdicts.into_iter().map(told).collect();
        self.view.change_now(|scene| scene.world.judge(told, is_over));
    }

    /// The world broke: something that must always hold did not.
    pub fn broke(&self, failure: &Failure) {
        let mark = Mark { at: failure.after_ms, kind: "breach", text: failure.to_string(), took: None };
        self.view.change_now(|scene| {
            scene.world.mark(mark);
            scene.world.judge(Vec::new(), true);
        });
    }
}

/// A moment of the run that is worth a mark; `is_cut` says how a cut has changed, if one has.
fn mark(run: &Run, moment: &Moment, is_cut: Option<bool>) -> Option<Mark> {
    let kind = match (moment.kind, is_cut) {
        (MomentKind::Step, Some(true)) => "partition",
        (MomentKind::Step, Some(false)) => "heal",
        (MomentKind::Step | MomentKind::Phase, _) => "step",
        (MomentKind::Agreement, _) => "agreed",
        (MomentKind::Attack, _) => "attack",
        (MomentKind::Reorganisation, _) => "reorganised",
        // Blocks are in the tree.
        (MomentKind::Block, _) => return None,
    };
    let noted = run.world().recorder.healing.steps.iter();
    let took =
        noted.filter_map(|one| one.took_ms.filter(|took| one.at_ms + took == moment.at_ms)).next_back();
    let took = took.filter(|_| moment.kind == MomentKind::Agreement);
    Some(Mark { at: moment.at_ms, kind, text: moment.text.clone(), took })
}
