//! Whose coins: keys are made, kept and used here and nowhere else.
//!
//! Reading order, the way of a payment:
//! [`words`] and [`keys`] (what a wallet is) → [`keystore`] and [`files`] (where it lies) →
//! [`node`] (what a node is asked) → [`headers`] and [`scan`] (what the chain says of our coins,
//! checked here and not believed) → [`payment`] (the state of each payment) → [`follow`] and [`view`]
//! → [`balance`] → [`selection`] and [`spend`] (`Draft` → `Reviewed` → `Signed`) → [`release`] →
//! [`show`].

#![forbid(unsafe_code)]

pub mod addresses;
pub mod balance;
pub mod book;
pub mod cli;
pub mod client;
pub mod commands;
pub mod devnet;
pub mod files;
pub mod follow;
mod format1;
pub mod headers;
pub mod incoming;
pub mod keys;
pub mod keystore;
pub mod node;
pub mod passphrase;
pub mod payment;
pub mod release;
pub mod scan;
pub mod selection;
pub mod session;
pub mod show;
pub mod spend;
pub mod view;
pub mod words;

#[cfg(test)]
mod attacks;

use std::io::{Write, stdout};
use std::process::ExitCode;

use cairn_core::text::with_causes;
use clap::Parser;

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.common.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if json => {
            let _ = writeln!(stdout(), "{}", serde_json::json!({ "error": with_causes(error.as_ref()) }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has seen enough: no reason to complain. What breaks on the way to a node
/// is wrapped in an error of its own, and is told.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
