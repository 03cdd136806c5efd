//! Behaviours as scenario files write them: a word, or a table with a `kind`.

use core::time::Duration;

use crate::behaviour::{Behaviour, DoubleSpend};
use crate::place::Place;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::names::Names;
use crate::scenario::section::{Entry, Section};

/// Behaviours that are written as a word.
const WORDS: &[&str] = &["honest", "selfish", "withhold"];
/// All of them.
const KINDS: &[&str] = &["honest", "selfish", "withhold", "double-spend", "eclipse", "intermittent"];
/// Keys of a behaviour that is a table.
pub const KEYS: &[&str] =
    &["kind", "confirmations", "premined", "give_up_behind", "victims", "up", "down", "shown_first_to"];
/// Confirmations that a payee may wait for, and blocks that an attacker may fall behind.
const MOST_BLOCKS: u64 = 1_000;
/// Nobody comes and goes faster: a node needs some time to join.
const SHORTEST_STAY: Duration = Duration::from_secs(1);
/// Nor slower: a year.
const LONGEST_STAY: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The tables of those that a word does not tell.
const TABLES: &[(&str, &str)] = &[
    ("double-spend", "{ kind = \"double-spend\", confirmations = 2, give_up_behind = 6 }"),
    ("eclipse", "{ kind = \"eclipse\", victims = [\"miners.0\"] }"),
    ("intermittent", "{ kind = \"intermittent\", up = \"20 s\", down = \"5 s\" }"),
];

/// A behaviour of a group, by its place in the plan; its victims are nodes of other groups.
///
/// # Errors
/// Unknown kinds, keys of another kind, and every fault of single values.
pub fn read(entry: &Entry, own: usize, names: &Names) -> Result<Behaviour, ScenarioError> {
    if !entry.is_table() {
        if let Some((found, expected)) = TABLES.iter().find(|(word, _)| entry.is_word(word)) {
            return Err(entry.fault(Fault::WordForTable { found, expected }));
        }
        return Ok(match entry.word(WORDS)? {
            "selfish" => Behaviour::Selfish { shown_first_to: Vec::new() },
            "withhold" => Behaviour::Withhold,
            _ => Behaviour::Honest,
        });
    }
    let kind = entry.section(KEYS)?.require("kind", "a word in quotes")?.word(KINDS)?;
    Ok(match kind {
        "selfish" => {
            let how = entry.section(&["kind", "shown_first_to"])?;
            let shown_first_to =
                how.get("shown_first_to").map_or(Ok(Vec::new()), |of| others(&of, own, names))?;
            Behaviour::Selfish { shown_first_to }
        }
        "withhold" => entry.section(&["kind"]).map(|_| Behaviour::Withhold)?,
        "double-spend" => {
            let how = entry.section(&["kind", "confirmations", "premined", "give_up_behind"])?;
            Behaviour::DoubleSpend(double_spend(&how)?)
        }
        "eclipse" => {
            let how = entry.section(&["kind", "victims"])?;
            let of = how.require("victims", "a list of nodes")?;
            Behaviour::Eclipse { victims: others(&of, own, names)? }
        }
        "intermittent" => {
            let how = entry.section(&["kind", "up", "down"])?;
            let stay = |key| how.require(key, "a time in quotes")?.time(SHORTEST_STAY, LONGEST_STAY);
            Behaviour::Intermittent { up: stay("up")?, down: stay("down")? }
        }
        _ => entry.section(&["kind"]).map(|_| Behaviour::Honest)?,
    })
}

/// Nodes that are of other groups.
fn others(of: &Entry, own: usize, names: &Names) -> Result<Vec<Place>, ScenarioError> {
    let nodes = names.nodes_of(of)?;
    match nodes.iter().find(|node| names.is_of(**node, own)) {
        Some(node) => {
            let (node, group) = (node.number(), names.name(own).to_owned());
            Err(of.fault(Fault::OwnVictim { node, group }))
        }
        None => Ok(nodes),
    }
}

fn double_spend(how: &Section) -> Result<DoubleSpend, ScenarioError> {
    let blocks = |key| {
        let found = how.require(key, "a number of blocks")?.whole(1, MOST_BLOCKS)?;
        Ok(u32::try_from(found).expect("the bound fits"))
    };
    let premined = how.get("premined").map_or(Ok(false), |entry| entry.truth())?;
    Ok(DoubleSpend {
        confirmations: blocks("confirmations")?,
        premined,
        give_up_behind: blocks("give_up_behind")?,
    })
}

/// Whether a group of so many nodes can behave so.
///
/// # Errors
/// [`Fault::NodesOfBehaviour`].
pub fn check(entry: &Entry, behaviour: &Behaviour, found: u16) -> Result<(), ScenarioError> {
    let expected = match behaviour {
        Behaviour::Selfish { .. } => 1,
        // The node that all see, and the secret miner.
        Behaviour::DoubleSpend(_) => 2,
        _ => return Ok(()),
    };
    if found == expected {
        return Ok(());
    }
    Err(entry.fault(Fault::NodesOfBehaviour { found, expected, behaviour: behaviour.word() }))
}
