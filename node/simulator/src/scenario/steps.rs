//! `[[step]]`: what is done to the world, and when.

use core::time::Duration;

use crate::behaviour::Behaviour;
use crate::place::Place;
use crate::plan::{Group, Step, Stop, Workload};
use crate::scenario::behaviour;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::names::Names;
use crate::scenario::section::{Entry, Section};

/// Keys of a `[[step]]`.
pub const KEYS: &[&str] =
    &["at", "partition", "refuse", "heal", "kill", "restart", "slow", "mine", "pay", "hashrate", "behave"];
/// The same without its time.
const ACTIONS: &[&str] =
    &["partition", "refuse", "heal", "kill", "restart", "slow", "mine", "pay", "hashrate", "behave"];
/// Steps of a plan.
const MAX_STEPS: usize = 10_000;
/// Nodes that all steps together name.
const MAX_NAMED: usize = 1_000_000;
/// Blocks that a step mines at once.
const MOST_BLOCKS: u64 = 1_000;
/// Times as long that slow nodes take, in hundredths.
const SLOWNESS: (u64, u64) = (1, 100_000);
/// Per cent of the first hash rate.
const MOST_PERCENT: u64 = 10_000;

/// What else a plan says, that steps must fit.
#[derive(Clone, Copy, Debug)]
pub struct Around<'p> {
    /// Names of nodes.
    pub names: &'p Names,
    /// The groups.
    pub groups: &'p [Group],
    /// Who pays.
    pub workload: &'p Workload,
    /// When it ends.
    pub stop: &'p Stop,
}

/// Every step, each with its time.
///
/// # Errors
/// Every fault of steps.
pub fn read(whole: &Section, around: Around) -> Result<Vec<(Duration, Step)>, ScenarioError> {
    let entries = whole.get("step").map_or(Ok(Vec::new()), |entry| entry.list(0, MAX_STEPS))?;
    let (mut steps, mut previous, mut named, mut twice) = (Vec::new(), Duration::ZERO, 0, 0);
    for entry in entries {
        let section = entry.section(KEYS)?;
        let at = time(&section.require("at", "a time in quotes")?, previous, around.stop.after)?;
        let step = step(&section, around)?;
        if let Step::Pay { payments, twice_at: Some(_), .. } = step {
            twice += u64::from(payments);
            let wallets = around.workload.wallets;
            if twice > u64::from(wallets) {
                return Err(entry.fault(Fault::MoreTwiceThanWallets { found: twice, wallets }));
            }
        }
        named += places_in(&step);
        if named > MAX_NAMED {
            return Err(entry.fault(Fault::TooManyNamed { found: named, most: MAX_NAMED }));
        }
        steps.push((at, step));
        previous = at;
    }
    Ok(steps)
}

fn time(entry: &Entry, previous: Duration, stop: Duration) -> Result<Duration, ScenarioError> {
    let found = entry.time(Duration::ZERO, Duration::MAX)?;
    if found < previous {
        return Err(entry.fault(Fault::OutOfOrder { found, previous }));
    }
    if found >= stop {
        return Err(entry.fault(Fault::AfterTheStop { found, stop }));
    }
    Ok(found)
}

