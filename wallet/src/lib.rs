//! Whose coins: keys are made, kept and used here and nowhere else.
//!
//! Reading order, the way of a payment:
//! [`words`] and [`keys`] (what a wallet is) → [`keystore`] and [`files`] (where it lies) →
//! [`client`] (how a node is asked) → [`headers`] and [`scan`] (what the chain says of our coins,
//! checked here and not believed) → [`balance`] → [`selection`] and [`spend`]
//! (`Draft` → `Reviewed` → `Signed`) → [`show`].

#![forbid(unsafe_code)]

pub mod balance;
pub mod book;
pub mod cli;
pub mod client;
pub mod commands;
pub mod devnet;
pub mod files;
pub mod follow;
pub mod headers;
pub mod incoming;
pub mod keys;
pub mod keystore;
pub mod passphrase;
pub mod scan;
pub mod selection;
pub mod session;
pub mod show;
pub mod spend;
pub mod words;

#[cfg(test)]
mod attacks;

use std::process::ExitCode;

use clap::Parser;

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.common.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if json => {
            println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
