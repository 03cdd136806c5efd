//! Which plan a file names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_genesis::bounded::Bounded;
use cairn_simulator::behaviour::Behaviour;
use cairn_simulator::expectation::{Bounds, Expectation};
use cairn_simulator::place::Place;
use cairn_simulator::plan::{Group, Plan, Step};

/// The plans that a file can name.
const NAMES: &str = "quiet, partition, brief-partition, brief-churn";

/// The file cannot be read, or names no plan.
#[derive(Debug, thiserror::Error)]
pub enum UnknownPlan {
    /// The system refused.
    #[error("cannot read the scenario {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a name.
    #[error("{} names no plan: {found:?} was found, one of {NAMES} is expected", path.display())]
    Name {
        /// Which file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
}

/// The plan that a file names.
///
/// # Errors
/// When it cannot be read or names none.
pub fn read_plan(path: &Path) -> Result<Plan, UnknownPlan> {
    let unreadable = |source| UnknownPlan::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    match text.trim() {
        "quiet" => Ok(Plan::quiet(5)),
        "partition" => Ok(Plan::partition_and_heal(5, Duration::from_secs(15))),
        "brief-partition" => Ok(brief_partition()),
        "brief-churn" => Ok(brief_churn()),
        other => Err(UnknownPlan::Name { path: path.to_owned(), found: other.chars().take(40).collect() }),
    }
}

/// Five nodes with a block every half second, cut in two for twelve seconds: a lesson that a test
/// has the patience for.
pub fn brief_partition() -> Plan {
    let seconds = Duration::from_secs;
    let mut plan = Plan::quiet(5);
    plan.name = "brief-partition".into();
    plan.teaches = "While cut, both sides mine on; healed, the chain with most work wins.".into();
    plan.chain.spacing_ms = Bounded::new(500).expect("it is within bounds");
    plan.steps = vec![(seconds(5), Step::Refuse(Plan::parts(5, 3))), (seconds(17), Step::Heal)];
    plan.stop.after = seconds(22);
    plan.stop.agreement_within = Some(seconds(20));
    plan.expectations = vec![
        Expectation::ConvergedWithin(seconds(5)),
        Expectation::ReorganisationDepth(Bounds { least: Some(1), most: None }),
        Expectation::Tips(Bounds { least: Some(2), most: None }),
    ];
    plan
}

/// Three nodes of which one comes and goes, and every kind of step but a cut; it expects more blocks
/// than there can be.
pub fn brief_churn() -> Plan {
    let ms = Duration::from_millis;
    let mut plan = Plan::quiet(3);
    plan.name = "brief-churn".into();
    plan.teaches = "Who comes back catches up.".into();
    plan.chain.spacing_ms = Bounded::new(500).expect("it is within bounds");
    let restless = Behaviour::Intermittent { up: ms(3_000), down: ms(1_000) };
    plan.groups = vec![
        Group { name: "steady".into(), first: 0, nodes: 2, share: 900_000, behaviour: Behaviour::Honest },
        Group { name: "restless".into(), first: 2, nodes: 1, share: 100_000, behaviour: restless },
    ];
    plan.workload.payment_every = None;
    let (first, second) = (Place::new(0), Place::new(1));
    plan.steps = vec![
        (ms(1_000), Step::Kill(vec![second])),
        (ms(1_500), Step::Mine { place: first, blocks: 3 }),
        (ms(2_000), Step::Pay { place: first, payments: 5 }),
        (ms(3_000), Step::Restart(vec![second])),
        (ms(4_000), Step::SetHashrate { places: vec![first], percent: 0 }),
        (ms(5_000), Step::SetHashrate { places: vec![first], percent: 200 }),
    ];
    plan.stop.after = ms(10_000);
    plan.stop.agreement_within = Some(ms(20_000));
    plan.expectations = vec![
        Expectation::ConvergedWithin(ms(10_000)),
        Expectation::Height(Bounds { least: Some(1_000_000), most: None }),
    ];
    plan
}
