//! `[[step]]`: what is done to the world, and when.

use core::time::Duration;

use cairn_genesis::bounded::Bounded;
use cairn_genesis::toml_file::{Spanned, Unread};
use serde::Deserialize;

use crate::behaviour::Behaviour;
use crate::node_index::{NodeIndex, with_rest};
use crate::plan::{Step, Stop, Workload};
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::groups::behaviour;
use crate::scenario::nodes::{Reader, References};
use crate::scenario::values::{Decimal, Offset, TEN_YEARS, Time, small};

/// The most steps of a plan.
const MAX_STEPS: usize = 10_000;
/// The most nodes that all steps together name.
const MAX_NAMED: usize = 1_000_000;

#[derive(Deserialize)]
struct At {
    at: Spanned<Time<0, TEN_YEARS>>,
}

/// A reference to one node, or the name of a group.
type Name = Spanned<String>;
/// A number of payments; the plan's wallets are the other bound.
type Payments = Spanned<Bounded<1, 4_294_967_295>>;

/// What a step does: the one key of its table beside `at`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Action {
    Partition(Spanned<Vec<References>>),
    Refuse(Spanned<Vec<References>>),
    Heal(Spanned<bool>),
    Kill(References),
    Restart(References),
    Slow { nodes: References, times: Decimal<1, 100_000, 100> },
    Clock { nodes: References, offset: Offset },
    Mine { node: Name, blocks: Bounded<1, 1_000> },
    Pay { node: Name, payments: Payments, twice_at: Option<Name> },
    Hashrate { nodes: References, percent: Bounded<0, 10_000> },
    Behave { group: Name, r#as: Unread },
}

/// Every step, each with its time.
pub fn read(
    reader: &Reader,
    tables: &[Unread],
    workload: &Workload,
    stop: &Stop,
) -> Result<Vec<(Duration, Step)>, ScenarioError> {
    if let Some(first_too_many) = tables.get(MAX_STEPS) {
        let fault = Fault::Entries { found: tables.len(), least: 0, most: MAX_STEPS };
        return Err(reader.error(first_too_many, fault));
    }
    let (mut steps, mut previous, mut named, mut twice) = (Vec::new(), Duration::ZERO, 0, 0);
    for table in tables {
        let At { at } = reader.document.read_at(table)?;
        let found = at.get_ref().get();
        if found < previous {
            return Err(reader.error(&at, Fault::OutOfOrder { found, previous }));
        }
        if found >= stop.after {
            return Err(reader.error(&at, Fault::AfterTheStop { found, stop: stop.after }));
        }
        let actions = reader.document.keys(table).count() - 1;
        if actions != 1 {
            return Err(reader.error(table, Fault::NotOneAction { found: actions }));
        }
        let step = step(reader, reader.document.part(table, &["at"])?, workload.wallets)?;
        if let Step::Pay { payments, twice_at: Some(_), .. } = step {
            twice += u64::from(payments);
            let wallets = workload.wallets;
            if twice > u64::from(wallets) {
                return Err(reader.error(table, Fault::MoreTwiceThanWallets { found: twice, wallets }));
            }
        }
        named += nodes_in(&step);
        if named > MAX_NAMED {
            return Err(reader.error(table, Fault::TooManyNamed { found: named, most: MAX_NAMED }));
        }
        steps.push((found, step));
        previous = found;
    }
    Ok(steps)
}

fn step(reader: &Reader, action: Action, wallets: u16) -> Result<Step, ScenarioError> {
    Ok(match action {
        Action::Partition(sides) => Step::Partition(with_rest(reader.sides(&sides)?, reader.node_count())),
        Action::Refuse(sides) => Step::Refuse(reader.sides(&sides)?),
        Action::Heal(is_done) if *is_done.get_ref() => Step::Heal,
        Action::Heal(is_done) => return Err(reader.error(&is_done, Fault::NotTrue)),
        Action::Kill(nodes) => Step::Kill(reader.nodes(&nodes)?),
        Action::Restart(nodes) => Step::Restart(reader.nodes(&nodes)?),
        Action::Slow { nodes, times } => {
            Step::Slow { nodes: reader.nodes(&nodes)?, percent: times.parts() as u32 }
        }
        Action::Clock { nodes, offset } => {
            Step::Clock { nodes: reader.nodes(&nodes)?, offset_ms: offset.ms() }
        }
        Action::Mine { node, blocks } => Step::Mine { node: reader.node(&node)?, blocks: small(blocks) },
        Action::Pay { node, payments, twice_at } => {
            let found = payments.get_ref().get();
            if found > u64::from(wallets) {
                return Err(reader.error(&payments, Fault::MorePaymentsThanWallets { found, wallets }));
            }
            let first = payee(reader, &node)?;
            let twice_at = match twice_at {
                Some(other) if wallets < 2 => return Err(reader.error(&other, Fault::OnlyOneWallet)),
                Some(other) if reader.node(&other)? == first => {
                    return Err(reader.error(&other, Fault::TwiceAtOneNode));
                }
                other => other.map(|other| payee(reader, &other)).transpose()?,
            };
            Step::Pay { node: first, payments: found as u32, twice_at }
        }
        Action::Hashrate { nodes, percent } => {
            Step::SetHashrate { nodes: reader.nodes(&nodes)?, percent: small(percent) }
        }
        Action::Behave { group, r#as } => behave(reader, &group, &r#as)?,
    })
}

/// A node of a wallet, which the secret one of a double-spender is not.
fn payee(reader: &Reader, reference: &Spanned<String>) -> Result<NodeIndex, ScenarioError> {
    let node = reader.node(reference)?;
    match reader.groups.iter().find(|group| group.has_secret(node)) {
        Some(group) => Err(reader.error(reference, Fault::PaidInSecret { group: group.name.clone() })),
        None => Ok(node),
    }
}

/// A group may begin only what the world looks at message by message; the other behaviours are set up
/// when a run begins.
fn behave(reader: &Reader, name: &Spanned<String>, r#as: &Unread) -> Result<Step, ScenarioError> {
    let group = reader.group(name)?;
    let before = &reader.groups[group].behaviour;
    if let Behaviour::DoubleSpend(_) = before {
        return Err(reader.error(name, Fault::StaysSo { found: before.word() }));
    }
    let behaviour = behaviour(reader, r#as, group)?;
    match behaviour {
        Behaviour::Honest | Behaviour::Withhold | Behaviour::Eclipse { .. } => {
            Ok(Step::Behave { group, behaviour })
        }
        Behaviour::Selfish { .. } | Behaviour::DoubleSpend(_) | Behaviour::Intermittent { .. } => {
            Err(reader.error(r#as, Fault::NotBegunLater { found: behaviour.word() }))
        }
    }
}

/// The number of nodes that a step holds in memory.
fn nodes_in(step: &Step) -> usize {
    match step {
        Step::Partition(sides) | Step::Refuse(sides) => sides.iter().map(Vec::len).sum(),
        Step::Kill(nodes) | Step::Restart(nodes) => nodes.len(),
        Step::Slow { nodes, .. } | Step::Clock { nodes, .. } | Step::SetHashrate { nodes, .. } => nodes.len(),
        Step::Behave { behaviour: Behaviour::Eclipse { victims }, .. } => victims.len(),
        Step::Heal | Step::Mine { .. } | Step::Pay { .. } | Step::Behave { .. } => 1,
    }
}
