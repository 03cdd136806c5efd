//! The commands, one file each, and how the program ends.

use std::io::Write;
use std::process::ExitCode;

use cairn_core::text::with_causes;
use cairn_genesis::environment;
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

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// Something went wrong that a person must know; it was said on standard error.
    Failure = 1,
    /// What was typed makes no sense (the parser of arguments ends with this code too).
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Parses what was typed, runs it, and says in one sentence what went wrong, if so.
pub fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => Exit::Success.into(),
        Err(error) if is_broken_pipe(&error) => Exit::Success.into(),
        Err(error) => {
            // Where it cannot be said, the exit status says it alone.
            let _ = writeln!(std::io::stderr(), "cairn: {}", with_causes(error.as_ref()));
            Exit::Failure.into()
        }
    }
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
            Ok(std::io::stdout().write_all(&script)?)
        }
    }
}

/// Whoever read our output has seen enough: no reason to complain. What breaks on the way to a node
/// is wrapped in an error of its own, and is told.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
