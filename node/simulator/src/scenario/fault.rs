//! What can be wrong with a scenario file: one variant for each rule, with the values found and allowed.

use core::time::Duration;

use cairn_core::amount::ParseAmountError;
use cairn_genesis::definition::DefinitionError;
use humantime::format_duration;

/// A scenario file breaks a rule: where, and which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, `{key}`: {fault}")]
pub struct ScenarioError {
    /// Counted from 1.
    pub line: usize,
    /// The key and the tables it stands in, as in `links.latency.from`; `scenario` for the whole file.
    pub key: String,
    /// The rule.
    pub fault: Fault,
}

/// A rule of scenario files, broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is too long to be read.
    #[error("found {found} bytes, expected at most {most}")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// Not TOML.
    #[error(
        "found what is not TOML: {0}; expected a number, true or false, a text in quotes, a list in [] or a table in {{}}"
    )]
    NotToml(String),
    /// No such key.
    #[error("found a key that is unknown here, expected one of {}", expected.join(", "))]
    UnknownKey {
        /// The keys that are known here.
        expected: &'static [&'static str],
    },
    /// A key is missing.
    #[error("found nothing, expected {expected}")]
    Missing {
        /// What it wants.
        expected: &'static str,
    },
    /// A value of another type.
    #[error("found {found}, expected {expected}")]
    WrongType {
        /// What kind of value it is.
        found: &'static str,
        /// What it wants.
        expected: &'static str,
    },
    /// A number outside its bounds.
    #[error("found {found}, expected {least} to {most}")]
    NumberOutOfBounds {
        /// The number as it is written.
        found: String,
        /// The smallest allowed.
        least: String,
        /// The largest allowed.
        most: String,
    },
    /// A text that stands for no time.
    #[error("found \"{found}\", expected a time such as \"250 ms\", \"30 s\" or \"10 min\"")]
    NotATime {
        /// The text, shortened.
        found: String,
    },
    /// A time that is too short, too long or has parts of a millisecond.
    #[error(
        "found {}, expected whole milliseconds from {} to {}",
        format_duration(*found), format_duration(*least), format_duration(*most)
    )]
    TimeOutOfBounds {
        /// The time.
        found: Duration,
        /// The shortest allowed.
        least: Duration,
        /// The longest allowed.
        most: Duration,
    },
    /// The longer time comes first.
    #[error("found {} to {}, expected the shorter time first", format_duration(*from), format_duration(*to))]
    TimesReversed {
        /// The first.
        from: Duration,
        /// The second.
        to: Duration,
    },
    /// A name of other characters, or of too many.
    #[error("found \"{found}\", expected 1 to {most} lower-case letters, digits and -, and not \"all\"")]
    NotAName {
        /// The text, shortened.
        found: String,
        /// Characters of the longest.
        most: usize,
    },
    /// A sentence that is empty, too long, or has line breaks.
    #[error("found {found} characters, expected a sentence of 1 to {most} on one line")]
    NotASentence {
        /// Its characters.
        found: usize,
        /// Characters of the longest.
        most: usize,
    },
    /// Two groups of one name.
    #[error("found \"{found}\" a second time, expected a name of its own for each group")]
    NameTaken {
        /// The name.
        found: String,
    },
    /// A word that is not one of those known.
    #[error("found \"{found}\", expected one of {}", expected.join(", "))]
    UnknownWord {
        /// The word, shortened.
        found: String,
        /// Those known.
        expected: &'static [&'static str],
    },
    /// A step that is said not to be done.
    #[error("found false, expected true, or no such step")]
    NotTrue,
    /// Revenue of one group expected twice.
    #[error("found \"{group}\" a second time, expected one entry for each group")]
    RevenueTaken {
        /// The group.
        group: String,
    },
    /// Too few or too many in a list.
    #[error("found {found} entries, expected {least} to {most}")]
    Entries {
        /// How many.
        found: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Too many nodes.
    #[error("found {found} nodes in all groups up to here, expected at most {most}")]
    TooManyNodes {
        /// How many.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// Nobody ever finds a block.
    #[error(
        "found no hash rate in any group and no step that mines, expected shares of which one is above 0"
    )]
    NobodyMines,
    /// A behaviour that takes another number of nodes.
    #[error("found a group of {found} nodes, expected {expected}: that is what `{behaviour}` takes")]
    NodesOfBehaviour {
        /// How many nodes.
        found: u16,
        /// How many it takes.
        expected: u16,
        /// The behaviour.
        behaviour: &'static str,
    },
    /// A behaviour that a group has from the beginning or not at all.
    #[error("found {found}, expected honest, withhold or eclipse: the others are for a whole run")]
    NotBegunLater {
        /// The behaviour.
        found: &'static str,
    },
    /// A double-spender does not change.
    #[error("found a group that is {found}, expected one that can change: it stays so for a whole run")]
    StaysSo {
        /// What it does.
        found: &'static str,
    },
    /// No group has this name.
    #[error("found \"{found}\", expected a group: {known}")]
    UnknownGroup {
        /// The name, shortened.
        found: String,
        /// The groups, shortened.
        known: String,
    },
    /// A reference that is none.
    #[error(
        "found \"{found}\", expected nodes: \"all\", a group's name, one of its nodes as in \"miners.0\" or some as in \"miners.0-3\""
    )]
    NotNodes {
        /// The text, shortened.
        found: String,
    },
    /// A group has no such node.
    #[error("found node {found} of \"{group}\", expected 0 to {last}")]
    NoSuchNode {
        /// Its number.
        found: u64,
        /// The group.
        group: String,
        /// The number of its last node.
        last: u16,
    },
    /// One node named twice.
    #[error("found node {node} twice, expected each node once")]
    NamedTwice {
        /// Its number in the world.
        node: u16,
    },
    /// Several nodes where one is wanted.
    #[error("found {found} nodes, expected one, as in \"miners.0\"")]
    NotOneNode {
        /// How many.
        found: usize,
    },
    /// All steps together name too many nodes.
    #[error("found {found} nodes named in all steps up to here, expected at most {most}")]
    TooManyNamed {
        /// How many.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// A topology of more links than a machine should be asked for.
    #[error("found up to {found} links, expected at most {most}: choose another kind or smaller numbers")]
    TooManyLinks {
        /// How many.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// A group kept to itself.
    #[error("found the group itself, expected another group")]
    ConfinedToItself,
    /// More payments at one time than there are wallets.
    #[error("found {found} payments, expected at most {wallets}: each wallet waits for its answer")]
    MorePaymentsThanWallets {
        /// How many.
        found: u64,
        /// How many wallets.
        wallets: u16,
    },
    /// More coins paid twice than there are wallets.
    #[error(
        "found {found} payments with `twice_at` up to here, expected at most {wallets}: a wallet that paid a coin twice pays no more"
    )]
    MoreTwiceThanWallets {
        /// How many.
        found: u64,
        /// How many wallets.
        wallets: u16,
    },
    /// A payment at a node that nobody sees.
    #[error("found the secret node of \"{group}\", expected another: nobody pays there")]
    PaidInSecret {
        /// The attackers' group.
        group: String,
    },
    /// A step of no action, or of several.
    #[error("found {found} actions, expected exactly one of {}", expected.join(", "))]
    NotOneAction {
        /// How many.
        found: usize,
        /// Those known.
        expected: &'static [&'static str],
    },
    /// A step that is earlier than the one before it.
    #[error(
        "found {}, expected {} or later: steps stand in the order of time",
        format_duration(*found), format_duration(*previous)
    )]
    OutOfOrder {
        /// When.
        found: Duration,
        /// When the step before it is done.
        previous: Duration,
    },
    /// A step that would never be done.
    #[error("found {}, expected a time before the stop after {}", format_duration(*found), format_duration(*stop))]
    AfterTheStop {
        /// When.
        found: Duration,
        /// When mining stops.
        stop: Duration,
    },
    /// Attempts are counted where nobody makes any.
    #[error("found no group that is double-spend, expected one whose attempts can be counted")]
    NoAttempts,
    /// Who wins is expected where nothing is cut.
    #[error(
        "found no step that is a partition or refuse, expected one from which on the sides can be compared"
    )]
    NothingCuts,
    /// How deep a double spend goes is expected where nobody can make one.
    #[error(
        "found no group that is double-spend and no payment with `twice_at`, expected somebody who can take a payment back"
    )]
    NothingTakenBack,
    /// Two tables for links of the same groups.
    #[error("found \"{one}\" and \"{other}\" a second time, expected one table for each pair of groups")]
    PairTaken {
        /// The first group.
        one: String,
        /// The second.
        other: String,
    },
    /// An attacker cuts itself off, or is shown its own blocks.
    #[error("found node {node}, which is of the attackers' group \"{group}\", expected others' nodes")]
    OwnVictim {
        /// Its number in the world.
        node: u16,
        /// The group.
        group: String,
    },
    /// A behaviour as a word that cannot be told in a word.
    #[error("found the word \"{found}\", expected a table such as {expected}")]
    WordForTable {
        /// The word.
        found: &'static str,
        /// A table that could stand there.
        expected: &'static str,
    },
    /// A coin that is to be paid twice where there is nobody else to pay.
    #[error("found one wallet, expected two or more: who pays a coin twice pays another first")]
    NobodyToPay,
    /// A coin that is to be paid twice at one node.
    #[error("found the node of the first payment, expected another")]
    TwiceAtOneNode,
    /// Convergence is expected where nothing parts nodes.
    #[error("found no step that is heal, restart or behave, expected one after which nodes can agree again")]
    NothingMends,
    /// Bounds without a bound.
    #[error("found neither, expected `least`, `most` or both")]
    NoBounds,
    /// Bounds that nothing meets.
    #[error("found least above most, expected least first")]
    BoundsReversed,
    /// A text that is no amount of coins.
    #[error("{0}")]
    Amount(#[from] ParseAmountError),
    /// Values of the chain that do not fit together.
    #[error("{0}")]
    Chain(#[from] DefinitionError),
}
