//! The devnet: real nodes as child processes, watched, narrated and steered.
//!
//! Reading order: [`plan`] (what is to run) → [`process`] (running it) → [`network`] (the nodes
//! together, and the steps that change them) → [`watch`] and [`narrate`] (what happens, in plain
//! words) → [`control`] (steering from another terminal) → [`view`] and [`pages`] (what a browser sees).

pub mod account;
pub mod client;
pub mod control;
pub mod error;
pub mod faucet;
pub mod fork;
pub mod groups;
pub mod happening;
pub mod link_delays;
pub mod mining;
pub mod narrate;
pub mod network;
pub mod node_rpc;
pub mod opening;
pub mod pages;
pub mod place;
pub mod plan;
pub mod player;
pub mod player_api;
pub mod process;
pub mod pulse;
pub mod registry;
pub mod scenario;
pub mod slow_links;
pub mod status;
pub mod turns;
pub mod view;
pub mod watch;
