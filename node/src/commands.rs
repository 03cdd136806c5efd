//! The commands, one file each, and how the program ends.

use std::process::ExitCode;

use cairn_genesis::programs::environment;
use cairn_genesis::programs::exit::{Exit, OutputError, answer, end};
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};

pub mod bar;
pub mod bench;
pub mod devnet;
pub mod genesis;
pub mod net;
pub mod output;
pub mod run;
pub mod scenario;
pub mod simulate;
pub mod top;
pub mod verify;

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(usage) => {
            let printed = usage.print().map_err(OutputError::from);
            let status = u8::try_from(usage.exit_code()).unwrap_or(Exit::Usage as u8);
            return printed.map_or_else(|error| end("cairn", false, Some(&error)).into(), |()| status.into());
        }
    };
    let json = matches!(&command, Command::Net(net) if net.json);
    end("cairn", json, run(&command).err().as_ref().map(|error| error.as_ref())).into()
}

fn run(command: &Command) -> anyhow::Result<()> {
    environment::check(std::env::vars_os())?;
    match command {
        Command::Node(arguments) => run::run(arguments),
        Command::Devnet(arguments) => devnet::run(arguments),
        Command::Net(arguments) => net::run(arguments),
        Command::Top(arguments) => top::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Genesis(arguments) => genesis::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "cairn", &mut script);
            Ok(answer(String::from_utf8_lossy(&script).trim_end())?)
        }
    }
}
