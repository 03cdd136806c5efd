//! `cairn net`: the arguments.

use clap::{Args, Subcommand};

use crate::cli::which_devnet::WhichDevnet;

/// What was typed after `cairn net`.
#[derive(Clone, Debug, Args)]
pub struct NetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NetTask,
    /// Which devnet.
    #[command(flatten)]
    pub which: WhichDevnet,
    /// One JSON value instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// What is asked of one devnet, or about all.
#[derive(Clone, Debug, Subcommand)]
pub enum NetTask {
    /// List the devnets that run, the newest last
    List,
    /// Steer one of them.
    #[command(flatten)]
    Steer(NetCommand),
}

/// How a devnet is steered.
#[derive(Clone, Debug, Subcommand)]
pub enum NetCommand {
    /// Show every node: phase, tip, work, peers, mempool, group, and who is stuck
    Status,
    /// Cut the network into groups, as in: partition 0,1,2 / 3,4
    Partition {
        /// Groups of nodes, a slash between them; who is not named is alone
        #[arg(required = true, num_args = 1..)]
        groups: Vec<String>,
    },
    /// Join all groups again
    Heal,
    /// Cut in halves, mine a longer chain on one side, heal, and tell what was reorganised
    Fork {
        /// Blocks that the losing side mines; the other mines one more
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
        blocks: u32,
    },
    /// Kill a node as a crash would
    Kill {
        /// Which.
        node: u16,
    },
    /// Start a killed node again, on its data
    Restart {
        /// Which.
        node: u16,
    },
    /// Mine blocks on a node at once
    ///
    /// Where the difficulty follows the clock, as on the devnet's own chain, blocks that are mined at once
    /// are ahead of its schedule, and the next ones take longer; what that comes to is said before. For
    /// thousands of blocks start the devnet with `--chain regtest`, where the difficulty is fixed.
    Mine {
        /// Which.
        node: u16,
        /// How many.
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        blocks: u32,
        /// Pay the reward to this address [default: the node's own]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// Change how fast a node mines, in per cent of what it began with; 0% stops it
    Hashrate {
        /// Which.
        node: u16,
        /// As in 30%.
        percent: String,
    },
    /// Make all links of a node slower, each way
    Slow {
        /// Which.
        node: u16,
        /// By how many milliseconds; 0 makes them as fast as at first
        #[arg(value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(..=10_000))]
        delay_ms: u64,
    },
    /// Have coins sent to an address, out of the devnet's own funds
    Faucet {
        /// Who gets them.
        address: String,
        /// How many.
        #[arg(default_value = "100")]
        amount: String,
        /// The node that is handed the payment
        #[arg(long, default_value_t = 0)]
        node: u16,
    },
    /// List the accounts that the chain funds, with their published words
    Accounts,
}

impl NetCommand {
    /// Whether the devnet is another one afterwards, so that doing it twice is not doing it once.
    pub fn changes_the_devnet(&self) -> bool {
        !matches!(self, Self::Status | Self::Accounts)
    }
}
