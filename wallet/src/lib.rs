//! Whose coins: keys are made, kept and used here and nowhere else.
//!
//! Reading order, the way of a payment:
//! [`words`] and [`keys`] (what a wallet is) → [`keystore`] and [`files`] (where it lies) →
//! [`devnet`] and [`node`] (which node is asked, and what) → [`headers`] and [`scan`] (what the chain says of our coins,
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
pub mod terminal;
pub mod view;
pub mod words;

#[cfg(test)]
mod attacks;

use std::process::ExitCode;

use cairn_genesis::exit::{Exit, OutputError, end};
use clap::Parser;

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let printed = usage.print().map_err(OutputError::from);
            let status = u8::try_from(usage.exit_code()).unwrap_or(Exit::Usage as u8);
            return printed.map_or_else(|error| end("error", false, Some(&error)).into(), |()| status.into());
        }
    };
    let json = cli.common.json;
    end("error", json, commands::run(cli).err().as_ref().map(|error| error.as_ref())).into()
}
