//! The key figures of a run, each with its name: the same in a terminal and on a page.

use cairn_simulator::report::{GroupReport, Report};

use crate::words::{count, duration, grouped, percent};

/// A name and a figure.
pub type Figure = (&'static str, String);

/// What is told of a group: name, nodes, behaviour, hash rate, blocks found and kept, revenue.
pub fn group_cells(group: &GroupReport) -> [String; 7] {
    [
        group.name.clone(),
        grouped(u64::from(group.nodes)),
        group.behaviour.clone(),
        percent(group.hashrate_share),
        grouped(group.found),
        grouped(group.in_chain),
        percent(group.revenue_share),
    ]
}

/// The key figures, the most telling first.
pub fn key_figures(report: &Report) -> Vec<Figure> {
    let Report { stale, payments, .. } = report;
    let mut figures = vec![
        ("nodes", grouped(report.nodes as u64)),
        ("lasted", lasted(report)),
        ("at the end", report.standing.in_words()),
        ("final height", final_height(report)),
        (
            "blocks found",
            format!(
                "{}, of these {} not in the final chain: a stale rate of {}",
                grouped(stale.found),
                grouped(stale.stale),
                percent(stale.rate)
            ),
        ),
        ("time between blocks", time_between_blocks(report)),
        ("most tips at one time", grouped(report.most_tips as u64)),
        ("reorganisations", reorganisations(report)),
        ("propagation", propagation(report)),
        (
            "payments",
            format!(
                "{} accepted, {}, {} lost a confirmation at some time",
                grouped(payments.accepted),
                match report.standing.running {
                    0 => "no node left that could tell how many are in the final chain".into(),
                    _ => format!("{} in the final chain", grouped(payments.confirmed)),
                },
                grouped(payments.undone)
            ),
        ),
    ];
    if payments.attempts > 0 || payments.double_spent > 0 {
        figures.push((
            "double spends",
            format!(
                "{} of {}, up to {} deep",
                grouped(payments.double_spent),
                count(payments.attempts, "attempt"),
                count(u64::from(payments.deepest_double_spend), "confirmation")
            ),
        ));
    }
    if let Some(dropped @ 1..) = payments.dropped {
        figures.push((
            "dropped payments",
            format!("{} once confirmed wait nowhere now and must be handed in again", grouped(dropped)),
        ));
    }
    if report.messages > 0 {
        let megabytes = report.bytes as f64 / 1e6;
        figures.push(("messages", format!("{}, {megabytes:.1} MB", grouped(report.messages))));
    }
    if let Some(seed) = report.seed {
        figures.push(("seed", seed.to_string()));
    }
    if let Some(trace) = &report.trace {
        let hash: String = trace.hash.chars().take(16).collect();
        figures.push(("trace", format!("{hash}… of {}", count(trace.events, "event"))));
    }
    figures
}

/// How long each healing, restart or change of behaviour took to lead to one tip.
pub fn convergence(report: &Report) -> Vec<(String, String)> {
    let tell = |one: &cairn_simulator::report::Convergence| {
        let took = one.took_ms.map_or("no agreement before the next step or the end".into(), |ms| {
            format!("one tip everywhere after {}", duration(ms))
        });
        (format!("{}, at {}", one.after, duration(one.at_ms)), took)
    };
    report.convergence.iter().map(tell).collect()
}

/// How many expectations are met, in a sentence.
pub fn verdict_in_words(report: &Report) -> String {
    let all = report.expectations.len();
    let missed = report.expectations.iter().filter(|verdict| !verdict.is_met).count();
    match (all, missed) {
        (0, _) => "nothing was expected of this run".into(),
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
    if report.standing.running == 0 {
        format!("{height}, as the nodes had it when they went")
    } else {
        height
    }
}

fn time_between_blocks(report: &Report) -> String {
    let wanted = duration(report.spacing_ms);
    match report.lasted_ms.checked_div(u64::from(report.height)) {
        Some(mean) => format!("{} in the mean, wanted {wanted}", duration(mean)),
        None => format!("no block, wanted {wanted}"),
    }
}

fn reorganisations(report: &Report) -> String {
    match report.reorganisations_in_all {
        0 => "none".into(),
        all => format!(
            "{}, all nodes together; in the deepest of an honest node {} left",
            grouped(all),
            count(u64::from(report.deepest), "block")
        ),
    }
}

fn propagation(report: &Report) -> String {
    match &report.propagation {
        None => "no block reached another node".into(),
        Some(all) => format!(
            "median {}, 90 % {}, 99 % {}",
            duration(all.median_ms),
            duration(all.p90_ms),
            duration(all.p99_ms)
        ),
    }
}
