//! The devnet: real nodes as child processes, watched, narrated and steered.
//!
//! Reading order: [`plan`] (the nodes that are to run) → [`process`] (running one) → [`network`] and [`settings`]
//! (the nodes together, and what is asked of them) → [`event`], [`watch`] and [`state`] (what happens, and what is
//! known) → [`narrator`] (in plain words) → [`command`] and [`control`] (steering from another terminal) →
//! [`view`] and [`http_routes`] (what a browser sees).

pub mod client;
pub mod command;
pub mod control;
pub mod directory;
pub mod error;
pub mod event;
pub mod faucet;
pub mod fork;
pub mod funded_accounts;
pub mod groups;
pub mod http_routes;
pub mod line;
pub mod link_delays;
pub mod mining;
pub mod narrator;
pub mod network;
pub mod plan;
pub mod player;
pub mod process;
pub mod registry;
pub mod scenario;
pub mod settings;
pub mod shared_state;
pub mod startup;
pub mod state;
pub mod status;
pub mod status_poller;
#[cfg(test)]
pub mod tests;
pub mod turns;
pub mod view;
pub mod watch;
