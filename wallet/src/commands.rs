//! The commands, by subject; this module runs the one that was typed.

mod address;
mod create;
mod overview;
mod send;
mod unconfirmed;
mod wait;

use cairn_genesis::programs::environment;
use cairn_genesis::programs::exit::answer;
use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// Runs the command that was typed.
///
/// # Errors
/// With a sentence for the person who typed it; nothing was half done then.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    environment::check(std::env::vars_os())?;
    let common = &cli.common;
    match &cli.command {
        Command::New(choice) => create::new(common, choice),
        Command::Restore(choice) => create::restore(common, choice),
        Command::Address(options) => address::run(common, options),
        Command::Balance => overview::balance(common),
        Command::Send(wish) => send::run(common, wish),
        Command::History => overview::history(common),
        Command::List => overview::list(common),
        Command::Broadcast { transaction } => unconfirmed::broadcast(common, transaction),
        Command::Resend { txids } => unconfirmed::resend(common, txids),
        Command::Rescan => overview::rescan(common),
        Command::Abandon { txid } => unconfirmed::abandon(common, txid),
        Command::Completions { shell } => {
            // Not straight to standard output: the library panics where that cannot be written.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "cairn-wallet", &mut script);
            Ok(answer(String::from_utf8_lossy(&script).trim_end())?)
        }
    }
}
