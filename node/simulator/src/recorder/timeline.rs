//! The timeline: what happened, in the order of time.

use crate::node_index::NodeIndex;
use crate::report::{Branching, Moment, MomentKind};
use crate::text;

/// The most moments of a timeline; a longer run keeps its steps and agreements, and the first of the rest.
pub const MAX_MOMENTS: usize = 20_000;

/// The moments of a run.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    moments: Vec<Moment>,
    left_out: u64,
}

impl Timeline {
    /// The moments so far.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Adds a moment of any kind but a reorganization.
    pub fn add(&mut self, at_ms: u64, kind: MomentKind, text: String) {
        self.push(Moment { at_ms, kind, text, reorganization: None });
    }

    /// A node changed branch.
    pub fn add_reorganization(&mut self, at_ms: u64, at: NodeIndex, change: Branching) {
        let text = text::reorganization(&at.to_string(), &change);
        let reorganization = Some((at.number(), change));
        self.push(Moment { at_ms, kind: MomentKind::Reorganization, text, reorganization });
    }

    fn push(&mut self, moment: Moment) {
        if self.moments.len() < MAX_MOMENTS || moment.kind.is_kept() {
            self.moments.push(moment);
            return;
        }
        if self.left_out == 0 {
            self.add(moment.at_ms, MomentKind::Phase, text::from_here_on_only_steps(MAX_MOMENTS));
        }
        self.left_out += 1;
    }

    /// The whole timeline; if moments are left out, the last one says so.
    pub fn into_moments(mut self, at_ms: u64) -> Vec<Moment> {
        if self.left_out > 0 {
            self.add(at_ms, MomentKind::Phase, text::not_shown(self.left_out));
        }
        self.moments
    }
}
