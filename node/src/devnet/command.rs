//! Commands to a devnet and its replies: what `cairn net`, `cairn top` and the page send to the control API.

use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::work::Work;
use cairn_daemon::api::replies::MiningEstimate;
use cairn_daemon::api::status::NodeStatus;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use crate::devnet::error::DevnetError;
use crate::devnet::view::Behind;

/// Limit of the blocks of one command.
pub const MOST_BLOCKS: u32 = 100_000;
/// Limit of the blocks of the losing side of a fork.
pub const MOST_FORKED: u32 = 1_000;
/// Limit of a hash rate, in per cent of the node's first one.
pub const MOST_PERCENT: u64 = 10_000;
/// Limit of the delay of a node's links, in milliseconds.
pub const MOST_DELAY_MS: u64 = 10_000;
/// Largest time limit of blocks that are mined at once, in milliseconds.
const MOST_MINING_MS: u64 = 3_600_000;

/// A command to a devnet: typed after `cairn net`, or sent to `/v1/NAME` with its arguments as the body.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevnetCommand {
    /// Show every node: phase, tip, work, peers, mempool, group, and which are stuck or behind
    Status {},
    /// Partition the network into groups, as in: partition 0,1,2 / 3,4
    Partition {
        /// Groups of nodes, a slash between them; nodes that are not named form one more group
        #[arg(required = true, num_args = 1..)]
        #[serde(with = "joined")]
        groups: Vec<String>,
    },
    /// Heal the network: all nodes may connect again
    Heal {},
    /// Partition into halves, mine a longer chain on one side, heal, and tell what was reorganized
    Fork {
        /// Blocks that the losing side mines; the other mines one more
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_FORKED)))]
        blocks: u32,
    },
    /// Kill a node as a crash would
    Kill {
        /// Number of the node, as `cairn net status` shows it
        node: u16,
    },
    /// Start a killed node again, on its data and with its settings
    Restart {
        /// Number of the node, as `cairn net status` shows it
        node: u16,
    },
    /// Mine blocks on a node at once
    ///
    /// Where the difficulty follows the clock, as on the devnet's own chain, blocks that are mined at once
    /// are ahead of its schedule, and the next ones take longer; what that comes to is said before. For
    /// thousands of blocks start the devnet with `--chain regtest`, where the difficulty is fixed.
    Mine {
        /// Number of the node, as `cairn net status` shows it
        node: u16,
        /// Number of blocks to mine
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_BLOCKS)))]
        blocks: u32,
        /// Pay the reward to this address [default: the node's own]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// Seconds after which it ends with the blocks that there are, as it does with Ctrl-C
        #[arg(long = "limit", value_name = "SECONDS", default_value = "300", value_parser = parse_seconds)]
        #[serde(default = "mining_limit")]
        limit_ms: u64,
    },
    /// Tell what mining blocks at once would do to the difficulty.
    #[command(skip)]
    Estimate { node: u16, blocks: u32 },
    /// Change the hash rate of a node, in per cent of the one it began with; 0% stops it
    Hashrate {
        /// Number of the node, as `cairn net status` shows it
        node: u16,
        /// Share of the first hash rate, as in 30%; at most 10000%
        #[arg(value_parser = parse_percent)]
        percent: u64,
    },
    /// Make all links of a node slower, each way
    Slow {
        /// Number of the node, as `cairn net status` shows it
        node: u16,
        /// Milliseconds; 0 makes them as fast as at first
        #[arg(value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(..=MOST_DELAY_MS))]
        delay_ms: u64,
    },
    /// Have coins sent to an address, out of the devnet's own funds
    Faucet {
        /// Address of the payee
        address: String,
        /// Number of coins to send
        #[arg(default_value = "100")]
        amount: String,
        /// The node that is handed the payment
        #[arg(long, default_value_t = 0)]
        node: u16,
    },
    /// List the accounts that the chain funds, with their published words
    Accounts {},
}

/// Time limit of blocks that are mined at once where the request names none, in milliseconds.
pub const fn mining_limit() -> u64 {
    300_000
}

fn parse_seconds(text: &str) -> Result<u64, String> {
    let ms = text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
    ms.filter(|ms| (1..=MOST_MINING_MS).contains(ms))
        .ok_or_else(|| format!("expected seconds from 1 to {}", MOST_MINING_MS / 1_000))
}

/// Words on the command line, one text on the wire.
mod joined {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Joins the words with spaces.
    pub fn serialize<S: Serializer>(words: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&words.join(" "))
    }

    /// Takes the text as one word.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(vec![String::deserialize(deserializer)?])
    }
}

fn parse_percent(text: &str) -> Result<u64, String> {
    let number = text.trim().trim_end_matches('%').trim().parse::<u64>();
    number.ok().filter(|percent| *percent <= MOST_PERCENT).ok_or_else(|| {
        format!("{text:?} is not a share of a hash rate: write per cent, as in 30%, from 0 to {MOST_PERCENT}")
    })
}

impl DevnetCommand {
    /// Whether the devnet is another one afterwards, so that twice is not the same as once.
    pub const fn changes_the_devnet(&self) -> bool {
        !matches!(self, Self::Status {} | Self::Accounts {} | Self::Estimate { .. })
    }

