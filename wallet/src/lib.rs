//! The wallet: keys are made, kept and used here and nowhere else.
//!
//! Reading order, the way of a payment:
//! [`mnemonic`] and [`keys`] (what a wallet is) → [`keystore`] and [`files`] (where it lies) →
//! [`connection`] and [`node`] (the node that is called, and how) → [`headers`] and [`scan`] (our coins on the chain,
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
pub mod connection;
pub mod files;
pub mod follow;
pub mod headers;
pub mod keys;
pub mod keystore;
pub mod mnemonic;
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

#[cfg(test)]
mod attacks;

use std::ffi::OsStr;
use std::process::ExitCode;

use cairn_genesis::programs::exit::{Exit, OutputError, end};
use clap::error::{Error as UsageError, ErrorKind};
use clap::{Arg, CommandFactory, FromArgMatches};

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    let cli = match parse() {
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

/// The command line, completed by the environment: an empty variable counts as one that is not set.
fn parse() -> Result<cli::Cli, UsageError> {
    let value = |arg: &Arg| arg.get_env().and_then(std::env::var_os);
    let is_empty = |arg: &Arg| value(arg).is_some_and(|value| value.is_empty());
    let mut command =
        cli::Cli::command().mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg });
    let is_text = |arg: &&Arg| ["wallet", "rpc"].contains(&arg.get_id().as_str());
    for arg in command.get_arguments().filter(is_text) {
        if let Some(found) = value(arg).filter(|value| value.to_str().is_none()) {
            let name = arg.get_env().unwrap_or(OsStr::new("")).display();
            let reason = format!("the environment variable {name} is {found:?}: expected UTF-8 text");
            return Err(UsageError::raw(ErrorKind::InvalidUtf8, reason + "\n"));
        }
    }
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    cli::Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
