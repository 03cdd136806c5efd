//! The key figures of a run, each with its name: the same in a terminal and on a page.

use cairn_simulator::report::{Convergence, Report};

use crate::format::{count, duration, grouped, percent};
use crate::table::{Table, figures, words};

/// A name and a value for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

impl Fact {
    fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// What each group is, and what it got.
pub fn groups(report: &Report) -> Table {
    Table::new(
        &report.groups,
        &[
            words("group", |group| group.name.clone()),
            figures("nodes", |group| grouped(u64::from(group.nodes))),
            words("behaviour", |group| group.behaviour.clone()),
            figures("hash rate", |group| percent(group.hashrate_share)),
            figures("found", |group| grouped(group.found)),
            figures("in chain", |group| grouped(group.in_chain)),
            figures("revenue", |group| percent(group.revenue_share)),
        ],
    )
}

/// The key figures, the most important first.
pub fn key_figures(report: &Report) -> Vec<Fact> {
    let Report { stale, payments, .. } = report;
    let (found, stale, rate) = (grouped(stale.found), grouped(stale.stale), percent(stale.rate));
    let confirmed = match report.standing.running {
        0 => "no node left that knows how many are in the final chain".into(),
        _ => format!("{} in the final chain", grouped(payments.confirmed)),
    };
    let (accepted, undone) = (grouped(payments.accepted), grouped(payments.undone));
    let mut facts = vec![
        Fact::new("nodes", grouped(report.nodes as u64)),
        Fact::new("lasted", lasted(report)),
        Fact::new("at the end", report.standing.in_words()),
        Fact::new("final height", final_height(report)),
        Fact::new(
            "blocks found",
            format!("{found}, of these {stale} not in the final chain: a stale rate of {rate}"),
        ),
        Fact::new("time between blocks", time_between_blocks(report)),
        Fact::new("most tips at one time", grouped(report.most_tips as u64)),
        Fact::new("reorganizations", reorganizations(report)),
        Fact::new("propagation", propagation(report)),
        Fact::new("payments", format!("{accepted} accepted, {confirmed}, {undone} lost a confirmation")),
    ];
    if payments.attempts > 0 || payments.double_spent > 0 {
        let (many, attempts) = (grouped(payments.double_spent), count(payments.attempts, "attempt"));
        let depth = count(u64::from(payments.deepest_double_spend), "confirmation");
        facts.push(Fact::new("double spends", format!("{many} of {attempts}, up to {depth} deep")));
    }
    if let Some(dropped @ 1..) = payments.dropped {
        let dropped = count(dropped, "payment");
        facts.push(Fact::new(
            "dropped payments",
            format!("{dropped} once confirmed, now in no block and no mempool: to be sent again"),
        ));
    }
    if report.messages > 0 {
        let megabytes = report.bytes as f64 / 1e6;
        facts.push(Fact::new("messages", format!("{}, {megabytes:.1} MB", grouped(report.messages))));
    }
    if let Some(seed) = report.seed {
        facts.push(Fact::new("seed", seed.to_string()));
    }
    if let Some(trace) = &report.trace {
        let hash: String = trace.hash.chars().take(16).collect();
        facts.push(Fact::new("trace", format!("{hash}… of {}", count(trace.events, "event"))));
    }
    facts
}

/// How long each healing, restart or change of behaviour took to lead to one tip.
pub fn convergence(report: &Report) -> Vec<Fact> {
    let fact = |Convergence { after, at_ms, took_ms }: &Convergence| {
        let took = took_ms.map_or("no agreement before the next step or the end".into(), |ms| {
            format!("one tip on every node after {}", duration(ms))
        });
        Fact::new(format!("{after}, at {}", duration(*at_ms)), took)
    };
    report.convergence.iter().map(fact).collect()
}

/// How many expectations are met, in a sentence.
pub fn verdict(report: &Report) -> String {
    let all = report.expectations.len();
    let missed = report.expectations.iter().filter(|verdict| !verdict.is_met).count();
    match (all, missed) {
        (0, _) => "the scenario expects nothing of this run".into(),
        (1, 0) => "the one expectation is met".into(),
        (1, _) => "the one expectation is NOT met".into(),
        (_, 0) => format!("all {all} expectations are met"),
        (_, 1) => format!("1 of {all} expectations is NOT met"),
        _ => format!("{missed} of {all} expectations are NOT met"),
    }
}

fn lasted(report: &Report) -> String {
    let lasted = duration(report.lasted_ms);
    if report.is_interrupted { format!("{lasted}, and was stopped before its end") } else { lasted }
}

fn final_height(report: &Report) -> String {
    let height = grouped(u64::from(report.height));
    if report.standing.running == 0 { format!("{height}, when the last nodes stopped") } else { height }
}

fn time_between_blocks(report: &Report) -> String {
    let target = duration(report.spacing_ms);
    match report.lasted_ms.checked_div(u64::from(report.height)) {
        Some(mean) => format!("{} on average, target {target}", duration(mean)),
        None => format!("no block, target {target}"),
    }
}

fn reorganizations(report: &Report) -> String {
    if report.reorganizations_in_all == 0 {
        return "none".into();
    }
    let (all, depth) = (grouped(report.reorganizations_in_all), count(u64::from(report.deepest), "block"));
    format!("{all} on all nodes together; the deepest on an honest node disconnected {depth}")
}

fn propagation(report: &Report) -> String {
    match &report.propagation {
        None => "no block reached another node".into(),
        Some(all) => {
            let [median, p90, p99] = [all.median_ms, all.p90_ms, all.p99_ms].map(duration);
            format!("median {median}, 90 % {p90}, 99 % {p99}")
        }
    }
}
