//! One file per command; here, which one runs.

mod abandon;
mod address;
mod balance;
mod broadcast;
mod create;
mod history;
mod list;
mod rescan;
mod resend;
mod send;
mod wait;

use cairn_genesis::environment;
use cairn_genesis::exit::answer;
use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// Runs what was typed.
///
/// # Errors
/// What a person should read, and nothing was half done.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    environment::check(std::env::vars_os())?;
    let common = &cli.common;
    match &cli.command {
        Command::New(choice) => create::new(common, choice),
        Command::Restore(choice) => create::restore(common, choice),
        Command::Address(options) => address::run(common, options),
        Command::Balance => balance::run(common),
        Command::Send(wish) => send::run(common, wish),
        Command::History => history::run(common),
        Command::List => list::run(common),
        Command::Broadcast { transaction } => broadcast::run(common, transaction),
        Command::Resend { txids } => resend::run(common, txids),
        Command::Rescan => rescan::run(common),
        Command::Abandon { txid } => abandon::run(common, txid),
        Command::Completions { shell } => {
            // Not straight to standard output: the library panics where that cannot be written.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "cairn-wallet", &mut script);
            Ok(answer(String::from_utf8_lossy(&script).trim_end())?)
        }
    }
}
