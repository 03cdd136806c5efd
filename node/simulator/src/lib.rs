//! A world of many nodes in virtual time: the very code that real nodes run, with everything random from a seed.
//!
//! [`play::play`] runs a [`plan::Plan`] from a seed and reports; the same plan and seed do the same
//! things at the same times, which the report's trace shows. A run that breaks one of
//! [`invariants`] names its seed, and that seed plays it again.
//!
//! ```
//! use cairn_simulator::plan::Plan;
//! use cairn_simulator::play::play;
//!
//! let report = play(&Plan::quiet(3), 7).expect("every invariant holds");
//! assert!(report.height > 0);
//! assert_eq!(report, play(&Plan::quiet(3), 7).expect("and again"));
//! ```
//!
//! Reading order: `plan`, `agenda`, `network`, `host`, `world`, `play`; then `recorder` and `report`,
//! and `scenario`, which reads files into plans.

#![forbid(unsafe_code)]

pub mod agenda;
pub mod behaviour;
pub mod clock;
pub mod conductor;
pub mod engines;
pub mod event_log;
pub mod expectation;
pub mod final_check;
pub mod host;
pub mod invariants;
pub mod mining;
pub mod network;
pub mod node_index;
pub mod note;
pub mod partition;
pub mod partition_state;
pub mod plan;
pub mod plan_state;
pub mod play;
pub mod recorder;
pub mod report;
pub mod rng_streams;
pub mod scenario;
pub mod settlement;
pub mod shared_store;
pub mod strategy;
pub mod text;
pub mod topology;
pub mod trace;
pub mod verifier;
pub mod wallets;
pub mod world;