    /// Checks numbers against their limits.
    ///
    /// # Errors
    /// [`DevnetError::Argument`], with the limits.
    pub fn check(&self) -> Result<(), DevnetError> {
        let (found, least, most, of) = match self {
            Self::Mine { limit_ms, .. } if !(1..=MOST_MINING_MS).contains(limit_ms) => {
                (*limit_ms, 1, MOST_MINING_MS, "milliseconds")
            }
            Self::Fork { blocks } => (u64::from(*blocks), 1, MOST_FORKED.into(), "blocks"),
            Self::Mine { blocks, .. } | Self::Estimate { blocks, .. } => {
                (u64::from(*blocks), 1, MOST_BLOCKS.into(), "blocks")
            }
            Self::Hashrate { percent, .. } => (*percent, 0, MOST_PERCENT, "per cent of the first hash rate"),
            Self::Slow { delay_ms, .. } => (*delay_ms, 0, MOST_DELAY_MS, "milliseconds"),
            _ => return Ok(()),
        };
        if (least..=most).contains(&found) {
            return Ok(());
        }
        let expected = format!("number of {of} from {least} to {most}");
        Err(DevnetError::Argument { found: found.to_string(), expected })
    }
}

/// A command to the player of scenarios, sent to `/v1/player/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayerCommand {
    /// Plays a scenario that comes with the program; `speed` is in seconds of its world per second.
    Play {
        name: String,
        seed: u64,
        speed: u32,
    },
    Pause {},
    Resume {},
    Speed {
        speed: u32,
    },
    Stop {},
}

/// Reply to `partition` and `heal`: the groups as people write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsReply {
    pub groups: String,
    /// Whether there was something to do: a whole network is not healed.
    pub changed: bool,
}

/// Reply to `mine`: the new blocks and their payee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mined {
    pub hashes: Vec<BlockHash>,
    /// Address of the payee.
    pub to: String,
    /// The reason why the blocks are fewer than wanted: the time limit, or the end of the request.
    pub why_fewer: Option<String>,
}

/// Reply to `hashrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashrateReply {
    pub node: u16,
    pub percent: u64,
    /// False for a node that is down: it is applied at the restart.
    pub in_force: bool,
}

/// Reply to `slow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowReply {
    pub node: u16,
    pub delay_ms: u64,
    /// False for a node that is down: it is applied at the restart.
    pub in_force: bool,
}

/// Reply to `estimate`; none on a chain of fixed difficulty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimateReply {
    /// Sentence for people; none when the difficulty hardly changes.
    pub words: Option<String>,
    pub estimate: Option<Estimate>,
}

/// The estimate of a node, and the hash rate that it was made for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    #[serde(flatten)]
    pub mining: MiningEstimate,
    /// Hashes per second of the miners that work on the node's chain.
    pub hashrate: f64,
}

/// Reply to `faucet`: the payment that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub txid: Txid,
    pub amount: Amount,
    /// Address of the payee.
    pub to: String,
    /// The node that was handed the payment.
    pub node: u16,
    pub fee: Amount,
}

/// An account that genesis funds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub account: u8,
    pub address: String,
    /// Coins that genesis pays to it.
    pub balance: Amount,
    /// Published words of its wallet.
    pub words: String,
}

/// Reply to `status`: the groups and every node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Name of the chain.
    pub chain: String,
    /// The groups as people write them.
    pub groups: String,
    pub nodes: Vec<NodeReport>,
}

/// A node in the status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    pub id: u16,
    /// Letter of its group.
    pub group: String,
    /// The node that it fetches blocks from.
    pub sync_from_node: Option<u16>,
    /// Set where another node has had more work for longer than a block takes to arrive.
    pub behind: Option<Behind>,
    /// Hash rate in per cent of the first one; none where the node never had one.
    pub percent: Option<u64>,
    #[serde(flatten)]
    pub status: ReportedStatus,
}

/// Status of a node as far as it gave one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReportedStatus {
    Replied(Box<NodeStatus>),
    /// `phase` is `down` or `silent`.
    Silent {
        phase: String,
        why: String,
    },
}

/// Reply to `fork`: both sides, and the nodes that changed branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkReport {
    pub groups: String,
    pub fork_height: Height,
    /// Tips of the two sides before healing.
    pub sides: [SideTip; 2],
    /// Letter of the side whose branch won.
    pub winner: Option<String>,
    pub why: String,
    pub tip: BlockHash,
    pub ms_to_agree: u64,
    pub reorganized: Vec<NodeReorganization>,
}

/// Tip of one side of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideTip {
    pub tip: BlockHash,
    pub height: Height,
    pub chainwork: Work,
}

/// A node that changed branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReorganization {
    pub node: u16,
    /// Blocks that left its best chain.
    pub left: u32,
    /// Blocks that joined it.
    pub joined: u32,
    pub fork_height: Height,
}

#[cfg(test)]
mod tests {
    use cairn_daemon::api::tagged::{join, split};

    use super::*;

    #[test]
    fn shares_are_read_with_and_without_the_sign_up_to_the_limit_of_the_api() {
        assert_eq!((parse_percent("30%"), parse_percent("0")), (Ok(30), Ok(0)));
        for wrong in ["fast", "-5%", "10001%"] {
            assert!(parse_percent(wrong).is_err_and(|said| said.contains("from 0 to 10000")), "{wrong}");
        }
        let command = DevnetCommand::Hashrate { node: 0, percent: MOST_PERCENT + 1 };
        assert!(matches!(command.check(), Err(DevnetError::Argument { .. })));
    }

    #[test]
    fn a_command_is_a_path_and_a_body() {
        let command = DevnetCommand::Partition { groups: vec!["0,1".into(), "/".into(), "2".into()] };
        let (name, body) = split(&command);
        assert_eq!((name.as_str(), body.as_str()), ("partition", r#"{"groups":"0,1 / 2"}"#));
        assert_eq!(
            join::<DevnetCommand>("mine", r#"{"node":1,"blocks":2}"#).expect("a command"),
            DevnetCommand::Mine { node: 1, blocks: 2, to: None, limit_ms: 300_000 }
        );
        assert_eq!(split(&DevnetCommand::Heal {}), ("heal".to_owned(), "{}".to_owned()));
    }
}
