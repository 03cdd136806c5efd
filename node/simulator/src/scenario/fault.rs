//! What can be wrong with a scenario file: one variant for each rule, with the values found and allowed.

use core::time::Duration;

use cairn_genesis::definition::DefinitionError;
use cairn_genesis::toml_file::{FileError, TomlFault};
use humantime::format_duration;

/// A scenario file breaks a rule, with line and key.
pub type ScenarioError = FileError<Fault>;

/// A rule of scenario files, broken. The message of each variant says what it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("found {found} bytes, expected at most {most}")]
    TooLong { found: usize, most: usize },
    #[error(transparent)]
    File(#[from] TomlFault),
    #[error("found {} to {}, expected the shorter time first", format_duration(*from), format_duration(*to))]
    TimesReversed { from: Duration, to: Duration },
    #[error("found {found} characters, expected a sentence of 1 to {most} on one line")]
    NotASentence { found: usize, most: usize },
    #[error("found \"{found}\", expected a name of its own for each group, and not \"all\"")]
    NameTaken { found: String },
    #[error("found false, expected true, or no such step")]
    NotTrue,
    #[error("found \"{group}\" a second time, expected one entry for each group")]
    RevenueTaken { group: String },
    #[error("found {found} entries, expected {least} to {most}")]
    Entries { found: usize, least: usize, most: usize },
    #[error("found {found} nodes in all groups up to here, expected at most {most}")]
    TooManyNodes { found: u64, most: u64 },
    #[error(
        "found no hash rate in any group and no step that mines, expected shares of which one is above 0"
    )]
    NoMiner,
    #[error("found a group of {found} nodes, expected {expected}: that is what `{behaviour}` takes")]
    NodesOfBehaviour { found: u16, expected: u16, behaviour: &'static str },
    #[error("found {found}, expected honest, withhold or eclipse: the others are for a whole run")]
    NotBegunLater { found: &'static str },
    #[error("found a group that is {found}, expected one that can change: it stays so for a whole run")]
    StaysSo { found: &'static str },
    #[error("found \"{found}\", expected a group: {known}")]
    UnknownGroup { found: String, known: String },
    #[error(
        "found \"{found}\", expected nodes: \"all\", a group's name, one of its nodes as in \"miners.0\" or some as in \"miners.0-3\""
    )]
    NotNodes { found: String },
    #[error("found node {found} of \"{group}\", expected 0 to {last}")]
    NoSuchNode { found: u64, group: String, last: u16 },
    #[error("found node {node} twice, expected each node once")]
    NamedTwice { node: u16 },
    #[error("found {found} nodes, expected one, as in \"miners.0\"")]
    NotOneNode { found: usize },
    #[error("found {found} nodes named in all steps up to here, expected at most {most}")]
    TooManyNamed { found: usize, most: usize },
    #[error("found up to {found} links, expected at most {most}: choose another kind or smaller numbers")]
    TooManyLinks { found: u64, most: u64 },
    #[error("found the group itself, expected another group")]
    ConfinedToItself,
    #[error(
        "found {found} payments, expected at most {wallets}: each wallet pays again when its last payment is answered"
    )]
    MorePaymentsThanWallets { found: u64, wallets: u16 },
    #[error(
        "found {found} payments with `twice_at` up to here, expected at most {wallets}: a wallet that paid a coin twice pays no more"
    )]
    MoreTwiceThanWallets { found: u64, wallets: u16 },
    #[error("found the secret node of \"{group}\", expected another: no wallet pays there")]
    PaidInSecret { group: String },
    #[error("found {found} actions beside `at`, expected exactly one")]
    NotOneAction { found: usize },
    #[error(
        "found {}, expected {} or later: steps stand in the order of time",
        format_duration(*found), format_duration(*previous)
    )]
    OutOfOrder { found: Duration, previous: Duration },
    #[error("found {}, expected a time before the stop after {}", format_duration(*found), format_duration(*stop))]
    AfterTheStop { found: Duration, stop: Duration },
    #[error("found no group that is double-spend, expected one whose attempts can be counted")]
    NoAttempts,
    #[error(
        "found no step that is a partition or refuse, expected one from which on the sides can be compared"
    )]
    NoPartition,
    #[error(
        "found no group that is double-spend and no payment with `twice_at`, expected one that can take a payment back"
    )]
    NoDoubleSpend,
    #[error("found \"{one}\" and \"{other}\" a second time, expected one table for each pair of groups")]
    PairTaken { one: String, other: String },
    #[error("found node {node}, which is of the attackers' group \"{group}\", expected others' nodes")]
    OwnVictim { node: u16, group: String },
    #[error("found the word \"{found}\", expected a table such as {expected}")]
    WordForTable { found: &'static str, expected: &'static str },
    #[error("found one wallet, expected two or more: a wallet that pays a coin twice pays another one first")]
    OnlyOneWallet,
    #[error("found the node of the first payment, expected another")]
    TwiceAtOneNode,
    #[error("found no step that is heal, restart or behave, expected one after which nodes can agree again")]
    NothingHeals,
    #[error("found neither, expected `least`, `most` or both")]
    NoBounds,
    #[error("found least above most, expected least first")]
    BoundsReversed,
    #[error(transparent)]
    Chain(#[from] DefinitionError),
}
