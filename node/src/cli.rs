//! The command line: every command, its arguments and its help.

use cairn_daemon::config::layers::NodeArgs;
use cairn_genesis::programs::exit;
use clap::{Parser, Subcommand};

pub mod bench;
pub mod devnet;
pub mod genesis;
pub mod net;
pub mod simulate;
pub mod verify;
pub mod which_devnet;

/// A proof-of-work blockchain, to run, partition and watch
#[derive(Clone, Debug, Parser)]
#[command(name = "cairn", version, propagate_version = true, arg_required_else_help = true, after_long_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// A command of the program.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run one node of a network
    Node(Box<NodeArgs>),
    /// Start a whole network of real nodes on this machine, and watch it
    Devnet(devnet::DevnetArgs),
    /// Control a running devnet: partition, heal, mine, kill, pay
    Net(net::NetArgs),
    /// Show a running devnet in this terminal, and control it by single keys
    Top(which_devnet::WhichDevnet),
    /// Play a scenario in a simulated world, the same every time
    Simulate(simulate::SimulateArgs),
    /// Validate a stored chain again, from genesis
    Verify(verify::VerifyArgs),
    /// Make or print a chain definition
    Genesis(genesis::GenesisArgs),
    /// Measure how fast this machine hashes
    Bench(bench::BenchArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell that reads the script
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_argument_has_a_text_in_the_help() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            commands.extend(command.get_subcommands().cloned());
        }
        let node = Cli::command().find_subcommand("node").and_then(|node| node.get_about().cloned());
        assert_eq!(node.expect("a text").to_string(), "Run one node of a network");
    }
}
