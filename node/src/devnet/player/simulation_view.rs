//! View of a simulated world: its nodes' events, partitions and expectations are folded into the same kind of
//! state as a devnet's.

use cairn_daemon::api::event::NodeEvent;
use cairn_genesis::hashrate::Hashrate;
use cairn_simulator::expectation::Verdict;
use cairn_simulator::plan::Plan;
use cairn_simulator::play::{Failure, Run};
use cairn_simulator::report::{Moment, MomentKind};

use crate::devnet::groups::Groups;
use crate::devnet::shared_state::SharedState;
use crate::devnet::view::Mark;

/// The state, and what of the world is in it already.
#[derive(Debug)]
pub struct SimulationView {
    state: SharedState,
    nodes: u16,
    living: Vec<bool>,
    sides: Groups,
    moments: usize,
}

impl SimulationView {
    /// The view of a world that has not begun.
    pub fn new(state: SharedState, plan: &Plan) -> Self {
        let nodes = plan.nodes();
        let (living, sides) = (vec![true; usize::from(nodes)], Groups::whole(nodes));
        Self { state, nodes, living, sides, moments: 0 }
    }

    /// Brings the state up to the world's time.
    pub fn show(&mut self, run: &mut Run) {
        let told = run.world_mut().take_events();
        let world = run.world();
        let at = world.elapsed().as_millis() as u64;
        let sides = world.recorder.sides();
        let sides = sides.iter().map(|side| side.iter().map(|node| node.number()).collect());
        let sides: Groups = sides.collect();
        let mut living = vec![false; usize::from(self.nodes)];
        world.living().for_each(|host| living[host.index().index()] = true);
        let moments = run.timeline().get(self.moments..).unwrap_or_default();
        self.state.change_at(at, |state| {
            for told in &told {
                state.fold_node(told.node.number(), &NodeEvent::from(&told.event), told.at_ms);
            }
            for (node, (is_up, was_up)) in (0..).zip(living.iter().zip(&self.living)) {
                match (*is_up, *was_up) {
                    (true, false) => state.up(node, at),
                    (false, true) => state.down(node, "as the scenario has it", at),
                    _ => {}
                }
            }
            for host in world.living() {
                state.set_mining(host.index().number(), host.hashrate > Hashrate::NONE);
            }
            if sides != self.sides {
                state.set_groups(sides.clone(), at);
            }
            moments.iter().filter_map(|moment| mark(run, moment, &sides)).for_each(|mark| state.mark(mark));
            state.look_who_is_behind(at);
        });
        self.moments = run.timeline().len();
        (self.living, self.sides) = (living, sides);
    }

    /// What has become of the expectations; with `is_over`, for good.
    pub fn judge(&self, verdicts: Vec<Verdict>, is_over: bool) {
        let verdicts = verdicts.into_iter().enumerate().map(Into::into).collect();
        self.state.change(|state, _| state.judge(verdicts, is_over));
    }

    /// The world broke: something that must always hold did not.
    pub fn broke(&self, failure: &Failure) {
        let (kind, text) = ("breach".into(), failure.to_string());
        let mark = Mark { at_ms: failure.after_ms, kind, text, took_ms: None, node: None, groups: None };
        self.state.change(|state, _| {
            state.mark(mark);
            state.judge(Vec::new(), true);
        });
    }
}

/// A moment of the run that is worth a mark; `sides` are those of the network after it.
fn mark(run: &Run, moment: &Moment, sides: &Groups) -> Option<Mark> {
    let (kind, groups) = match moment.kind {
        MomentKind::Partition => ("partition", Some(sides.clone())),
        MomentKind::Heal => ("heal", Some(sides.clone())),
        MomentKind::Agreement => ("agreed", None),
        MomentKind::Attack => ("attack", None),
        MomentKind::Reorganization => ("reorganized", None),
        // Blocks are in the tree.
        MomentKind::Block => return None,
        _ => ("step", None),
    };
    let noted = run.world().recorder.healing.steps.iter();
    let took =
        noted.filter_map(|one| one.took_ms.filter(|took| one.at_ms + took == moment.at_ms)).next_back();
    let took = took.filter(|_| moment.kind == MomentKind::Agreement);
    let (kind, text) = (kind.into(), moment.text.clone());
    Some(Mark { at_ms: moment.at_ms, kind, text, took_ms: took, node: None, groups })
}
