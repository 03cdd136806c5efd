//! The command line: options and commands.

use std::ffi::OsString;
use std::path::PathBuf;

use cairn_core::amount::Amount;
use cairn_core::hash::Txid;
use cairn_genesis::programs::{exit, running};
use clap::{Args, Parser, Subcommand};

use crate::client::RpcAddress;
use crate::files::WalletName;

/// A wallet for Cairn chains: its keys never leave it.
#[derive(Debug, Parser)]
#[command(name = "cairn-wallet", version, arg_required_else_help = true, after_long_help = exit::HELP)]
pub struct Cli {
    /// Settings that every command shares.
    #[command(flatten)]
    pub common: Common,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that every command shares.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Name of the wallet.
    #[arg(long, short, global = true, default_value = "main", value_name = "NAME", env = "CAIRN_WALLET")]
    pub wallet: WalletName,
    /// Directory of the wallets [default: ~/.cairn/wallets].
    #[arg(long, global = true, value_name = "DIR", env = "CAIRN_WALLET_DIR")]
    pub dir: Option<PathBuf>,
    /// The devnet whose nodes are asked [default: the one started last].
    #[arg(long, global = true, value_name = "NAME|DIR", env = running::VARIABLE)]
    pub devnet_dir: Option<OsString>,
    /// The node to ask [default: the first node of the devnet that answers].
    #[arg(long, global = true, value_name = "HOST:PORT", env = "CAIRN_RPC")]
    pub rpc: Option<RpcAddress>,
    /// The node's cookie file [default: found where a devnet has a node with this address].
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_COOKIE")]
    pub cookie: Option<PathBuf>,
    /// File whose first line is the passphrase (or CAIRN_WALLET_PASSPHRASE; else it is asked for).
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Print one JSON value instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a wallet: show 24 words once and write an encrypted file.
    New(ChainChoice),
    /// Make a wallet from its words, or take a published devnet account.
    Restore(Restore),
    /// Show the newest receiving address.
    Address(AddressOptions),
    /// Show the coins of the wallet.
    Balance,
    /// Send coins to an address, after showing the fee.
    Send(Send),
    /// List every payment in and out.
    History,
    /// List the wallets in the directory.
    List,
    /// Hand a transaction that was signed with `send --offline` to the node.
    Broadcast {
        /// The signed transaction as hex.
        transaction: String,
    },
    /// Hand in again what the node has lost, or the payments of a chain that was started anew.
    Resend {
        /// Payments as `history` shows them, also unreleased ones [default: all that were released].
        #[arg(value_name = "TXID")]
        txids: Vec<Txid>,
    },
    /// Open the keys and search the chain for coins on addresses far beyond those handed out here.
    Rescan,
    /// Forget a payment that no node has, so that its coins can be spent again.
    Abandon {
        /// The payment, as `history` shows it.
        txid: Txid,
    },
    /// Print a completion script for the shell.
    Completions {
        /// Name of the shell.
        shell: clap_complete::Shell,
    },
}

/// The chain of a new wallet.
#[derive(Debug, Args)]
pub struct ChainChoice {
    /// devnet, testnet, regtest, or the path of a chain definition.
    #[arg(long, default_value = "devnet", value_name = "NAME|FILE")]
    pub chain: String,
}

/// Options of `restore`: the source of the words.
#[derive(Debug, Args)]
pub struct Restore {
    /// The chain of the wallet.
    #[command(flatten)]
    pub chain: ChainChoice,
    /// Take devnet account 0 to 9: funded in genesis, its words are published, anyone can spend it.
    #[arg(long, value_name = "ACCOUNT", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub devnet: Option<u8>,
    /// Read the words from this file instead of asking for them.
    #[arg(long, value_name = "FILE", conflicts_with = "devnet")]
    pub words_file: Option<PathBuf>,
}

/// Choice of the addresses to show.
#[derive(Debug, Args)]
pub struct AddressOptions {
    /// Show a fresh address, never shown before.
    #[arg(long)]
    pub new: bool,
    /// Show every address that was handed out.
    #[arg(long, conflicts_with = "new")]
    pub all: bool,
    /// Show each also as a QR code.
    #[arg(long)]
    pub qr: bool,
}

/// Options of `send`: the payment.
#[derive(Debug, Args)]
pub struct Send {
    /// Address of the recipient.
    pub address: String,
    /// Amount in coins, as in 12.5; `all` empties the wallet.
    #[arg(value_parser = parse_amount, allow_negative_numbers = true)]
    pub amount: SendAmount,
    /// Send without confirmation.
    #[arg(long, short)]
    pub yes: bool,
    /// Wait until this many blocks confirm it.
    #[arg(long, value_name = "N")]
    pub wait: Option<u32>,
    /// Coins per 1,000 bytes [default: what the node estimates].
    #[arg(long, value_name = "COINS")]
    pub fee_rate: Option<Amount>,
    /// Never pay more than this as a fee.
    #[arg(long, value_name = "COINS", default_value = "0.1")]
    pub max_fee: Amount,
    /// Sign and print without a node, with the coins of the last `balance`; then `broadcast` it anywhere.
    #[arg(long, conflicts_with = "wait")]
    pub offline: bool,
}

/// Amount of a payment as it is typed; none stands for `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendAmount(pub Option<Amount>);

fn parse_amount(text: &str) -> Result<SendAmount, String> {
    match text {
        "all" => Ok(SendAmount(None)),
        number => {
            let amount = number.parse().map_err(|error| format!("{error}; or write `all`"))?;
            Ok(SendAmount(Some(amount)))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_command_and_every_argument_has_a_text_in_the_help() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some_and(|text| !text.to_string().contains("Options of")));
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