fn step(section: &Section, around: Around) -> Result<Step, ScenarioError> {
    let names = around.names;
    let found = section.count(ACTIONS);
    let not_one = || section.fault(Fault::NotOneAction { found, expected: ACTIONS });
    if found != 1 {
        return Err(not_one());
    }
    let action = ACTIONS.iter().find_map(|name| section.get(name).map(|entry| (*name, entry)));
    let Some((name, entry)) = action else { return Err(not_one()) };
    Ok(match name {
        "partition" => Step::Partition(names.sides(&entry)?),
        "refuse" => Step::Refuse(names.sides(&entry)?),
        "heal" => entry.is_true().map(|()| Step::Heal)?,
        "kill" => Step::Kill(names.nodes_of(&entry)?),
        "restart" => Step::Restart(names.nodes_of(&entry)?),
        "slow" => {
            let slow = entry.section(&["nodes", "times"])?;
            let places = names.nodes_of(&slow.require("nodes", "nodes")?)?;
            let times = slow.require("times", "how many times as long")?.decimal(SLOWNESS, 100)?;
            Step::Slow { places, percent: small(times) }
        }
        "mine" => {
            let mine = entry.section(&["node", "blocks"])?;
            let place = names.node(&mine.require("node", "a node")?)?;
            Step::Mine { place, blocks: small(mine.require("blocks", "how many")?.whole(1, MOST_BLOCKS)?) }
        }
        "pay" => pay(&entry, around)?,
        "hashrate" => {
            let hashrate = entry.section(&["nodes", "percent"])?;
            let places = names.nodes_of(&hashrate.require("nodes", "nodes")?)?;
            let percent = hashrate.require("percent", "per cent of the first")?.whole(0, MOST_PERCENT)?;
            Step::SetHashrate { places, percent: small(percent) }
        }
        _ => behave(&entry, around)?,
    })
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("every bound used with it fits into 32 bits")
}

fn pay(entry: &Entry, around: Around) -> Result<Step, ScenarioError> {
    let pay = entry.section(&["node", "payments", "twice_at"])?;
    let place = payee(&pay.require("node", "a node")?, around)?;
    let payments = pay.require("payments", "how many")?;
    let found = payments.whole(1, u64::from(u32::MAX))?;
    let wallets = around.workload.wallets;
    if found > u64::from(wallets) {
        return Err(payments.fault(Fault::MorePaymentsThanWallets { found, wallets }));
    }
    let twice_at = match pay.get("twice_at") {
        Some(entry) if wallets < 2 => return Err(entry.fault(Fault::NobodyToPay)),
        Some(entry) if around.names.node(&entry)? == place => return Err(entry.fault(Fault::TwiceAtOneNode)),
        Some(entry) => Some(payee(&entry, around)?),
        None => None,
    };
    Ok(Step::Pay { place, payments: small(found), twice_at })
}

/// Somebody's node, which a double-spender's secret one is not.
fn payee(entry: &Entry, around: Around) -> Result<Place, ScenarioError> {
    let place = around.names.node(entry)?;
    let secret = around.groups.iter().find(|group| group.has_secret(place));
    match secret {
        Some(group) => Err(entry.fault(Fault::PaidInSecret { group: group.name.clone() })),
        None => Ok(place),
    }
}

/// The world lets a group begin only what it looks at message by message; the other behaviours are
/// set up when a run begins.
fn behave(entry: &Entry, around: Around) -> Result<Step, ScenarioError> {
    let behave = entry.section(&["group", "as"])?;
    let of = behave.require("group", "a group's name in quotes")?;
    let group = around.names.group(&of)?;
    if let Behaviour::DoubleSpend(_) = around.groups[group].behaviour {
        return Err(of.fault(Fault::StaysSo { found: around.groups[group].behaviour.word() }));
    }
    let to = behave.require("as", "a behaviour")?;
    let behaviour = behaviour::read(&to, group, around.names)?;
    match behaviour {
        Behaviour::Honest | Behaviour::Withhold | Behaviour::Eclipse { .. } => {
            Ok(Step::Behave { group, behaviour })
        }
        Behaviour::Selfish { .. } | Behaviour::DoubleSpend(_) | Behaviour::Intermittent { .. } => {
            Err(to.fault(Fault::NotBegunLater { found: behaviour.word() }))
        }
    }
}

/// How many nodes a step holds in memory.
fn places_in(step: &Step) -> usize {
    match step {
        Step::Partition(sides) | Step::Refuse(sides) => sides.iter().map(Vec::len).sum(),
        Step::Kill(places) | Step::Restart(places) => places.len(),
        Step::Slow { places, .. } | Step::SetHashrate { places, .. } => places.len(),
        Step::Behave { behaviour: Behaviour::Eclipse { victims }, .. } => victims.len(),
        Step::Heal | Step::Mine { .. } | Step::Pay { .. } | Step::Behave { .. } => 1,
    }
}
