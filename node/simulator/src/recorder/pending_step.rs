//! A step of the plan that is being carried out.

use crate::plan::Step;

/// What is foreseen of a step, before it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingStep {
    /// The step.
    pub step: Step,
    /// What it does, in words.
    pub text: String,
    /// Whether nodes can agree again because of it.
    pub mends: bool,
    /// Whether it does nothing.
    pub is_idle: bool,
}
