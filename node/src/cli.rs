//! What can be typed: every command, its arguments and its help. What they mean is in `config`.

use cairn_daemon::config::layers::NodeArgs;
use cairn_genesis::programs::exit;
use clap::{Parser, Subcommand};

pub mod bench;
pub mod devnet;
pub mod genesis;
pub mod net;
pub mod simulate;
pub mod top;
pub mod verify;
pub mod which_devnet;

/// A proof-of-work blockchain, to be run, cut apart and watched.
#[derive(Clone, Debug, Parser)]
#[command(name = "cairn", version, propagate_version = true, arg_required_else_help = true, after_long_help = exit::HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run one node
    Node(Box<NodeArgs>),
    /// Start a whole network of real nodes on this machine, and watch it
    Devnet(devnet::DevnetArgs),
    /// Steer a running devnet: cut it, heal it, mine, kill, pay
    Net(net::NetArgs),
    /// Look at a running devnet in this terminal, and steer it by single keys
    Top(top::TopArgs),
    /// Play a scenario in a simulated world, the same every time
    Simulate(simulate::SimulateArgs),
    /// Validate a stored chain again, from genesis
    Verify(verify::VerifyArgs),
    /// Make or print a chain definition
    Genesis(genesis::GenesisArgs),
    /// Measure this machine
    Bench(bench::BenchArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell.
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
}
